// A gate's answer, in the form in which decisions, outcomes and events keep it.
import * as z from "zod";

/** One condition: what was read, and what it was held against. */
const GateCheck = z.strictObject({
  /** The name that was read; the first of the condition's where none of them was there. */
  metric: z.string(),
  /** Null: missing, failed, or there under two names with two values. The reason says which. */
  value: z.number().nullable(),
  op: z.string(),
  /** The number that it had to reach; null: nothing could have been good enough. */
  bound: z.number().nullable(),
  /** The baseline that it had to beat, and its value; null: none that can be trusted. */
  baseline: z.strictObject({ name: z.string(), value: z.number().nullable() }).optional(),
  /** How many samples it was measured on, where the code says it. */
  samples: z.int().optional(),
  passed: z.boolean(),
});
export type GateCheck = z.infer<typeof GateCheck>;

export const GateAnswer = z.strictObject({
  passed: z.boolean(),
  reason: z.string(),
  /** One for each condition, in the recipe's order; absent in older facts. */
  checks: z.array(GateCheck).optional(),
});
export type GateAnswer = z.infer<typeof GateAnswer>;

/** Without the sentence, which may be long: outcomes and events have a reason of their own. */
export const GateOutcome = GateAnswer.omit({ reason: true });
export type GateOutcome = z.infer<typeof GateOutcome>;

export function gateOutcomeOf(answer: GateAnswer | null): GateOutcome | undefined {
  if (answer === null) return undefined;
  const { passed, checks } = answer;
  return { passed, checks };
}
