// Every fact of a run: its shape and its path. A fact is written once, at a path that its identity
// determines.
import * as z from "zod";
import {
  Count,
  ExecutorManifest,
  Gate,
  Instant,
  JsonObject,
  Limits,
  PlannedFile,
  Sha256,
} from "./contract.ts";
import { GateAnswer, GateOutcome } from "./gate-answer.ts";
import { type AskedBy, DatabricksRunId, RunId, senderCharsMax, Ticket } from "./messages.ts";
import { Paces } from "./pace.ts";
import { AcceptedRecipe } from "./recipe.ts";

const v = z.literal(1);
const attemptKeys = { run_id: RunId, chapter: Count, iter_n: Count, attempt: Count };
const reason = z.string();
/** The trace of the ticket; absent in facts from before it was kept there. */
const traceparent = z.string().optional();
/**
 * The run's generation among those under one ticket_id (seed.ts); absent in facts of tickets
 * without a seed.
 */
const generation = z
  .string()
  .regex(/^[0-9a-f]{10}$/)
  .optional();
/**
 * The principal who sent it, as SQS says (SenderId); absent in facts from before it was kept there.
 */
const by = z.string().max(senderCharsMax);

/**
 * The owner of the volume. Its id is part of every token and run name, so that two deployments
 * never mix.
 */
export const Plane = z.strictObject({
  v,
  plane_id: z.uuid(),
  stack: z.string(),
  created_at: Instant,
});
export type Plane = z.infer<typeof Plane>;

/**
 * The ticket as accepted, and the recipe as it was resolved then. A deploy changes nothing for a
 * run under way.
 */
export const TicketFact = z.strictObject({
  v,
  run_id: RunId,
  accepted_at: Instant,
  ticket: Ticket,
  recipe: AcceptedRecipe,
  /** The recipe's limits, lowered by the ticket. */
  limits: Limits,
  /** The code as it was then, copied by its content, and the name of the file that is run. */
  files: z.array(PlannedFile).min(1),
  entry: z.string(),
  traceparent: z.string(),
  /**
   * 32 random bytes, in hex, of which tokens are made. Only controllers can read them: they are in
   * no manifest, message, log, event or table. Absent in tickets from before there were seeds.
   */
  seed: Sha256.optional(),
  by: by.optional(),
});
export type TicketFact = z.infer<typeof TicketFact>;

/**
 * Nothing will run: the chapter was stopped before this attempt was planned, or its plan could not
 * be stored.
 */
export const StoppedManifest = z.strictObject({
  v,
  stopped: z.literal(true),
  /** Why there can be no plan of it; absent where somebody stopped the chapter. */
  unplannable: z.string().optional(),
  ...attemptKeys,
  try: Count,
  created_at: Instant,
  workload: z.string(),
  mode: z.enum(["PROD", "DEV"]),
  capsule: JsonObject,
  limits: Limits,
  gate: Gate,
  generation,
  traceparent,
});
export type StoppedManifest = z.infer<typeof StoppedManifest>;

/** The plan of an attempt, or the fact that nothing will run. */
export const Manifest = z.union([ExecutorManifest, StoppedManifest]);
export type Manifest = z.infer<typeof Manifest>;
export const isStopped = (manifest: Plan | StoppedManifest): manifest is StoppedManifest =>
  "stopped" in manifest;

const judgedBy = {
  try: true,
  limits: true,
  gate: true,
  capsule: true,
  single_iteration: true,
  allow_failures: true,
  scratchpad: true,
} as const;

/** The part of a plan by which an attempt is judged. */
const JudgedBy = ExecutorManifest.pick(judgedBy);
type JudgedBy = z.infer<typeof JudgedBy>;

/** An attempt that will be judged. */
export type Plan = JudgedBy &
  Pick<
    ExecutorManifest,
    "run_id" | "chapter" | "iter_n" | "attempt" | "workload" | "mode" | "traceparent"
  >;

/**
 * Databricks' description of a run when it was taken for ours, or refused: that is what was really
 * run.
 */
export const Seen = z.strictObject({
  creator: z.string().nullable(),
  run_name: z.string(),
  run_type: z.string().nullable(),
  tasks: z.array(
    z.strictObject({
      task_key: z.string(),
      python_file: z.string().nullable(),
      parameters: z.array(z.string()).nullable(),
    }),
  ),
});
export type Seen = z.infer<typeof Seen>;

/** Databricks accepted the attempt. */
export const AcceptedSubmission = z.strictObject({
  v,
  ...attemptKeys,
  workload: z.string(),
  mode: z.enum(["PROD", "DEV"]),
  databricks_run_id: DatabricksRunId,
  run_url: z.string(),
  /** True if the run was found by its name, and not started by this request. */
  adopted: z.boolean(),
  submitted_at: Instant,
  deadline: Instant,
  manifest_sha256: Sha256,
  artifact_path: z.string(),
  artifact_hash: Sha256,
  /** The exact body of the request, as text. */
  payload: z.string(),
  /** The function that wrote this, and its log stream. */
  submitted_by: z.string().optional(),
  /** Absent if the run was gone before it could be looked at, and in older facts. */
  seen: Seen.optional(),
  /**
   * A copy of the plan's part, so that the judge need not read the manifest. Absent if the capsule
   * is too large to be stored twice, and in older facts.
   */
  judged_by: JudgedBy.optional(),
  /**
   * The time at which its chapter was opened, in the chapter's first attempt; absent in later ones,
   * and in older facts.
   */
  opened_at: Instant.optional(),
  /** How long such attempts took, as far as was known then. A hint: it moves looks. */
  pace: Paces.optional(),
  generation,
  traceparent,
});
export type AcceptedSubmission = z.infer<typeof AcceptedSubmission>;

/** Databricks refused it for good, in its own words. */
export const RefusedSubmission = z.strictObject({
  v,
  ...attemptKeys,
  /**
   * Of NOT_OURS, `seen` is the run that came under our token or name instead; absent if we may not
   * see it.
   */
  refused: z.strictObject({ code: z.string(), message: z.string(), seen: Seen.optional() }),
  refused_at: Instant,
  generation,
  traceparent,
});
export type RefusedSubmission = z.infer<typeof RefusedSubmission>;

export const Submission = z.union([AcceptedSubmission, RefusedSubmission]);
export type Submission = z.infer<typeof Submission>;

const CAPSULE_CHARS_MAX = 4 * 1024;

/** The part of its plan that a submission keeps. */
export function judgedByOf(plan: ExecutorManifest): JudgedBy | undefined {
  const { try: nth, limits, gate, capsule, single_iteration, allow_failures, scratchpad } = plan;
  if (JSON.stringify(capsule).length > CAPSULE_CHARS_MAX) return undefined;
  return { try: nth, limits, gate, capsule, single_iteration, allow_failures, scratchpad };
}

/** The plan of an attempt, as its submission tells it; undefined if its manifest must be read. */
export function planIn(submission: AcceptedSubmission): Plan | undefined {
  const { judged_by, traceparent, run_id, chapter, iter_n, attempt, workload, mode } = submission;
  if (judged_by === undefined || traceparent === undefined) return undefined;
  return { ...judged_by, run_id, chapter, iter_n, attempt, workload, mode, traceparent };
}
export const isRefused = (submission: Submission): submission is RefusedSubmission =>
  "refused" in submission;

/** How one attempt ended. */
export const Verdict = z.enum([
  "succeeded",
  "task_failed",
  "platform_failed",
  "capacity",
  "skipped",
  "rejected",
  "timed_out",
  "cancelled",
  "lost",
  "unreported",
  "unknown",
]);
export type Verdict = z.infer<typeof Verdict>;

/**
 * How a chapter ended. `blocked`: its goal was not met (the gate refused, or the iterations are
 * spent).
 */
export const Outcome = z.enum([
  "succeeded",
  "failed",
  "blocked",
  "cancelled",
  "timed_out",
  "unknown",
]);
export type Outcome = z.infer<typeof Outcome>;

/** The next step after a verdict. */
export const Next = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("attempt"), iter_n: Count, attempt: Count, try: Count }),
  z.strictObject({ kind: z.literal("iteration"), iter_n: Count, attempt: Count, try: Count }),
  z.strictObject({ kind: z.literal("outcome"), outcome: Outcome }),
]);
export type Next = z.infer<typeof Next>;

const produced = z.array(
  z.strictObject({ path: z.string(), sha256: Sha256, bytes: z.int().min(0) }),
);

/**
 * The verdict, what follows from it, and why; with everything that the ledger wants to know of the
 * attempt.
 */
export const DecisionFact = z.strictObject({
  v,
  ...attemptKeys,
  try: Count,
  decided_at: Instant,
  workload: z.string(),
  mode: z.enum(["PROD", "DEV"]),
  verdict: Verdict,
  reason,
  next: Next,
  /** The capsule from which the next attempt, iteration or chapter starts. */
  capsule: JsonObject,
  capsule_delta: JsonObject,
  /** Why the gate passed or refused; null without a gate or a result. */
  gate: GateAnswer.nullable(),
  databricks_run_id: DatabricksRunId.nullable(),
  run_url: z.string().nullable(),
  termination_code: z.string().nullable(),
  result_path: z.string().nullable(),
  /** The words of a valid result; null if there was none. */
  result: z
    .strictObject({
      status: z.enum(["SUCCESS", "FAILED"]),
      error: z.strictObject({ type: z.string(), summary: z.string() }).nullable(),
      summary: z.string(),
      metrics: z.record(z.string(), z.number()),
      produced_artifacts: produced,
      produced_tables: z.array(z.string()),
      started_at: Instant,
      ended_at: Instant,
      duration_seconds: z.number(),
    })
    .nullable(),
  generation,
  traceparent,
});
export type DecisionFact = z.infer<typeof DecisionFact>;

/** Somebody cancelled the chapter. */
export const StopFact = z.strictObject({
  v,
  run_id: RunId,
  chapter: Count,
  reason,
  by,
  /** The first sender that a replayed order claims. It is a note, never a right. */
  first_by: by.optional(),
  stopped_at: Instant,
});
export type StopFact = z.infer<typeof StopFact>;

/** The chapter is over. This fact is announced. */
export const OutcomeFact = z.strictObject({
  v,
  ...attemptKeys,
  workload: z.string(),
  mode: z.enum(["PROD", "DEV"]),
  outcome: Outcome,
  reason,
  metrics: z.record(z.string(), z.number()),
  /** The gate's reading of the last attempt; absent if it was not asked, and in older facts. */
  gate: GateOutcome.optional(),
  run_url: z.string().nullable(),
  result_path: z.string().nullable(),
  ended_at: Instant,
  /**
   * The rest of what the books need of a chapter with one attempt; absent if they read it from its
   * facts.
   */
  whole: z
    .strictObject({ opened_at: Instant, submission: AcceptedSubmission, decision: DecisionFact })
    .optional(),
  generation,
  traceparent,
});
export type OutcomeFact = z.infer<typeof OutcomeFact>;

/**
 * A person opened another chapter: who, why, from which iteration and attempt, with which limits.
 */
export const RetryFact = z.strictObject({
  v,
  ...attemptKeys,
  reason,
  by,
  /** The first sender that a replayed order claims. It is a note, never a right. */
  first_by: by.optional(),
  /** The ticket's limits, lowered or raised by the person within the recipe's. */
  limits: Limits,
  capsule: JsonObject,
  opened_at: Instant,
  traceparent,
});
export type RetryFact = z.infer<typeof RetryFact>;

/**
 * The end of a chapter, filed below its day, so that retention finds expired runs without reading
 * every run.
 */
export const OverFact = z.strictObject({ v, run_id: RunId, chapter: Count, ended_at: Instant });
export type OverFact = z.infer<typeof OverFact>;

/**
 * One step of deleting a run's facts is done. From the first step on, every handler treats the run
 * as deleted, until nothing of it is left.
 */
export const RetiredFact = z.strictObject({
  v,
  run_id: RunId,
  step: z.int().min(1).max(3),
  retired_at: Instant,
});
export type RetiredFact = z.infer<typeof RetiredFact>;

/**
 * The marker says that a chapter is open, and which watch is the youngest. It is the only fact that
 * is ever overwritten.
 */
export const Marker = z.strictObject({
  v,
  run_id: RunId,
  chapter: Count,
  /** The attempt that was looked at last; absent before the first look. */
  iter_n: Count.optional(),
  attempt: Count.optional(),
  /** The number of that attempt's youngest watch. */
  number: z.int().min(0),
  /**
   * How often the sweep healed it since a look touched it last. Each heal doubles the wait for the
   * next.
   */
  heals: z.int().min(0),
  touched_at: Instant,
});
export type Marker = z.infer<typeof Marker>;

/** An attempt's identity, in each of its facts and messages. */
export type AttemptKey = {
  readonly run_id: string;
  readonly iter_n: number;
  readonly attempt: number;
};
export type ChapterKey = { readonly run_id: string; readonly chapter: number };

/** Each kind of fact by its name: the shape that `facts.read` checks. */
export const factSchemas = {
  plane: Plane,
  ticket: TicketFact,
  manifest: Manifest,
  submission: Submission,
  decision: DecisionFact,
  stop: StopFact,
  outcome: OutcomeFact,
  retry: RetryFact,
  over: OverFact,
  retired: RetiredFact,
} as const;
export type FactKind = keyof typeof factSchemas;
export type FactOf<K extends FactKind> = z.infer<(typeof factSchemas)[K]>;

/** The place of a fact, below the facts volume. */
export type FactRef<K extends FactKind = FactKind> = { readonly kind: K; readonly path: string };

const padded = (n: number): string => String(n).padStart(3, "0");
/** The folder with everything of a run but its markers and entries. */
export const runFolder = (runId: string): string => `run_${runId}`;
const attemptName = (key: AttemptKey): string =>
  `iter_${padded(key.iter_n)}.attempt_${padded(key.attempt)}`;
const attemptFile = (key: AttemptKey, what: string): string =>
  `${runFolder(key.run_id)}/${attemptName(key)}.${what}.json`;

/** A folder for each day, with an entry for each chapter that ended on it (UTC). */
export const OVER_FOLDER = "over";

export const factRef = {
  plane: (): FactRef<"plane"> => ({ kind: "plane", path: "plane.json" }),
  ticket: (runId: string): FactRef<"ticket"> => ({
    kind: "ticket",
    path: `${runFolder(runId)}/ticket.json`,
  }),
  manifest: (key: AttemptKey): FactRef<"manifest"> => ({
    kind: "manifest",
    path: attemptFile(key, "manifest"),
  }),
  submission: (key: AttemptKey): FactRef<"submission"> => ({
    kind: "submission",
    path: attemptFile(key, "submission"),
  }),
  decision: (key: AttemptKey): FactRef<"decision"> => ({
    kind: "decision",
    path: attemptFile(key, "decision"),
  }),
  stop: ({ run_id, chapter }: ChapterKey): FactRef<"stop"> => ({
    kind: "stop",
    path: `${runFolder(run_id)}/stop_${chapter}.json`,
  }),
  outcome: ({ run_id, chapter }: ChapterKey): FactRef<"outcome"> => ({
    kind: "outcome",
    path: `${runFolder(run_id)}/outcome_${chapter}.json`,
  }),
  retry: ({ run_id, chapter }: ChapterKey): FactRef<"retry"> => ({
    kind: "retry",
    path: `${runFolder(run_id)}/retry_${chapter}.json`,
  }),
  over: (key: ChapterKey & Pick<OverFact, "ended_at">): FactRef<"over"> => ({
    kind: "over",
    path: `${OVER_FOLDER}/${key.ended_at.slice(0, 10)}/${markerName(key)}.json`,
  }),
  retired: ({ run_id, step }: Pick<RetiredFact, "run_id" | "step">): FactRef<"retired"> => ({
    kind: "retired",
    path: `${runFolder(run_id)}/retired_${step}.json`,
  }),
} as const;

/** One run of those that have used the same ticket_id, one after the other. */
export type RunKey = { readonly run_id: string; readonly generation?: string | undefined };

/**
 * The folder of one run in the volumes that others may look into: a ticket_id that is used again
 * gets another one. The folder is inside the id's, because an id may have dots, but no slash: no
 * other id leads into it.
 */
const generationFolder = ({ run_id, generation }: RunKey): string =>
  generation === undefined ? runFolder(run_id) : `${runFolder(run_id)}/${generation}`;

/**
 * The path of a file that a ticket carried, by its content, below the plans volume. It has no
 * generation: the file is written before the ticket's fact, and each try to accept a ticket would
 * leave another one.
 */
export const plannedFilePath = (runId: string, sha256: string, name: string): string =>
  `${runFolder(runId)}/files/${sha256}/${name}`;

/**
 * The path of reviewed code, shared by all runs that run it. It contains the digest, so that no
 * other code can be meant.
 */
export const sharedFilePath = (sha256: string, name: string): string => `files/${sha256}/${name}`;

/** The path at which the executor reads the manifest of an attempt, below the plans volume. */
export const manifestCopyPath = (key: AttemptKey & RunKey): string =>
  `${generationFolder(key)}/${attemptName(key)}.manifest.json`;

/**
 * The path of a result's judged bytes, below the plans volume. It contains their digest, so that no
 * other bytes can be meant.
 */
export const judgedResultPath = (key: AttemptKey & RunKey, sha256: string): string =>
  `${generationFolder(key)}/${attemptName(key)}.result.${sha256}.json`;

/** The folder of an attempt, below the scratchpad volume. */
export const scratchpadFolder = (key: AttemptKey & RunKey): string =>
  `${generationFolder(key)}/iter_${padded(key.iter_n)}/attempt_${padded(key.attempt)}`;

/**
 * The folder of a run that its attempts share, below the scratchpad volume. An attempt's folder
 * begins with `iter_`.
 */
export const stateFolder = (key: RunKey): string => `${generationFolder(key)}/state`;

/** `open/<run_id>.<chapter>`: a run id may contain dots, a chapter none. */
export const markerName = ({ run_id, chapter }: ChapterKey): string => `${run_id}.${chapter}`;
export function markerKey(name: string): ChapterKey | undefined {
  const match = /^(.+)\.([1-9][0-9]*)$/.exec(name);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { run_id: match[1], chapter: Number(match[2]) };
}

/** The fact that asks for the first attempt of a chapter. */
export const firstAskedBy = (chapter: number): AskedBy =>
  chapter === 1 ? { ticket: true } : { retry: chapter };
