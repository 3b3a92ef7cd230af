// Runs as clients see them, derived from what is remembered.
import type { WorkspaceContext } from "../../context.ts";
import type { Attempt, RunRecord } from "../../runs/model.ts";
import type { ForEachTask, Task } from "../../runs/task-schema.ts";
import { pageOf } from "./paging.ts";
import { shownOfAttempt, shownOfEnding, shownOfRun, stateAndStatus } from "./states.ts";

type Json = Record<string, unknown>;

/** Arrays of one answer hold so many elements; the rest follow by page token (Jobs API 2.2). */
export const elementsMax = 100;

export type RunViewOptions = {
  readonly pageToken?: string;
  readonly history?: boolean;
  /** `include_resolved_values`: parameters of tasks as their processes got them. */
  readonly resolved?: boolean;
  readonly tasks?: boolean;
};

/** The answer of runs/get, and an entry of runs/list. */
export function runView(
  context: WorkspaceContext,
  run: RunRecord,
  options: RunViewOptions = {},
): Json {
  const attempts = pageOf(run.attempts, options.pageToken, elementsMax);
  const repairs = pageOf(run.repairs, options.pageToken, elementsMax);
  const clusters = pageOf(run.jobClusters, options.pageToken, elementsMax);
  const parameters = pageOf(run.parameters, options.pageToken, elementsMax);
  const nextPageToken = attempts.next ?? repairs.next ?? clusters.next ?? parameters.next;
  return {
    ...runHead(context, run),
    ...runTimes(run),
    ...stateAndStatus(shownOfRun(context, run)),
    ...(options.tasks !== false && {
      tasks: attempts.page.map((attempt) => attemptView(context, run, attempt, options.resolved)),
      ...(clusters.page.length > 0 && { job_clusters: clusters.page }),
    }),
    ...(parameters.page.length > 0 && { job_parameters: parameters.page }),
    ...(options.history === true && {
      repair_history: repairs.page.map((_, index) => repairView(context, run, index)),
    }),
    ...(nextPageToken !== undefined &&
      (options.tasks === false ? {} : { has_more: true, next_page_token: nextPageToken })),
  };
}

/** No run-as: that is a field of jobs/get alone (databricks-sdk `Run`, `BaseRun`). */
function runHead(context: WorkspaceContext, run: RunRecord): Json {
  const { overriding = {} } = run;
  return {
    job_id: BigInt(run.jobId),
    run_id: BigInt(run.runId),
    number_in_job: BigInt(run.runId),
    original_attempt_run_id: BigInt(run.runId),
    creator_user_name: run.creator,
    run_name: run.name,
    run_type: run.type,
    trigger: run.trigger,
    run_page_url: pageUrl(context, run, run.runId),
    ...(Object.keys(overriding).length > 0 && { overriding_parameters: overriding }),
    ...(run.gitSource !== undefined && { git_source: run.gitSource }),
    ...(run.performanceTarget !== undefined && {
      effective_performance_target: run.performanceTarget,
    }),
  };
}

/**
 * The time that filters compare is the one that is shown: until a run starts, when it was created.
 */
export const shownStartOf = (run: RunRecord): number =>
  run.startedMs === 0 ? run.createdMs : run.startedMs;

/** All runs have tasks here, and the platform leaves the three parts at 0 for those. */
function runTimes(run: RunRecord): Json {
  const startMs = shownStartOf(run);
  const ended = run.endedMs !== 0;
  return {
    start_time: startMs,
    end_time: run.endedMs,
    setup_duration: 0,
    execution_duration: 0,
    cleanup_duration: 0,
    ...(ended && { run_duration: run.endedMs - startMs }),
    ...(run.queuedMs !== undefined && { queue_duration: run.queuedMs }),
  };
}

/** One entry of `tasks[]`. */
function attemptView(
  context: WorkspaceContext,
  run: RunRecord,
  attempt: Attempt,
  resolved?: boolean,
): Json {
  const task = run.tasks.find(({ task_key }) => task_key === attempt.taskKey);
  return {
    run_id: BigInt(attempt.runId),
    task_key: attempt.taskKey,
    attempt_number: attempt.attempt,
    run_page_url: pageUrl(context, run, attempt.runId),
    ...attemptTimes(attempt),
    ...stateAndStatus(shownOfAttempt(context, attempt)),
    ...(task !== undefined && taskSettingsView(task)),
    ...(task !== undefined && computeView(task, attempt)),
    ...(resolved === true &&
      attempt.resolved !== undefined &&
      resolvedView(task, attempt.resolved)),
    ...(task?.condition_task !== undefined && {
      condition_task: { ...task.condition_task, ...attempt.resolved },
    }),
    ...(task?.for_each_task !== undefined &&
      attempt.loop !== undefined && {
        for_each_task: { ...loopView(task.for_each_task), stats: attempt.loop.stats },
      }),
  };
}

const loopView = (loop: ForEachTask): Json => ({ ...loop, task: bodyView(loop.task) });

/** Ids are numbers on the wire. */
function bodyView<T extends Pick<Task, "run_job_task">>(settings: T): Json {
  const runJob = settings.run_job_task;
  if (runJob === undefined) return settings;
  return { ...settings, run_job_task: { ...runJob, job_id: BigInt(runJob.job_id) } };
}

/** A client's task, as it comes back. */
export const taskBodyView = (settings: Task): Json => ({
  ...bodyView(settings),
  ...(settings.for_each_task !== undefined && { for_each_task: loopView(settings.for_each_task) }),
});

function resolvedView(task: Task | undefined, resolved: Json): Json {
  if (task?.condition_task === undefined) return { resolved_values: resolved };
  const { left, right } = resolved;
  return { resolved_values: { condition_task: { left, right } } };
}

function attemptTimes(attempt: Attempt): Json {
  const { startedMs, runningMs, endedMs } = attempt;
  const setup = runningMs === 0 ? 0 : runningMs - startedMs;
  return {
    start_time: startedMs,
    end_time: endedMs,
    setup_duration: setup,
    execution_duration: endedMs === 0 || runningMs === 0 ? 0 : endedMs - runningMs,
    cleanup_duration: 0,
    ...(endedMs !== 0 && { run_duration: startedMs === 0 ? 0 : endedMs - startedMs }),
  };
}

function taskSettingsView(task: Task): Json {
  const { task_key: _, health: __, ...settings } = taskBodyView(task); // `RunTask` has no health
  return { ...settings, run_if: task.run_if ?? "ALL_SUCCESS" };
}

function computeView(task: Task, attempt: Attempt): Json {
  if (attempt.runningMs === 0) return {};
  if (task.existing_cluster_id !== undefined)
    return {
      cluster_instance: { cluster_id: task.existing_cluster_id, spark_context_id: attempt.runId },
    };
  return {};
}

function repairView(context: WorkspaceContext, run: RunRecord, index: number): Json {
  const repair = run.repairs[index];
  if (repair === undefined) return {};
  const running = shownOfRun(context, run);
  const shown = repair.ending === undefined ? running : shownOfEnding(repair.ending);
  return {
    ...(repair.repairId !== "" && { id: BigInt(repair.repairId) }),
    type: repair.repairId === "" ? "ORIGINAL" : "REPAIR",
    start_time: repair.repairId === "" ? run.startedMs : repair.startedMs,
    end_time: repair.endedMs,
    ...stateAndStatus(shown),
    task_run_ids: run.attempts
      .filter((attempt) => attempt.repair === index)
      .map((attempt) => BigInt(attempt.runId)),
  };
}

/**
 * runs/get of a task's own run id: the same run, with the one task, and the newest attempts of what
 * it iterates over.
 */
export function taskRunView(
  context: WorkspaceContext,
  run: RunRecord,
  attempt: Attempt,
  iterations: readonly RunRecord[] = [],
): Json {
  const entry = attemptView(context, run, attempt);
  const task = run.tasks.find(({ task_key }) => task_key === attempt.taskKey);
  const first = run.attempts.find(({ taskKey }) => taskKey === attempt.taskKey) ?? attempt;
  return {
    ...runHead(context, run),
    run_id: BigInt(attempt.runId),
    job_run_id: BigInt(run.loop?.runId ?? run.runId),
    number_in_job: BigInt(attempt.runId),
    original_attempt_run_id: BigInt(first.runId),
    attempt_number: attempt.attempt,
    run_name: attempt.taskKey,
    run_page_url: pageUrl(context, run, attempt.runId),
    ...attemptTimes(attempt),
    ...stateAndStatus(shownOfAttempt(context, attempt)),
    ...(task !== undefined && { cluster_spec: clusterSpec(task), ...computeView(task, attempt) }),
    tasks: [entry],
    ...(attempt.loop !== undefined && {
      iterations: iterations.flatMap((each) => {
        const last = each.attempts.at(-1);
        return last === undefined ? [] : [attemptView(context, each, last)];
      }),
    }),
  };
}

const clusterSpec = ({
  existing_cluster_id,
  new_cluster,
  job_cluster_key,
  libraries,
}: Task): Json => ({ existing_cluster_id, new_cluster, job_cluster_key, libraries });

const pageUrl = (context: WorkspaceContext, run: RunRecord, runId: string): string =>
  `${context.url}/?o=${context.workspaceId}#job/${run.jobId}/run/${runId}`;
