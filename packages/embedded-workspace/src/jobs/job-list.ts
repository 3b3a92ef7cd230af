// jobs/list: newest first, by name if one is given.
import { ApiError, type ApiReply, type ApiRequest } from "../route.ts";
import { mayUse } from "./access.ts";
import { jobEntry } from "./job-view.ts";
import { positionOf, tokenOf } from "./paging.ts";
import type { JobsService } from "./service.ts";

const limitDefault = 20;
const limitMax = 100;

/** `has_more` is gone in 2.2: there, only `next_page_token` tells the end. */
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
