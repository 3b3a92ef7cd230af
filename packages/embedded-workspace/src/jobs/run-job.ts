// run-now, for clients and for run_job_task.
import type { Execution } from "../execution/execution.ts";
import { ApiError, type Principal } from "../route.ts";
import { failed, success } from "./endings.ts";
import type { RunNow } from "./job-schema.ts";
import type { JobRecord, Outcome, RunRecord } from "./model.ts";
import { succeeded } from "./model.ts";
import { overridingOf, requireParameters, taskParametersOf } from "./parameters.ts";
import { resolveReferences } from "./references.ts";
import type { JobsService } from "./service.ts";
import type { Task } from "./task-schema.ts";

type Kind = Pick<RunRecord, "type" | "trigger">;

/** Starts a run of a saved job. @throws ApiError 400 */
export function startJobRun(
  jobs: JobsService,
  job: JobRecord,
  caller: Principal,
  request: RunNow,
  kind: Kind = { type: "JOB_RUN", trigger: "ONE_TIME" },
): RunRecord {
  const { settings } = job;
  requireParameters(request);
  const only =
    request.only === undefined ? undefined : chosenTasks(settings.tasks ?? [], request.only);
  const parameters = parametersOf(job, request);
  const token = request.idempotency_token;
  // A token of run-now belongs to its job; those of submits share the workspace.
  const scoped = token === undefined ? undefined : `${job.jobId}/${token}`;
  return jobs.startOnce(scoped, caller, () => ({
    ...kind,
    jobId: job.jobId,
    name: settings.name ?? "Untitled",
    creator: caller.id,
    runAs: job.runAs,
    singleTask: false,
    tasks: settings.tasks ?? [],
    environments: settings.environments ?? [],
    environmentVariables: settings.environment_variables ?? [],
    jobClusters: settings.job_clusters ?? [],
    access: [...job.access, { service_principal_name: job.creator, permission_level: "IS_OWNER" }],
    parameters,
    taskParameters: taskParametersOf(request),
    overriding: overridingOf(request),
    timeoutSeconds: settings.timeout_seconds ?? 0,
    ...(settings.performance_target !== undefined && {
      performanceTarget: settings.performance_target,
    }),
    queueing: request.queue?.enabled ?? settings.queue?.enabled ?? false,
    ...(only !== undefined && { only }),
  }));
}

/**
 * The job's parameters with the values of this run; a name the job does not know is the run's own.
 */
function parametersOf({ settings }: JobRecord, request: RunNow): RunRecord["parameters"] {
  const given = request.job_parameters ?? {};
  const known = settings.parameters ?? [];
  const declared = known.map((each) => ({ ...each, value: given[each.name] ?? each.default }));
  const names = new Set(known.map(({ name }) => name));
  const own = Object.entries(given)
    .filter(([name]) => !names.has(name))
    .map(([name, value]) => ({ name, default: "", value }));
  return [...declared, ...own];
}

/**
 * Keys as run-now's `only` writes them: `+key` with what it depends on, `key+` with what depends on
 * it.
 */
function chosenTasks(tasks: readonly Task[], only: readonly string[]): string[] {
  const chosen = new Set<string>();
  for (const wish of only) {
    const key = wish.replace(/^\+|\+$/g, "");
    if (!tasks.some(({ task_key }) => task_key === key))
      throw new ApiError(400, "INVALID_PARAMETER_VALUE", `only: the job has no task '${key}'.`);
    chosen.add(key);
    if (wish.startsWith("+")) for (const each of upstream(tasks, key)) chosen.add(each);
    if (wish.endsWith("+")) for (const each of downstream(tasks, key)) chosen.add(each);
  }
  return [...chosen];
}

function upstream(tasks: readonly Task[], key: string): string[] {
  const direct = tasks.find(({ task_key }) => task_key === key)?.depends_on ?? [];
  return direct.flatMap(({ task_key }) => [task_key, ...upstream(tasks, task_key)]);
}

function downstream(tasks: readonly Task[], key: string): string[] {
  return tasks
    .filter(({ depends_on }) => depends_on?.some(({ task_key }) => task_key === key) === true)
    .flatMap(({ task_key }) => [task_key, ...downstream(tasks, task_key)]);
}

/**
 * A task that is a run of another job: it comes to what that run comes to, and takes it along when
 * it is cancelled.
 */
export async function executeJob(
  jobs: JobsService,
  execution: Execution,
  body: NonNullable<Task["run_job_task"]>,
): Promise<Outcome> {
  const { store, conductor, context } = jobs;
  const job = store.job(body.job_id);
  const caller = context.principals.byId(execution.run.runAs);
  if (job === undefined || caller === undefined)
    return refusal("RESOURCE_NOT_FOUND", `Job ${body.job_id} does not exist.`);
  try {
    const { job_parameters } = resolveReferences(body, execution.scope());
    const request = {
      job_id: body.job_id,
      ...(job_parameters !== undefined && { job_parameters }),
    };
    const kind = { type: "JOB_RUN", trigger: "RUN_JOB_TASK" } as const;
    const child = startJobRun(jobs, job, caller, request, kind);
    execution.onRunning({});
    execution.signal.addEventListener("abort", () => conductor.cancel(child.runId), { once: true });
    const { ending } = await conductor.ended(child.runId);
    const output = { runJobRunId: child.runId };
    if (succeeded(ending)) return { ending: success, output };
    return {
      ...refusal("RUN_EXECUTION_ERROR", `Run ${child.runId} failed: ${ending?.message ?? ""}`),
      output,
    };
  } catch (error) {
    return refusal(
      "INVALID_RUN_CONFIGURATION",
      error instanceof Error ? error.message : String(error),
    );
  }
}

const refusal = (code: string, message: string): Outcome => ({
  ending: failed(code, "CLIENT_ERROR", message),
  output: { error: message },
});
