// What is to wait waits: whoever asks again at once asks a platform that is out of order, or too early.
import { type AttemptKey, factRef, isRefused } from "../../shared/domain/facts.ts";
import type { AskedBy } from "../../shared/domain/messages.ts";
import type { QueueName } from "../../shared/topology.ts";
import type { LivenessDeps } from "./liveness.ts";
import { parsed } from "./parsed.ts";
import { planOf } from "./view.ts";

type Sent = AttemptKey & { readonly tries?: number; readonly by?: AskedBy };

/** SQS takes no longer DelaySeconds, and no fraction. */
const DELAY_SECONDS_MAX = 900;

export function watchDelays(deps: LivenessDeps): void {
  deps.sqs.onSend.push((queue, body, { caller, delaySeconds = 0 }) => {
    if (caller === undefined) return;
    const isDelay = Number.isInteger(delaySeconds) && delaySeconds >= 0;
    if (!isDelay || delaySeconds > DELAY_SECONDS_MAX)
      deps.violate("SQS takes no such delay", `${queue} ${delaySeconds} s`);
    const least = leastSeconds(deps, queue, parsed<Sent>(body), caller.purpose);
    if (delaySeconds < least)
      deps.violate("sent too early", `${queue} ${body} after ${delaySeconds} s, not ${least}`);
  });
}

function leastSeconds(deps: LivenessDeps, queue: QueueName, sent: Sent, purpose: string): number {
  // A fifth less at most, so that what waits does not come back all at once.
  if (purpose === queue && (sent.tries ?? 0) > 0)
    return 0.8 * Math.min(15 * 2 ** ((sent.tries ?? 1) - 1), DELAY_SECONDS_MAX);
  switch (queue) {
    case "turns":
      return purpose === "reports" ? beforeNextTry(deps, sent) : 0;
    case "reports":
      return purpose === "reports" ? 30 : isTurn(purpose) ? beforeRefusalCounts(deps, sent) : 0;
    case "watches":
      return isTurn(purpose) ? 30 : 0;
    default:
      return 0;
  }
}

/** A ticket does its first turn itself. */
const isTurn = (purpose: string): boolean => purpose === "turns" || purpose === "tickets";

/** The next iteration begins at once, another try of the same one does not; least of all where there was no compute. */
function beforeNextTry({ files }: LivenessDeps, { run_id, iter_n, by }: Sent): number {
  if (by === undefined || !("iter_n" in by) || by.iter_n !== iter_n) return 0;
  const decision = files.get(factRef.decision({ run_id, ...by }))?.fact;
  return decision?.verdict === "capacity" ? 300 : 60;
}

/** No call that could still start a run lives so long. */
function beforeRefusalCounts({ files }: LivenessDeps, sent: Sent): number {
  const submission = files.get(factRef.submission(sent));
  const isToSettle = submission !== undefined && isRefused(submission.fact);
  return isToSettle && planOf(files, sent) !== undefined ? 150 : 0;
}
