// Function calls: forms, functions of values, aggregates and windows.
import { SqlError } from "../errors.ts";
import type { Call, Window } from "../parse/ast.ts";
import { BOOLEAN } from "../types.ts";
import { castTo } from "./casts.ts";
import type { Translator } from "./expressions.ts";
import { AGGREGATES, NEEDS_ORDER, WINDOW_ONLY } from "./functions/aggregates.ts";
import { FORMS } from "./functions/forms.ts";
import { SCALARS } from "./functions/scalars.ts";
import { quoted } from "./names.ts";
import type { Typed } from "./typed.ts";

/** @throws SqlError 42883 for a function that is not translated, 42605 for a wrong number of arguments */
export function translateCall(expr: Call, t: Translator): Typed {
  const form = FORMS[expr.name];
  const aggregate = AGGREGATES[expr.name];
  const scalar = SCALARS[expr.name];
  if (aggregate !== undefined) return aggregateCall(expr, aggregate, t);
  if (
    expr.distinct ||
    expr.filter !== undefined ||
    expr.over !== undefined ||
    expr.withinGroup !== undefined
  )
    throw new SqlError(
      "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX",
      "42000",
      `Invalid SQL syntax: The function ${quoted([expr.name.toLowerCase()])} does not support DISTINCT, FILTER or OVER`,
    );
  if (form !== undefined) {
    checkCount(expr, form.min, form.max);
    return form.build(expr.args, t);
  }
  if (scalar === undefined) throw unknownRoutine(expr.name);
  checkCount(expr, scalar.min, scalar.max);
  return scalar.build(expr.args.map(t.expr), t.env);
}

function unknownRoutine(name: string): SqlError {
  return new SqlError(
    "UNRESOLVED_ROUTINE",
    "42883",
    `Cannot resolve routine ${quoted([name.toLowerCase()])} on search path [\`system\`.\`builtin\`, \`system\`.\`session\`]: Databricks may have it, the embedded workspace does not translate it`,
  );
}

function checkCount({ name, args }: Call, min: number, max: number): void {
  if (args.length >= min && args.length <= max) return;
  const wanted =
    min === max
      ? `${min}`
      : max === Number.POSITIVE_INFINITY
        ? `at least ${min}`
        : `${min} to ${max}`;
  throw new SqlError(
    "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
    "42605",
    `The ${quoted([name.toLowerCase()])} requires ${wanted} parameters but the actual number is ${args.length}`,
  );
}

function aggregateCall(expr: Call, aggregate: (typeof AGGREGATES)[string], t: Translator): Typed {
  const star = expr.args[0]?.is === "star";
  if (star && expr.name !== "COUNT")
    throw new SqlError(
      "INVALID_USAGE_OF_STAR_OR_REGEX",
      "42000",
      `Invalid usage of '*' in ${expr.name}`,
    );
  if (WINDOW_ONLY.has(expr.name) && expr.over === undefined)
    throw new SqlError(
      "WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE",
      "42601",
      `Window function "${expr.name.toLowerCase()}()" requires an OVER clause`,
    );
  if (
    NEEDS_ORDER.has(expr.name) &&
    expr.over?.base === undefined &&
    expr.over?.orderBy.length === 0
  )
    throw new SqlError(
      "WINDOW_FUNCTION_FRAME_NOT_ORDERED",
      "42601",
      `Window function ${expr.name.toLowerCase()} requires the window to be ordered. You need to add an ORDER BY clause`,
    );
  const args = star ? [] : expr.args.map(t.expr);
  if (!star) checkCount(expr, aggregate.min, aggregate.max);
  if (expr.distinct && expr.over !== undefined)
    throw new SqlError(
      "DISTINCT_WINDOW_FUNCTION_UNSUPPORTED",
      "0A000",
      "Distinct window functions are not supported",
    );
  return aggregate.build(args, {
    distinct: expr.distinct,
    ignoreNulls: expr.ignoreNulls,
    filter: expr.filter && castTo(t.expr(expr.filter), BOOLEAN).sql,
    over: expr.over === undefined ? "" : ` OVER (${windowSql(expr.over, t)})`,
    order:
      expr.withinGroup?.map((item) => ({ ...t.expr(item.by), descending: item.descending })) ?? [],
  });
}

function windowSql(window: Window, t: Translator): string {
  const base = window.base === undefined ? undefined : t.windows.get(window.base.toLowerCase());
  if (window.base !== undefined && base === undefined)
    throw new SqlError(
      "MISSING_WINDOW_SPECIFICATION",
      "42P20",
      `Window specification is not defined in the WINDOW clause for \`${window.base}\``,
    );
  const whole: Window = {
    partitionBy: window.partitionBy.length > 0 ? window.partitionBy : (base?.partitionBy ?? []),
    orderBy: window.orderBy.length > 0 ? window.orderBy : (base?.orderBy ?? []),
    frame: window.frame ?? base?.frame,
  };
  const parts: string[] = [];
  if (whole.partitionBy.length > 0)
    parts.push(`PARTITION BY ${whole.partitionBy.map((each) => t.expr(each).sql).join(", ")}`);
  if (whole.orderBy.length > 0)
    parts.push(
      `ORDER BY ${whole.orderBy.map((item) => `${t.expr(item.by).sql} ${item.descending ? "DESC" : "ASC"} NULLS ${item.nullsFirst ? "FIRST" : "LAST"}`).join(", ")}`,
    );
  if (whole.frame !== undefined) parts.push(whole.frame);
  return parts.join(" ");
}
