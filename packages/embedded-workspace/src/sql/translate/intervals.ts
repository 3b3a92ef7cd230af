// Dates and timestamps plus or minus intervals.
import { unsupported } from "../errors.ts";
import type { Expr, IntervalPart } from "../parse/ast.ts";
import { BIGINT, DATE, INT, TIMESTAMP, typeSql } from "../types.ts";
import { castTo } from "./casts.ts";
import { isText, isTime, mismatch } from "./coerce.ts";
import type { Typed } from "./typed.ts";

const DUCK_UNITS: Readonly<Record<string, string>> = {
  YEAR: "to_years",
  QUARTER: "to_quarters",
  MONTH: "to_months",
  WEEK: "to_weeks",
  DAY: "to_days",
  HOUR: "to_hours",
  MINUTE: "to_minutes",
  SECOND: "to_seconds",
  MILLISECOND: "to_milliseconds",
  MICROSECOND: "to_microseconds",
};
const DATE_UNITS = new Set(["YEAR", "QUARTER", "MONTH", "WEEK", "DAY"]);

/** A date stays a date while only whole days, months or years are added. @throws SqlError 42K09 */
export function addInterval(
  of: Typed,
  parts: readonly IntervalPart[],
  op: "+" | "-",
  translate: (expr: Expr) => Typed,
): Typed {
  const start = isText(of.type) ? castTo(of, TIMESTAMP) : of;
  if (!isTime(start.type))
    throw mismatch(
      "BINARY_OP_DIFF_TYPES",
      `"(… ${op} INTERVAL)"`,
      `the left and right operands have incompatible types ("${typeSql(of.type)}" and "INTERVAL")`,
    );
  const staysDate = start.type.kind === "DATE" && parts.every((part) => DATE_UNITS.has(part.unit));
  const sum = parts.reduce(
    (sql, part) => `${sql} ${op} ${durationSql(part.unit, translate(part.amount))}`,
    start.sql,
  );
  if (staysDate) return { sql: `CAST(${sum} AS DATE)`, type: DATE };
  return {
    sql: `CAST(${sum} AS TIMESTAMP)`,
    type: start.type.kind === "DATE" ? TIMESTAMP : start.type,
  };
}

/** `date + days` and `date - days`. */
export function addDays(date: Typed, days: Typed, op: "+" | "-"): Typed {
  return { sql: `CAST(${date.sql} ${op} to_days(${castTo(days, INT).sql}) AS DATE)`, type: DATE };
}

function durationSql(unit: string, amount: Typed): string {
  const make = DUCK_UNITS[unit];
  if (make === undefined) throw unsupported(`the interval unit ${unit}`);
  if (unit === "SECOND" && /\./.test(amount.sql))
    return `to_microseconds(CAST(round(${castTo(amount, { kind: "DOUBLE" }).sql} * 1000000) AS BIGINT))`;
  const small =
    unit === "YEAR" || unit === "QUARTER" || unit === "MONTH" || unit === "WEEK" || unit === "DAY";
  return `${make}(${castTo(amount, small ? INT : BIGINT).sql})`;
}

/** `timestampadd` and its like: an amount of a unit that is known when the statement is read. */
export function addUnit(unit: string, amount: Typed, to: Typed): Typed {
  return addInterval(to, [{ unit, amount: { is: "literal", type: INT, value: null } }], "+", () =>
    castTo(amount, BIGINT),
  );
}
