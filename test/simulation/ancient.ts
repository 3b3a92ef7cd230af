// Runs of long ago, whose facts are at the end of their retention, or not yet. Nobody of this world
// has made them: they lie there when it begins, and only retention may touch them. Who uses one of
// their ids again begins another run: the token, the folder, the event and the rows of the old one
// stay its own, and a token lives for ever.
import { factText } from "../../shared/adapters/fact-text.ts";
import { systemDigest } from "../../shared/adapters/system.ts";
import { outcomeEventOf } from "../../shared/domain/events.ts";
import {
  type DecisionFact,
  type FactKind,
  type FactOf,
  type FactRef,
  factRef,
  type OutcomeFact,
  plannedFilePath,
  type TicketFact,
} from "../../shared/domain/facts.ts";
import { rowsOfOutcome } from "../../shared/domain/ledger-rows.ts";
import { freshMarker } from "../../shared/domain/marker.ts";
import { Ticket } from "../../shared/domain/messages.ts";
import { attemptName } from "../../shared/domain/payload.ts";
import { tokenOf } from "../../shared/domain/seed.ts";
import { isoOf } from "../../shared/domain/time.ts";
import { traceparentOf } from "../../shared/domain/trace.ts";
import { DAY, HOUR, START } from "./clock.ts";
import { firstController } from "./controllers.ts";
import type { Databricks } from "./databricks.ts";
import { sha256Of } from "./digest.ts";
import type { FactEntry, Files } from "./files.ts";
import { deepFreeze } from "./freeze.ts";
import { type Bus, type Ledger, runText, tablesInOrder } from "./ledger.ts";
import type { Random } from "./random.ts";
import type { Secrets } from "./secrets.ts";
import type { Weather } from "./weather.ts";
import { bundledWorkloads, settings } from "./workloads.ts";

export type Ancient = {
  readonly run_id: string;
  /** Absent where it is older than seeds are. */
  readonly generation: string | undefined;
  /**
   * Where its manifests and results lie, below the plans and the scratchpad volume; its code lies
   * above that.
   */
  readonly folder: string;
  /** Its rows in the ledger, which nobody may touch. */
  readonly rows: ReadonlyMap<string, string>;
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
    files.writeMarker(marker, nobody);
  }
  // Somebody is about to open another chapter, or died when its marker was there.
  if (random.chance(0.3)) {
    ancient.push(lay("half-opened", [due()]));
    files.writeMarker(freshMarker({ run_id: "half-opened", chapter: 2 }, START), nobody);
  }
  return ancient;
}

const nobody = { service: "nobody", purpose: "", sinceMs: START, calledMs: START };

type Sky = { readonly weather: Weather };
type Laying = {
  readonly files: Files;
  readonly databricks: Databricks;
  readonly ledger: Ledger;
  readonly bus: Bus;
  readonly secrets: Secrets;
  readonly random: Random;
  readonly planeId: string;
};

/** A run that failed, chapter by chapter. */
function layRun(laying: Laying, run_id: string, endedDaysAgo: readonly number[]): Ancient {
  const { files, random, planeId } = laying;
  const lay = <K extends FactKind>(ref: FactRef<K>, fact: FactOf<K>): void => {
    const { text, fact: kept } = factText(ref, fact);
    const entry: FactEntry<K> = { ref, fact: deepFreeze(kept), text, atMs: START, sinceMs: START };
    files.layAncient(ref.path, entry as unknown as FactEntry);
  };
  const ticket = { ticket_id: run_id, workload: "report-once" };
  const seed = random.chance(0.7) ? laying.secrets.randomHex(32) : undefined;
  const generation = seed === undefined ? undefined : sha256Of(`generation ${seed}`).slice(0, 10);
  const accepted = ticketFactOf(run_id, ticket, planeId, seed);
  const folder = generation === undefined ? `run_${run_id}` : `run_${run_id}/${generation}`;
  lay(factRef.ticket(run_id), accepted);
  for (const { path } of accepted.files) {
    if (path.startsWith(`${settings.plansVolume}/`))
      files.plans.put(path.slice(settings.plansVolume.length + 1), main);
    else {
      files.layAncient(path.slice(settings.factsVolume.length + 1), undefined);
      files.volumes.set(path, () => main);
    }
  }
  files.plans.put(`${folder}/iter_001.attempt_001.manifest.json`, main);
  files.plans.put(`${folder}/iter_001.attempt_001.result.${"2".repeat(64)}.json`, main);
  layDatabricksRun(laying, { run_id, generation, seed, folder });
  let endedMs = 0;
  endedDaysAgo.forEach((days, i) => {
    endedMs = START - Math.round(days * DAY);
    const key = { run_id, chapter: i + 1, iter_n: 1, attempt: i + 1 };
    const retry = i > 0 ? retryOf(key, accepted, endedMs) : undefined;
    if (retry !== undefined) lay(factRef.retry(key), retry);
    const { decision, outcome } = layAttempt(lay, key, accepted, endedMs, generation);
    const books = { planeId, factsVolume: settings.factsVolume };
    const attempts = [{ submission: undefined, decision }];
    const openedAt = retry?.opened_at ?? accepted.accepted_at;
    const rows = rowsOfOutcome(books, outcome, openedAt, attempts);
    for (const table of tablesInOrder) laying.ledger.mergeTable(table, rows);
    if (run_id !== "unheard") laying.bus.announce(outcomeEventOf(planeId, outcome, true), nobody);
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
  const dueMs = endOfDay(endedMs) + settings.retentionDays * DAY;
  const rows = new Map(rowsOfRun(laying.ledger, { run_id, generation }));
  return { run_id, generation, folder, ticket, rows, dueMs };
}

/** All that the ledger has of one run, as text. */
export function* rowsOfRun(
  { requests, results, runState }: Ledger,
  run: Pick<Ancient, "run_id" | "generation">,
): Generator<[string, string]> {
  for (const table of [requests, results, runState] as ReadonlyMap<string, object>[])
    for (const [key, row] of table)
      if (key === runText(run) || key.startsWith(`${runText(run)}/`))
        yield [`${key} ${Object.keys(row).length}`, JSON.stringify(row)];
}

type Old = Pick<Ancient, "run_id" | "generation" | "folder"> & {
  readonly seed: string | undefined;
};

/**
 * Its token is taken for ever, whether its run is still to be seen or not; what it left in the
 * scratchpad is still there.
 */
function layDatabricksRun(
  { databricks, files, random, planeId }: Laying,
  { run_id, generation, seed, folder }: Old,
): void {
  const key = { run_id, iter_n: 1, attempt: 1 };
  const token = tokenOf(systemDigest, planeId, { seed }, key);
  const run = databricks.bring({
    owner: "before",
    creator: firstController,
    name: `${attemptName(planeId, { ...key, generation })}old`,
    token,
    payload: `{"parameters":["${settings.plansVolume}/${folder}/iter_001.attempt_001.manifest.json"],"timeout_seconds":1800}`,
    endsMs: START,
  });
  if (run !== undefined && random.chance(0.5)) run.lostFromMs = START;
  const old = `${settings.scratchpadVolume}/${folder}/iter_001/attempt_001/result.json`;
  files.volumes.set(old, () => main);
}

const main = Buffer.from("# main.py\n");

const endOfDay = (ms: number): number => (Math.floor(ms / DAY) + 1) * DAY;

function ticketFactOf(
  run_id: string,
  ticket: object,
  planeId: string,
  seed: string | undefined,
): TicketFact {
  const recipe = bundledWorkloads(false).recipe("report-once");
  if (recipe === undefined) throw new Error("the simulated plane has no workload report-once");
  const sha256 = sha256Of("# main.py\n");
  // Before there were seeds, what was planned lay among the facts.
  const volume = seed === undefined ? settings.factsVolume : settings.plansVolume;
  const path = `${volume}/${plannedFilePath(run_id, sha256, "main.py")}`;
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
    ...(seed !== undefined && { seed }),
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
  generation: string | undefined,
) {
  const common = {
    v: 1,
    ...key,
    workload: "report-once",
    mode: "PROD",
    generation,
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
    generation,
    traceparent,
  });
  const decision: DecisionFact = {
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
  };
  lay(factRef.decision(key), decision);
  const outcome: OutcomeFact = {
    ...common,
    outcome: "failed",
    reason,
    metrics: {},
    run_url: null,
    result_path: null,
    ended_at: isoOf(endedMs),
  };
  lay(factRef.outcome(key), outcome);
  const { run_id, chapter } = key;
  const over = { v: 1, run_id, chapter, ended_at: isoOf(endedMs) } as const;
  lay(factRef.over(over), over);
  return { decision, outcome };
}
