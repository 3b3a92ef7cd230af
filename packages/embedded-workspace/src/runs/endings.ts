// The ways in which the platform ends attempts and runs: states, termination codes and their
// sentences in one table.
import type { Ending } from "./model.ts";

const ended = (
  lifeCycleState: string,
  resultState: string | undefined,
  code: string,
  type: string,
  message: string,
): Ending => ({
  lifeCycleState,
  ...(resultState !== undefined && { resultState }),
  code,
  type,
  message,
});

export const success = ended("TERMINATED", "SUCCESS", "SUCCESS", "SUCCESS", "");

export const successWithFailures = ended(
  "TERMINATED",
  "SUCCESS_WITH_FAILURES",
  "SUCCESS_WITH_FAILURES",
  "SUCCESS",
  "",
);

/**
 * The task's own code failed: the sentence was recorded on the cloud (databricks/cli,
 * job_runs/failed_run).
 */
export const workloadFailed = ended(
  "TERMINATED",
  "FAILED",
  "RUN_EXECUTION_ERROR",
  "CLIENT_ERROR",
  "Workload failed, see run output for details.",
);

export const failed = (code: string, type: string, message: string): Ending =>
  ended("INTERNAL_ERROR", "FAILED", code, type, message);

/**
 * Mistakes of the caller that only show when the task starts: a missing file, a wheel that is none.
 */
export const misconfigured = (code: string, message: string): Ending =>
  ended("INTERNAL_ERROR", "FAILED", code, "CLIENT_ERROR", message);

export const cancelledByUser = ended(
  "TERMINATED",
  "CANCELED",
  "USER_CANCELED",
  "CLIENT_ERROR",
  "Run cancelled.",
);

/**
 * A maximum duration reports CANCELED, a person USER_CANCELED (databricks-sdk-go,
 * TerminationCodeCode).
 */
export const timedOut = (seconds: number): Ending =>
  ended(
    "TERMINATED",
    "TIMEDOUT",
    "CANCELED",
    "CLIENT_ERROR",
    `Run timed out: it exceeded its timeout of ${seconds} seconds.`,
  );

export const upstreamFailed = ended(
  "SKIPPED",
  "UPSTREAM_FAILED",
  "SKIPPED",
  "CLIENT_ERROR",
  "The task was skipped because an upstream task failed.",
);
export const upstreamCancelled = ended(
  "SKIPPED",
  "UPSTREAM_CANCELED",
  "SKIPPED",
  "CLIENT_ERROR",
  "The task was skipped because an upstream task was cancelled.",
);
export const excluded = ended(
  "SKIPPED",
  "EXCLUDED",
  "SKIPPED",
  "CLIENT_ERROR",
  "The task was skipped because its run condition was not met.",
);
export const disabled = ended(
  "SKIPPED",
  "DISABLED",
  "DISABLED",
  "CLIENT_ERROR",
  "The task is disabled.",
);

export const tooManyConcurrentRuns = (limit: number): Ending =>
  ended(
    "SKIPPED",
    "MAXIMUM_CONCURRENT_RUNS_REACHED",
    "MAX_CONCURRENT_RUNS_EXCEEDED",
    "CLIENT_ERROR",
    `Run skipped because it would exceed the job's maximum of ${limit} concurrent runs.`,
  );

/** The platform gives a run 48 hours in the queue. */
export const queuedTooLong = ended(
  "SKIPPED",
  "MAXIMUM_CONCURRENT_RUNS_REACHED",
  "MAX_CONCURRENT_RUNS_EXCEEDED",
  "CLIENT_ERROR",
  "Run skipped because it waited too long in the queue.",
);

/** The ending of a process under which the workspace stopped. */
export const lostDriver = failed(
  "INTERNAL_ERROR",
  "INTERNAL_ERROR",
  "The driver was lost while the task was executing: the workspace stopped.",
);
