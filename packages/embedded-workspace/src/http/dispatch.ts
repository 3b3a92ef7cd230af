// From a request to the answer of its route: who calls, how often, how much, and what is not there.

import type { Settings } from "../context.ts";
import { ApiError, type ApiReply, type ApiRequest, type Principal, type Route } from "../route.ts";
import { BODY_BYTES_MAX, checkDeclaredLength, limitedStream, readBody } from "./body.ts";
import { parseBody } from "./json.ts";
import type { RateLimiter } from "./rate-limit.ts";
import { type Exchange, errorReply } from "./reply.ts";
import type { Found, Router } from "./router.ts";

export type DispatchOptions = {
  readonly settings: Settings;
  readonly limiter: RateLimiter;
  /** @throws ApiError 401 or 403 */
  readonly authenticate: (authorization: string | undefined) => Principal;
  readonly log: (line: string) => void;
};

export type Call = {
  readonly exchange: Exchange;
  readonly rawPath: string;
  readonly rawQuery: string;
  /** The request's entry in the log. */
  readonly notes: {
    path?: string;
    route?: string;
    principal?: string;
    runId?: string;
    fault?: string;
  };
};

/**
 * The route of a call, or the answer in its place: 400 for a malformed path, 501 for one that is
 * not there.
 */
export type Lookup = { readonly found: Found } | { readonly refusal: ApiError };

export function lookUp(router: Router, { exchange, rawPath, notes }: Call): Lookup {
  const method = exchange.request.method ?? "GET";
  try {
    const segments = router.segments(rawPath);
    notes.path = `/${segments.join("/")}`;
    const found = router.find(method, segments);
    if (found === undefined) return { refusal: notImplemented(router, method, segments) };
    notes.route = found.route.path;
    return { found };
  } catch (error) {
    if (error instanceof ApiError) return { refusal: error };
    throw error;
  }
}

/** Carries the call out. Every failure becomes an answer in the platform's shape. */
export async function dispatch(
  options: DispatchOptions,
  lookup: Lookup,
  call: Call,
): Promise<ApiReply> {
  if ("refusal" in lookup) return errorReply(lookup.refusal);
  const { page } = lookup.found.route;
  return replyOf(
    options,
    call,
    () => callRoute(options, lookup.found, call),
    (error) => (page === true && error.status === 401 ? signIn : {}),
  );
}

const signIn = { headers: { "www-authenticate": 'Basic realm="embedded workspace"' } };

/**
 * A browser that has signed in for a page sends its credentials along whoever asks. Programs do not
 * send this header. @throws ApiError 403
 */
function refuseOtherSites(site: string | string[] | undefined): void {
  if (site === "cross-site" || site === "same-site")
    throw new ApiError(
      403,
      "PERMISSION_DENIED",
      "Pages of other sites may not call the workspace.",
    );
}

/** A call to the admin: no principal, no limits of rate. */
export async function dispatchAdmin(
  options: DispatchOptions,
  router: Router,
  call: Call,
): Promise<ApiReply> {
  const lookup = lookUp(router, call);
  if ("refusal" in lookup)
    return errorReply(
      new ApiError(404, "ENDPOINT_NOT_FOUND", `The admin has no ${call.rawPath} of this method.`),
    );
  return replyOf(options, call, () => callHandler(lookup.found, anonymous, call));
}

async function replyOf(
  { log }: DispatchOptions,
  { exchange }: Call,
  work: () => Promise<ApiReply>,
  extra: (error: ApiError) => Partial<ApiReply> = () => ({}),
): Promise<ApiReply> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ApiError) return { ...errorReply(error), ...extra(error) };
    // A client that went away in the middle of its body is no fault of the workspace.
    if (!exchange.request.destroyed)
      log(`internal error: ${error instanceof Error ? error.stack : String(error)}`);
    return errorReply(
      new ApiError(500, "INTERNAL_ERROR", `The embedded workspace failed: ${String(error)}`),
    );
  }
}

async function callRoute(options: DispatchOptions, found: Found, call: Call): Promise<ApiReply> {
  const { authenticate, limiter, settings } = options;
  const { route } = found;
  const { authorization } = call.exchange.request.headers;
  const { headers } = call.exchange.request;
  if (route.page !== true) refuseOtherSites(headers["sec-fetch-site"]);
  const principal = route.open ? anonymous : authenticate(authorization);
  call.notes.principal = principal.displayName;
  if (settings.rateLimits && !limiter.admit(route)) return tooManyRequests(route, settings);
  const reply = await callHandler(found, principal, call);
  noteRunId(call, reply.body);
  return reply;
}

function tooManyRequests({ path, perSecondMax }: Route, { retryAfterSeconds }: Settings): ApiReply {
  const message = `Requests to ${path} exceed the limit of ${perSecondMax} per second. Please retry your request later.`;
  return {
    ...errorReply(new ApiError(429, "REQUEST_LIMIT_EXCEEDED", message)),
    ...(retryAfterSeconds !== null && { headers: { "retry-after": String(retryAfterSeconds) } }),
  };
}

async function callHandler(found: Found, principal: Principal, call: Call): Promise<ApiReply> {
  const { request, response } = call.exchange;
  const limit = found.route.bytesMax ?? BODY_BYTES_MAX;
  const bytesMax = typeof limit === "function" ? limit() : limit;
  checkDeclaredLength(request, bytesMax);
  let held: Promise<Buffer> | undefined;
  const invite = () => {
    if (request.headers.expect?.toLowerCase() === "100-continue") response.writeContinue();
  };
  const body = () => {
    if (held === undefined) invite();
    held ??= readBody(request, bytesMax);
    return held;
  };
  const apiRequest: ApiRequest = {
    method: request.method ?? "GET",
    path: call.notes.path ?? call.rawPath,
    params: found.params,
    query: new URLSearchParams(call.rawQuery),
    headers: request.headers,
    principal,
    body,
    stream: () => {
      invite();
      return limitedStream(request, bytesMax);
    },
    gone: () => goneSignal(call.exchange),
    json: async (schema) => {
      const parsed = parseBody((await body()).toString("utf8"), schema);
      noteRunId(call, parsed);
      return parsed;
    },
  };
  return found.route.handle(apiRequest);
}

function goneSignal({ response }: Exchange): AbortSignal {
  const gone = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) gone.abort();
  });
  return gone.signal;
}

function noteRunId({ notes }: Call, value: unknown): void {
  if (typeof value !== "object" || value === null || !("run_id" in value)) return;
  const id = value.run_id;
  if (typeof id === "string" || typeof id === "number" || typeof id === "bigint")
    notes.runId ??= String(id);
}

function notImplemented(router: Router, method: string, segments: readonly string[]): ApiError {
  const path = `/${segments.join("/")}`;
  const methods = router.methods(segments);
  const instead = methods.length === 0 ? "" : ` This path has ${methods.join(", ")}.`;
  return new ApiError(
    501,
    "NOT_IMPLEMENTED",
    `The embedded workspace has no ${method} ${path}.${instead} What it has is listed in its README.`,
  );
}

const anonymous: Principal = {
  id: "",
  displayName: "anonymous",
  admin: false,
  entitled: false,
};
