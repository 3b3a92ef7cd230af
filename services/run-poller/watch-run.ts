// The run-poller watches: one look at a Databricks run. Over: it says so. Not over: it looks again later. Late: it gives up,
// and giving up means cancelling. Nothing is held while waiting.
import { jitterOf, nextLook, scaledSeconds } from "../../shared/domain/cadence.ts";
import { phaseOf, type RunPhase } from "../../shared/domain/databricks-run.ts";
import { factRef, isRefused, type Marker } from "../../shared/domain/facts.ts";
import { isOfAttempt, numberOf, TOUCH_SECONDS, touched } from "../../shared/domain/marker.ts";
import { endedOf, messageLimits, type Watch } from "../../shared/domain/messages.ts";
import { isoOf, msOf } from "../../shared/domain/time.ts";
import type { WaitOut } from "../../shared/lambda.ts";
import type {
  ClockPort,
  FactsPort,
  JobsPort,
  LogPort,
  MarkersPort,
  QueuesPort,
  SettingsPort,
} from "../../shared/ports.ts";

export type WatchDeps = FactsPort &
  MarkersPort &
  JobsPort &
  QueuesPort<"watches" | "reports"> &
  ClockPort &
  LogPort &
  SettingsPort;

/** After a cancellation at the deadline: Databricks takes its time to end a run. */
const AFTER_DEADLINE_SECONDS = 60;
/** Past the deadline by a little, so that one look there is enough. */
const BEYOND_DEADLINE_SECONDS = 5;

export const watchRun =
  (deps: WatchDeps) =>
  async (watch: Watch, { traceparent }: { readonly traceparent?: string | undefined } = {}) => {
    const { due, marker } = await markerIfDue(deps, watch);
    const look = await deps.jobs.get(watch.databricks_run_id);
    const phase: RunPhase = look.kind === "gone" ? "over" : phaseOf(look.run);
    const nowMs = deps.clock.nowMs();
    deps.log("attempt.looked", { ...logged(watch), state: phase, count: watch.looks + 1 });
    if (phase === "over") return deps.queues.send("reports", endedOf(watch), traced(traceparent));
    if (phase === "unknown" && look.kind === "run")
      deps.log("state.unknown", {
        ...logged(watch),
        state: look.run.state ?? look.run.lifeCycleState ?? "",
      });
    // A younger watch is on its way: this one has looked once more, and ends.
    if (numberOf(marker, watch) > watch.number) return;
    if (nowMs > msOf(watch.deadline) && !(await giveUp(deps, watch))) return;
    if (phase === "unknown" && nowMs > msOf(watch.deadline))
      return deps.queues.send("reports", endedOf(watch), traced(traceparent));
    await goOn(deps, watch, { due, marker, phase, traceparent });
  };

type Seen = { readonly due: boolean; readonly marker: Marker | undefined };

/** A watch reads the marker at its first look, and whenever its own last touch is ten minutes old: not at every look. */
async function markerIfDue(deps: WatchDeps, watch: Watch): Promise<Seen> {
  const due = watch.touched_at === undefined || isOld(deps, watch.touched_at);
  return { due, marker: due ? await deps.markers.read(watch) : undefined };
}

const isOld = ({ clock, settings }: WatchDeps, at: string): boolean =>
  clock.nowMs() - msOf(at) > TOUCH_SECONDS * settings.timeScale * 1000;

/** Whether the look has to touch: the marker is gone, at an earlier attempt, or has been left alone for ten minutes. */
const mustTouch = (deps: WatchDeps, watch: Watch, { due, marker }: Seen): boolean =>
  due && (marker === undefined || !isOfAttempt(marker, watch) || isOld(deps, marker.touched_at));

/**
 * Cancels what is past its deadline: the deadline that the submission has, not the one that the message says.
 * @returns false where the message was wrong, and this watch is nobody's.
 */
async function giveUp(deps: WatchDeps, watch: Watch): Promise<boolean> {
  const submission = (await deps.facts.read(factRef.submission(watch)))?.fact;
  if (submission === undefined || isRefused(submission)) return false;
  if (deps.clock.nowMs() <= msOf(submission.deadline)) return false;
  await deps.jobs.cancel(submission.databricks_run_id);
  deps.log("attempt.cancelled", { ...logged(watch), reason: "it is past its deadline" });
  return true;
}

type Going = Seen & { readonly phase: RunPhase; readonly traceparent: string | undefined };

/** Sends the next watch, then touches the marker where that is due: never the other way round, or both could be lost. */
async function goOn(deps: WatchDeps, watch: Watch, going: Going): Promise<void> {
  const nowMs = deps.clock.nowMs();
  const touches = mustTouch(deps, watch, going);
  const number = touches ? Math.max(numberOf(going.marker, watch), watch.number) + 1 : watch.number;
  const read = going.due ? going.marker?.touched_at : watch.touched_at;
  const touched_at = touches ? isoOf(nowMs) : read;
  const next: Watch = {
    ...watch,
    number,
    looks: Math.min(watch.looks + 1, messageLimits.looksMax),
    tries: 0,
    ...(touched_at !== undefined && { touched_at }),
  };
  const delaySeconds = delayOf(deps, watch, going.phase);
  await deps.queues.send("watches", next, { delaySeconds, ...traced(going.traceparent) });
  if (touches) await deps.markers.write(touched(watch, watch, number, nowMs));
}

/** Until the next look, in the time of this plane; never far beyond the deadline. */
function delayOf({ clock, settings }: WatchDeps, watch: Watch, phase: RunPhase): number {
  const nowMs = clock.nowMs();
  const { timeScale } = settings;
  const age = (nowMs - msOf(watch.submitted_at)) / 1000 / timeScale;
  const jitter = jitterOf(`${watch.databricks_run_id}/${watch.looks}`);
  const look = scaledSeconds(nextLook(age, phase, undefined, jitter), timeScale);
  const left = Math.ceil((msOf(watch.deadline) - nowMs) / 1000);
  if (left <= 0) return scaledSeconds(AFTER_DEADLINE_SECONDS, timeScale);
  return Math.max(1, Math.min(look, left + BEYOND_DEADLINE_SECONDS));
}

/**
 * A watch that waits out platform trouble keeps to the marker's rule as well, so that waiting does not multiply: it ends where
 * a younger one waits already, or where the marker is gone and with it the chapter.
 */
export const waitOutWatch =
  (deps: WatchDeps): WaitOut<Watch> =>
  async (watch, delaySeconds) => {
    const read = await deps.markers.read(watch).then(
      (marker) => ({ marker }),
      () => undefined, // the trouble may be the facts' own: wait, as a watch that read nothing
    );
    if (read === undefined) return deps.queues.send("watches", watch, { delaySeconds });
    const { marker } = read;
    if (marker === undefined) return;
    const number = numberOf(marker, watch);
    if (number > watch.number) return;
    if (isOfAttempt(marker, watch) && !isOld(deps, marker.touched_at))
      return deps.queues.send("watches", watch, { delaySeconds });
    const nowMs = deps.clock.nowMs();
    const raised = Math.max(number, watch.number) + 1;
    const next = { ...watch, number: raised, touched_at: isoOf(nowMs) };
    await deps.queues.send("watches", next, { delaySeconds });
    await deps.markers.write(touched(watch, watch, raised, nowMs));
  };

const traced = (traceparent: string | undefined) =>
  traceparent === undefined ? {} : { traceparent };

const logged = ({ run_id, chapter, iter_n, attempt, databricks_run_id }: Watch) => ({
  run_id,
  chapter,
  iter_n,
  attempt,
  databricks_run_id,
});
