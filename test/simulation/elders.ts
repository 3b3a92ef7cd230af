// A run of before there were seeds: it was accepted by the code of before, and perhaps planned and submitted, when the plane was
// upgraded in the middle of it. It keeps all its names, and its token, which everybody can guess.
import { factText } from "../../shared/adapters/fact-text.ts";
import { systemDigest } from "../../shared/adapters/system.ts";
import { type FactKind, type FactOf, type FactRef, factRef } from "../../shared/domain/facts.ts";
import { freshMarker } from "../../shared/domain/marker.ts";
import { Ticket, turnOf } from "../../shared/domain/messages.ts";
import { isoOf } from "../../shared/domain/time.ts";
import { traceparentOf } from "../../shared/domain/trace.ts";
import { MINUTE, START, type VirtualClock } from "./clock.ts";
import { sha256Of } from "./digest.ts";
import type { FactEntry, Files } from "./files.ts";
import { deepFreeze } from "./freeze.ts";
import type { Random } from "./random.ts";
import { ownSender } from "./senders.ts";
import type { Sqs } from "./sqs.ts";
import type { Weather } from "./weather.ts";
import { bundledWorkloads, settings, workloadNames } from "./workloads.ts";

type Deps = {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly weather: Weather;
  readonly files: Files;
  readonly sqs: Sqs;
  readonly planeId: string;
};

/** @returns the ids of the runs that were under way */
export function layElders(deps: Deps): readonly string[] {
  const { clock, random, weather, files, sqs } = deps;
  if (!weather.isFaulty || !random.chance(0.25)) return [];
  const run_id = "elder";
  lay(files, factRef.ticket(run_id), ticketOf(run_id, deps));
  const nobody = { service: "nobody", purpose: "", sinceMs: START, calledMs: START };
  files.writeMarker(freshMarker({ run_id, chapter: 1 }, START), nobody);
  const turn = turnOf({ run_id, chapter: 1, iter_n: 1, attempt: 1 }, { ticket: true });
  clock.at(START + random.between(0, 10 * MINUTE), () =>
    sqs.send("turns", JSON.stringify(turn), { sender: ownSender({ service: "orchestrator" }) }),
  );
  return [run_id];
}

function lay<K extends FactKind>(files: Files, ref: FactRef<K>, fact: FactOf<K>): void {
  const { text, fact: kept } = factText(ref, fact);
  const entry: FactEntry<K> = { ref, fact: deepFreeze(kept), text, atMs: START, sinceMs: START };
  files.layFact(entry as unknown as FactEntry);
}

function ticketOf(run_id: string, { random, planeId }: Deps): FactOf<"ticket"> {
  const workload = random.pick(workloadNames);
  const recipe = bundledWorkloads(false).recipe(workload);
  if (recipe === undefined) throw new Error(`the simulated plane has no workload ${workload}`);
  const fileOf = (name: string) => {
    const sha256 = sha256Of(`# ${name}\n`);
    const path = `${settings.factsVolume}/run_${run_id}/files/${sha256}/${name}`;
    return { name, path, sha256, bytes: `# ${name}\n`.length };
  };
  return {
    v: 1,
    run_id,
    accepted_at: isoOf(START),
    ticket: Ticket.parse({ ticket_id: run_id, workload }),
    recipe,
    limits: recipe.limits,
    files: [recipe.planner.artifact, ...recipe.planner.files].map(fileOf),
    entry: recipe.planner.artifact,
    traceparent: traceparentOf(systemDigest.sha256(`${planeId}/${run_id}`)),
  };
}
