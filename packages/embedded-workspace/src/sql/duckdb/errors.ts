// Translates DuckDB's errors into Databricks'.
import { outOfMemory, SqlError, STACK_IS_FULL, tooComplex } from "../errors.ts";

/** Patterns of DuckDB's messages; the first that matches tells. */
const MEANINGS: readonly (readonly [RegExp, string, string, (match: RegExpExecArray) => string])[] =
  [
    // Ours: raised by error() and by the dbx_ functions.
    [/\[([A-Z][A-Z0-9_.]+)\|(\w{5})\] ([\s\S]*)$/, "", "", (match) => match[3] ?? ""],
    [
      /NOT NULL constraint failed: (?:\S+\.)?(\S+)/,
      "DELTA_NOT_NULL_CONSTRAINT_VIOLATED",
      "23502",
      (match) => `NOT NULL constraint violated for column: ${(match[1] ?? "").replaceAll('"', "")}`,
    ],
    [
      /Overflow in|Overflow on|out of range for the destination|can't be cast because the value is out of range|Could not cast value .* to DECIMAL|Could not convert string .* to DECIMAL|Casting value .* to type DECIMAL.*failed|value is out of range/i,
      "",
      "22003",
      () => "",
    ],
    [
      /must appear in the GROUP BY clause/,
      "MISSING_AGGREGATION",
      "42803",
      () =>
        "The non-aggregating expression is based on columns which are not participating in the GROUP BY clause. Add the columns or the expression to the GROUP BY, aggregate the expression, or use `any_value()` if you do not care which of the values within a group is returned",
    ],
    [
      /aggregates? (?:functions? )?(?:cannot|can't|can not) .*(?:WHERE|GROUP BY)|WHERE clause cannot contain aggregates/i,
      "INVALID_WHERE_CONDITION",
      "42903",
      () => "The WHERE condition contains invalid expressions: aggregate functions",
    ],
    [
      /(?:WHERE|HAVING|GROUP BY).*cannot contain window functions/i,
      "INVALID_WHERE_CONDITION",
      "42903",
      () => "The WHERE condition contains invalid expressions: window functions",
    ],
    [
      /aggregate function calls cannot be nested/,
      "NESTED_AGGREGATE_FUNCTION",
      "42607",
      () =>
        "It is not allowed to use an aggregate function in the argument of another aggregate function. Please use the inner aggregate function in a sub-query",
    ],
    [
      /Date out of range|date field value out of range/i,
      "DATETIME_FIELD_OUT_OF_BOUNDS.WITH_SUGGESTION",
      "22023",
      () => "The calendar has no such date",
    ],
    [
      /More than one row returned by a subquery/i,
      "SCALAR_SUBQUERY_TOO_MANY_ROWS",
      "21000",
      () => "More than one row returned by a subquery used as an expression",
    ],
    [
      /Map keys? (?:can not|cannot) be NULL/i,
      "NULL_MAP_KEY",
      "2200E",
      () => "Cannot use null as map key",
    ],
    [
      /Map keys? (?:must be unique|can not be NULL|cannot be NULL)/i,
      "DUPLICATED_MAP_KEY",
      "23505",
      () => "Duplicate or NULL map key was found, please check the input data",
    ],
    [/^INTERRUPT/i, "OPERATION_CANCELED", "HY008", () => "Operation has been canceled"],
    [
      /Transaction conflict|write-write conflict|Conflict on/i,
      "DELTA_CONCURRENT_WRITE",
      "2D521",
      () =>
        "ConcurrentWriteException: A concurrent transaction has written new data since the current transaction read the table. Please try the operation again",
    ],
  ];

const BEYOND_LIMITS = [
  [STACK_IS_FULL, tooComplex],
  [/Max expression depth limit|pattern too large|memory exhausted at or near/i, tooComplex],
  [/^Out of Memory Error|Invalid (?:string|array) length|max_temp_directory_size/i, outOfMemory],
] as const;

/** The error of a statement that DuckDB refused or could not finish. */
export function errorOf(thrown: unknown): SqlError {
  if (thrown instanceof SqlError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  for (const [pattern, errorFor] of BEYOND_LIMITS) if (pattern.test(text)) return errorFor(thrown);
  for (const [pattern, errorClass, sqlState, say] of MEANINGS) {
    const match = pattern.exec(text);
    if (match === null) continue;
    if (sqlState === "")
      return new SqlError(match[1] ?? "", match[2] ?? "", say(match), { cause: thrown });
    if (sqlState === "22003") return overflow(text, thrown);
    return new SqlError(errorClass, sqlState, say(match), { cause: thrown });
  }
  // Reached only where the translation is wrong: loud, with DuckDB's own words.
  return new SqlError("INTERNAL_ERROR", "XX000", text.split("\n")[0] ?? text, { cause: thrown });
}

function overflow(text: string, cause: unknown): SqlError {
  if (/Overflow (in|on)/i.test(text))
    return new SqlError(
      "ARITHMETIC_OVERFLOW",
      "22003",
      "Overflow in an arithmetic operation. Use `try_add`, `try_subtract` or `try_multiply` to tolerate overflow and return NULL instead",
      { cause },
    );
  if (/DECIMAL/.test(text))
    return new SqlError(
      "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION",
      "22003",
      "A value cannot be represented as a DECIMAL of this precision and scale",
      { cause },
    );
  const [, value = "a value"] = /with value (\S+)/.exec(text) ?? [];
  return new SqlError(
    "CAST_OVERFLOW",
    "22003",
    `The value ${value} cannot be cast due to an overflow. Use \`try_cast\` to tolerate overflow and return NULL instead`,
    { cause },
  );
}
