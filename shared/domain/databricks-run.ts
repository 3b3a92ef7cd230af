// A Databricks run as the Jobs API shows it, reduced to what a judgement needs. Unknown values stay
// as they are.

export type DatabricksTask = {
  /** The task's own run, the only one with an output; absent if the answer does not name it. */
  readonly taskRunId?: string | undefined;
  readonly taskKey: string;
  /** The path as it was submitted, if the answer shows it. */
  readonly pythonFile?: string | undefined;
  readonly parameters?: readonly string[] | undefined;
  readonly attemptNumber: number;
  readonly lifeCycleState: string | undefined;
  readonly resultState: string | undefined;
  readonly terminationCode: string | undefined;
};

export type DatabricksRun = {
  readonly databricksRunId: string;
  readonly runName: string;
  /** The submitter: an application id, or a user's name; absent if that user was deleted. */
  readonly creator: string | undefined;
  /** SUBMIT_RUN for a run that the controllers start. */
  readonly runType: string | undefined;
  /** True if somebody repaired it with parameters of their own. */
  readonly isOverridden: boolean;
  readonly runUrl: string;
  /** The old `state`; deprecated, still sent. */
  readonly lifeCycleState: string | undefined;
  readonly resultState: string | undefined;
  /** The new `status.state`. */
  readonly state: string | undefined;
  readonly terminationCode: string | undefined;
  readonly message: string;
  readonly startedMs: number | undefined;
  /** Absent until the run is over. */
  readonly endedMs: number | undefined;
  /** When its first task's code started, and how long that took; absent until then, and where the platform does not say. */
  readonly ranFromMs?: number | undefined;
  readonly ranMs?: number | undefined;
  /** The last attempt of each task. */
  readonly tasks: readonly DatabricksTask[];
};

export type RunPhase = "over" | "waiting" | "running" | "unknown";

const TERMINAL = new Set(["TERMINATED", "SKIPPED", "INTERNAL_ERROR"]);
const RUNNING = new Set(["RUNNING", "TERMINATING"]);
const WAITING = new Set(["QUEUED", "PENDING", "BLOCKED", "WAITING", "WAITING_FOR_RETRY"]);

/**
 * Whether a run is over. Terminal means `status.state` = TERMINATED or a terminal
 * `life_cycle_state` (docs/facts/databricks.md#terminal-and-success). An unknown value is not
 * terminal (airflow#33886: QUEUED broke every waiter).
 */
export function phaseOf(run: Pick<DatabricksRun, "state" | "lifeCycleState">): RunPhase {
  if (run.state === "TERMINATED" || TERMINAL.has(run.lifeCycleState ?? "")) return "over";
  const state = run.state ?? run.lifeCycleState ?? "";
  if (RUNNING.has(state)) return "running";
  if (WAITING.has(state)) return "waiting";
  return "unknown";
}
