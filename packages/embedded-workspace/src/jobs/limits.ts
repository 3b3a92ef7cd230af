// How long things take and how many there may be: numbers of the platform, which a test may change.
import * as z from "zod";

export type JobLimits = {
  /**
   * Workspace seconds that a new cluster takes to start. The platform needs minutes; nobody wants
   * to wait for that.
   */
  newClusterSeconds: number;
  serverlessSeconds: number;
  /** A cancelled run is TERMINATING for at least so many workspace seconds. */
  cancelSeconds: number;
  /** Real seconds between SIGTERM and SIGKILL. */
  killGraceSeconds: number;
  /** Processes at a time on this machine; further attempts stay PENDING. */
  processesMax: number;
  /** Real seconds of a process that has no timeout of its own. */
  processSecondsMax: number;
  /** Runs at a time; beyond it a run is QUEUED, or refused with 429 where queueing is off. */
  activeRunsMax: number;
  /** Workspace seconds in the queue. The platform: 48 h. */
  queueSecondsMax: number;
  /**
   * Runs and jobs made in an hour; beyond it INVALID_STATE. The platform: 10,000. Off by default,
   * for benchmarks.
   */
  createdPerHourMax: number | null;
};

/** `PATCH $DATABRICKS_WORKSPACE_ADMIN/jobs/limits`. */
export const JobLimitsChange = z.strictObject({
  newClusterSeconds: z.number().min(0).optional(),
  serverlessSeconds: z.number().min(0).optional(),
  cancelSeconds: z.number().min(0).optional(),
  killGraceSeconds: z.number().min(0).optional(),
  processesMax: z.int().min(1).optional(),
  processSecondsMax: z.number().min(1).optional(),
  activeRunsMax: z.int().min(0).optional(),
  queueSecondsMax: z.number().min(0).optional(),
  createdPerHourMax: z.int().min(0).nullable().optional(),
});

export const defaultJobLimits = (): JobLimits => ({
  newClusterSeconds: 2,
  serverlessSeconds: 0,
  cancelSeconds: 1,
  killGraceSeconds: 5,
  processesMax: 32,
  processSecondsMax: 12 * 3600,
  activeRunsMax: 2000,
  queueSecondsMax: 48 * 3600,
  createdPerHourMax: null,
});
