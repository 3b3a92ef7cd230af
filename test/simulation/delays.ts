// Messages that are to wait do wait: an early one asks a platform that is out of order, or too
// early.
import { type AttemptKey, factRef, isRefused } from "../../shared/domain/facts.ts";
import type { AskedBy } from "../../shared/domain/messages.ts";
import { msOf } from "../../shared/domain/time.ts";
import type { QueueName } from "../../shared/topology.ts";
import { SECOND } from "./clock.ts";
import type { LivenessDeps } from "./liveness-deps.ts";
import { parsed } from "./parsed.ts";
import type { Caller } from "./port-call.ts";
import { planOf } from "./view.ts";
import { CLOCKS_OFF_MS_MAX } from "./weather.ts";

type Sent = AttemptKey & {
  readonly tries?: number;
  readonly by?: AskedBy;
  readonly deadline?: string;
  readonly early?: number;
  readonly not_before?: string;
  readonly submitted_at?: string;
  readonly looks?: number;
  readonly looks_then?: number;
};

/** SQS takes no longer DelaySeconds, and no fraction. */
const DELAY_SECONDS_MAX = 900;

export function watchDelays(deps: LivenessDeps): void {
  deps.sqs.onSend.push((queue, body, { caller, delaySeconds = 0 }) => {
    if (caller === undefined) return;
    const isDelay = Number.isInteger(delaySeconds) && delaySeconds >= 0;
    if (!isDelay || delaySeconds > DELAY_SECONDS_MAX)
      deps.violate("SQS takes no such delay", `${queue} ${delaySeconds} s`);
    const least = leastSeconds(deps, queue, parsed<Sent>(body), caller);
    if (delaySeconds < least)
      deps.violate("sent too early", `${queue} ${body} after ${delaySeconds} s, not ${least}`);
    const most = mostSeconds(deps, queue, parsed<Sent>(body), caller);
    if (delaySeconds > most)
      deps.violate("sent too late", `${queue} ${body} after ${delaySeconds} s, not ${most}`);
  });
}

function leastSeconds(
  deps: LivenessDeps,
  queue: QueueName,
  sent: Sent,
  { purpose, calledMs }: Caller,
): number {
  // A fifth less at most, so that what waits does not come back all at once. What waits for its
  // window waits no longer than that, by the clock of whoever sends it.
  const isHeld = msOf(sent.not_before ?? "") > calledMs - CLOCKS_OFF_MS_MAX;
  if (purpose === queue && (sent.tries ?? 0) > 0 && !isHeld)
    return 0.8 * Math.min(15 * 2 ** ((sent.tries ?? 1) - 1), DELAY_SECONDS_MAX);
  switch (queue) {
    case "orders":
      return (sent.early ?? 0) > 0 && sent.tries === 0 ? 300 : 0;
    case "turns":
      return purpose === "reports" ? beforeNextTry(deps, sent) : 0;
    case "reports":
      return purpose === "reports" ? 30 : isTurn(purpose) ? beforeRefusalCounts(deps, sent) : 0;
    case "watches":
      return isTurn(purpose) ? 1 : purpose === "watches" ? whileUntouchable(deps, sent) : 0;
    default:
      return 0;
  }
}

/** A ticket does its first turn itself. */
const isTurn = (purpose: string): boolean => ["turns", "tickets", "orders"].includes(purpose);

function mostSeconds(
  deps: LivenessDeps,
  queue: QueueName,
  sent: Sent,
  { purpose, calledMs }: Caller,
): number {
  if ((sent.tries ?? 0) > 0) return DELAY_SECONDS_MAX;
  if (queue === "turns" && purpose === "reports") return beforeNextTry(deps, sent);
  if (queue !== "watches" || purpose !== "watches" || sent.deadline === undefined)
    return DELAY_SECONDS_MAX;
  // One look a little after the deadline is enough; then one a minute.
  const leftMs = msOf(sent.deadline) - calledMs;
  const untilDeadline =
    leftMs > CLOCKS_OFF_MS_MAX ? (leftMs + CLOCKS_OFF_MS_MAX) / SECOND + 10 : 70;
  return Math.min(untilDeadline, asLongAsItWent(deps, sent));
}

/** A watch that looked so often since it last found the marker as it had written it. */
const LOOKS_UNTOUCHED = 12;

/** Copies of a watch multiply with its looks until the marker can be written again. */
function whileUntouchable({ clock }: LivenessDeps, sent: Sent): number {
  const { looks = 0, looks_then = 0, deadline = "" } = sent;
  if ((sent.tries ?? 0) > 0 || Math.abs(looks - looks_then) <= LOOKS_UNTOUCHED) return 0;
  const left = (msOf(deadline) - clock.nowMs() - CLOCKS_OFF_MS_MAX) / SECOND;
  return left <= 0 ? 0 : Math.min(300, left);
}

/**
 * A run that fails early is noticed after twice its time at most, whatever was learned of others.
 */
function asLongAsItWent({ clock, weather }: LivenessDeps, sent: Sent): number {
  if (sent.submitted_at === undefined) return DELAY_SECONDS_MAX;
  const age = (clock.nowMs() - msOf(sent.submitted_at) + CLOCKS_OFF_MS_MAX) / SECOND;
  // Where the marker could not be written, looks are rare (see above).
  return Math.max(weather.isFaulty ? 300 : 30, age) + 3;
}

/**
 * The next iteration begins at once, another try of the same one does not, and waits twice as long
 * each time; least of all where there was no compute. Tries are counted within their chapter: what
 * a person reopens does not wait for what was tried before.
 */
function beforeNextTry({ files }: LivenessDeps, { run_id, iter_n, by }: Sent): number {
  if (by === undefined || !("iter_n" in by) || by.iter_n !== iter_n) return 0;
  const decision = files.get(factRef.decision({ run_id, ...by }))?.fact;
  const plan = files.get(factRef.manifest({ run_id, ...by }))?.fact;
  const first = decision?.verdict === "capacity" ? 300 : 60;
  return Math.min(first * 2 ** ((plan?.try ?? 1) - 1), DELAY_SECONDS_MAX);
}

/** No call that could still start a run lives so long. */
function beforeRefusalCounts({ files }: LivenessDeps, sent: Sent): number {
  const submission = files.get(factRef.submission(sent));
  const isToSettle = submission !== undefined && isRefused(submission.fact);
  return isToSettle && planOf(files, sent) !== undefined ? 150 : 0;
}
