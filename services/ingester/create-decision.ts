// Each judgement leads to a decision: without one the chapter would never end, and nobody
// would hear of it.
import { PoisonMessageError } from "../../shared/domain/errors.ts";
import { type DecisionFact, factRef } from "../../shared/domain/facts.ts";
import { oneLine } from "../../shared/domain/text.ts";
import type { Created, FactsPort } from "../../shared/ports.ts";

/**
 * Creates the decision, unless somebody else has: then theirs counts. One that could not be read
 * back is not written; a bare one is, which a person must look at.
 * @param given what the attempt started from
 */
export async function createDecision(
  { facts }: FactsPort,
  decision: DecisionFact,
  given: DecisionFact["capsule"],
): Promise<Created<DecisionFact>> {
  const ref = factRef.decision(decision);
  try {
    return await facts.create(ref, decision);
  } catch (error) {
    if (!(error instanceof PoisonMessageError)) throw error;
    return await facts.create(ref, bareOf(decision, given, error.message));
  }
}

/**
 * Nothing in it is of the result, or in Databricks' words; what was given was read from a fact, so
 * it can be stored.
 */
const bareOf = (
  decision: DecisionFact,
  given: DecisionFact["capsule"],
  why: string,
): DecisionFact => ({
  ...decision,
  verdict: "unknown",
  reason: oneLine(`it was judged ${decision.verdict}, which cannot be stored: ${why}`),
  next: { kind: "outcome", outcome: "unknown" },
  capsule: given,
  capsule_delta: {},
  gate: null,
  run_url: null,
  termination_code: null,
  result: null,
});
