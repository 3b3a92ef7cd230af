// A client of one workspace: it signs in, keeps to the rate limits, repeats calls, and says which
// failures only waiting can mend.
import { messageOf } from "../domain/body.ts";
import { PlatformTroubleError } from "../domain/errors.ts";
import type { ClockPort } from "../ports.ts";
import type { TokenSource } from "./databricks-auth.ts";
import {
  type DatabricksError,
  databricksError,
  isDenied,
  isPassing,
  isQuotaSpent,
  isTokenRefused,
  isTooFast,
  isTrouble,
} from "./databricks-error.ts";
import { exactJson } from "./exact-json.ts";
import type { RateKind, RateLimiter } from "./rate-limit.ts";
import { LostReplyError, type Wire, type WireReply } from "./wire.ts";

/**
 * A call that may be repeated: every call of ours reads, or sets the thing that it names, or
 * carries an idempotency token. A new kind of call that adds something each time must not come this
 * way.
 */
export type DatabricksCall = {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** The path begins with `/api/`; its segments are encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** JSON text, sent as it is. */
  readonly json?: string;
  readonly rate: RateKind;
  /** Default 16 MiB. */
  readonly bytesMax?: number;
  /**
   * The time for all tries together. Default 15 s: a handler has 30 to 60 s for all of its calls.
   */
  readonly totalMs?: number;
  /**
   * A 403 PERMISSION_DENIED about the named thing is an answer. Otherwise it is trouble that a
   * person mends.
   */
  readonly forbiddenIsAnswer?: boolean;
};

export type DatabricksReply =
  | { readonly kind: "ok"; readonly content: Uint8Array }
  /** The answer has more than `bytesMax`: at least `bytes`. */
  | { readonly kind: "too-large"; readonly bytes: number }
  /** The request is at fault (400, 404, 409, …): the caller judges it. */
  | { readonly kind: "refused"; readonly error: DatabricksError };

export type DatabricksHttp = {
  readonly host: string;
  /**
   * @throws PlatformTroubleError for every failure that waiting may mend; its cause is a
   *   DatabricksError or a LostReplyError
   */
  readonly call: (call: DatabricksCall) => Promise<DatabricksReply>;
};

export type DatabricksHttpOptions = ClockPort & {
  readonly wire: Wire;
  readonly tokens: TokenSource;
  readonly limiter: RateLimiter;
  readonly userAgent: string;
  /** 0 ≤ random() < 1; spreads the second tries of instances that failed together. */
  readonly random: () => number;
};

const TRIES_MAX = 3;
const TRY_MS_MAX = 10_000;
const TOTAL_MS_MAX = 15_000;
const REPLY_BYTES_MAX = 16 * 1024 * 1024;

export const createDatabricksHttp = (options: DatabricksHttpOptions): DatabricksHttp => ({
  host: options.wire.origin,
  call: (call) => callWithTries(options, call),
});

async function callWithTries(
  options: DatabricksHttpOptions,
  call: DatabricksCall,
): Promise<DatabricksReply> {
  const { clock, limiter } = options;
  const endMs = clock.nowMs() + (call.totalMs ?? TOTAL_MS_MAX);
  for (let tried = 1; ; tried++) {
    // The time counts from when the limiter lets the call through. A call that was held (or frozen)
    // for too long is not made any more.
    const seen = await limiter.run(call.rate, async () => {
      const timeoutMs = Math.min(TRY_MS_MAX, endMs - clock.nowMs());
      if (timeoutMs <= 0)
        throw new PlatformTroubleError(`Databricks: ${nameOf(call)}: its turn came too late`);
      return await tryOnce(options, call, timeoutMs);
    });
    if (seen.kind !== "trouble") return seen;
    const retryAfterSeconds = askedToWait(limiter, call, seen);
    const waitMs = Math.max(pauseMs(tried, options.random()), (retryAfterSeconds ?? 0) * 1000);
    const isWorthIt = seen.isPassing && tried < TRIES_MAX;
    if (!isWorthIt || clock.nowMs() + waitMs >= endMs)
      throw new PlatformTroubleError(`Databricks: ${nameOf(call)}: ${messageOf(seen.cause)}`, {
        cause: seen.cause,
        ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
      });
    await clock.sleep(waitMs);
  }
}

/**
 * Tells the limiter what is said of our pace, and returns how long the platform wants to be left
 * alone.
 */
function askedToWait(
  limiter: RateLimiter,
  { rate }: DatabricksCall,
  { cause, retryAfterSeconds }: Trouble,
): number | undefined {
  if (cause instanceof LostReplyError) return undefined;
  if (isQuotaSpent(cause)) return limiter.spent();
  if (isTooFast(cause)) limiter.refused(rate, retryAfterSeconds);
  return retryAfterSeconds;
}

/** 100 to 200 ms, then 400 to 800 ms. */
const pauseMs = (tried: number, random: number): number => 50 * 4 ** (tried - 1) * (2 + 2 * random);

const nameOf = ({ method, path }: DatabricksCall): string => `${method} ${path}`;

type Trouble = {
  readonly kind: "trouble";
  readonly cause: DatabricksError | LostReplyError;
  readonly isPassing: boolean;
  readonly retryAfterSeconds?: number;
};

/** Makes one try; a refused token is replaced once, within it. */
async function tryOnce(
  options: DatabricksHttpOptions,
  call: DatabricksCall,
  timeoutMs: number,
): Promise<DatabricksReply | Trouble> {
  const { tokens } = options;
  try {
    const token = await tokens.token();
    const first = await sendOnce(options, call, token, timeoutMs);
    if (first.kind !== "trouble" || first.cause instanceof LostReplyError) return first;
    if (!isTokenRefused(first.cause)) return first;
    tokens.refused(token);
    return await sendOnce(options, call, await tokens.token(), timeoutMs);
  } catch (error) {
    if (error instanceof LostReplyError) return { kind: "trouble", cause: error, isPassing: true };
    throw error;
  }
}

async function sendOnce(
  { wire, userAgent, clock }: DatabricksHttpOptions,
  call: DatabricksCall,
  token: string,
  timeoutMs: number,
): Promise<DatabricksReply | Trouble> {
  const query = call.query === undefined ? "" : `?${new URLSearchParams(call.query)}`;
  const body = call.json ?? call.body;
  const reply = await wire.send({
    method: call.method,
    path: call.path + query,
    headers: {
      authorization: `Bearer ${token}`,
      "user-agent": userAgent,
      accept: call.json === undefined && call.rate === "files" ? "*/*" : "application/json",
      ...(call.json !== undefined && { "content-type": "application/json" }),
      ...(call.body !== undefined && { "content-type": "application/octet-stream" }),
    },
    ...(body !== undefined && { body }),
    bytesMax: call.bytesMax ?? REPLY_BYTES_MAX,
    timeoutMs,
  });
  return judged(call, reply, clock.nowMs());
}

function judged(call: DatabricksCall, reply: WireReply, nowMs: number): DatabricksReply | Trouble {
  if (reply.status >= 200 && reply.status < 300)
    return reply.tooLargeBytes === undefined
      ? { kind: "ok", content: reply.content }
      : { kind: "too-large", bytes: reply.tooLargeBytes };
  const error = databricksError(reply);
  const isAnswer = call.forbiddenIsAnswer === true && isDenied(error);
  if (isAnswer || !isTrouble(error)) return { kind: "refused", error };
  const retryAfterSeconds = retryAfterOf(reply, nowMs);
  return {
    kind: "trouble",
    cause: error,
    isPassing: isPassing(error),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  };
}

/** Whole seconds or an HTTP date. The header is not promised, and nonsense in it is ignored. */
function retryAfterOf({ headers }: WireReply, nowMs: number): number | undefined {
  const header = String(headers["retry-after"] ?? "").trim();
  if (header === "") return undefined;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - nowMs) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined;
}

/**
 * The JSON of a successful answer, with int64 kept exact.
 * @throws PlatformTroubleError if it is none: a proxy's page, a truncated answer
 */
export function jsonOfReply(call: string, content: Uint8Array): unknown {
  try {
    return exactJson(Buffer.from(content).toString("utf8"));
  } catch (error) {
    throw new PlatformTroubleError(
      `Databricks: ${call}: the answer is not JSON (${messageOf(error)}): is something between us and the workspace?`,
      { cause: error },
    );
  }
}

/** Whether a failed call may still have had its effect. */
export const mayHaveHappened = ({ cause }: PlatformTroubleError): boolean =>
  cause instanceof LostReplyError ||
  (typeof cause === "object" && cause !== null && "status" in cause && Number(cause.status) >= 500);
