// From the text of a message to a value that is safe to look at. Never half-read: what is refused is refused whole.
import type * as z from "zod";
import { PoisonMessageError } from "./errors.ts";
import { repeatedKey, shapeOf } from "./json-shape.ts";
import { messageLimits } from "./messages.ts";

/**
 * Parses the body of a message.
 * @throws PoisonMessageError with one sentence: too large, no JSON, too deep, a key twice, a number that JavaScript cannot hold.
 */
export function jsonOf(body: string): unknown {
  // A UTF-16 unit is at most three bytes: most bodies need no count.
  const bytes = body.length * 3 > messageLimits.bodyBytesMax ? utf8Bytes(body) : 0;
  if (bytes > messageLimits.bodyBytesMax)
    throw new PoisonMessageError(
      `the message has ${bytes} bytes; at most ${messageLimits.bodyBytesMax} are read: put large data on a Volume and send its path`,
    );
  const { depth, keys } = shapeOf(body);
  if (depth > messageLimits.depthMax)
    throw new PoisonMessageError(
      `the message nests ${depth} levels deep; at most ${messageLimits.depthMax} are read`,
    );
  const value = parsed(body);
  const repeated = repeatedKey(body, keys, value);
  if (repeated !== undefined)
    throw new PoisonMessageError(
      `the message has the key "${repeated.slice(0, 100)}" twice in one object: which of the two is meant, nobody can say; send it once`,
    );
  return value;
}

function parsed(body: string): unknown {
  try {
    return MAY_NOT_SURVIVE.test(body)
      ? JSON.parse(body, refuseWhatDoesNotSurvive)
      : JSON.parse(body);
  } catch (error) {
    if (error instanceof PoisonMessageError) throw error;
    throw new PoisonMessageError(`the message is not JSON: ${messageOf(error)}`, { cause: error });
  }
}

/** For people, and for what a schema judges anyway: undefined where a text is no JSON. */
export function jsonOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @throws PoisonMessageError that names the first faults by their paths. */
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
  return faults.slice(0, FAULTS_SHOWN_MAX).join("; ") + (more > 0 ? `; and ${more} more` : "");
}

/** Of a union, the branch that is nearest says what is wrong: "Invalid input" says nothing. */
function sayIssue(issue: z.core.$ZodIssue, above: readonly PropertyKey[] = []): readonly string[] {
  const path = [...above, ...issue.path];
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const nearest = issue.errors.toSorted((a, b) => a.length - b.length)[0] ?? [];
    const said = nearest.flatMap((inner) => sayIssue(inner, path));
    if (said.length > 0) return said;
  }
  const place = path.map(String).join(".");
  return [place === "" ? issue.message : `${place}: ${issue.message}`];
}

export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

// Only such a text can hold what is refused: a reviver costs ten times the parsing. Long numbers and exponents are looked for
// where a number can begin, because ids have as many digits, and every digest has one before an "e".
const MAY_NOT_SURVIVE = /__proto__|\\u|(?:^|[:,[])\s*-?(?:[0-9.]{16}|[0-9.]+[eE])/;

/** Node 24 passes the source text of a value as third argument (ECMAScript's JSON.parse source text access). */
export function refuseWhatDoesNotSurvive(
  key: string,
  value: unknown,
  context?: { source?: string },
) {
  if (key === "__proto__")
    throw new PoisonMessageError('the message has a key "__proto__", which is refused');
  if (!key.isWellFormed() || (typeof value === "string" && !value.isWellFormed()))
    throw new PoisonMessageError(
      `the text at "${key.toWellFormed()}" has half a surrogate pair, which is no character`,
    );
  if (typeof value === "number") {
    const source = context?.source ?? String(value);
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
      throw new PoisonMessageError(
        `the number ${source.slice(0, 40)} at "${key}" cannot be held exactly: send it as text`,
      );
  }
  return value;
}

/** The length in UTF-8, of which the pure core has no encoder. */
export function utf8Bytes(text: string): number {
  let bytes = 0;
  for (const ch of text) {
    const code = ch.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}
