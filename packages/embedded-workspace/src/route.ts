// The contract between the HTTP edge and the API families. State lives elsewhere; this file knows
// neither sockets nor tables.
import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import type { ZodType } from "zod";

/** Somebody who may call the workspace or run code in it: a service principal. */
export type Principal = {
  /**
   * Its application id (a UUID), which is also its OAuth client id and the name that grants use.
   */
  readonly id: string;
  readonly displayName: string;
  /** A workspace administrator may do everything; anybody else needs grants. */
  readonly admin: boolean;
  /**
   * Has the entitlements workspace-access and databricks-sql-access; without, it may not start runs
   * or SQL.
   */
  readonly entitled: boolean;
};

export type ApiRequest = {
  readonly method: string;
  /** Decoded segment by segment; never contains an encoded slash. */
  readonly path: string;
  /**
   * The captures of the route's pattern, decoded: `:name` one segment, `*name` the rest (begins
   * with a slash).
   */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** The caller. Routes with `open: true` get the anonymous principal, which may do nothing. */
  readonly principal: Principal;
  /** The whole body, at most `bytesMax` of the route. */
  readonly body: () => Promise<Buffer>;
  /**
   * The body as it arrives, for files too large for memory. Fails with ApiError 413 beyond
   * `bytesMax`.
   */
  readonly stream: () => Readable;
  /** Aborts when the client has gone before it has its answer. */
  readonly gone: () => AbortSignal;
  /**
   * The body as JSON, checked. Integers beyond 2^53 arrive as strings. An absent body is `{}`.
   * @throws ApiError 400 MALFORMED_REQUEST or INVALID_PARAMETER_VALUE with the place of the fault.
   */
  readonly json: <T>(schema: ZodType<T>) => Promise<T>;
};

export type ApiReply = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * A string, Buffer or stream goes out as it is; anything else as JSON (bigint as a bare number).
   */
  readonly body?: unknown;
};

export type Route = {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** `/api/2.2/jobs/runs/get`, `/api/2.0/fs/files*path`, `/api/2.0/sql/statements/:id`. */
  readonly path: string;
  /** No token needed (discovery documents, the token endpoint). */
  readonly open?: boolean;
  /** For browsers: they are asked to sign in, and may come from other sites. */
  readonly page?: boolean;
  /**
   * The capture of `*name` may have its slashes encoded (`%2F`), as the CLI sends the paths of
   * workspace files.
   */
  readonly encodedSlashes?: boolean;
  /** A larger body is refused with 413 before it is read. Default 10 MiB. */
  readonly bytesMax?: number | (() => number);
  /** The platform's documented limit, requests a second for the whole workspace; beyond it 429. */
  readonly perSecondMax?: number;
  readonly handle: (request: ApiRequest) => Promise<ApiReply>;
};

/**
 * An answer that is not a success, in the platform's own shape: `{error_code, message, details?}`.
 */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly errorCode: string | number;
  readonly details: readonly unknown[];
  constructor(
    status: number,
    errorCode: string | number,
    message: string,
    options: { readonly details?: readonly unknown[]; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.status = status;
    this.errorCode = errorCode;
    this.details = options.details ?? [];
  }
}
