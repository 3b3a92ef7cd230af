// Saved jobs, for somebody who may see or change them: one by its id, or pages of them.
import { ApiError, type ApiReply, type ApiRequest, type Principal } from "../../route.ts";
import type { JobRecord } from "../../runs/model.ts";
import { forbidden, mayUse, type Right, requireUse } from "../access.ts";
import type { JobsService } from "../service.ts";
import { positionOf, tokenOf } from "../shown/paging.ts";
import { jobEntry } from "./job-view.ts";

const limitDefault = 20;
const limitMax = 100;

/**
 * Permission is checked before existence: somebody who may not see all jobs is told 403 either way.
 * @throws ApiError 403; 400 or 404 for a job that does not exist
 */
export function requireJob(
  jobs: JobsService,
  principal: Principal,
  jobId: string,
  right: Right,
): JobRecord {
  const job = jobs.store.job(jobId);
  if (job !== undefined) {
    requireUse(principal, job, right, `job ${jobId}`);
    return job;
  }
  if (!mayUse(principal, { creator: "", access: [] }, right))
    throw forbidden(principal, right, `job ${jobId}`);
  const message = `Job ${jobId} does not exist.`;
  throw jobs.context.settings.missingRunStatus === 404
    ? new ApiError(404, "RESOURCE_DOES_NOT_EXIST", message)
    : new ApiError(400, "INVALID_PARAMETER_VALUE", message);
}

/**
 * Newest first, by name if one is given. `has_more` is gone in 2.2: there, only `next_page_token`
 * tells the end.
 */
export function listJobs(jobs: JobsService, request: ApiRequest, version: "2.1" | "2.2"): ApiReply {
  const { query, principal } = request;
  const limit = limitOf(query.get("limit"));
  const start = startOf(query);
  const name = query.get("name")?.toLowerCase();
  const found = jobs.store
    .jobs()
    .filter((job) => mayUse(principal, job, "view"))
    .filter((job) => name === undefined || job.settings.name?.toLowerCase() === name)
    .toReversed();
  const page = found.slice(start, start + limit);
  const more = start + limit < found.length;
  const expand = query.get("expand_tasks") === "true";
  return {
    status: 200,
    body: {
      ...(page.length > 0 && { jobs: page.map((job) => jobEntry(job, expand)) }),
      ...(version === "2.1" && { has_more: more }),
      ...(more && { next_page_token: tokenOf(start + limit) }),
      ...(start > 0 && { prev_page_token: tokenOf(Math.max(0, start - limit)) }),
    },
  };
}

function startOf(query: URLSearchParams): number {
  const token = query.get("page_token");
  if (token !== null && token !== "") return positionOf(token);
  const offset = Number(query.get("offset") ?? 0);
  return Number.isInteger(offset) && offset > 0 ? offset : 0;
}

function limitOf(text: string | null): number {
  if (text === null || text === "") return limitDefault;
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 0 || limit > limitMax)
    throw new ApiError(
      400,
      "INVALID_PARAMETER_VALUE",
      `limit is ${text}; it must be between 1 and ${limitMax}.`,
    );
  return limit === 0 ? limitMax : limit;
}
