// JSON of the platform has integers that JavaScript numbers cannot hold: run ids, job ids, workspace ids.
import type * as z from "zod";
import { ApiError } from "../route.ts";

/** Parses JSON; integers beyond 2^53 become strings with the same digits. @throws SyntaxError */
function parseJson(text: string): unknown {
  // The reviver costs several times the parse, so only texts that have such a number pay for it.
  return /\d{16}/.test(text) ? JSON.parse(text, exactInteger as Reviver) : JSON.parse(text);
}

type Reviver = (key: string, value: unknown) => unknown;

// The third argument (JSON.parse source text access) is in V8, not yet in TypeScript's library.
function exactInteger(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context?.source ?? "";
  return /^-?\d+$/.test(source) ? source : value;
}

/** JSON with bigint as a bare number. */
export function formatJson(value: unknown): string {
  return JSON.stringify(value, (_key, held) =>
    typeof held === "bigint" ? rawNumber(String(held)) : held,
  );
}

const rawNumber = (digits: string): unknown =>
  (JSON as unknown as { rawJSON: (text: string) => unknown }).rawJSON(digits);

/**
 * A request body as JSON, checked; an empty one is `{}`.
 * @throws ApiError 400 MALFORMED_REQUEST, or INVALID_PARAMETER_VALUE with the place of the fault
 */
export function parseBody<T>(text: string, schema: z.ZodType<T>): T {
  const result = schema.safeParse(bodyJson(text));
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const place = issue?.path.length ? `'${issue.path.join(".")}': ` : "";
  throw new ApiError(
    400,
    "INVALID_PARAMETER_VALUE",
    `${place}${issue?.message ?? "invalid request"}`,
    { cause: result.error },
  );
}

function bodyJson(text: string): unknown {
  if (text.trim() === "") return {};
  try {
    return parseJson(text);
  } catch (error) {
    throw malformed(error);
  }
}

const malformed = (cause: unknown) =>
  new ApiError(
    400,
    "MALFORMED_REQUEST",
    `Could not parse request object: ${cause instanceof Error ? cause.message : String(cause)}`,
    { cause },
  );

/** Query parameters as an object, checked like a body (`?limit=5` arrives as the text "5"). */
export const parseQuery = <T>(query: URLSearchParams, schema: z.ZodType<T>): T =>
  parseBody(JSON.stringify(Object.fromEntries(query)), schema);
