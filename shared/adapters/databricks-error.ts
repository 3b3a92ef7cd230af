// Errors in Databricks' answers. Every shape of docs/facts/databricks.md#error-bodies has been
// seen.
import * as z from "zod";
import { jsonOrNothing } from "../domain/body.ts";
import { oneLine } from "../domain/text.ts";
import type { WireReply } from "./wire.ts";

/** An answer that is no success: its status, its code, and its sentence in one bounded line. */
export class DatabricksError extends Error {
  override readonly name = "DatabricksError";
  readonly status: number;
  /** `error_code`; if there is none, `HTTP_<status>`. */
  readonly code: string;
  /** Its sentence, without status and code. */
  readonly sentence: string;
  /**
   * True if the API itself answered, in its own shape. A proxy's page proves nothing about what
   * exists.
   */
  readonly isFromApi: boolean;
  constructor(status: number, parts: ErrorParts) {
    super(`${status} ${parts.code}: ${parts.message}`);
    this.status = status;
    this.code = parts.code;
    this.sentence = parts.message;
    this.isFromApi = parts.isFromApi;
  }
}

type ErrorParts = { readonly code: string; readonly message: string; readonly isFromApi: boolean };

export function databricksError({ status, headers, content }: WireReply): DatabricksError {
  if (status < 400)
    return new DatabricksError(status, {
      code: `HTTP_${status}`,
      message: oneLine(
        `it sends us elsewhere (${String(headers["location"] ?? "without saying where")}): is this the workspace's own address, and may this network reach it?`,
      ),
      isFromApi: false,
    });
  const text = Buffer.from(content).toString("utf8").trim();
  const parts = fromJson(text) ?? fromHtml(text) ?? fromText(text);
  return new DatabricksError(status, {
    code: parts.code ?? `HTTP_${status}`,
    message: oneLine(parts.message ?? "") || "it said nothing more",
    isFromApi: parts.isFromApi,
  });
}

/** More calls than the workspace answers in a second, or at once. */
export const isTooFast = ({ status, code }: DatabricksError): boolean =>
  status === 429 || code === "REQUEST_LIMIT_EXCEEDED";

/**
 * The workspace has created as many runs as it may within an hour
 * (docs/facts/databricks.md#hourly-quota-is-invalid-state).
 */
export const isQuotaSpent = ({ code, message }: DatabricksError): boolean =>
  code === "INVALID_STATE" && /created in (?:the )?past 3600 seconds/.test(message);

/** Waiting may mend it: the request itself is not at fault. */
export const isTrouble = (error: DatabricksError): boolean => {
  const { status, code, message } = error;
  return (
    status < 400 ||
    isQuotaSpent(error) ||
    status >= 500 ||
    [401, 403, 408, 429].includes(status) ||
    code === "COULD_NOT_ACQUIRE_LOCK" ||
    TRANSIENT.test(message)
  );
};

/** The same request may soon succeed, so it is worth a second try at once. */
export const isPassing = (error: DatabricksError): boolean =>
  isTrouble(error) &&
  !isQuotaSpent(error) &&
  error.status >= 400 &&
  ![401, 403, 501].includes(error.status);

/** The token was refused, not the principal. 403 has been seen for expired tokens as well. */
export const isTokenRefused = ({ status, message }: DatabricksError): boolean =>
  status === 401 ||
  (status === 403 && /\btoken\b/i.test(message) && /invalid|expired/i.test(message));

/** The API says that the caller may not: the token was valid. */
export const isDenied = (error: DatabricksError): boolean =>
  error.status === 403 &&
  error.code === "PERMISSION_DENIED" &&
  error.isFromApi &&
  !isTokenRefused(error);

/**
 * The API says that the named thing does not exist; an unknown path or a switched-off feature gives
 * another answer.
 */
export const isMissing = ({ status, code, isFromApi }: DatabricksError): boolean =>
  status === 404 && isFromApi && !["ENDPOINT_NOT_FOUND", "FEATURE_DISABLED"].includes(code);

// Sentences after which the SDKs repeat a call whatever the status
// (docs/facts/databricks.md#sentences-that-sdks-retry).
const TRANSIENT =
  /UnknownWorkerEnvironmentException|does not have any associated worker environments|There is no worker environment with id|Unknown worker environment|ClusterNotReadyException|worker env .* not found|Timed out after |deadline exceeded|REQUEST_LIMIT_EXCEEDED|RPC token bucket limit has been exceeded|Please try again later/;

type Parts = {
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  readonly isFromApi: boolean;
};

const word = z.union([z.string(), z.number()]).transform(String).optional().catch(undefined);
const ErrorBody = z.object({
  error_code: word, // an integer on 401
  message: word,
  error: word, // API 1.2, and OAuth's code
  error_description: word,
  detail: word, // SCIM
  scimType: word,
});

function fromJson(text: string): Parts | undefined {
  const parsed = ErrorBody.safeParse(jsonOrNothing(text));
  if (!parsed.success) return undefined;
  const body = parsed.data;
  return {
    code: body.error_code ?? (body.error_description === undefined ? body.scimType : body.error),
    message: body.message ?? body.error_description ?? body.detail ?? body.error,
    isFromApi: Object.values(body).some((word) => word !== undefined),
  };
}

function fromHtml(text: string): Parts | undefined {
  if (!text.startsWith("<")) return undefined;
  const title =
    /<pre>([\s\S]*?)<\/pre>/i.exec(text)?.[1] ?? /<title>([\s\S]*?)<\/title>/i.exec(text)?.[1];
  return { message: `a web page: ${title ?? text.slice(0, 200)}`, isFromApi: false };
}

function fromText(text: string): Parts {
  const match = /^([A-Z][A-Z0-9_]{2,63}): ([\s\S]*)$/.exec(text);
  return match === null
    ? { message: text, isFromApi: false }
    : { code: match[1], message: match[2], isFromApi: true };
}
