// Decides what follows from a verdict. Pure: the ingester reads before it and performs after it.
import type { Gate, Limits, Result } from "./contract.ts";
import type { Next, Outcome, Verdict } from "./facts.ts";
import { askGate } from "./gate.ts";
import type { GateAnswer } from "./gate-answer.ts";

export type Judged = {
  readonly verdict: Verdict;
  /** One sentence from the judge. */
  readonly reason: string;
  readonly iter_n: number;
  readonly attempt: number;
  /**
   * 1-based number of this try within its chapter; `limits.attempts` bounds it, not the attempt
   * number.
   */
  readonly try: number;
  readonly limits: Limits;
  readonly gate: Gate;
  readonly singleIteration: boolean;
  /** The valid result, if there is one. */
  readonly result: Result | undefined;
  /** True if somebody cancelled the chapter. */
  readonly stopped: boolean;
};

export type Decision = {
  readonly next: Next;
  readonly reason: string;
  readonly gate: GateAnswer | null;
};

export function decide(judged: Judged): Decision {
  switch (judged.verdict) {
    case "succeeded":
      return afterSuccess(judged);
    case "task_failed":
      return judged.result?.error?.transient === true ? tryAgain(judged) : over(judged, "failed");
    case "platform_failed":
    case "capacity":
    case "skipped":
      return tryAgain(judged);
    case "rejected":
      return over(judged, "failed");
    case "timed_out":
      return over(judged, "timed_out");
    case "cancelled":
      return over(judged, "cancelled");
    case "lost":
    case "unreported":
    case "unknown":
      return over(judged, "unknown");
  }
}

function afterSuccess(judged: Judged): Decision {
  // A success without its result would be a false green. Only a defect of the judge can bring it.
  if (judged.result === undefined) return over(judged, "unknown");
  const finished = judged.result.finished;
  if (judged.gate.length === 0) {
    if (finished !== null) return over(judged, "succeeded", `finished: ${finished}`);
    if (judged.singleIteration) return over(judged, "succeeded");
    return goOn(judged, "it is not finished");
  }
  const gate = askGate(judged.gate, judged.result);
  if (gate.passed) return { ...over(judged, "succeeded", `the gate passed: ${gate.reason}`), gate };
  const refused = `the gate refused: ${gate.reason}`;
  if (finished !== null)
    return { ...over(judged, "blocked", `${refused}; and it is finished: ${finished}`), gate };
  return { ...goOn(judged, refused), gate };
}

/** Asks for the next iteration, while some are left. */
function goOn(judged: Judged, why: string): Decision {
  const { iter_n, limits } = judged;
  if (iter_n >= limits.iterations)
    return over(judged, "blocked", `${why}, and all ${limits.iterations} iterations are spent`);
  return more(judged, why, { kind: "iteration", iter_n: iter_n + 1, attempt: 1, try: 1 });
}

/**
 * Asks for a new attempt of the same iteration, while some are left. Its number goes on, so that no
 * token is used twice.
 */
function tryAgain(judged: Judged): Decision {
  const { iter_n, attempt, limits } = judged;
  if (judged.try >= limits.attempts)
    return over(
      judged,
      "failed",
      `${judged.reason} (try ${judged.try} of ${limits.attempts}, the last)`,
    );
  const next = { kind: "attempt", iter_n, attempt: attempt + 1, try: judged.try + 1 } as const;
  return more(judged, judged.reason, next);
}

/** A stop that comes too late undoes no work. But where more work would follow, it is the end. */
const more = (judged: Judged, reason: string, next: Next): Decision =>
  judged.stopped
    ? over(judged, "cancelled", `${reason}; it was cancelled before more followed`)
    : { next, reason, gate: null };

const over = (judged: Judged, outcome: Outcome, reason = judged.reason): Decision => ({
  next: { kind: "outcome", outcome },
  reason,
  gate: null,
});
