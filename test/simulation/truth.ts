// What may truly be said of an attempt. The judge sees words and files; this sees how the run was meant to end.
import type { ExecutorManifest } from "../../shared/domain/contract.ts";
import type { Manifest, Submission, Verdict } from "../../shared/domain/facts.ts";
import { msOf } from "../../shared/domain/time.ts";
import type { Run } from "./databricks.ts";
import { endingOf } from "./endings.ts";
import type { FactEntry } from "./files.ts";
import { goal } from "./workloads.ts";

export type Truth = {
  readonly manifest: Manifest;
  readonly submission: Submission | undefined;
  readonly run: Run | undefined;
  readonly entry: FactEntry<"decision">;
  readonly nowMs: number;
};

/** The verdicts that are not wrong. More than one where a run was repaired, or where it matters when somebody looked. */
export function allowedVerdicts(truth: Truth): readonly Verdict[] {
  const { manifest, submission, run, nowMs } = truth;
  if ("stopped" in manifest) return ["cancelled"];
  if (submission === undefined) return [];
  if ("refused" in submission) return ["rejected"];
  if (run === undefined) return [];
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
  if (run.repairedMs === undefined && run.ending === "cancelled")
    allowed.delete(run.endMs < msOf(submission.deadline) ? "timed_out" : "cancelled");
  return [...allowed];
}

const saysFailed = ({ result }: Run): boolean =>
  result?.kind === "honest" && result.status === "FAILED";

/** A good result was there before anybody judged, or showed so soon that it had to be waited for (two minutes). */
const isReported = ({ entry }: Truth, { result, endMs, repairedMs }: Run): boolean =>
  repairedMs === undefined &&
  result?.kind === "honest" &&
  (result.fromMs <= entry.sinceMs || result.fromMs <= endMs + SETTLES_MS);

/** A little less than two minutes: whoever looked just before must have looked after them as well. */
const SETTLES_MS = 110_000;

/** Success in both the run and its result, and what its goal was is met; fickle code gets the benefit of the doubt. */
export function isTrulySucceeded(
  { endings, result }: Run,
  manifest: ExecutorManifest,
  nowMs: number,
): boolean {
  const ran =
    endings.includes("success") ||
    (manifest.allow_failures && endings.includes("success_with_failures"));
  return (
    ran &&
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
