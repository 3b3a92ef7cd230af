// Whether a run may start now: its job limits how many of its runs are active, and so does the
// workspace.
import type { JobLimits } from "../runs/limits.ts";
import type { RunRecord } from "../runs/model.ts";
import type { RunStore } from "./run-store.ts";

export type Place = "start" | { readonly code: string; readonly message: string };

export function placeOf(run: RunRecord, runs: RunStore, limits: JobLimits): Place {
  if (run.loop !== undefined) return "start"; // its own run has its place already, and waits for it
  const concurrentMax = maxConcurrentRuns(run, runs);
  if (runs.job(run.jobId) !== undefined && occupied(run, runs) >= concurrentMax)
    return {
      code: "MAX_CONCURRENT_RUNS_REACHED",
      message: `Queued because the maximum of ${concurrentMax} concurrent runs of the job is reached.`,
    };
  if (runs.activeCount() - runs.queuedRuns().length >= limits.activeRunsMax)
    return {
      code: "ACTIVE_RUNS_LIMIT_REACHED",
      message: `Queued because the workspace's limit of ${limits.activeRunsMax} active runs is reached.`,
    };
  return "start";
}

/** The platform's default is 1. */
export const maxConcurrentRuns = (run: RunRecord, runs: RunStore): number =>
  runs.job(run.jobId)?.settings.max_concurrent_runs ?? 1;

function occupied(run: RunRecord, runs: RunStore): number {
  return runs
    .activeRuns()
    .filter(
      (other) =>
        other.jobId === run.jobId && other.runId !== run.runId && other.queued === undefined,
    ).length;
}
