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

/** `any` is for texts that we have stored ourselves: they must stay readable. */
type Numbers = "exact" | "any";

/**
 * Parses JSON that means one thing: no key twice, no number that would become another one, no half
 * character, no `__proto__`, and no deeper nesting than a recursive reader can bear.
 * @throws PoisonMessageError with one sentence that begins with `what`
 */
export function strictJson(
  what: string,
  text: string,
  depthMax: number,
  numbers: Numbers = "exact",
): unknown {
  const { depth, keys } = shapeOf(text);
  if (depth > depthMax)
    throw new PoisonMessageError(
      `${what} nests ${depth} levels deep; at most ${depthMax} are read`,
    );
  const value = parsed(what, text);
  if (HALF_READ.test(text)) refuseHalfRead(what, value);
  if (numbers === "exact" && LONG_NUMBER.test(text)) refuseRounded(what, text);
  const repeated = repeatedKey(text, keys, value);
  if (repeated !== undefined)
    throw new PoisonMessageError(
      `${what} has the key "${oneLine(repeated, 100)}" twice in one object: which of the two is meant, nobody can say; send it once`,
    );
  return value;
}

function parsed(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
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

// Matches every text that may hold a refused value. Most texts do not, and are not searched again.
// Long numbers and exponents are looked for only where a number can begin, because ids have as many
// digits, and every digest has one before an "e".
const HALF_READ = /__proto__|\\u/;
const LONG_NUMBER = /(?:^|[:,[])\s*-?(?:[0-9.]{16}|[0-9.]+[eE])/;

/** @param value what a text was parsed to, of a bounded depth */
function refuseHalfRead(what: string, value: unknown, key = ""): void {
  if (typeof value === "string") refuseHalfCharacter(what, value, key);
  if (typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (const inner of value) refuseHalfRead(what, inner, key);
    return;
  }
  for (const [name, inner] of Object.entries(value)) {
    if (name === "__proto__")
      throw new PoisonMessageError(`${what} has a key "__proto__", which is refused`);
    refuseHalfCharacter(what, name, name);
    refuseHalfRead(what, inner, name);
  }
}

function refuseHalfCharacter(what: string, text: string, key: string): void {
  if (text.isWellFormed()) return;
  throw new PoisonMessageError(
    `${what} has half a surrogate pair at ${quoted(key)}, which is no character`,
  );
}

/**
 * Searches the valid JSON text, because a value no longer says how its numbers were written. A
 * reviver is told, and takes ten times as long.
 */
function refuseRounded(what: string, text: string): void {
  let key = "";
  let keyEnd = 0;
  for (const { 0: token, index } of text.matchAll(KEY_OR_LONG_NUMBER)) {
    if (token.startsWith('"')) {
      key = token;
      keyEnd = index + token.length;
    } else if (isAnother(Number(token), token)) {
      const place = index === keyEnd ? `at ${quoted(keyIn(key))}` : "in a list";
      throw new PoisonMessageError(
        `${what} has the number ${token.slice(0, 40)} ${place}, which cannot be held exactly: send it as text`,
      );
    }
  }
}

/** Strings are passed over whole, a key with its colon; so are short numbers. */
const KEY_OR_LONG_NUMBER =
  /"[^"\\]*(?:\\.[^"\\]*)*"(?:\s*:\s*)?|-?(?:[0-9.]{16}|[0-9.]+[eE])[0-9.eE+-]*/g;

const keyIn = (token: string): string =>
  token === "" ? "" : JSON.parse(token.slice(0, token.lastIndexOf('"') + 1));

const quoted = (key: string): string => `"${oneLine(key, 100)}"`;

/**
 * A number is a double. It differs from what was written if that is too large, so small that it
 * becomes 0, or an integer that a double rounds; a fraction or an exponent asks for the nearest
 * double anyway. An integer as JSON.stringify writes it is its double (2^60 is
 * 1152921504606847000), because what we send again ourselves must be readable again.
 */
const isAnother = (value: number, source: string): boolean =>
  !Number.isFinite(value) ||
  (value === 0 && /[1-9]/.test(source.split(/e/i)[0] ?? "")) ||
  (INTEGER.test(source) && String(value) !== source && BigInt(value) !== BigInt(source));
const INTEGER = /^-?[0-9]+$/;

/** The length in UTF-8. The pure core has no encoder for it. */
export function utf8Bytes(text: string): number {
  let bytes = 0;
  for (const ch of text) {
    const code = ch.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}
