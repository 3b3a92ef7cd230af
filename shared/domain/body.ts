// Turns the text of a message into a value that is safe to look at. A text is never half-read: one
// fault refuses all of it.
import type * as z from "zod";
import { PoisonMessageError } from "./errors.ts";
import { repeatedKey, shapeOf } from "./json-shape.ts";
import { messageLimits } from "./messages.ts";
import { oneLine } from "./text.ts";

/**
 * Parses the body of a message.
 * @throws PoisonMessageError with one sentence: too large, no JSON, too deep, a key twice, a number
 *   that JavaScript cannot hold
 */
export function jsonOf(body: string): unknown {
  // A UTF-16 unit is at most three bytes, so most bodies need no count.
  const bytes = body.length * 3 > messageLimits.bodyBytesMax ? utf8Bytes(body) : 0;
  if (bytes > messageLimits.bodyBytesMax)
    throw new PoisonMessageError(
      `the message has ${bytes} bytes; at most ${messageLimits.bodyBytesMax} are read: put large data on a Volume and send its path`,
    );
  return strictJson("the message", body, messageLimits.depthMax);
}

/**
 * Parses JSON that means one thing: no key twice, no number that would become another one, no half
 * character, no `__proto__`, and no deeper nesting than a recursive reader can bear.
 * @throws PoisonMessageError with one sentence that begins with `what`
 */
export function strictJson(what: string, text: string, depthMax: number): unknown {
  const { depth, keys } = shapeOf(text);
  if (depth > depthMax)
    throw new PoisonMessageError(
      `${what} nests ${depth} levels deep; at most ${depthMax} are read`,
    );
  const value = parsed(what, text);
  const repeated = repeatedKey(text, keys, value);
  if (repeated !== undefined)
    throw new PoisonMessageError(
      `${what} has the key "${oneLine(repeated, 100)}" twice in one object: which of the two is meant, nobody can say; send it once`,
    );
  return value;
}

function parsed(what: string, text: string): unknown {
  try {
    return MAY_NOT_SURVIVE.test(text) ? JSON.parse(text, refuserIn(what)) : JSON.parse(text);
  } catch (error) {
    if (error instanceof PoisonMessageError) throw error;
    throw new PoisonMessageError(`${what} is not JSON: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Parses JSON for people, and for schemas that judge it anyway. Undefined if the text is no JSON.
 */
export function jsonOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @throws PoisonMessageError that names the first faults by their paths */
export function checked<T>(what: string, schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new PoisonMessageError(`${what} is not valid: ${faultsOf(parsed.error)}`, {
    cause: parsed.error,
  });
}

const FAULTS_SHOWN_MAX = 3;

/** The faults of a value in one line: where, and what is wrong there. */
export function faultsOf(error: z.ZodError): string {
  const faults = error.issues.flatMap((issue) => sayIssue(issue));
  const more = faults.length - FAULTS_SHOWN_MAX;
  const shown = faults.slice(0, FAULTS_SHOWN_MAX).map((fault) => oneLine(fault, FAULT_CHARS_MAX));
  return shown.join("; ") + (more > 0 ? `; and ${more} more` : "");
}
/** The longest fault. A fault quotes an unknown key, which may be as long as its sender likes. */
const FAULT_CHARS_MAX = 150;

/**
 * The faults of one issue. Of a union, the nearest branch says what is wrong: "Invalid input" says
 * nothing.
 */
function sayIssue(issue: z.core.$ZodIssue, above: readonly PropertyKey[] = []): readonly string[] {
  const path = [...above, ...issue.path];
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const nearest = issue.errors.toSorted((a, b) => a.length - b.length)[0] ?? [];
    const faults = nearest.flatMap((inner) => sayIssue(inner, path));
    if (faults.length > 0) return faults;
  }
  const place = path.map(String).join(".");
  return [place === "" ? issue.message : `${place}: ${issue.message}`];
}

export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

// Matches every text that may hold a refused value. Other texts need no reviver, which costs ten
// times the parsing. Long numbers and exponents are looked for only where a number can begin,
// because ids have as many digits, and every digest has one before an "e".
const MAY_NOT_SURVIVE = /__proto__|\\u|(?:^|[:,[])\s*-?(?:[0-9.]{16}|[0-9.]+[eE])/;

/**
 * Node 24 passes the source text of a value as third argument (ECMAScript's JSON.parse source text
 * access).
 */
const refuserIn =
  (what: string) =>
  (key: string, value: unknown, context?: { source?: string }): unknown =>
    refuseWhatDoesNotSurvive(what, key, value, context?.source);

function refuseWhatDoesNotSurvive(
  what: string,
  key: string,
  value: unknown,
  source = String(value),
): unknown {
  if (key === "__proto__")
    throw new PoisonMessageError(`${what} has a key "__proto__", which is refused`);
  const place = `"${oneLine(key, 100)}"`;
  if (!key.isWellFormed() || (typeof value === "string" && !value.isWellFormed()))
    throw new PoisonMessageError(
      `${what} has half a surrogate pair at ${place}, which is no character`,
    );
  if (typeof value === "number" && isAnother(value, source))
    throw new PoisonMessageError(
      `${what} has the number ${source.slice(0, 40)} at ${place}, which cannot be held exactly: send it as text`,
    );
  return value;
}

/** Whether a number changed: too large, an integer beyond 2^53, or so small that it becomes 0. */
const isAnother = (value: number, source: string): boolean =>
  !Number.isFinite(value) ||
  (Number.isInteger(value) && !Number.isSafeInteger(value)) ||
  (value === 0 && /[1-9]/.test(source.split(/e/i)[0] ?? ""));

/** The length in UTF-8. The pure core has no encoder for it. */
export function utf8Bytes(text: string): number {
  let bytes = 0;
  for (const ch of text) {
    const code = ch.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}
