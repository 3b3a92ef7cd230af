// The truth about an attempt. The judge sees words and files; this sees how the run was
// meant to end.
import type { ExecutorManifest } from "../../shared/domain/contract.ts";
import { isRefused, type Manifest, type Submission, Verdict } from "../../shared/domain/facts.ts";
import { msOf } from "../../shared/domain/time.ts";
import { MINUTE } from "./clock.ts";
import { endingOf } from "./endings.ts";
import type { FactEntry } from "./files.ts";
import { isReadableOutput } from "./output.ts";
import type { Run } from "./runs.ts";
import { CLOCKS_OFF_MS_MAX } from "./weather.ts";
import { goal } from "./workloads.ts";

export type Truth = {
  readonly manifest: Manifest;
  readonly submission: Submission | undefined;
  readonly run: Run | undefined;
  readonly entry: FactEntry<"decision">;
  readonly nowMs: number;
  /** Whoever judged took the principal that created it for nobody of ours. */
  readonly isDisowned: boolean;
};

/**
 * The verdicts that are not wrong. More than one where a run was repaired, or where it matters when
 * somebody looked.
 */
export function allowedVerdicts(truth: Truth): readonly Verdict[] {
  const { manifest, submission, run, entry, nowMs } = truth;
  if ("stopped" in manifest) return ["cancelled"];
  if (submission === undefined) return [];
  if ("refused" in submission) return ["rejected"];
  if (run === undefined) return ["lost"]; // it was somebody else's, and gone before anybody could look
  const unseen = unseenVerdicts(truth, run);
  if (unseen !== undefined) return unseen;
  if (isChangedSince(run, entry.sinceMs)) return everyVerdict;
  const allowed = new Set<Verdict>();
  for (const ending of run.endings)
    for (const verdict of endingOf(ending).verdicts)
      if (ending !== "success" || verdict !== "task_failed" || saysFailed(run))
        allowed.add(verdict);
  const ended = run.endings.includes("success") || run.endings.includes("success_with_failures");
  if (manifest.allow_failures && ended) allowed.add("succeeded").add("unreported");
  if (nowMs >= run.lostFromMs) allowed.add("lost");
  if (run.endings.includes("limbo") && nowMs <= msOf(submission.deadline))
    allowed.delete("unknown");
  if (!isTrulySucceeded(run, manifest, nowMs)) allowed.delete("succeeded");
  if (isReported(truth, run)) allowed.delete("unreported");
  // It was changed, or hidden, while it was judged.
  if (isHiddenForLong(truth, run)) allowed.add("unknown");
  if (run.repairedMs === undefined && run.ending === "cancelled")
    allowed.delete(run.endMs < msOf(submission.deadline) ? "timed_out" : "cancelled");
  return [...allowed];
}

/**
 * What nobody can judge, because it is not ours to see, or not what was submitted: never a success,
 * whatever it says.
 */
function unseenVerdicts(truth: Truth, run: Run): readonly Verdict[] | undefined {
  const { entry, isDisowned, nowMs } = truth;
  const isOverridden = run.overriddenMs !== undefined && run.overriddenMs < entry.sinceMs;
  const isUnseen =
    isHiddenForLong(truth, run) && run.hidden !== undefined && run.hidden.fromMs < entry.sinceMs;
  if (!isOverridden && !isUnseen && !isDisowned) return undefined;
  return nowMs >= run.lostFromMs ? ["unknown", "lost"] : ["unknown"];
}

/** Permissions may show late: what cannot be seen is not judged for ten minutes. */
const isHiddenForLong = ({ submission, nowMs }: Truth, { hidden }: Run): boolean =>
  hidden !== undefined &&
  hidden.toMs > nowMs &&
  submission !== undefined &&
  !isRefused(submission) &&
  nowMs - msOf(submission.submitted_at) > 10 * MINUTE - CLOCKS_OFF_MS_MAX;

/** Somebody repaired it while it was judged: what was read before is gone. */
export const isChangedSince = ({ repairedMs = 0 }: Run, sinceMs: number): boolean =>
  repairedMs >= sinceMs;

const everyVerdict: readonly Verdict[] = Verdict.options;

const saysFailed = ({ result, output }: Run): boolean =>
  result?.kind === "honest" && result.status === "FAILED" && isReadableOutput(output);

/**
 * A good result was there before anybody judged, or showed so soon that it had to be waited for
 * (two minutes).
 */
const isReported = ({ entry }: Truth, { result, output, endMs, repairedMs }: Run): boolean =>
  repairedMs === undefined &&
  isReadableOutput(output) &&
  result?.kind === "honest" &&
  (result.fromMs <= entry.sinceMs || result.fromMs <= endMs + SETTLES_MS);

/**
 * A little less than two minutes: whoever looked just before must have looked after them as well.
 */
const SETTLES_MS = 110_000;

/**
 * Success in both the run and its result, and what its goal was is met; fickle code gets the
 * benefit of the doubt.
 */
export function isTrulySucceeded(
  { endings, result, output }: Run,
  manifest: ExecutorManifest,
  nowMs: number,
): boolean {
  const ran =
    endings.includes("success") ||
    (manifest.allow_failures && endings.includes("success_with_failures"));
  return (
    ran &&
    isReadableOutput(output) &&
    result !== undefined &&
    result.kind === "honest" &&
    result.status === "SUCCESS" &&
    result.fromMs <= nowMs
  );
}

/** Whether the goal of the run was met by this attempt, as far as the world knows. */
export function isGoalMet({ result }: Run, manifest: ExecutorManifest): boolean {
  if (result === undefined) return false;
  if (manifest.gate.length > 0)
    return (result.isFickle || result.error <= goal.error) && (result.rows ?? 0) >= goal.rows;
  return result.finished || manifest.single_iteration;
}
