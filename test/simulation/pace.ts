// Nothing goes on for ever: how long after the last moment that was allowed an attempt is submitted
// or refused, judged and followed. What the platform was out of order is added, because nothing can
// be done in it.
import {
  type DecisionFact,
  factRef,
  isRefused,
  type Manifest,
  type OutcomeFact,
  type Submission,
} from "../../shared/domain/facts.ts";
import { msOf } from "../../shared/domain/time.ts";
import { HOUR, MINUTE } from "./clock.ts";
import type { LivenessDeps } from "./liveness-deps.ts";
import { askedFor } from "./plans.ts";
import type { Weather } from "./weather.ts";

type Step = keyof typeof bounds.calm;

/**
 * A run is cancelled at its deadline, and is over two minutes later at most; a stray that nobody
 * knows how to end is left alone after an hour. A stranger in the way is refused at the first look
 * that comes ten minutes after the plan (see troubles.ts).
 */
const bounds = {
  calm: {
    "an attempt was planned late": 17 * MINUTE,
    "an attempt was submitted late": 2 * MINUTE,
    "a chapter went on past its deadline": 5 * MINUTE,
    "a refusal was judged late": 5 * MINUTE,
    "an outcome was written late": 2 * MINUTE,
  },
  /**
   * What waits does so ever longer; messages die of surprises; and the sweep mends it, half an hour
   * and then an hour later.
   */
  faulty: {
    "an attempt was planned late": 3 * HOUR,
    "an attempt was submitted late": 3 * HOUR,
    "a chapter went on past its deadline": 3 * HOUR,
    "a refusal was judged late": 3 * HOUR,
    "an outcome was written late": 3 * HOUR,
  },
  /** Messages are lost as well, and with bad luck what heals them: three in a row take 336 min. */
  lossy: {
    "an attempt was planned late": 7 * HOUR,
    "an attempt was submitted late": 5 * HOUR,
    "a chapter went on past its deadline": 7 * HOUR,
    "a refusal was judged late": 5 * HOUR,
    "an outcome was written late": 5 * HOUR,
  },
} as const;

export function watchPace(deps: LivenessDeps): void {
  const { clock, files, weather, violate } = deps;
  const check = (step: Step, sinceMs: number | undefined, about: string): void => {
    if (sinceMs === undefined) return;
    const lateMs = clock.nowMs() - sinceMs - outagesMs(weather, sinceMs, clock.nowMs());
    if (lateMs > bounds[kindOf(weather)][step])
      violate(step, `${about} ${Math.round(lateMs / MINUTE)} min`);
  };
  files.onFact.push(({ ref, fact }) => {
    switch (ref.kind) {
      case "manifest":
        return check(
          "an attempt was planned late",
          askedFor(files, fact as Manifest)?.atMs,
          ref.path,
        );
      case "submission": {
        const plan = files.get(factRef.manifest(fact as Submission));
        return check("an attempt was submitted late", plan?.atMs, ref.path);
      }
      case "decision":
        return checkDecision(deps, fact as DecisionFact, check);
      case "outcome": {
        const decision = files.get(factRef.decision(fact as OutcomeFact));
        return check("an outcome was written late", decision?.atMs, ref.path);
      }
    }
  });
}

function checkDecision(
  { files }: LivenessDeps,
  decision: DecisionFact,
  check: (step: Step, sinceMs: number | undefined, about: string) => void,
): void {
  const { path } = factRef.decision(decision);
  const submission = files.get(factRef.submission(decision));
  if (submission !== undefined && !isRefused(submission.fact)) {
    const deadlineMs = Math.max(msOf(submission.fact.deadline), submission.atMs);
    check("a chapter went on past its deadline", deadlineMs, path);
    return;
  }
  const before = submission ?? files.get(factRef.manifest(decision));
  check("a refusal was judged late", before?.atMs, path);
}

const kindOf = ({ isFaulty, lost }: Weather): keyof typeof bounds =>
  !isFaulty ? "calm" : lost > 0 ? "lossy" : "faulty";

/**
 * What lies between, and as long again: whoever waits does so ever longer, and everybody comes back
 * at once.
 */
function outagesMs({ outages, blackout }: Weather, fromMs: number, toMs: number): number {
  const spans = Object.values(outages).filter((span) => span.fromMs < toMs && span.toMs > fromMs);
  const ms = spans.reduce((sum, span) => sum + span.toMs - span.fromMs, blackout?.lastsMs ?? 0);
  return ms === 0 ? 0 : 2 * ms + HOUR;
}
