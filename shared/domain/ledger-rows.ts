// The ledger as a projection of the facts: the rows that a record brings. Pure, so that the books
// can be rebuilt at any time.
import * as z from "zod";
import { Count, Instant, Sha256 } from "./contract.ts";
import { runIdentity } from "./events.ts";
import {
  type AcceptedSubmission,
  type DecisionFact,
  factRef,
  type OutcomeFact,
  type RunKey,
} from "./facts.ts";
import { type Audited, DatabricksRunId } from "./messages.ts";
import { type TracedAttempt, traceIdOf } from "./trace.ts";

const nullableText = z.string().nullable();

/**
 * The run's generation among those under one ticket_id; null for runs from before there were
 * generations.
 */
const generation = z.string().nullable();

/** One row a run: MERGE by `run_id` and `generation`, guarded by `version`. */
export const RunStateRow = z.strictObject({
  run_id: z.string(),
  workload: z.string(),
  current_mode: z.string(),
  fsm_state: z.enum(["running", "decided", "over"]),
  chapter: Count,
  iter_n: Count,
  attempt: Count,
  /** Only a planner with costs takes a lease; otherwise there is none. */
  lease_owner: nullableText,
  lease_expiry: Instant.nullable(),
  /** JSON text; null: unchanged. */
  capsule: nullableText,
  latest_request_path: nullableText,
  latest_result_path: nullableText,
  outcome: nullableText,
  reason: nullableText,
  created_at: Instant,
  updated_at: Instant,
  version: z.int().min(1),
  generation,
});
export type RunStateRow = z.infer<typeof RunStateRow>;

/** Insert-only, key (run_id, generation, iter_n, attempt). */
export const ExecutionRequestRow = z.strictObject({
  run_id: z.string(),
  iter_n: Count,
  attempt: Count,
  artifact_path: z.string(),
  artifact_hash: Sha256,
  job_submit_payload: z.string(),
  databricks_run_id: DatabricksRunId,
  run_url: z.string(),
  submitted_at: Instant,
  submitted_by_worker: z.string(),
  generation,
});
export type ExecutionRequestRow = z.infer<typeof ExecutionRequestRow>;

/** Insert-only, key (run_id, generation, iter_n, attempt). */
export const ExecutionResultRow = z.strictObject({
  run_id: z.string(),
  iter_n: Count,
  attempt: Count,
  verdict: z.string(),
  status: nullableText,
  error_type: nullableText,
  error_summary: nullableText,
  parsed_summary: nullableText,
  /** JSON text. */
  capsule_delta: nullableText,
  metrics: z.record(z.string(), z.number()),
  produced_artifacts: z.array(
    z.strictObject({ path: z.string(), sha256: z.string(), bytes: z.int().min(0) }),
  ),
  produced_tables: z.array(z.string()),
  started_at: Instant.nullable(),
  ended_at: Instant.nullable(),
  duration_seconds: z.number().nullable(),
  termination_code: nullableText,
  run_url: nullableText,
  generation,
});
export type ExecutionResultRow = z.infer<typeof ExecutionResultRow>;

/** Insert-only, key event_id. */
export const TelemetryRow = z.strictObject({
  event_id: z.string(),
  event_type: z.string(),
  component: z.string(),
  run_id: nullableText,
  iter_n: Count.nullable(),
  attempt: Count.nullable(),
  timestamp: Instant,
  trace_id: nullableText,
  /** JSON text. */
  metadata: z.string(),
});
export type TelemetryRow = z.infer<typeof TelemetryRow>;

export type LedgerRows = {
  readonly run_state: readonly RunStateRow[];
  readonly execution_requests: readonly ExecutionRequestRow[];
  readonly execution_results: readonly ExecutionResultRow[];
  readonly telemetry: readonly TelemetryRow[];
};

const attemptKey = ["run_id", "generation", "iter_n", "attempt"] as const;

/**
 * The four tables, in the order in which they are written: `run_state` last, because it points to
 * the others.
 */
export const ledgerTables = {
  execution_requests: { row: ExecutionRequestRow, key: attemptKey },
  execution_results: { row: ExecutionResultRow, key: attemptKey },
  telemetry: { row: TelemetryRow, key: ["event_id"] },
  run_state: { row: RunStateRow, key: ["run_id", "generation"] },
} as const;
export type LedgerTable = keyof typeof ledgerTables;

export const noRows: LedgerRows = {
  run_state: [],
  execution_requests: [],
  execution_results: [],
  telemetry: [],
};

const phases = { running: 1, decided: 2, over: 3 } as const;

/**
 * Grows with chapter, iteration, attempt and phase, so that a late or repeated record never moves a
 * row backwards.
 */
export const versionOf = (
  key: { readonly chapter: number; readonly iter_n: number; readonly attempt: number },
  fsmState: keyof typeof phases,
): number => ((key.chapter * 100 + key.iter_n) * 1000 + key.attempt) * 10 + phases[fsmState];

/** The plane whose books they are. */
export type Books = {
  readonly planeId: string;
  /** The facts volume: the books name each fact by its full path, `/Volumes/…`. */
  readonly factsVolume: string;
};

/** The rows of an accepted submission. */
export function rowsOfSubmission(books: Books, fact: AcceptedSubmission): LedgerRows {
  return {
    ...noRows,
    run_state: [
      stateRow(fact, "running", fact.submitted_at, {
        latest_request_path: requestPathOf(books, fact),
      }),
    ],
    execution_requests: [requestRow(fact)],
    telemetry: [
      telemetryRow(books, "attempt.submitted", "orchestrator", fact, fact.submitted_at, {
        databricks_run_id: fact.databricks_run_id,
        run_url: fact.run_url,
        adopted: fact.adopted,
      }),
    ],
  };
}

/** The rows of a decision. */
export function rowsOfDecision(books: Books, fact: DecisionFact): LedgerRows {
  return {
    ...noRows,
    run_state: [
      stateRow(fact, "decided", fact.decided_at, {
        capsule: JSON.stringify(fact.capsule),
        latest_result_path: fact.result_path,
        reason: fact.reason,
      }),
    ],
    execution_results: [resultRow(fact)],
    telemetry: [
      telemetryRow(books, "attempt.decided", "ingester", fact, fact.decided_at, {
        verdict: fact.verdict,
        next: fact.next,
        gate: fact.gate,
      }),
    ],
  };
}

/** The facts of one attempt in a chapter. */
export type AttemptFacts = {
  readonly submission: AcceptedSubmission | undefined;
  readonly decision: DecisionFact;
};

/**
 * The rows of an outcome, with those of every attempt in its chapter, so that lost records heal
 * here.
 */
export function rowsOfOutcome(
  books: Books,
  fact: OutcomeFact,
  openedAt: string,
  attempts: readonly AttemptFacts[],
): LedgerRows {
  const last = attempts.at(-1);
  // The books have not heard of a run that was over at once.
  const lastRequest = attempts.findLast(({ submission }) => submission !== undefined)?.submission;
  const lastResult = attempts.findLast(({ decision }) => decision.result_path !== null);
  const parts = attempts.map(({ submission, decision }) => ({
    requests: submission === undefined ? [] : [requestRow(submission)],
    results: [resultRow(decision)],
    telemetry: [
      ...(submission === undefined ? [] : rowsOfSubmission(books, submission).telemetry),
      ...rowsOfDecision(books, decision).telemetry,
    ],
  }));
  return {
    run_state: [
      stateRow(fact, "over", fact.ended_at, {
        capsule: last === undefined ? null : JSON.stringify(last.decision.capsule),
        latest_request_path: lastRequest === undefined ? null : requestPathOf(books, lastRequest),
        latest_result_path: fact.result_path ?? lastResult?.decision.result_path ?? null,
        outcome: fact.outcome,
        reason: fact.reason,
        created_at: openedAt,
      }),
    ],
    execution_requests: parts.flatMap((part) => part.requests),
    execution_results: parts.flatMap((part) => part.results),
    telemetry: [
      ...parts.flatMap((part) => part.telemetry),
      telemetryRow(books, "chapter.over", "ingester", fact, fact.ended_at, {
        outcome: fact.outcome,
        reason: fact.reason,
      }),
    ],
  };
}

/** The rows of a person's action, with the sender that SQS names, and the trace of its message. */
export const rowsOfAudit = (message: Audited, by: string, traceparent?: string): LedgerRows => ({
  ...noRows,
  telemetry: [
    {
      event_id: message.event_id,
      event_type: "person.acted",
      component: "command-line",
      run_id: message.run_id ?? null,
      iter_n: null,
      attempt: null,
      timestamp: message.at,
      trace_id: traceIdOf(traceparent),
      metadata: JSON.stringify({ ...message.detail, by, action: message.action }),
    },
  ],
});

/**
 * Merges a batch into one row a key. Delta raises an error on two source rows for one target row,
 * and inserts a new key twice (docs/facts/databricks.md#merge-duplicate-source). Of two states of a
 * run the later version stays; of two equal inserts the first.
 */
export function mergedRows(batch: readonly LedgerRows[]): LedgerRows {
  return {
    run_state: onePerKey(
      batch.flatMap((rows) => rows.run_state),
      runKeyOf,
      laterState,
    ),
    execution_requests: onePerKey(
      batch.flatMap((rows) => rows.execution_requests),
      attemptKeyOf,
    ),
    execution_results: onePerKey(
      batch.flatMap((rows) => rows.execution_results),
      attemptKeyOf,
    ),
    telemetry: onePerKey(
      batch.flatMap((rows) => rows.telemetry),
      (row) => row.event_id,
    ),
  };
}

type OfRun = { readonly run_id: string; readonly generation: string | null };
const runKeyOf = (row: OfRun): string => `${row.run_id}/${row.generation ?? ""}`;
const attemptKeyOf = (row: OfRun & { iter_n: number; attempt: number }): string =>
  `${runKeyOf(row)}/${row.iter_n}.${row.attempt}`;

/** The later version, completed by what only the earlier one knows. */
const laterState = (a: RunStateRow, b: RunStateRow): RunStateRow => {
  const [earlier, later] = a.version <= b.version ? [a, b] : [b, a];
  return {
    ...later,
    capsule: later.capsule ?? earlier.capsule,
    latest_request_path: later.latest_request_path ?? earlier.latest_request_path,
    latest_result_path: later.latest_result_path ?? earlier.latest_result_path,
    // biome-ignore lint/complexity/useMathMinMax: these are texts, and Math.min would make them NaN
    created_at: earlier.created_at < later.created_at ? earlier.created_at : later.created_at,
  };
};

function onePerKey<Row>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  choose: (a: Row, b: Row) => Row = (a) => a,
): readonly Row[] {
  const byKey = new Map<string, Row>();
  for (const row of rows) {
    const had = byKey.get(keyOf(row));
    byKey.set(keyOf(row), had === undefined ? row : choose(had, row));
  }
  return [...byKey.values()];
}

type StateSource = {
  readonly run_id: string;
  readonly generation?: string | undefined;
  readonly workload: string;
  readonly mode: string;
  readonly chapter: number;
  readonly iter_n: number;
  readonly attempt: number;
};

function stateRow(
  fact: StateSource,
  fsmState: RunStateRow["fsm_state"],
  at: string,
  more: Partial<RunStateRow>,
): RunStateRow {
  return {
    run_id: fact.run_id,
    generation: fact.generation ?? null,
    workload: fact.workload,
    current_mode: fact.mode,
    fsm_state: fsmState,
    chapter: fact.chapter,
    iter_n: fact.iter_n,
    attempt: fact.attempt,
    lease_owner: null,
    lease_expiry: null,
    capsule: null,
    latest_request_path: null,
    latest_result_path: null,
    outcome: null,
    reason: null,
    created_at: at,
    updated_at: at,
    version: versionOf(fact, fsmState),
    ...more,
  };
}

const requestRow = (fact: AcceptedSubmission): ExecutionRequestRow => ({
  run_id: fact.run_id,
  generation: fact.generation ?? null,
  iter_n: fact.iter_n,
  attempt: fact.attempt,
  artifact_path: fact.artifact_path,
  artifact_hash: fact.artifact_hash,
  job_submit_payload: fact.payload,
  databricks_run_id: fact.databricks_run_id,
  run_url: fact.run_url,
  submitted_at: fact.submitted_at,
  submitted_by_worker: fact.submitted_by ?? "orchestrator",
});

const resultRow = ({ result, ...fact }: DecisionFact): ExecutionResultRow => ({
  run_id: fact.run_id,
  generation: fact.generation ?? null,
  iter_n: fact.iter_n,
  attempt: fact.attempt,
  verdict: fact.verdict,
  status: result?.status ?? null,
  error_type: result?.error?.type ?? null,
  error_summary: result?.error?.summary ?? null,
  parsed_summary: result?.summary ?? null,
  capsule_delta: JSON.stringify(fact.capsule_delta),
  metrics: result?.metrics ?? {},
  produced_artifacts: [...(result?.produced_artifacts ?? [])],
  produced_tables: [...(result?.produced_tables ?? [])],
  started_at: result?.started_at ?? null,
  ended_at: result?.ended_at ?? null,
  duration_seconds: result?.duration_seconds ?? null,
  termination_code: fact.termination_code,
  run_url: fact.run_url,
});

const requestPathOf = ({ factsVolume }: Books, fact: AcceptedSubmission): string =>
  `${factsVolume}/${factRef.submission(fact).path}`;

function telemetryRow(
  { planeId }: Books,
  eventType: string,
  component: string,
  key: TracedAttempt & RunKey,
  at: string,
  metadata: Readonly<Record<string, unknown>>,
): TelemetryRow {
  return {
    event_id: `${runIdentity(planeId, key)}/${key.chapter}/${key.iter_n}.${key.attempt}/${eventType}`,
    event_type: eventType,
    component,
    run_id: key.run_id,
    iter_n: key.iter_n,
    attempt: key.attempt,
    timestamp: at,
    trace_id: traceIdOf(key.traceparent),
    metadata: JSON.stringify({ chapter: key.chapter, ...metadata }),
  };
}
