// Measures the traffic with Databricks: how often it is asked, how often it answers 429, and what
// kind of trouble it is in.
import { messageOf } from "../domain/body.ts";
import { PlatformTroubleError } from "../domain/errors.ts";
import type { LogPort } from "../ports.ts";
import type { TokenSource } from "./databricks-auth.ts";
import { DatabricksError, isTokenRefused } from "./databricks-error.ts";
import type { DatabricksHttp } from "./databricks-http.ts";
import type { DatabricksSql } from "./databricks-sql.ts";
import { httpStatusOf } from "./sql-error.ts";
import type { Wire } from "./wire.ts";

/** Wraps every part of one function that speaks to the workspace. */
export function createMeter({ log }: LogPort) {
  const seen = { exchanges: 0, throttled: 0 };
  const say = sayOnce({ log });
  return {
    /** Counts every exchange: each try of a call, and each question to the token endpoint. */
    wire: (wire: Wire): Wire => ({
      ...wire,
      send: async (request) => {
        seen.exchanges++;
        const reply = await wire.send(request);
        if (reply.status === 429) seen.throttled++;
        return reply;
      },
    }),
    /** Without a token nothing goes on, and only a person can mend that. */
    tokens: (tokens: TokenSource): TokenSource => ({
      refused: tokens.refused,
      token: () => tokens.token().catch((error: unknown) => say(error, "no-token")),
    }),
    http: (http: DatabricksHttp): DatabricksHttp => ({
      host: http.host,
      call: (call) => http.call(call).catch((error: unknown) => say(error)),
    }),
    /** The driver has a wire of its own. It asks for a token at each of its exchanges. */
    sql: (tokens: TokenSource, create: (tokens: TokenSource) => DatabricksSql): DatabricksSql => {
      const failed = (error: unknown): never => {
        if (statusOf(error) === 429) seen.throttled++;
        return say(error);
      };
      const sql = create({
        refused: tokens.refused,
        token: () => {
          seen.exchanges++;
          return tokens.token();
        },
      });
      return {
        open: async () => {
          const session = await sql.open().catch(failed);
          return {
            ...session,
            execute: (statement, parameters) =>
              session.execute(statement, parameters).catch(failed),
          };
        },
      };
    },
    /** Logs one line an invocation, not one a call. */
    sayHowOften: (): void => {
      const { exchanges, throttled } = seen;
      if (exchanges > 0) log("platform.asked", { count: exchanges, throttled });
      Object.assign(seen, { exchanges: 0, throttled: 0 });
    },
  };
}

/**
 * Logs each error object once, at the innermost wrapper: a failure passes through several of them,
 * and all callers that wait for one token share its failure.
 */
const sayOnce = ({ log }: LogPort) => {
  const logged = new WeakSet<Error>();
  return (error: unknown, state = stateOf(error)): never => {
    if (error instanceof Error && state !== undefined && !logged.has(error)) {
      logged.add(error);
      log("platform.troubled", { state, reason: messageOf(error) });
    }
    throw error;
  };
};

/** Undefined for an error that is no trouble of the platform. */
function stateOf(error: unknown): string | undefined {
  if (!(error instanceof PlatformTroubleError)) return undefined;
  const { cause } = error;
  // The client has tried a fresh token before it gives up.
  const isRefused = cause instanceof DatabricksError && isTokenRefused(cause);
  if (isRefused || statusOf(error) === 401) return "no-token";
  return statusOf(error) === 429 ? "throttled" : "troubled";
}

/** The HTTP status; 0 if none was seen. */
const statusOf = (error: unknown): number =>
  !(error instanceof PlatformTroubleError)
    ? 0
    : error.cause instanceof DatabricksError
      ? error.cause.status
      : httpStatusOf(error.cause);
