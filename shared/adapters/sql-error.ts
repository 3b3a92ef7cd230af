// Makes one kind of error of everything that the SQL driver throws: trouble that waiting may mend,
// or an error with its SQLSTATE.
import { PlatformTroubleError } from "../domain/errors.ts";

export class SqlError extends Error {
  override readonly name = "SqlError";
  /** Five characters; empty if there was none. */
  readonly sqlState: string;
  constructor(message: string, sqlState: string, cause: unknown) {
    super(message, { cause });
    this.sqlState = sqlState;
  }
}

/**
 * Converts what the driver throws: errors with a state (OperationStateError); things that are no
 * Error and have none (StatusError: only the class at the start of its message tells); HTTP errors;
 * and anything that its transport threw (docs/facts/databricks.md#fetch-all-is-silent,
 * docs/facts/databricks.md#status-error-is-no-error).
 */
export function sqlFailure(what: string, error: unknown): SqlError | PlatformTroubleError {
  if (error instanceof PlatformTroubleError || error instanceof SqlError) return error;
  const seen = partsOf(error);
  const sentence = `the warehouse: ${what}: ${seen.message}`;
  return isTrouble(seen)
    ? new PlatformTroubleError(sentence, { cause: asError(error, seen) })
    : new SqlError(sentence, seen.sqlState, asError(error, seen));
}

/** Two writers of one table met: the statement was not done, and may be repeated. */
export const isConflict = (error: unknown): boolean =>
  error instanceof SqlError && (error.sqlState === "2D521" || CONFLICT.test(error.message));

const CONFLICT = /\[(DELTA_CONCURRENT_|DELTA_METADATA_CHANGED|DELTA_PROTOCOL_CHANGED)/;

export const isUnauthorized = (error: unknown): boolean => [401, 403].includes(httpStatusOf(error));

/** The HTTP status; 0 if none was seen. */
export const httpStatusOf = (error: unknown): number => partsOf(error).status;

type Parts = {
  readonly message: string;
  readonly sqlState: string;
  /** The HTTP status; 0 if none was seen. */
  readonly status: number;
  readonly errorCode: string;
  readonly isSaidByServer: boolean;
};

function partsOf(error: unknown): Parts {
  if (typeof error !== "object" || error === null) return { ...noParts, message: String(error) };
  const thrown = error as {
    readonly name?: unknown;
    readonly message?: unknown;
    readonly errorCode?: unknown;
    readonly statusCode?: unknown;
    readonly response?: { readonly sqlState?: unknown; readonly errorMessage?: unknown };
    readonly payload?: unknown;
  };
  // A RetryError carries the error of the last try.
  const inner = thrown.name === "RetryError" || thrown.payload instanceof Error;
  if (inner && thrown.payload !== undefined) return { ...partsOf(thrown.payload) };
  const message = String(thrown.message ?? thrown.response?.errorMessage ?? "it said nothing");
  const isStatus = thrown.name === "Status Error";
  return {
    message: oneLine(message),
    sqlState: sqlStateOf(thrown.response?.sqlState, message),
    status: Number(thrown.statusCode ?? 0),
    errorCode: String(thrown.errorCode ?? ""),
    isSaidByServer:
      isStatus || thrown.response?.sqlState !== undefined || /\[[A-Z_.]{4,}\]/.test(message),
  };
}

const noParts = { sqlState: "", status: 0, errorCode: "", isSaidByServer: false } as const;

const sqlStateOf = (given: unknown, message: string): string =>
  typeof given === "string" && given !== ""
    ? given
    : (/SQLSTATE:? ?\(?([0-9A-Z]{5})\b/.exec(message)?.[1] ?? "");

/**
 * Trouble outside SQL: the connection, the gateway, a time limit. And SQL's own errors that a
 * person mends while the records wait: things that do not exist or are not permitted (class 42),
 * and resources that are short (53, 57, 58, 08).
 */
const isTrouble = ({ sqlState, status, errorCode, isSaidByServer, message }: Parts): boolean =>
  status > 0 ||
  ["TIMEOUT", "CANCELED", "CLOSED"].includes(errorCode) ||
  /^(08|42|53|57|58)/.test(sqlState) ||
  /INVALID_HANDLE|session .*(closed|expired|not found)|TEMPORARILY_UNAVAILABLE/i.test(message) ||
  (sqlState === "" && !isSaidByServer);

const asError = (error: unknown, { message }: Parts): Error =>
  error instanceof Error ? error : new Error(message);

const CHARS_MAX = 500;
const oneLine = (text: string): string => {
  const line = text.replaceAll(/[\p{Cc}\s]+/gu, " ").trim();
  return line.length > CHARS_MAX ? `${line.slice(0, CHARS_MAX)}…` : line;
};
