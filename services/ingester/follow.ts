// Does what a decision asks for: sends the turn of the next attempt or iteration, or writes the
// outcome of the chapter.
import { nextAttemptSeconds, scaledSeconds } from "../../shared/domain/cadence.ts";
import {
  type AcceptedSubmission,
  type DecisionFact,
  factRef,
  type OutcomeFact,
} from "../../shared/domain/facts.ts";
import { gateOutcomeOf } from "../../shared/domain/gate-answer.ts";
import { endedOf, recordOf, turnOf } from "../../shared/domain/messages.ts";
import { isoOf } from "../../shared/domain/time.ts";
import { attemptFields } from "../../shared/domain/trace.ts";
import type {
  ClockPort,
  DeadLettersPort,
  EventsPort,
  FactsPort,
  LogPort,
  MarkersPort,
  PlanePort,
  QueuesPort,
  SettingsPort,
} from "../../shared/ports.ts";
import { announce } from "../../shared/story/announce.ts";
import { sendRecord } from "../../shared/story/send-record.ts";
import { stepsOf } from "../../shared/story/steps.ts";

export type FollowDeps = FactsPort &
  QueuesPort<"turns" | "records"> &
  DeadLettersPort &
  MarkersPort &
  EventsPort &
  PlanePort &
  ClockPort &
  LogPort &
  SettingsPort;

/**
 * Sends what a decision asks for. If the decision was found, and not just written, it is followed
 * only if the next step is not there yet.
 */
export async function follow(
  deps: FollowDeps,
  decision: DecisionFact,
  found: boolean,
  submission?: AcceptedSubmission,
): Promise<void> {
  const { next } = decision;
  if (next.kind === "outcome")
    return await end(deps, { decision, submission }, next.outcome, found);
  const key = { ...decision, iter_n: next.iter_n, attempt: next.attempt };
  const isFollowed = found && (await deps.facts.read(factRef.manifest(key))) !== undefined;
  if (!isFollowed) {
    const by = { iter_n: decision.iter_n, attempt: decision.attempt };
    const { verdict } = decision;
    const delay = next.kind === "attempt" ? nextAttemptSeconds(verdict, decision.try) : 0;
    await deps.queues.send("turns", turnOf(key, by), later(deps, delay, decision));
  }
  const { traceparent } = decision;
  await sendRecord(deps, recordOf(decision, "decision"), { traceparent });
}

/**
 * Ends a chapter: a person hears of a verdict that nobody can explain, then the outcome is written
 * and recorded.
 */
async function end(
  deps: FollowDeps,
  { decision, submission }: Ending,
  outcome: OutcomeFact["outcome"],
  found: boolean,
): Promise<void> {
  const step = stepsOf(deps);
  const { run_id, chapter, iter_n, attempt, workload, mode, reason, run_url, result_path } =
    decision;
  const ended = async (): Promise<OutcomeFact> => {
    if (outcome === "unknown") await askAPerson(deps, decision);
    return {
      v: 1,
      run_id,
      chapter,
      iter_n,
      attempt,
      workload,
      mode,
      outcome,
      reason,
      metrics: decision.result?.metrics ?? {},
      gate: gateOutcomeOf(decision.gate),
      run_url,
      result_path,
      ended_at: isoOf(deps.clock.nowMs()),
      whole: wholeOf(decision, submission),
      generation: decision.generation,
      traceparent: decision.traceparent,
    };
  };
  const stored = await step(factRef.outcome(decision), ended, !found);
  const { fact } = stored;
  // Without its marker it has been announced and recorded.
  if (stored.found && (await deps.markers.read(fact)) === undefined) return;
  deps.log("run.ended", { ...attemptFields(fact), outcome: fact.outcome, reason: fact.reason });
  const announced = deps.settings.announceAfter === "fact";
  // Before the record: whoever is told that it was announced does not announce it.
  if (announced) await announce(deps, fact, false);
  const { traceparent } = fact;
  await sendRecord(deps, { ...recordOf(fact, "outcome"), announced }, { traceparent });
}

type Ending = {
  readonly decision: DecisionFact;
  /** The submission, if the judge has read it. */
  readonly submission: AcceptedSubmission | undefined;
};

/**
 * If the first attempt of a chapter ends it, it is the only one: then its books need no further
 * reading.
 */
const wholeOf = (
  decision: DecisionFact,
  submission: AcceptedSubmission | undefined,
): OutcomeFact["whole"] =>
  submission?.opened_at === undefined
    ? undefined
    : { opened_at: submission.opened_at, submission, decision };

/**
 * Replaying this dead letter is harmless: the report finds its decision, and the outcome behind it.
 */
const askAPerson = ({ deadLetters, clock }: FollowDeps, decision: DecisionFact): Promise<void> =>
  deadLetters.send("reports", {
    body: JSON.stringify(endedOf(decision)),
    reason: `${decision.verdict}: ${decision.reason}`,
    errorName: "UnexplainedAttempt",
    failedAtMs: clock.nowMs(),
    receiveCount: 1,
    runId: decision.run_id,
    ...(decision.run_url !== null && { runUrl: decision.run_url }),
    traceparent: decision.traceparent,
  });

/**
 * The options to send in so many seconds, in the time of this plane and in the trace of the run.
 */
export const later = (
  { settings }: SettingsPort,
  seconds: number,
  { traceparent }: { readonly traceparent?: string | undefined },
) => ({ delaySeconds: scaledSeconds(seconds, settings.timeScale), traceparent });
