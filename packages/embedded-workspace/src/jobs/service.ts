// The jobs service: composes store, scripts, executor and conductor, and makes runs.
import type { WorkspaceContext } from "../context.ts";
import { createExecutor, type Executor } from "../execution/executor.ts";
import { executeOnWarehouse, isForWarehouse } from "../execution/sql-task.ts";
import { ApiError, type Principal } from "../route.ts";
import { defaultJobLimits, type JobLimits } from "../runs/limits.ts";
import type { Execution, Outcome, RunRecord } from "../runs/model.ts";
import type { Task } from "../runs/task-schema.ts";
import { Conductor } from "./conductor.ts";
import { recoverRuns } from "./recovery.ts";
import { createRunStore, type RunStore } from "./run-store.ts";
import { createScripts, type Scripts } from "./scripts.ts";

export type JobsService = {
  readonly context: WorkspaceContext;
  readonly store: RunStore;
  readonly limits: JobLimits;
  readonly scripts: Scripts;
  readonly conductor: Conductor;
  /**
   * The run that a token names already, or the new one: exactly one starts. @throws ApiError 400,
   * 429
   */
  readonly startOnce: (
    token: string | undefined,
    caller: Principal,
    make: () => NewRun,
  ) => RunRecord;
  /** One more thing created, for the hourly quota. @throws ApiError 400 INVALID_STATE */
  readonly countCreated: () => void;
};

type Executes<Body> = (jobs: JobsService, execution: Execution, body: Body) => Promise<Outcome>;

/** Executes tasks that are runs themselves: of another job, or one for each element. */
export type RunsOfTasks = {
  readonly runJob: Executes<NonNullable<Task["run_job_task"]>>;
  readonly forEach: Executes<NonNullable<Task["for_each_task"]>>;
};

/** A run before it has ids, times and attempts. */
type NewRun = Omit<
  RunRecord,
  "runId" | "jobId" | "createdMs" | "startedMs" | "endedMs" | "attempts" | "taskValues" | "repairs"
> & {
  readonly jobId?: string;
  /** Task keys to run; all of them by default. */
  readonly only?: readonly string[];
};

export function createJobsService(context: WorkspaceContext, tasks: RunsOfTasks): JobsService {
  const store = createRunStore(context);
  const limits = defaultJobLimits();
  const scripts = createScripts();
  recoverRuns(context, store);
  const processes = createExecutor(context, limits);
  const executor: Executor = {
    execute: (execution) => {
      const { run_job_task: other, for_each_task: loop } = execution.task;
      if (other !== undefined) return tasks.runJob(service, execution, other);
      if (loop !== undefined) return tasks.forEach(service, execution, loop);
      if (isForWarehouse(execution.task)) return executeOnWarehouse(context, execution);
      return processes.execute(execution);
    },
  };
  const conductor = new Conductor({ context, runs: store, limits, scripts, executor });
  const created: number[] = [];

  const countCreated = () => requireQuota(created, limits, context.clock.nowMs());
  const begin = ({ only, ...given }: NewRun): RunRecord => {
    countCreated();
    requireRoom(given.queueing, store, limits);
    const nowMs = context.clock.nowMs();
    const bare: RunRecord = {
      ...given,
      runId: store.newId(),
      jobId: given.jobId ?? store.newId(),
      createdMs: nowMs,
      startedMs: 0,
      endedMs: 0,
      attempts: [],
      taskValues: {},
      repairs: [{ repairId: "", startedMs: nowMs, endedMs: 0 }],
    };
    const attempts = bare.tasks
      .filter(({ task_key }) => only === undefined || only.includes(task_key))
      .map(({ task_key }) => conductor.newAttempt(bare, task_key, 0, 0));
    return conductor.begin({ ...bare, attempts });
  };
  const service: JobsService = {
    context,
    store,
    limits,
    scripts,
    conductor,
    countCreated,
    startOnce: (token, caller, make) => {
      if (token === undefined) return begin(make());
      const known = store.tokenRun(token, caller.id);
      return known === undefined ? begin({ ...make(), token }) : knownRun(store, known);
    },
  };
  queueMicrotask(() => conductor.resume());
  return service;
}

/**
 * The token stays with its run for ever, also when that has failed or was deleted (airflow#64828).
 */
function knownRun(store: RunStore, runId: string): RunRecord {
  const run = store.run(runId);
  if (run !== undefined) return run;
  throw new ApiError(
    400,
    "INVALID_PARAMETER_VALUE",
    `The run ${runId} that was started with this idempotency_token has been deleted; use another token.`,
  );
}

/** Not a 429: the quota arrives as INVALID_STATE (kb.databricks.com, "rate limit"). */
function requireQuota(created: number[], limits: JobLimits, nowMs: number): void {
  const max = limits.createdPerHourMax;
  if (max === null) return;
  const hourMs = 3_600_000;
  while (created[0] !== undefined && created[0] <= nowMs - hourMs) created.shift();
  if (created.length >= max)
    throw new ApiError(
      400,
      "INVALID_STATE",
      `There were already ${created.length} jobs created in past 3600 seconds, exceeding rate limit: ${max} job creations per 3600 seconds.`,
    );
  created.push(nowMs);
}

function requireRoom(queueing: boolean, store: RunStore, limits: JobLimits): void {
  if (queueing || store.activeCount() < limits.activeRunsMax) return;
  throw new ApiError(
    429,
    "REQUEST_LIMIT_EXCEEDED",
    `The workspace has ${limits.activeRunsMax} active runs, its limit; enable queueing or try again later.`,
  );
}
