// Every message of the loop. Messages carry keys, a version and counts; state is read from the
// facts.
import * as z from "zod";
import { Count, Instant, JsonObject, Limits, Sha256, VolumePath } from "./contract.ts";
import { Paces } from "./pace.ts";
import { WorkloadName } from "./recipe.ts";

export const messageLimits = {
  bodyBytesMax: 64 * 1024, // ours; SQS takes 1 MiB
  depthMax: 32,
  triesMax: 1_000, // at 15 minutes each: more than ten days of waiting for a platform
  looksMax: 10_000,
  textCharsMax: 1_000,
} as const;

export const RunId = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    "must begin with a letter or digit and have at most 64 letters, digits, dots, dashes and underscores",
  );
/** The id of a Databricks run: int64, so text (JavaScript numbers end at 2^53). */
export const DatabricksRunId = z.string().regex(/^[0-9]{1,19}$/);

const v = z.literal(1).default(1);
/** How often this message has been requeued because the platform was in trouble. */
const tries = z.int().min(0).max(messageLimits.triesMax).default(0);
const text = z.string().min(1).max(messageLimits.textCharsMax);
/**
 * The identity of an attempt. `attempt` is its 1-based number within its iteration, which is never
 * used again, not even after a retry.
 */
const attemptKeys = { run_id: RunId, chapter: Count, iter_n: Count, attempt: Count };

/** A request of an upstream system. Only `ticket_id` and `workload` are required. */
export const Ticket = z.strictObject({
  v,
  type: z.literal("ticket").default("ticket"),
  ticket_id: RunId,
  workload: WorkloadName,
  mode: z.enum(["PROD", "DEV"]).default("PROD"),
  parameters: JsonObject.default({}),
  artifact: z
    .union([
      z.strictObject({ path: VolumePath, sha256: Sha256 }),
      z.strictObject({ inline: z.string().min(1) }),
    ])
    .optional(),
  limits: Limits.partial().default({}),
  tries,
});
export type Ticket = z.infer<typeof Ticket>;

/** The longest principal: a role's id, a colon and at most 64 characters of session name. */
export const senderCharsMax = 256;
/**
 * The sender that a message claims. SQS knows better: it is believed only if one of our own
 * functions sent the message.
 */
const claimedBy = z.string().max(messageLimits.textCharsMax).optional();
/** How often an order has waited for its run; queues keep no order among themselves. */
const early = z.int().min(0).max(9).default(0);

/** A person wants a chapter to stop; the first chapter if none is named. */
export const Cancellation = z.strictObject({
  v,
  type: z.literal("cancel"),
  run_id: RunId,
  chapter: Count.default(1),
  reason: text,
  by: claimedBy,
  early,
  tries,
});
export type Cancellation = z.infer<typeof Cancellation>;

/**
 * A person reopens a run that is over. A retry names the chapter that it opens, so that a replay
 * can do no harm.
 */
export const Retry = z.strictObject({
  v,
  type: z.literal("retry"),
  run_id: RunId,
  chapter: z.int().min(2),
  reason: text,
  by: claimedBy,
  limits: Limits.partial().default({}),
  early,
  tries,
});
export type Retry = z.infer<typeof Retry>;

/**
 * The fact that asked for an attempt: the ticket, a person's retry, or the decision on an earlier
 * attempt.
 */
export const AskedBy = z.union([
  z.strictObject({ ticket: z.literal(true) }),
  z.strictObject({ retry: z.int().min(2) }),
  z.strictObject({ iter_n: Count, attempt: Count }),
]);
export type AskedBy = z.infer<typeof AskedBy>;

/** Do this attempt now. */
export const Turn = z.strictObject({
  v,
  type: z.literal("turn"),
  ...attemptKeys,
  by: AskedBy,
  tries,
});
export type Turn = z.infer<typeof Turn>;

/**
 * Look at this Databricks run again later. It carries everything that a look needs, because SQS
 * forgets times on every hop.
 */
export const Watch = z.strictObject({
  v,
  type: z.literal("watch"),
  ...attemptKeys,
  databricks_run_id: DatabricksRunId,
  submitted_at: Instant,
  deadline: Instant,
  /** How often this Databricks run has been looked at. */
  looks: z.int().min(0).max(messageLimits.looksMax),
  /** Younger watches have higher numbers; the marker holds the youngest. */
  number: z.int().min(0),
  /** When this watch last touched or read the marker; absent before its first look. */
  touched_at: Instant.optional(),
  /** How many looks there had been by then. */
  looks_then: z.int().min(0).max(messageLimits.looksMax).optional(),
  /** The unknown state that this watch has logged already. */
  said: z.string().max(200).optional(),
  /** How long such attempts take, as the submission has it: a hint, so that the poller need not ask. */
  pace: Paces.optional(),
  tries,
});
export type Watch = z.infer<typeof Watch>;

/** This attempt seems to be over. */
export const Ended = z.strictObject({ v, type: z.literal("ended"), ...attemptKeys, tries });
export type Ended = z.infer<typeof Ended>;

/** Project this fact into the ledger. */
export const Record = z.strictObject({
  v,
  type: z.literal("record"),
  ...attemptKeys,
  of: z.enum(["submission", "decision", "outcome"]),
  /** The same ticket came again: announce the outcome again, although its marker is gone. */
  again: z.boolean().default(false),
  tries,
});
export type Record = z.infer<typeof Record>;

/**
 * A person did something, and the telemetry notes it. It comes by `orders`, and the orchestrator
 * sends it on to `records`.
 */
export const Audited = z.strictObject({
  v,
  type: z.literal("audited"),
  /** The name of the action, so that a redelivery is not a second row. */
  event_id: z.string().min(1).max(200),
  by: claimedBy,
  action: text,
  run_id: RunId.optional(),
  detail: JsonObject.default({}),
  at: Instant,
  tries,
});
export type Audited = z.infer<typeof Audited>;

/** A message without `type` is a ticket, so that upstream systems need not know the word. */
const ticketByDefault = (value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !("type" in value)
    ? { ...value, type: "ticket" }
    : value;

/** Orders came by this queue once, and those that were waiting then may still come. */
export const TicketsMessage = z.preprocess(
  ticketByDefault,
  z.discriminatedUnion("type", [Ticket, Cancellation, Retry]),
);
export type TicketsMessage = z.infer<typeof TicketsMessage>;
/** Orders about runs that exist, and the notes of what people did. */
export const OrdersMessage = z.discriminatedUnion("type", [Cancellation, Retry, Audited]);
export type OrdersMessage = z.infer<typeof OrdersMessage>;
export const RecordsMessage = z.discriminatedUnion("type", [Record, Audited]);
export type RecordsMessage = z.infer<typeof RecordsMessage>;

/**
 * The input that EventBridge Scheduler sends to the orchestrator. `scheduled_time` is
 * `<aws.scheduler.scheduled-time>`.
 */
export const ScheduledStart = z.discriminatedUnion("schedule", [
  z.strictObject({ schedule: z.literal("sweep") }),
  z.strictObject({
    schedule: z.literal("workload"),
    workload: WorkloadName,
    scheduled_time: Instant,
  }),
]);

type AttemptOf = {
  readonly run_id: string;
  readonly chapter: number;
  readonly iter_n: number;
  readonly attempt: number;
};
const keysOf = ({ run_id, chapter, iter_n, attempt }: AttemptOf): AttemptOf => ({
  run_id,
  chapter,
  iter_n,
  attempt,
});

export const turnOf = (key: AttemptOf, by: AskedBy): Turn => ({
  v: 1,
  type: "turn",
  ...keysOf(key),
  by,
  tries: 0,
});

/** A fresh watch: number 0 for the first one of an attempt, otherwise above the marker's. */
export const watchOf = (
  submission: AttemptOf & Pick<Watch, "databricks_run_id" | "submitted_at" | "deadline" | "pace">,
  number: number,
): Watch => ({
  v: 1,
  type: "watch",
  ...keysOf(submission),
  databricks_run_id: submission.databricks_run_id,
  submitted_at: submission.submitted_at,
  deadline: submission.deadline,
  looks: 0,
  number,
  ...(submission.pace !== undefined && { pace: submission.pace }),
  tries: 0,
});

export const endedOf = (key: AttemptOf): Ended => ({
  v: 1,
  type: "ended",
  ...keysOf(key),
  tries: 0,
});

export const recordOf = (key: AttemptOf, of: Record["of"], again = false): Record => ({
  v: 1,
  type: "record",
  ...keysOf(key),
  of,
  again,
  tries: 0,
});
