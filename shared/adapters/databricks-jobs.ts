// JobsPort over the Jobs API 2.2: 2.1 refuses runs of more than 100 tasks, and 2.0 knows no tasks.
import * as z from "zod";
import { faultsOf } from "../domain/body.ts";
import { CLOCKS_DIFFER_SECONDS } from "../domain/cadence.ts";
import { PlatformTroubleError, SearchTooLongError } from "../domain/errors.ts";
import type {
  JobsPort,
  NamedRun,
  RunLook,
  SubmitReply,
  SubmitRequest,
  TaskOutput,
} from "../ports.ts";
import { type DatabricksError, isDenied, isMissing } from "./databricks-error.ts";
import { type DatabricksCall, type DatabricksHttp, jsonOfReply } from "./databricks-http.ts";
import {
  Id,
  namedRunOf,
  type RunReply,
  RunReply as RunSchema,
  RunsReply,
  runOf,
} from "./databricks-run-reply.ts";

const RUNS = "/api/2.2/jobs/runs";

export const createJobs = (http: DatabricksHttp): JobsPort => ({
  jobs: {
    submit: (request) => submit(http, request),
    get: (databricksRunId) => get(http, databricksRunId),
    output: (taskRunId) => output(http, taskRunId),
    find: (namePrefix, sinceMs, untilMs) => find(http, namePrefix, sinceMs, untilMs),
    listActive: (namePrefix) => listActive(http, namePrefix),
    cancel: (databricksRunId) => cancel(http, databricksRunId),
  },
});

/**
 * The codes by which Databricks says that the same request can never succeed. The list is closed:
 * any other code may pass, and is waited out. These are not in it, on purpose: INVALID_STATE (the
 * hourly quota of created runs arrives so), QUOTA_EXCEEDED and RESOURCE_LIMIT_EXCEEDED (others'
 * runs end), ENDPOINT_NOT_FOUND (that is no workspace: a deployment's fault, which a person mends
 * without touching the ticket), and any answer of a proxy in a shape of its own.
 */
const REFUSALS = new Set([
  "INVALID_PARAMETER_VALUE",
  "MALFORMED_REQUEST",
  "RESOURCE_DOES_NOT_EXIST",
  "FEATURE_DISABLED",
]);

const isRefusal = ({ status, code }: DatabricksError): boolean =>
  [400, 404].includes(status) && REFUSALS.has(code);

async function submit(http: DatabricksHttp, request: SubmitRequest): Promise<SubmitReply> {
  const call = { method: "POST", path: `${RUNS}/submit`, rate: "submit" } as const;
  const reply = await http.call({ ...call, json: bodyOf(request) });
  if (reply.kind === "refused" && isRefusal(reply.error))
    return { kind: "refused", code: reply.error.code, message: reply.error.sentence };
  const { run_id } = okOf(call, reply, z.object({ run_id: Id }));
  return { kind: "accepted", databricksRunId: run_id, runUrl: builtUrl(http.host, run_id) };
}

/**
 * Puts name and token in front of the payload's text, so that the text is sent as it is stored,
 * int64 included.
 */
function bodyOf({ runName, idempotencyToken, payload }: SubmitRequest): string {
  const inside = /^\s*\{([\s\S]*)\}\s*$/.exec(payload)?.[1];
  if (inside === undefined)
    throw new Error("the payload of a submission must be a JSON object, as text");
  const head = JSON.stringify({ run_name: runName, idempotency_token: idempotencyToken });
  return inside.trim() === "" ? head : `${head.slice(0, -1)},${inside}}`;
}

const builtUrl = (host: string, databricksRunId: string): string =>
  `${host}/jobs/runs/${databricksRunId}`;

const urlIn =
  ({ host }: DatabricksHttp) =>
  ({ run_id, run_page_url }: Pick<RunReply, "run_id" | "run_page_url">): string =>
    run_page_url || builtUrl(host, run_id);

// 1,000 tasks are ten pages of 100; each attempt of a task counts.
const TASK_PAGES_MAX = 100;

async function get(http: DatabricksHttp, databricksRunId: string): Promise<RunLook> {
  const call = {
    method: "GET",
    path: `${RUNS}/get`,
    rate: "get",
    forbiddenIsAnswer: true,
  } as const;
  const pages: RunReply[] = [];
  for (let token: string | undefined; pages.length < TASK_PAGES_MAX; ) {
    const query = { run_id: Id.parse(databricksRunId), ...(token && { page_token: token }) };
    const reply = await http.call({ ...call, query });
    if (reply.kind === "refused" && isGone(reply.error))
      return { kind: "gone", message: reply.error.sentence };
    if (reply.kind === "refused" && isDenied(reply.error))
      return { kind: "forbidden", message: reply.error.sentence };
    const page = okOf(call, reply, RunSchema);
    if (page.run_id !== databricksRunId)
      throw strange(call, `asked for run ${databricksRunId}, it answers for run ${page.run_id}`);
    pages.push(page);
    token = page.next_page_token || undefined;
    const [first, ...rest] = pages;
    if (token === undefined && first !== undefined)
      return { kind: "run", run: runOf([first, ...rest], urlIn(http)) };
  }
  throw strange(call, `run ${databricksRunId} has more than ${TASK_PAGES_MAX} pages of tasks`);
}

/**
 * 404, or 400 with a sentence (docs/facts/databricks.md#missing-run-is-400-or-404): the run was
 * deleted, or is older than the 60 days for which runs are kept.
 */
const isGone = (error: DatabricksError): boolean =>
  isMissing(error) || (error.status === 400 && /\b(does not|doesn't) exist\b/.test(error.message));

const OutputReply = z.object({
  logs: z.string().nullish(),
  logs_truncated: z.boolean().nullish(),
});

async function output(http: DatabricksHttp, taskRunId: string): Promise<TaskOutput> {
  const call = { method: "GET", path: `${RUNS}/get-output`, rate: "get" } as const;
  const query = { run_id: Id.parse(taskRunId) };
  // The client's own bound is enough: an executor prints a fraction of it, and a longer output is
  // no evidence.
  const reply = await http.call({ ...call, query });
  if (reply.kind === "too-large") return { kind: "too-large", bytes: reply.bytes };
  if (reply.kind === "refused" && isGone(reply.error))
    return { kind: "absent", message: reply.error.sentence };
  const { logs, logs_truncated } = okOf(call, reply, OutputReply);
  return { kind: "output", logs: logs ?? undefined, isTruncated: logs_truncated ?? false };
}

const PAGE_RUNS = 25; // the platform's maximum
const RUN_PAGES_MAX = 100; // ten seconds of listing
/** Each found run is looked at again, so a wider search can only cost a page. */
const SKEW_MS = CLOCKS_DIFFER_SECONDS * 1000;

async function find(
  http: DatabricksHttp,
  namePrefix: string,
  sinceMs: number,
  untilMs?: number,
): Promise<readonly NamedRun[]> {
  const started = {
    start_time_from: String(Math.max(0, Math.floor(sinceMs) - SKEW_MS)),
    ...(untilMs !== undefined && { start_time_to: String(Math.ceil(untilMs) + SKEW_MS) }),
  };
  const named: NamedRun[] = [];
  for await (const run of listed(http, started))
    if (run.run_name?.startsWith(namePrefix)) named.push(namedRunOf(run, urlIn(http)));
  return named;
}

async function listActive(http: DatabricksHttp, namePrefix: string): Promise<readonly NamedRun[]> {
  const named: NamedRun[] = [];
  for await (const run of listed(http, { active_only: "true" }))
    if (run.run_name?.startsWith(namePrefix))
      named.push(namedRunOf(await withHistory(http, run), urlIn(http)));
  return named;
}

/**
 * The listing need not say who was repaired, and a run that somebody repaired by hand must not look
 * like a stray.
 */
async function withHistory(http: DatabricksHttp, run: RunReply): Promise<RunReply> {
  if (run.repair_history !== undefined) return run;
  const call = { method: "GET", path: `${RUNS}/get`, rate: "get" } as const;
  const query = { run_id: run.run_id, include_history: "true" };
  const reply = await http.call({ ...call, query });
  return reply.kind === "refused" && isGone(reply.error) ? run : okOf(call, reply, RunSchema);
}

/**
 * Lists runs, newest first. There is no filter for names or tokens, so the pages are searched, up
 * to a bound.
 */
async function* listed(
  http: DatabricksHttp,
  filter: Readonly<Record<string, string>>,
): AsyncGenerator<RunReply> {
  const call = { method: "GET", path: `${RUNS}/list`, rate: "list" } as const;
  let token: string | undefined;
  for (let pages = 0; pages < RUN_PAGES_MAX; pages++) {
    const query = { limit: String(PAGE_RUNS), run_type: "SUBMIT_RUN", ...filter };
    const reply = await http.call({
      ...call,
      query: { ...query, ...(token && { page_token: token }) },
    });
    const page = okOf(call, reply, RunsReply);
    yield* page.runs ?? [];
    token = page.next_page_token || undefined;
    if (token === undefined) return;
  }
  throw new SearchTooLongError(
    `Databricks: ${call.method} ${call.path}: more than ${RUN_PAGES_MAX * PAGE_RUNS} runs to look through: too many to know that none bears the name`,
  );
}

async function cancel(http: DatabricksHttp, databricksRunId: string): Promise<void> {
  const call = { method: "POST", path: `${RUNS}/cancel`, rate: "get" } as const;
  const reply = await http.call({ ...call, json: `{"run_id":${Id.parse(databricksRunId)}}` });
  if (reply.kind !== "refused") return;
  // A run that is gone or over needs no cancelling.
  if (isGone(reply.error) || reply.error.code === "INVALID_STATE") return;
  throw trouble(call, reply.error);
}

type Named = Pick<DatabricksCall, "method" | "path">;
type Reply = Awaited<ReturnType<DatabricksHttp["call"]>>;

/** The checked JSON of a success. @throws PlatformTroubleError for everything else */
function okOf<T>(call: Named, reply: Reply, schema: z.ZodType<T>): T {
  if (reply.kind === "refused") throw trouble(call, reply.error);
  if (reply.kind === "too-large") throw strange(call, `the answer has over ${reply.bytes} bytes`);
  const parsed = schema.safeParse(jsonOfReply(`${call.method} ${call.path}`, reply.content));
  if (parsed.success) return parsed.data;
  throw strange(call, `the answer is not as expected: ${faultsOf(parsed.error)}`);
}

const trouble = ({ method, path }: Named, error: DatabricksError): PlatformTroubleError =>
  new PlatformTroubleError(`Databricks: ${method} ${path}: ${error.message}`, { cause: error });

const strange = ({ method, path }: Named, what: string): PlatformTroubleError =>
  new PlatformTroubleError(`Databricks: ${method} ${path}: ${what}`);
