// runs/list: newest end time first, 25 at a time, no filter by name or token.
import type { ApiReply, ApiRequest } from "../route.ts";
import { ApiError } from "../route.ts";
import { mayUseRun } from "./access.ts";
import type { RunRecord } from "./model.ts";
import { positionOf, tokenOf } from "./paging.ts";
import type { JobsService } from "./service.ts";
import { elementsMax, runView, shownStartOf } from "./views.ts";

const limitDefault = 20;
const limitMax = 25;

export async function listRuns(jobs: JobsService, request: ApiRequest): Promise<ApiReply> {
  const { query } = request;
  const limit = limitOf(query);
  const start = startOf(query);
  const found = jobs.store
    .runs()
    .filter((run) => mayUseRun(jobs.context, request.principal, run, "view"))
    .filter(filterOf(query))
    .sort(newestFirst);
  const page = found.slice(start, start + limit);
  const expand = query.get("expand_tasks") === "true";
  const more = start + limit < found.length;
  return {
    status: 200,
    body: {
      // The key is absent when there is nothing.
      ...(page.length > 0 && { runs: page.map((run) => listed(jobs, run, expand)) }),
      has_more: more,
      ...(more && { next_page_token: tokenOf(start + limit) }),
      ...(start > 0 && { prev_page_token: tokenOf(Math.max(0, start - limit)) }),
    },
  };
}

/**
 * Of a long array the first elements are shown, and `has_more` says so; its pages are runs/get's.
 */
function listed(
  { context }: JobsService,
  run: RunRecord,
  expand: boolean,
): Record<string, unknown> {
  const { next_page_token: _, ...view } = runView(context, run, { tasks: expand });
  return { ...view, ...(expand && run.attempts.length > elementsMax && { has_more: true }) };
}

function newestFirst(a: RunRecord, b: RunRecord): number {
  const byTime = sortTime(b) - sortTime(a);
  if (byTime !== 0) return byTime;
  return BigInt(b.runId) > BigInt(a.runId) ? 1 : -1;
}

const sortTime = (run: RunRecord): number => run.endedMs || run.startedMs || run.createdMs;

function filterOf(query: URLSearchParams): (run: RunRecord) => boolean {
  const active = query.get("active_only") === "true";
  const completed = query.get("completed_only") === "true";
  if (active && completed)
    throw invalid("active_only and completed_only exclude each other: give one of them.");
  const jobId = query.get("job_id");
  const type = query.get("run_type");
  const from = numberOf(query, "start_time_from");
  const to = numberOf(query, "start_time_to");
  return (run) =>
    (!active || run.ending === undefined) &&
    (!completed || run.ending !== undefined) &&
    (jobId === null || run.jobId === jobId) &&
    (type === null || run.type === type) &&
    (from === undefined || shownStartOf(run) >= from) &&
    (to === undefined || shownStartOf(run) <= to);
}

function limitOf(query: URLSearchParams): number {
  const limit = numberOf(query, "limit") ?? limitDefault;
  if (limit > limitMax) throw invalid(`limit is ${limit}; it must be at most ${limitMax}.`);
  return limit === 0 ? limitMax : limit;
}

function startOf(query: URLSearchParams): number {
  const token = query.get("page_token");
  return token === null || token === "" ? (numberOf(query, "offset") ?? 0) : positionOf(token);
}

function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  if (!/^\d{1,16}$/.test(text)) throw invalid(`${name} must be a number, not '${text}'.`);
  return Number(text);
}

const invalid = (message: string): ApiError =>
  new ApiError(400, "INVALID_PARAMETER_VALUE", message);
