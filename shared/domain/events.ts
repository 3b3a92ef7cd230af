// The events that upstream systems hear on the event bus.
import * as z from "zod";
import { Count, Instant } from "./contract.ts";
import { Outcome, type OutcomeFact, type RunKey } from "./facts.ts";
import { GateOutcome } from "./gate-answer.ts";
import { RunId } from "./messages.ts";
import { oneLine } from "./text.ts";

export const EVENT_SOURCE = "signalbox";

/** The end of a chapter. Sent at least once, always with the same `id`. */
export const OutcomeEvent = z.strictObject({
  v: z.literal(1),
  /**
   * `<plane_id>/<run_id>[/<generation>]/<chapter>`: a listener that has seen it may ignore the
   * second.
   */
  id: z.string(),
  plane_id: z.string(),
  run_id: RunId,
  workload: z.string(),
  chapter: Count,
  outcome: Outcome,
  reason: z.string(),
  iter_n: Count,
  attempt: Count,
  metrics: z.record(z.string(), z.number()),
  /** The gate's reading of the last attempt, condition by condition; absent if it was not asked. */
  gate: GateOutcome.optional(),
  run_url: z.string().nullable(),
  result_path: z.string().nullable(),
  ended_at: Instant,
  /** Whether the ledger has the outcome already, or will have it after its next window. */
  recorded: z.boolean(),
});
export type OutcomeEvent = z.infer<typeof OutcomeEvent>;

/**
 * A ticket that could not be accepted. Its sender may not read our dead letters, so the bus says
 * it.
 */
export const RejectedEvent = z.strictObject({
  v: z.literal(1),
  ticket_id: z.string().nullable(),
  message_id: z.string(),
  reason: z.string(),
});
export type RejectedEvent = z.infer<typeof RejectedEvent>;

export const detailTypes = {
  outcome: "Run Outcome",
  rejected: "Ticket Rejected",
} as const;

/** Names one run for ever. A ticket_id that is used again after its retention is another run. */
export const runIdentity = (planeId: string, { run_id, generation }: RunKey): string =>
  generation === undefined ? `${planeId}/${run_id}` : `${planeId}/${run_id}/${generation}`;

export const outcomeEventOf = (
  planeId: string,
  fact: OutcomeFact,
  recorded: boolean,
): OutcomeEvent => ({
  v: 1,
  id: `${runIdentity(planeId, fact)}/${fact.chapter}`,
  plane_id: planeId,
  run_id: fact.run_id,
  workload: fact.workload,
  chapter: fact.chapter,
  outcome: fact.outcome,
  reason: oneLine(fact.reason),
  iter_n: fact.iter_n,
  attempt: fact.attempt,
  metrics: fact.metrics,
  ...(fact.gate && { gate: fact.gate }),
  run_url: fact.run_url && oneLine(fact.run_url, URL_CHARS_MAX),
  result_path: fact.result_path,
  ended_at: fact.ended_at,
  recorded,
});

/** The longest link. Links are for people; a longer one leads nowhere. */
const URL_CHARS_MAX = 2_000;
