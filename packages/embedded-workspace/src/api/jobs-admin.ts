// Hooks for tests, below $DATABRICKS_WORKSPACE_ADMIN: scripted runs, limits, and runs that end as
// the platform ends them.
import { JobLimitsChange } from "../jobs/limits.ts";
import { EndingWish, endingOf, Script } from "../jobs/scripts.ts";
import type { JobsService } from "../jobs/service.ts";
import { ApiError, type ApiRequest } from "../route.ts";

export function addJobsAdminRoutes(jobs: JobsService): void {
  addScriptRoutes(jobs);
  addLimitRoutes(jobs);
  const { adminRoute } = jobs.context;
  adminRoute({
    method: "POST",
    path: "/runs/:run_id/end",
    handle: async (request) => {
      const run = requireRun(jobs, request);
      jobs.conductor.end(run.runId, endingOf(await request.json(EndingWish)));
      return { status: 200, body: {} };
    },
  });
  adminRoute({
    method: "POST",
    path: "/runs/:run_id/forget",
    handle: async (request) => {
      const run = requireRun(jobs, request);
      jobs.conductor.end(
        run.runId,
        endingOf({ result_state: "CANCELED", termination_code: "CANCELED" }),
      );
      jobs.store.removeRun(run.runId);
      return { status: 200, body: {} };
    },
  });
}

function addScriptRoutes({ scripts, context }: JobsService): void {
  context.adminRoute({
    method: "POST",
    path: "/scripts",
    handle: async (request) => ({
      status: 200,
      body: { id: scripts.add(await request.json(Script)) },
    }),
  });
  context.adminRoute({
    method: "GET",
    path: "/scripts",
    handle: async () => ({ status: 200, body: { scripts: scripts.list() } }),
  });
  context.adminRoute({
    method: "DELETE",
    path: "/scripts",
    handle: async (request) => {
      scripts.remove(request.query.get("id") ?? undefined);
      return { status: 200, body: {} };
    },
  });
}

function addLimitRoutes({ limits, context }: JobsService): void {
  context.adminRoute({
    method: "GET",
    path: "/jobs/limits",
    handle: async () => ({ status: 200, body: limits }),
  });
  context.adminRoute({
    method: "PATCH",
    path: "/jobs/limits",
    handle: async (request) => {
      Object.assign(limits, await request.json(JobLimitsChange));
      return { status: 200, body: limits };
    },
  });
}

function requireRun(jobs: JobsService, request: ApiRequest) {
  const run = jobs.store.run(request.params["run_id"] ?? "");
  if (run === undefined)
    throw new ApiError(
      404,
      "RESOURCE_DOES_NOT_EXIST",
      `Run ${request.params["run_id"]} does not exist.`,
    );
  return run;
}
