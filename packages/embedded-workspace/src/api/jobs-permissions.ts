// /api/2.0/permissions/jobs/{job_id}: who may see and run a job.
import * as z from "zod";
import { AccessControl } from "../jobs/job-schema.ts";
import type { JobRecord } from "../jobs/model.ts";
import { requireJob } from "../jobs/require-job.ts";
import type { JobsService } from "../jobs/service.ts";
import type { ApiRequest, Principal, Route } from "../route.ts";

const path = "/api/2.0/permissions/jobs/:job_id";
const Body = z.object({ access_control_list: z.array(AccessControl).default([]) });

export function permissionRoutes(jobs: JobsService): Route[] {
  const change =
    (next: (old: JobRecord["access"], given: JobRecord["access"]) => JobRecord["access"]) =>
    async (request: ApiRequest) => {
      const job = jobOf(jobs, request, "manage");
      const { access_control_list } = await request.json(Body);
      const saved = { ...job, access: next(job.access, access_control_list) };
      jobs.store.putJob(saved);
      return { status: 200, body: permissionsView(jobs, saved) };
    };
  return [
    {
      method: "GET",
      path,
      perSecondMax: 100,
      handle: async (request) => ({
        status: 200,
        body: permissionsView(jobs, jobOf(jobs, request, "view")),
      }),
    },
    { method: "PUT", path, perSecondMax: 30, handle: change((_, given) => given) },
    {
      method: "PATCH",
      path,
      perSecondMax: 30,
      handle: change((old, given) => [...old.filter((each) => !given.some(same(each))), ...given]),
    },
  ];
}

const who = (entry: AccessControl): string =>
  entry.service_principal_name ?? entry.user_name ?? entry.group_name ?? "";
const same =
  (one: AccessControl) =>
  (other: AccessControl): boolean =>
    who(one) === who(other);

const jobOf = (jobs: JobsService, request: ApiRequest, right: "view" | "manage"): JobRecord =>
  requireJob(jobs, request.principal, request.params["job_id"] ?? "", right);

function permissionsView({ context }: JobsService, job: JobRecord): Record<string, unknown> {
  const owner: AccessControl = {
    service_principal_name: job.creator,
    permission_level: "IS_OWNER",
  };
  const listed = job.access.some(({ permission_level }) => permission_level === "IS_OWNER");
  return {
    object_id: `/jobs/${job.jobId}`,
    object_type: "job",
    access_control_list: [...job.access, ...(listed ? [] : [owner])].map(
      ({ permission_level, ...principal }) => ({
        ...principal,
        ...displayName(context.principals.byName(who({ ...principal, permission_level }))),
        all_permissions: [{ permission_level, inherited: false }],
      }),
    ),
  };
}

const displayName = (principal: Principal | undefined): Record<string, string> =>
  principal === undefined ? {} : { display_name: principal.displayName };
