// The Jobs API, 2.1 and 2.2: saved jobs here, runs in runs.ts.
import * as z from "zod";
import type { WorkspaceContext } from "../context.ts";
import { identityFor } from "../jobs/access.ts";
import { executeForEach } from "../jobs/for-each.ts";
import { requireKnownDefaults } from "../jobs/requests/known-references.ts";
import { requireReferences, requireTasks, requireToken } from "../jobs/requests/new-run.ts";
import { merged, savedSettings } from "../jobs/saved/job-settings.ts";
import { jobView } from "../jobs/saved/job-view.ts";
import { listJobs, requireJob } from "../jobs/saved/lookup.ts";
import { executeJob, startJobRun } from "../jobs/saved/run-job.ts";
import { createJobsService, type JobsService } from "../jobs/service.ts";
import { ApiError, type ApiReply, type ApiRequest, type Principal, type Route } from "../route.ts";
import { JobSettings, RunNow } from "../runs/job-schema.ts";
import type { JobRecord } from "../runs/model.ts";
import { Id, withoutNulls } from "../runs/task-schema.ts";
import { addJobsAdminRoutes } from "./jobs-admin.ts";
import { permissionRoutes } from "./jobs-permissions.ts";
import { pageRoutes } from "./pages.ts";
import { type ApiVersion, runsRoutes } from "./runs.ts";

export function jobsRoutes(context: WorkspaceContext): Route[] {
  const jobs = createJobsService(context, { runJob: executeJob, forEach: executeForEach });
  addJobsAdminRoutes(jobs);
  return [
    ...(["2.1", "2.2"] as const).flatMap((version) => routesOf(jobs, version)),
    ...runsRoutes(jobs),
    ...permissionRoutes(jobs),
    ...pageRoutes(jobs),
  ];
}

function routesOf(jobs: JobsService, version: ApiVersion): Route[] {
  const path = (name: string): string => `/api/${version}/jobs/${name}`;
  const post = (
    name: string,
    handle: (request: ApiRequest) => Promise<ApiReply>,
    perSecondMax?: number,
  ): Route => ({
    method: "POST",
    path: path(name),
    handle,
    ...(perSecondMax !== undefined && { perSecondMax }),
  });
  return [
    post("create", (request) => create(jobs, request, version), 20),
    { method: "GET", path: path("get"), handle: async (request) => getJob(jobs, request, version) },
    {
      method: "GET",
      path: path("list"),
      handle: async (request) => listJobs(jobs, request, version),
    },
    post("update", (request) => update(jobs, request, version)),
    post("reset", (request) => reset(jobs, request, version)),
    post("delete", (request) => remove(jobs, request)),
    post("run-now", (request) => runNow(jobs, request), 20),
  ];
}

async function create(
  jobs: JobsService,
  request: ApiRequest,
  version: ApiVersion,
): Promise<ApiReply> {
  const { context, store } = jobs;
  context.principals.requireEntitled(request.principal);
  const { access_control_list, ...given } = await request.json(withoutNulls(JobSettings));
  const settings = savedSettings(given, version);
  requireSound(settings, version);
  jobs.countCreated();
  const runAs = identityFor(context, request.principal, settings.run_as);
  const job: JobRecord = {
    jobId: store.newId(),
    creator: request.principal.id,
    runAs: runAs.id,
    createdMs: context.clock.nowMs(),
    settings,
    access: access_control_list ?? [],
  };
  store.putJob(job);
  return { status: 200, body: { job_id: BigInt(job.jobId) } };
}

/** A job may be saved without tasks; with them, they must make a graph. */
function requireSound(settings: JobSettings, version: ApiVersion): void {
  const tasks = settings.tasks ?? [];
  requireKnownDefaults(settings.parameters ?? []);
  if (tasks.length === 0) return;
  requireTasks(tasks, version);
  requireReferences(tasks, settings);
}

function getJob(jobs: JobsService, request: ApiRequest, version: ApiVersion): ApiReply {
  const job = requireJob(jobs, request.principal, queryId(request), "view");
  const pageToken = request.query.get("page_token") ?? undefined;
  if (version === "2.1" && (job.settings.tasks?.length ?? 0) > 100)
    throw invalid("Resources with more than 100 tasks can only be handled by API 2.2 and above.");
  return { status: 200, body: jobView(job, pageToken) };
}

const Update = z.strictObject({
  job_id: Id,
  new_settings: JobSettings.optional(),
  fields_to_remove: z.array(z.string()).optional(),
});

async function update(
  jobs: JobsService,
  request: ApiRequest,
  version: ApiVersion,
): Promise<ApiReply> {
  const {
    job_id,
    new_settings = {},
    fields_to_remove = [],
  } = await request.json(withoutNulls(Update));
  const job = requireJob(jobs, request.principal, job_id, "manage");
  const { access_control_list: _, ...given } = new_settings;
  const settings = JobSettings.parse(merged(job.settings, given, fields_to_remove));
  return save(jobs, request.principal, job, settings, version);
}

const Reset = z.strictObject({ job_id: Id, new_settings: JobSettings });

/**
 * Replaces everything, except that leaving out run_as keeps the old identity (databricks/cli, its
 * testserver).
 */
async function reset(
  jobs: JobsService,
  request: ApiRequest,
  version: ApiVersion,
): Promise<ApiReply> {
  const { job_id, new_settings } = await request.json(withoutNulls(Reset));
  const job = requireJob(jobs, request.principal, job_id, "manage");
  const { access_control_list: _, ...given } = new_settings;
  const { run_as } = job.settings;
  const settings = {
    ...(run_as !== undefined && { run_as }),
    ...savedSettings(given, version),
  };
  return save(jobs, request.principal, job, settings, version);
}

function save(
  jobs: JobsService,
  caller: Principal,
  job: JobRecord,
  settings: JobSettings,
  version: ApiVersion,
): ApiReply {
  requireSound(settings, version);
  const named = settings.run_as;
  const runAs = named === undefined ? job.runAs : identityFor(jobs.context, caller, named).id;
  jobs.store.putJob({ ...job, settings, runAs });
  return { status: 200, body: {} };
}

const JobId = z.object({ job_id: Id });

async function remove(jobs: JobsService, request: ApiRequest): Promise<ApiReply> {
  const { job_id } = await request.json(JobId);
  const job = requireJob(jobs, request.principal, job_id, "manage");
  jobs.store.removeJob(job.jobId);
  return { status: 200, body: {} };
}

async function runNow(jobs: JobsService, request: ApiRequest): Promise<ApiReply> {
  const given = await request.json(withoutNulls(RunNow));
  requireToken(given.idempotency_token);
  const job = requireJob(jobs, request.principal, given.job_id, "manage");
  const run = startJobRun(jobs, job, request.principal, given);
  const runId = BigInt(run.runId);
  return { status: 200, body: { run_id: runId, number_in_job: runId } };
}

function queryId(request: ApiRequest): string {
  const jobId = Id.safeParse(request.query.get("job_id") ?? "");
  if (!jobId.success) throw invalid("job_id must be a number.");
  return BigInt(jobId.data).toString();
}

const invalid = (message: string): ApiError =>
  new ApiError(400, "INVALID_PARAMETER_VALUE", message);
