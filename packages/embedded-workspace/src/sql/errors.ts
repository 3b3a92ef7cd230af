// A statement's error: Databricks' error class and SQLSTATE, with a message in its form.

/**
 * A statement refused or failed. `message` begins with `[ERROR_CLASS]` and ends with `SQLSTATE: …`,
 * as the platform's do (clients match on the class at the start:
 * docs/facts/databricks.md#error-message-begins-with-its-class).
 */
export class SqlError extends Error {
  override readonly name = "SqlError";
  readonly errorClass: string;
  readonly sqlState: string;
  constructor(
    errorClass: string,
    sqlState: string,
    text: string,
    options: { readonly cause?: unknown } = {},
  ) {
    const end = /[.!?;]$/.test(text) ? "" : ".";
    super(`[${errorClass}] ${text}${end} SQLSTATE: ${sqlState}`, options);
    this.errorClass = errorClass;
    this.sqlState = sqlState;
  }
}

/** The text cannot be read as a statement. */
export function syntaxError(near: string, place?: string): SqlError {
  const where = place === undefined ? "" : ` (${place})`;
  return new SqlError("PARSE_SYNTAX_ERROR", "42601", `Syntax error at or near ${near}${where}`);
}

/**
 * Databricks may know it; this workspace does not translate it, and says so instead of guessing.
 */
export function unsupported(what: string): SqlError {
  return new SqlError(
    "UNSUPPORTED_FEATURE.EMBEDDED_WORKSPACE",
    "0A000",
    `The embedded workspace does not translate ${what}`,
  );
}

/** The principal lacks a privilege on a securable. */
export function insufficientPermissions(
  privilege: string,
  securable: string,
  name: string,
): SqlError {
  return new SqlError(
    "INSUFFICIENT_PERMISSIONS",
    "42501",
    `Insufficient privileges: User does not have ${privilege} on ${securable} '${name}'`,
  );
}

/** Nested deeper, or longer, than a statement can be worked on. */
export function tooComplex(cause?: unknown): SqlError {
  return new SqlError(
    "FAILED_TO_PARSE_TOO_COMPLEX",
    "54001",
    "The statement, including potential SQL functions and referenced views, was too complex to parse. To mitigate this error divide the statement into multiple, less complex chunks",
    { cause },
  );
}

/** More than this workspace's share of the machine. */
export function outOfMemory(cause?: unknown): SqlError {
  return new SqlError(
    "UNABLE_TO_ACQUIRE_MEMORY",
    "53200",
    "The statement needs more memory than the embedded workspace gives to SQL",
    { cause },
  );
}

/** V8's message where a recursion, its own or a regular expression's, has no room left. */
export const STACK_IS_FULL = /Maximum call stack size exceeded/;

/** Makes a statement's error of anything thrown. */
export function sqlErrorOf(thrown: unknown): SqlError {
  if (thrown instanceof SqlError) return thrown;
  if (thrown instanceof RangeError && STACK_IS_FULL.test(thrown.message)) return tooComplex(thrown);
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new SqlError("INTERNAL_ERROR", "XX000", text, { cause: thrown });
}
