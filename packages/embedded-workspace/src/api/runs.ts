// The one-time side of the Jobs API: runs/submit, get, list, get-output, cancel, cancel-all,
// delete, repair, export.
import * as z from "zod";
import { identityFor, requireUseRun } from "../jobs/access.ts";
import { repairRun } from "../jobs/repair.ts";
import {
  requireReferences,
  requireRunName,
  requireTasks,
  requireToken,
  tasksMaxIn21,
  withNested,
} from "../jobs/requests/new-run.ts";
import { submitOf } from "../jobs/requests/single-task.ts";
import { listRuns } from "../jobs/run-list.ts";
import type { JobsService } from "../jobs/service.ts";
import { outputView } from "../jobs/shown/output.ts";
import { runView, taskRunView } from "../jobs/shown/views.ts";
import { ApiError, type ApiReply, type ApiRequest, type Route } from "../route.ts";
import { Repair } from "../runs/job-schema.ts";
import type { RunRecord } from "../runs/model.ts";
import { Id, type Task, withoutNulls } from "../runs/task-schema.ts";

export type ApiVersion = "2.1" | "2.2";

export function runsRoutes(jobs: JobsService): Route[] {
  return (["2.1", "2.2"] as const).flatMap((version) => routesOf(jobs, version));
}

const RunId = z.object({ run_id: Id });

/** Requests per second: Microsoft's table of resource limits. */
function routesOf(jobs: JobsService, version: ApiVersion): Route[] {
  const path = (name: string): string => `/api/${version}/jobs/runs/${name}`;
  const get = (name: string, handle: Route["handle"], perSecondMax?: number): Route => ({
    method: "GET",
    path: path(name),
    handle,
    ...(perSecondMax !== undefined && { perSecondMax }),
  });
  const post = (name: string, handle: Route["handle"], perSecondMax?: number): Route => ({
    ...get(name, handle, perSecondMax),
    method: "POST",
  });
  return [
    post("submit", (request) => submit(jobs, request, version), 35),
    get("get", (request) => getRun(jobs, request, version), 100),
    get("list", (request) => listRuns(jobs, request)),
    get("get-output", (request) => getOutput(jobs, request)),
    get("export", async () => {
      throw new ApiError(
        501,
        "NOT_IMPLEMENTED",
        "runs/export is not built in the embedded workspace.",
      );
    }),
    post("cancel", (request) => cancel(jobs, request)),
    post("cancel-all", (request) => cancelAll(jobs, request)),
    post("delete", (request) => deleteRun(jobs, request)),
    post("repair", async (request) =>
      repairRun(jobs, request.principal, await request.json(withoutNulls(Repair))),
    ),
  ];
}

async function submit(
  jobs: JobsService,
  request: ApiRequest,
  version: ApiVersion,
): Promise<ApiReply> {
  const { context } = jobs;
  context.principals.requireEntitled(request.principal);
  const { submit: given, singleTask } = submitOf(
    await request.json(withoutNulls(z.record(z.string(), z.unknown()))),
  );
  requireToken(given.idempotency_token);
  requireRunName(given.run_name);
  const tasks = given.tasks ?? [];
  requireTasks(tasks, version);
  requireReferences(tasks, given);
  requireClusters(jobs, withNested(tasks));
  const runAs = identityFor(context, request.principal, given.run_as);
  const run = jobs.startOnce(given.idempotency_token, request.principal, () => ({
    type: "SUBMIT_RUN",
    trigger: "ONE_TIME",
    name: given.run_name ?? "Untitled",
    creator: request.principal.id,
    runAs: runAs.id,
    singleTask,
    tasks,
    environments: given.environments ?? [],
    environmentVariables: given.environment_variables ?? [],
    jobClusters: [],
    access: given.access_control_list ?? [],
    parameters: [],
    taskParameters: {},
    timeoutSeconds: given.timeout_seconds ?? 0,
    ...(given.performance_target !== undefined && { performanceTarget: given.performance_target }),
    ...(given.git_source !== undefined && { gitSource: given.git_source }),
    queueing: given.queue?.enabled ?? false,
  }));
  return { status: 200, body: { run_id: BigInt(run.runId) } };
}

function requireClusters({ context }: JobsService, tasks: readonly Task[]): void {
  for (const { existing_cluster_id } of tasks)
    if (
      existing_cluster_id !== undefined &&
      context.clusters.get(existing_cluster_id) === undefined
    )
      throw new ApiError(
        400,
        "INVALID_PARAMETER_VALUE",
        `Cluster ${existing_cluster_id} does not exist.`,
      );
}

async function getRun(
  jobs: JobsService,
  request: ApiRequest,
  version: ApiVersion,
): Promise<ApiReply> {
  const runId = runIdOf(request);
  const run = jobs.store.run(runId);
  const pageToken = request.query.get("page_token") ?? undefined;
  if (run !== undefined) {
    requireUseRun(jobs.context, request.principal, run, "view");
    if (version === "2.1" && run.attempts.length > tasksMaxIn21)
      throw invalid(
        `Resources with more than ${tasksMaxIn21} tasks can only be handled by API 2.2 and above.`,
      );
    const asks = (name: string) => request.query.get(name) === "true";
    const history = asks("include_history");
    const resolved = asks("include_resolved_values");
    const options = { history, resolved, ...(pageToken !== undefined && { pageToken }) };
    return { status: 200, body: runView(jobs.context, run, options) };
  }
  const found = jobs.store.attempt(runId);
  if (found === undefined) throw missingRun(jobs, runId);
  requireUseRun(jobs.context, request.principal, found.run, "view", runId);
  const iterations = (found.attempt.loop?.runIds ?? []).flatMap((id) => jobs.store.run(id) ?? []);
  return { status: 200, body: taskRunView(jobs.context, found.run, found.attempt, iterations) };
}

async function getOutput(jobs: JobsService, request: ApiRequest): Promise<ApiReply> {
  const runId = runIdOf(request);
  const run = jobs.store.run(runId);
  if (run !== undefined && !run.singleTask) {
    requireUseRun(jobs.context, request.principal, run, "view");
    throw invalid(
      "Retrieving the output of runs with multiple tasks is not supported. Please retrieve the output of each individual task run instead.",
    );
  }
  const attempt = run?.attempts.at(-1);
  const found =
    run !== undefined && attempt !== undefined ? { run, attempt } : jobs.store.attempt(runId);
  if (found === undefined) throw missingRun(jobs, runId);
  requireUseRun(jobs.context, request.principal, found.run, "view", runId);
  return { status: 200, body: outputView(jobs.context, found.run, found.attempt) };
}

/** Asynchronous, and accepted for a run that is over: then it does nothing. */
async function cancel(jobs: JobsService, request: ApiRequest): Promise<ApiReply> {
  const { run_id } = await request.json(RunId);
  requireManage(jobs, request, run_id);
  jobs.conductor.cancel(run_id);
  return { status: 200, body: {} };
}

const CancelAll = z.object({ job_id: Id.optional(), all_queued_runs: z.boolean().optional() });

async function cancelAll(jobs: JobsService, request: ApiRequest): Promise<ApiReply> {
  const { job_id, all_queued_runs } = await request.json(CancelAll);
  if (job_id === undefined && all_queued_runs !== true)
    throw invalid("Give job_id, or all_queued_runs to cancel the queued runs of the workspace.");
  const chosen = jobs.store
    .activeRuns()
    .filter((run) => job_id === undefined || run.jobId === job_id)
    .filter((run) => all_queued_runs !== true || run.queued !== undefined);
  for (const run of chosen) requireUseRun(jobs.context, request.principal, run, "manage");
  for (const run of chosen) jobs.conductor.cancel(run.runId);
  return { status: 200, body: {} };
}

async function deleteRun(jobs: JobsService, request: ApiRequest): Promise<ApiReply> {
  const { run_id } = await request.json(RunId);
  const run = requireManage(jobs, request, run_id);
  if (run.ending === undefined)
    throw invalid(`The run ${run_id} is active and cannot be deleted; cancel it first.`);
  jobs.store.removeRun(run.runId);
  return { status: 200, body: {} };
}

function requireManage(jobs: JobsService, request: ApiRequest, runId: string): RunRecord {
  const run = jobs.store.run(runId) ?? jobs.store.attempt(runId)?.run;
  if (run === undefined) throw missingRun(jobs, runId);
  requireUseRun(jobs.context, request.principal, run, "manage", runId);
  return run;
}

function runIdOf(request: ApiRequest): string {
  const runId = request.query.get("run_id");
  if (runId === null || !/^\d{1,19}$/.test(runId))
    throw invalid(
      runId === null
        ? "The parameter run_id is missing."
        : `run_id must be a number, not '${runId}'.`,
    );
  return BigInt(runId).toString();
}

const invalid = (message: string): ApiError =>
  new ApiError(400, "INVALID_PARAMETER_VALUE", message);

/** 400 on most workspaces, 404 on some: clients must take both for "lost". */
function missingRun({ context }: JobsService, runId: string): ApiError {
  const message = `Run ${runId} does not exist.`;
  return context.settings.missingRunStatus === 404
    ? new ApiError(404, "RESOURCE_DOES_NOT_EXIST", message)
    : invalid(message);
}
