// The run-poller looks once at a Databricks run. If the run is over, it reports that. If not, it
// looks again later. If the run is late, it gives up, and giving up means cancelling. Nothing is
// held while waiting.
import { messageOf } from "../../shared/domain/body.ts";
import { jitterOf, nextLook, scaledSeconds } from "../../shared/domain/cadence.ts";
import { phaseOf, type RunPhase } from "../../shared/domain/databricks-run.ts";
import { PoisonMessageError } from "../../shared/domain/errors.ts";
import { factRef, isRefused, type Marker } from "../../shared/domain/facts.ts";
import {
  isOfAttempt,
  isOutnumbered,
  numberOf,
  TOUCH_LOOKS,
  TOUCH_SECONDS,
  touched,
} from "../../shared/domain/marker.ts";
import { endedOf, messageLimits, type Watch } from "../../shared/domain/messages.ts";
import { FORBIDDEN_SECONDS_MAX, isCreatedByUs } from "../../shared/domain/ours.ts";
import { isoOf, msOf } from "../../shared/domain/time.ts";
import { attemptFields } from "../../shared/domain/trace.ts";
import type { RequeueOptions } from "../../shared/edge/requeue-on-trouble.ts";
import type {
  ClockPort,
  FactsPort,
  IdentityPort,
  JobsPort,
  LogPort,
  MarkersPort,
  QueuesPort,
  RunLook,
  SettingsPort,
} from "../../shared/ports.ts";

export type WatchDeps = FactsPort &
  MarkersPort &
  JobsPort &
  IdentityPort &
  QueuesPort<"watches" | "reports"> &
  ClockPort &
  LogPort &
  SettingsPort;

/** The wait after a cancellation at the deadline: Databricks takes its time to end a run. */
const AFTER_DEADLINE_SECONDS = 60;
/**
 * A watch is ahead of its marker by the touches whose write failed. A number further ahead was made
 * up by somebody.
 */
const NUMBERS_AHEAD_MAX = 100;
/**
 * The looks while the marker cannot be written. The marker is then behind the watch, and no watch
 * is outnumbered. So looks must be rare, or copies of the watch would double again and again.
 * Nothing could be decided then, either.
 */
const UNTOUCHABLE_SECONDS = 300;
/** A little past the deadline, so that one look there is enough. */
const BEYOND_DEADLINE_SECONDS = 5;

export async function watchRun(
  deps: WatchDeps,
  message: Watch,
  delivery: Traced = {},
): Promise<void> {
  const { due, marker, watch, traceparent } = await checkedIfDue(deps, message, delivery);
  const look = await deps.jobs.get(watch.databricks_run_id);
  const phase = await phaseSeen(deps, watch, look);
  const nowMs = deps.clock.nowMs();
  const endedMs = look.kind === "run" ? look.run.endedMs : undefined;
  deps.log("attempt.looked", {
    ...logged({ ...watch, traceparent }),
    state: phase,
    count: watch.looks + 1,
    ...(endedMs !== undefined && { lag_ms: nowMs - endedMs }),
  });
  if (phase === "over") return await deps.queues.send("reports", endedOf(watch), { traceparent });
  const said = sayOnce(deps, { ...watch, traceparent }, phase, look);
  // A younger watch is on its way, so this one ends after its look.
  if (isOutnumbered(marker, watch)) return;
  if (nowMs > msOf(watch.deadline) && !(await giveUp(deps, watch))) return;
  if (phase === "unknown" && nowMs > msOf(watch.deadline))
    return await deps.queues.send("reports", endedOf(watch), { traceparent });
  const ranFromMs = look.kind === "run" ? look.run.ranFromMs : undefined;
  const going = { due, marker, phase, ranFromMs, traceparent };
  await goOn(deps, { ...watch, ...(said !== undefined && { said }) }, going);
}

/**
 * The phase of the run that was seen. A run that is not ours is no run to wait for, and the judge
 * says so at once. It was taken for ours before creators were looked at, or somebody has repaired
 * it since.
 */
async function phaseSeen(deps: WatchDeps, watch: Watch, look: RunLook): Promise<RunPhase> {
  switch (look.kind) {
    case "gone":
      return "over";
    case "forbidden": {
      const ageMs = deps.clock.nowMs() - msOf(watch.submitted_at);
      const isLong = ageMs > FORBIDDEN_SECONDS_MAX * deps.settings.timeScale * 1000;
      return isLong ? "over" : "running";
    }
    case "run":
      return isCreatedByUs(look.run, await deps.identity.own()) ? phaseOf(look.run) : "over";
  }
}

/** Logs an unknown state once, not at every look: the watch remembers it. */
function sayOnce(
  deps: WatchDeps,
  watch: Watch & Traced,
  phase: RunPhase,
  look: RunLook,
): string | undefined {
  if (phase !== "unknown" || look.kind !== "run") return watch.said;
  const state = (look.run.state ?? look.run.lifeCycleState ?? "").slice(0, 200);
  if (state !== watch.said) deps.log("state.unknown", { ...logged(watch), state });
  return state;
}

/** The trace from the message, or from the submission. */
type Traced = { readonly traceparent?: string | undefined };
type Seen = { readonly due: boolean; readonly marker: Marker | undefined };

/**
 * Reads the marker at the first look of a watch, and whenever the watch's own last touch is ten
 * minutes or twenty looks old: not at every look. Then it also takes the watch's times from the
 * submission, because a forged or edited message must not look at a run for ever.
 * @throws PoisonMessageError if no submission asks for such a watch
 */
async function checkedIfDue(
  deps: WatchDeps,
  watch: Watch,
  { traceparent }: Traced,
): Promise<Seen & Traced & { readonly watch: Watch }> {
  const due =
    watch.touched_at === undefined || isOld(deps, watch.touched_at) || hasLookedOften(watch);
  if (!due) return { due, marker: undefined, watch, traceparent };
  const submission = (await deps.facts.read(factRef.submission(watch)))?.fact;
  const isMeant =
    submission !== undefined &&
    !isRefused(submission) &&
    submission.chapter === watch.chapter &&
    submission.databricks_run_id === watch.databricks_run_id;
  if (!isMeant)
    throw new PoisonMessageError(
      `attempt ${watch.iter_n}.${watch.attempt} of run ${watch.run_id} has no submission in chapter ${watch.chapter} with the Databricks run ${watch.databricks_run_id}, so there is nothing to watch`,
    );
  const { submitted_at, deadline, pace } = submission;
  const { pace: _, ...rest } = watch;
  const marker = await deps.markers.read(watch);
  const number = believable(marker, watch);
  return {
    due,
    marker,
    watch: { ...rest, submitted_at, deadline, number, ...(pace !== undefined && { pace }) },
    traceparent: submission.traceparent ?? traceparent,
  };
}

/** True if a time is ten minutes ago, or in a future that only a forger knows. */
const isOld = ({ clock, settings }: WatchDeps, at: string): boolean =>
  Math.abs(clock.nowMs() - msOf(at)) > TOUCH_SECONDS * settings.timeScale * 1000;

/** If watches looked more often between two touches, their copies would multiply. */
const hasLookedOften = ({ looks, looks_then = 0 }: Watch): boolean =>
  Math.abs(looks - looks_then) >= TOUCH_LOOKS;

/**
 * Whether the look has to touch the marker: it is gone, at an earlier attempt, or untouched for ten
 * minutes or for many looks.
 */
const mustTouch = (deps: WatchDeps, watch: Watch, { due, marker }: Seen): boolean =>
  due &&
  (marker === undefined ||
    !isOfAttempt(marker, watch) ||
    isOld(deps, marker.touched_at) ||
    hasLookedOften(watch));

/**
 * Cancels a run past its deadline. The submission's deadline counts, not the message's. A run that
 * goes on after its decision is not ours to end: somebody repaired it by hand.
 * @returns false if the message was wrong or old, so that the watch must end
 */
async function giveUp(deps: WatchDeps, watch: Watch): Promise<boolean> {
  const submission = (await deps.facts.read(factRef.submission(watch)))?.fact;
  if (submission === undefined || isRefused(submission)) return false;
  if (deps.clock.nowMs() <= msOf(submission.deadline)) return false;
  if ((await deps.facts.read(factRef.decision(watch))) !== undefined) return false;
  await deps.jobs.cancel(submission.databricks_run_id);
  const { traceparent } = submission;
  deps.log("attempt.cancelled", {
    ...logged({ ...watch, traceparent }),
    reason: "it is past its deadline",
  });
  return true;
}

type Going = Seen &
  Traced & {
    readonly phase: RunPhase;
    /** The time at which its code started, by Databricks' clock. */
    readonly ranFromMs: number | undefined;
  };

/**
 * Sends the next watch, then touches the marker if that is due. In the other order, both could be
 * lost.
 */
async function goOn(deps: WatchDeps, watch: Watch, going: Going): Promise<void> {
  const nowMs = deps.clock.nowMs();
  const touches = mustTouch(deps, watch, going);
  const isBehind = going.due && numberOf(going.marker, watch) < watch.number;
  const number = touches ? numberAbove(going.marker, watch) : watch.number;
  const read = going.due ? going.marker?.touched_at : watch.touched_at;
  const touched_at = touches ? isoOf(nowMs) : read;
  const next: Watch = {
    ...watch,
    number,
    looks: Math.min(watch.looks + 1, messageLimits.looksMax),
    tries: 0,
    ...(touched_at !== undefined && { touched_at }),
    ...(going.due && !isBehind && { looks_then: watch.looks }),
  };
  const delaySeconds = delayOf(deps, watch, { ...going, isBehind });
  const { traceparent } = going;
  await deps.queues.send("watches", next, { delaySeconds, traceparent });
  if (touches) await touch(deps, touched(watch, watch, number, nowMs));
}

/**
 * Touches the marker. The watch is on its way, so a failure here is no reason to send a second one:
 * on a volume that can only be read, watches would double every ten minutes. The touch is due again
 * in ten minutes.
 */
async function touch(deps: WatchDeps, marker: Marker): Promise<void> {
  try {
    await deps.markers.write(marker);
  } catch (error) {
    const { run_id, chapter } = marker;
    deps.log("platform.troubled", { run_id, chapter, reason: messageOf(error), error });
  }
}

/** The number of a watch, as far as it can be true: a made-up number would never be outnumbered. */
const believable = (marker: Marker | undefined, watch: Watch): number =>
  Math.min(watch.number, numberOf(marker, watch) + NUMBERS_AHEAD_MAX);

/** A number above the marker's and the watch's own. */
const numberAbove = (marker: Marker | undefined, watch: Watch): number =>
  Math.max(numberOf(marker, watch), believable(marker, watch)) + 1;

/** The delay until the next look, in the time of this plane; never far beyond the deadline. */
function delayOf(
  { clock, settings }: WatchDeps,
  watch: Watch,
  { phase, ranFromMs, isBehind }: Going & { readonly isBehind: boolean },
): number {
  const nowMs = clock.nowMs();
  const { timeScale } = settings;
  const seconds = (sinceMs: number): number => Math.max(0, nowMs - sinceMs) / 1000 / timeScale;
  const wait = nextLook({
    ageSeconds: seconds(msOf(watch.submitted_at)),
    ranSeconds: ranFromMs && seconds(ranFromMs),
    phase,
    pace: watch.pace,
    jitter: jitterOf(`${watch.databricks_run_id}/${watch.looks}`),
  });
  const look = scaledSeconds(isBehind ? Math.max(wait, UNTOUCHABLE_SECONDS) : wait, timeScale);
  const left = Math.ceil((msOf(watch.deadline) - nowMs) / 1000);
  if (left <= 0) return scaledSeconds(AFTER_DEADLINE_SECONDS, timeScale);
  return Math.max(1, Math.min(look, left + BEYOND_DEADLINE_SECONDS));
}

/**
 * Requeues a watch in platform trouble. It keeps to the marker's rule as well, so that waiting does
 * not multiply: the watch ends if a younger one waits already, or if the marker is gone and with it
 * the chapter.
 */
export async function requeueWatch(
  deps: WatchDeps,
  watch: Watch,
  options: RequeueOptions,
): Promise<void> {
  const read = await deps.markers.read(watch).then(
    (marker) => ({ marker }),
    () => undefined, // the trouble may be the facts' own: wait, as a watch that read nothing
  );
  if (read === undefined) return await deps.queues.send("watches", watch, options);
  const { marker } = read;
  if (marker === undefined) return;
  if (isOutnumbered(marker, watch)) return;
  if (isOfAttempt(marker, watch) && !isOld(deps, marker.touched_at))
    return await deps.queues.send("watches", watch, options);
  const nowMs = deps.clock.nowMs();
  const raised = numberAbove(marker, watch);
  const next = { ...watch, number: raised, touched_at: isoOf(nowMs) };
  await deps.queues.send("watches", next, options);
  await touch(deps, touched(watch, watch, raised, nowMs));
}

const logged = (watch: Watch & Traced) => ({
  ...attemptFields(watch),
  databricks_run_id: watch.databricks_run_id,
});
