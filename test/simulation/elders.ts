// A run of before there were seeds: it was accepted by the code of before, and perhaps planned and
// submitted, when the plane was upgraded in the middle of it. It keeps all its names, and its
// token, which everybody can guess.
import { factText } from "../../shared/adapters/fact-text.ts";
import { systemDigest } from "../../shared/adapters/system.ts";
import { type FactKind, type FactOf, type FactRef, factRef } from "../../shared/domain/facts.ts";
import { freshMarker } from "../../shared/domain/marker.ts";
import { Ticket, turnOf } from "../../shared/domain/messages.ts";
import { attemptName, submitBodyOf } from "../../shared/domain/payload.ts";
import { tokenOf } from "../../shared/domain/seed.ts";
import { isoOf } from "../../shared/domain/time.ts";
import { traceparentOf } from "../../shared/domain/trace.ts";
import { DAY, MINUTE, START, type VirtualClock } from "./clock.ts";
import type { Databricks } from "./databricks.ts";
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
  readonly databricks: Databricks;
  readonly sqs: Sqs;
  readonly planeId: string;
};

/** @returns the ids of the runs that were under way */
export function layElders(deps: Deps): readonly string[] {
  const { clock, random, weather, files, sqs } = deps;
  if (!weather.isFaulty || !random.chance(0.25)) return [];
  const run_id = "elder";
  const ticket = ticketOf(run_id, deps);
  lay(files, factRef.ticket(run_id), ticket);
  if (random.chance(0.5)) layPlan(deps, ticket);
  const nobody = { service: "nobody", purpose: "", sinceMs: START, calledMs: START };
  files.writeMarker(freshMarker({ run_id, chapter: 1 }, START), nobody);
  const turn = turnOf({ run_id, chapter: 1, iter_n: 1, attempt: 1 }, { ticket: true });
  clock.at(START + random.between(0, 10 * MINUTE), () =>
    sqs.send("turns", JSON.stringify(turn), { sender: ownSender({ service: "orchestrator" }) }),
  );
  return [run_id];
}

/** The code of before had planned and submitted it, and died before it could write that down. */
function layPlan({ clock, files, databricks, planeId }: Deps, ticket: FactOf<"ticket">): void {
  const { run_id, recipe, limits, traceparent } = ticket;
  const key = { run_id, iter_n: 1, attempt: 1 };
  const manifest: Extract<FactOf<"manifest">, { files: unknown }> = {
    v: 1,
    plane_id: planeId,
    ...key,
    chapter: 1,
    try: 1,
    created_at: isoOf(START),
    submit_before: isoOf(START + 7 * DAY),
    workload: ticket.ticket.workload,
    mode: ticket.ticket.mode,
    capsule: {},
    limits,
    gate: recipe.gate,
    files: ticket.files,
    entry: ticket.entry,
    code_paths: [settings.codebaseVolume],
    parameters: { ...recipe.parameters },
    policy: {
      timeout_seconds: limits.timeout_seconds,
      allowed_modules: recipe.allowed_modules,
      writes: recipe.writes,
    },
    single_iteration: recipe.limits.iterations === 1,
    allow_failures: recipe.allow_failures,
    scratchpad: `${settings.scratchpadVolume}/run_${run_id}/iter_001/attempt_001`,
    traceparent,
  };
  lay(files, factRef.manifest(key), manifest);
  const body = submitBodyOf({
    recipe,
    manifest,
    manifestPath: `${settings.factsVolume}/${factRef.manifest(key).path}`,
    executorPath: settings.executorPath,
    runAs: settings.runAs,
  });
  const request = {
    runName: attemptName(planeId, key) + traceparent,
    idempotencyToken: tokenOf(systemDigest, planeId, ticket, key),
    payload: JSON.stringify(body),
  };
  const caller = { service: "orchestrator", purpose: "turns", sinceMs: START, calledMs: START };
  clock.at(START, () => void databricks.submit(request, caller));
}

function lay<K extends FactKind>(files: Files, ref: FactRef<K>, fact: FactOf<K>): void {
  const { text, fact: kept } = factText(ref, fact);
  const entry: FactEntry<K> = { ref, fact: deepFreeze(kept), text, atMs: START, sinceMs: START };
  files.layFact(entry as unknown as FactEntry);
}

function ticketOf(run_id: string, { random, planeId, files }: Deps): FactOf<"ticket"> {
  const workload = random.pick(workloadNames);
  const recipe = bundledWorkloads(false).recipe(workload);
  if (recipe === undefined) throw new Error(`the simulated plane has no workload ${workload}`);
  const fileOf = (name: string) => {
    const sha256 = sha256Of(`# ${name}\n`);
    const path = `${settings.factsVolume}/run_${run_id}/files/${sha256}/${name}`;
    files.volumes.set(path, () => Buffer.from(`# ${name}\n`));
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
