// runs/repair: failed tasks of a finished run once more, under the same run id.
import { ApiError, type ApiReply, type Principal } from "../route.ts";
import type { Repair } from "../runs/job-schema.ts";
import type { RunRecord } from "../runs/model.ts";
import { latestAttempts, succeeded } from "../runs/model.ts";
import type { Task } from "../runs/task-schema.ts";
import { requireUseRun } from "./access.ts";
import { overridingOf, requireParameters, taskParametersOf } from "./requests/parameters.ts";
import type { JobsService } from "./service.ts";

/**
 * The job's current settings count, and parameters are not carried over: they must be given again
 * (airflow#64828).
 * @throws ApiError 400 while the run is active, or when latest_repair_id is not the latest
 */
export function repairRun(jobs: JobsService, principal: Principal, request: Repair): ApiReply {
  const { store, conductor, context } = jobs;
  requireParameters(request);
  const run = store.run(request.run_id);
  if (run === undefined) throw invalid(`Run ${request.run_id} does not exist.`);
  requireUseRun(context, principal, run, "manage");
  if (run.ending === undefined)
    throw invalid(`The run ${run.runId} is in progress; it can be repaired when it is over.`);
  requireLatest(run, request);
  const current = withCurrentSettings(run, jobs);
  const keys = tasksToRerun(current, request);
  const nowMs = context.clock.nowMs();
  const repairId = store.newId();
  const { ending: _, stop: __, ...open } = current;
  const repaired: RunRecord = {
    ...open,
    endedMs: 0,
    parameters: current.parameters.map((parameter) => ({
      ...parameter,
      value: request.job_parameters?.[parameter.name] ?? parameter.default,
    })),
    taskParameters: taskParametersOf(request),
    overriding: { ...run.overriding, ...overridingOf(request) },
    repairs: [...run.repairs, { repairId, startedMs: nowMs, endedMs: 0 }],
  };
  const latest = latestAttempts(run.attempts);
  const added = keys.map((key) =>
    conductor.newAttempt(repaired, key, (latest.get(key)?.attempt ?? -1) + 1, run.repairs.length),
  );
  conductor.drive({ ...repaired, attempts: [...run.attempts, ...added] });
  return { status: 200, body: { repair_id: BigInt(repairId) } };
}

function requireLatest(run: RunRecord, request: Repair): void {
  const latest = run.repairs.at(-1)?.repairId ?? "";
  const given = request.latest_repair_id ?? "";
  if (latest !== given)
    throw invalid(
      latest === ""
        ? `The run ${run.runId} has not been repaired yet: leave latest_repair_id out.`
        : `latest_repair_id must be ${latest}, the latest repair of run ${run.runId}.`,
    );
}

function withCurrentSettings(run: RunRecord, { store }: JobsService): RunRecord {
  const settings = store.job(run.jobId)?.settings;
  if (settings === undefined) return run;
  return {
    ...run,
    tasks: settings.tasks ?? [],
    environments: settings.environments ?? [],
    environmentVariables: settings.environment_variables ?? [],
    jobClusters: settings.job_clusters ?? [],
    timeoutSeconds: settings.timeout_seconds ?? 0,
    parameters: (settings.parameters ?? []).map((each) => ({ ...each, value: each.default })),
  };
}

function tasksToRerun(run: RunRecord, request: Repair): string[] {
  const {
    rerun_tasks = [],
    rerun_all_failed_tasks = false,
    rerun_dependent_tasks = false,
  } = request;
  if (rerun_tasks.length > 0 && rerun_all_failed_tasks)
    throw invalid("Give rerun_tasks or rerun_all_failed_tasks, not both.");
  const known = new Set(run.tasks.map(({ task_key }) => task_key));
  const missing = rerun_tasks.find((key) => !known.has(key));
  if (missing !== undefined) throw invalid(`The run has no task '${missing}'.`);
  const latest = latestAttempts(run.attempts);
  const unsuccessful = (key: string) => !succeeded(latest.get(key)?.ending);
  const chosen = new Set(rerun_all_failed_tasks ? [...known].filter(unsuccessful) : rerun_tasks);
  if (chosen.size === 0)
    throw invalid(
      "There is nothing to repair: give rerun_tasks, or rerun_all_failed_tasks where tasks failed.",
    );
  if (rerun_dependent_tasks) addDependents(run.tasks, chosen);
  return run.tasks.map(({ task_key }) => task_key).filter((key) => chosen.has(key));
}

function addDependents(tasks: readonly Task[], chosen: Set<string>): void {
  for (let before = -1; before !== chosen.size; ) {
    before = chosen.size;
    for (const task of tasks)
      if (task.depends_on?.some(({ task_key }) => chosen.has(task_key)) === true)
        chosen.add(task.task_key);
  }
}

const invalid = (message: string): ApiError =>
  new ApiError(400, "INVALID_PARAMETER_VALUE", message);
