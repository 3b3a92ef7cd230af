// Runs of long ago, whose facts are at the end of their retention, or not yet. Nobody of this world has made them: they lie there when
// it begins, and only retention may touch them.
import { factText } from "../../shared/adapters/fact-text.ts";
import {
  type FactKind,
  type FactOf,
  type FactRef,
  factRef,
  type OutcomeFact,
  plannedFilePath,
  type TicketFact,
} from "../../shared/domain/facts.ts";
import { freshMarker } from "../../shared/domain/marker.ts";
import { Ticket } from "../../shared/domain/messages.ts";
import { isoOf } from "../../shared/domain/time.ts";
import { traceparentOf } from "../../shared/domain/trace.ts";
import { DAY, HOUR, START } from "./clock.ts";
import { sha256Of } from "./digest.ts";
import type { FactEntry, Files } from "./files.ts";
import { deepFreeze } from "./freeze.ts";
import type { Random } from "./random.ts";
import type { Weather } from "./weather.ts";
import { bundledWorkloads, settings } from "./workloads.ts";

export type Ancient = {
  readonly run_id: string;
  /** As its sender may send it again. */
  readonly ticket: object;
  /** From then on its facts may go: when the last day of its retention is over. */
  readonly dueMs: number;
};

/** In some worlds: some that may go, and some of which something must be kept. */
export function layAncient({ weather, ...laying }: Laying & Sky): readonly Ancient[] {
  const { files, random } = laying;
  if (!weather.isFaulty || !random.chance(0.35)) return [];
  const lay = (run_id: string, endedDaysAgo: readonly number[]) =>
    layRun(laying, run_id, endedDaysAgo);
  const due = () => 91 + random.below(30) + random.next();
  const ancient = [lay("old", [due()])];
  if (random.chance(0.7)) ancient.push(lay("old.1", [due() + 40, due()]));
  if (random.chance(0.3)) ancient.push(lay("reopened", [due(), 60]));
  if (random.chance(0.3)) ancient.push(lay("young", [89 - random.next()]));
  // Its marker should have been removed long ago: it is still to be announced.
  if (random.chance(0.3)) {
    ancient.push(lay("unheard", [due()]));
    const marker = freshMarker({ run_id: "unheard", chapter: 1 }, START - 91 * DAY);
    files.writeMarker(marker, { service: "nobody", purpose: "", sinceMs: START, calledMs: START });
  }
  return ancient;
}

type Sky = { readonly weather: Weather };
type Laying = { readonly files: Files; readonly random: Random; readonly planeId: string };

/** A run that failed, chapter by chapter. */
function layRun(laying: Laying, run_id: string, endedDaysAgo: readonly number[]): Ancient {
  const { files, random, planeId } = laying;
  const lay = <K extends FactKind>(ref: FactRef<K>, fact: FactOf<K>): void => {
    const { text, fact: kept } = factText(ref, fact);
    const entry: FactEntry<K> = { ref, fact: deepFreeze(kept), text, atMs: START, sinceMs: START };
    files.layAncient(ref.path, entry as unknown as FactEntry);
  };
  const ticket = { ticket_id: run_id, workload: "report-once" };
  const accepted = ticketFactOf(run_id, ticket, planeId);
  lay(factRef.ticket(run_id), accepted);
  for (const { path } of accepted.files)
    files.layAncient(path.slice(settings.factsVolume.length + 1), undefined);
  let endedMs = 0;
  endedDaysAgo.forEach((days, i) => {
    endedMs = START - Math.round(days * DAY);
    const key = { run_id, chapter: i + 1, iter_n: 1, attempt: i + 1 };
    if (i > 0) lay(factRef.retry(key), retryOf(key, accepted, endedMs));
    layAttempt(lay, key, accepted, endedMs);
    if (random.chance(0.3))
      lay(factRef.stop(key), {
        v: 1,
        run_id,
        chapter: key.chapter,
        reason: "too late",
        by: "somebody",
        stopped_at: isoOf(endedMs),
      });
  });
  return { run_id, ticket, dueMs: endOfDay(endedMs) + settings.retentionDays * DAY };
}

const endOfDay = (ms: number): number => (Math.floor(ms / DAY) + 1) * DAY;

function ticketFactOf(run_id: string, ticket: object, planeId: string): TicketFact {
  const recipe = bundledWorkloads(false).recipe("report-once");
  if (recipe === undefined) throw new Error("the simulated plane has no workload report-once");
  const sha256 = sha256Of("# main.py\n");
  const path = `${settings.factsVolume}/${plannedFilePath(run_id, sha256, "main.py")}`;
  return {
    v: 1,
    run_id,
    accepted_at: isoOf(START - 150 * DAY),
    ticket: Ticket.parse(ticket),
    recipe,
    limits: recipe.limits,
    files: [{ name: "main.py", path, sha256, bytes: 10 }],
    entry: "main.py",
    traceparent: traceparentOf(sha256Of(`${planeId}/${run_id}`)),
  };
}

type Key = Pick<OutcomeFact, "run_id" | "chapter" | "iter_n" | "attempt">;

const retryOf = (key: Key, { limits, traceparent }: TicketFact, endedMs: number) => ({
  v: 1 as const,
  ...key,
  reason: "try again",
  by: "somebody",
  limits,
  capsule: {},
  opened_at: isoOf(endedMs - HOUR),
  traceparent,
});

type Lay = <K extends FactKind>(ref: FactRef<K>, fact: FactOf<K>) => void;

/** It was refused, and its chapter ended with that. */
function layAttempt(
  lay: Lay,
  key: Key,
  { limits, traceparent }: TicketFact,
  endedMs: number,
): void {
  const common = {
    v: 1,
    ...key,
    workload: "report-once",
    mode: "PROD",
    traceparent,
  } as const;
  const reason = "NO_SUCH_CLUSTER: it is gone";
  lay(factRef.manifest(key), {
    ...common,
    stopped: true,
    try: 1,
    created_at: isoOf(endedMs - HOUR),
    capsule: {},
    limits,
    gate: [],
  });
  lay(factRef.submission(key), {
    v: 1,
    ...key,
    refused: { code: "NO_SUCH_CLUSTER", message: "it is gone" },
    refused_at: isoOf(endedMs - HOUR),
    traceparent,
  });
  lay(factRef.decision(key), {
    ...common,
    try: 1,
    decided_at: isoOf(endedMs),
    verdict: "rejected",
    reason,
    next: { kind: "outcome", outcome: "failed" },
    capsule: {},
    capsule_delta: {},
    gate: null,
    databricks_run_id: null,
    run_url: null,
    termination_code: null,
    result_path: null,
    result: null,
  });
  const outcome = { ...common, outcome: "failed", reason, metrics: {}, run_url: null } as const;
  lay(factRef.outcome(key), { ...outcome, result_path: null, ended_at: isoOf(endedMs) });
  const { run_id, chapter } = key;
  const over = { v: 1, run_id, chapter, ended_at: isoOf(endedMs) } as const;
  lay(factRef.over(over), over);
}
