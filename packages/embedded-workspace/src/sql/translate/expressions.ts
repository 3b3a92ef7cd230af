// Expressions to DuckDB. Every result has the type that Spark would give it; what is not known here
// is refused.
import { SqlError, unsupported } from "../errors.ts";
import type { Expr, Window } from "../parse/ast.ts";
import { BOOLEAN, duckText, duckType, type SqlType, STRING, typeSql } from "../types.ts";
import { isPlainLike } from "../values/strings.ts";
import { arithmetic, concatenation, negative } from "./arithmetic.ts";
import { translateCall } from "./calls.ts";
import { castTo, implicitly } from "./casts.ts";
import { commonType, commonTypeOf, isInteger, isText, mismatch } from "./coerce.ts";
import { addInterval } from "./intervals.ts";
import { elementAt, fieldOf, resolveName } from "./names.ts";
import type { Env, Scope, Translator, Typed } from "./typed.ts";

export function translator(
  env: Env,
  scope: Scope,
  windows: ReadonlyMap<string, Window> = new Map(),
): Translator {
  const self: Translator = {
    env,
    scope,
    windows,
    expr: (expr) => translate(expr, self),
    within: (inner) => translator(env, inner, windows),
  };
  return self;
}

/** Names that are functions when no column is called so. */
const BARE_FUNCTIONS = new Set([
  "CURRENT_DATE",
  "CURRENT_TIMESTAMP",
  "CURRENT_USER",
  "SESSION_USER",
  "USER",
  "LOCALTIMESTAMP",
  "CURRENT_CATALOG",
  "CURRENT_SCHEMA",
  "CURRENT_DATABASE",
  "CURRENT_TIMEZONE",
]);

function translate(expr: Expr, t: Translator): Typed {
  switch (expr.is) {
    case "literal":
      return literal(expr.type, expr.value);
    case "name":
      return nameOrFunction(expr.parts, t);
    case "call":
      return translateCall(expr, t);
    case "unary":
      return unary(expr.op, t.expr(expr.of));
    case "binary":
      return binary(expr.op, expr.left, expr.right, t);
    case "in":
      return inList(t.expr(expr.of), expr.items.map(t.expr), expr.not);
    case "inQuery":
      return inQuery(expr, t);
    case "like":
      return like(expr, t);
    case "case":
      return caseOf(expr, t);
    case "cast":
      return castTo(t.expr(expr.of), castType(expr.type), expr.lenient);
    case "query":
      return scalarQuery(expr, t);
    case "exists":
      return { sql: `EXISTS (${t.env.query(expr.query, t.env, t.scope).sql})`, type: BOOLEAN };
    case "isNull":
    case "isTruth":
    case "field":
    case "index":
    case "path":
      return partOrTest(expr, t);
    case "interval":
    case "star":
    case "lambda":
    case "default":
      throw misplaced(expr);
  }
}

/** In a CAST, CHAR(n) and VARCHAR(n) are STRING; their lengths bind only stored columns. */
function castType(type: SqlType): SqlType {
  return type.kind === "CHAR" || type.kind === "VARCHAR" ? STRING : type;
}

type PartOrTest = Extract<Expr, { is: "isNull" | "isTruth" | "field" | "index" | "path" }>;

function partOrTest(expr: PartOrTest, t: Translator): Typed {
  const of = t.expr(expr.of);
  switch (expr.is) {
    case "isNull":
      return { sql: `(${of.sql} IS ${expr.not ? "NOT " : ""}NULL)`, type: BOOLEAN };
    case "isTruth": {
      const same = expr.not ? "DISTINCT" : "NOT DISTINCT";
      return { sql: `(${castTo(of, BOOLEAN).sql} IS ${same} FROM ${expr.truth})`, type: BOOLEAN };
    }
    case "field":
      return fieldOf(of, expr.name);
    case "index":
      return elementAt(of, t.expr(expr.at), (value, type) => implicitly(value, type, "[]"));
    case "path":
      return variantPath(of, expr.path);
  }
}

/** A form that stands where only a value may stand. */
function misplaced(
  expr: Extract<Expr, { is: "interval" | "star" | "lambda" | "default" }>,
): SqlError {
  switch (expr.is) {
    case "interval":
      return unsupported("an INTERVAL that is not added to a date or timestamp");
    case "star":
      return new SqlError(
        "INVALID_USAGE_OF_STAR_OR_REGEX",
        "42000",
        "Invalid usage of '*' in an expression",
      );
    case "lambda":
      return new SqlError(
        "UNSUPPORTED_EXPR_FOR_OPERATOR",
        "42K0E",
        "A lambda function may only be the argument of a higher-order function",
      );
    case "default":
      return new SqlError(
        "DEFAULT_PLACEMENT_INVALID",
        "42608",
        "A DEFAULT keyword in a MERGE, INSERT or UPDATE command could not be directly assigned to a target column because it was part of an expression",
      );
  }
}

function literal(type: SqlType, value: string | null): Typed {
  if (value === null) return { sql: "NULL", type };
  switch (type.kind) {
    case "STRING":
      return { sql: duckText(value), type };
    case "INT":
      // Without its sign the smallest would be a BIGINT for DuckDB.
      if (value === "-2147483648") return { sql: `CAST('${value}' AS INTEGER)`, type };
      return { sql: value.startsWith("-") ? `(${value})` : value, type };
    case "BOOLEAN":
      return { sql: value, type };
    default:
      return { sql: `CAST('${value}' AS ${duckType(type)})`, type };
  }
}

function nameOrFunction(parts: readonly string[], t: Translator): Typed {
  const bare = parts.length === 1 ? (parts[0] ?? "").toUpperCase() : "";
  if (!BARE_FUNCTIONS.has(bare)) return resolveName(parts, t.scope);
  try {
    return resolveName(parts, t.scope);
  } catch (thrown) {
    if (!(thrown instanceof SqlError) || thrown.sqlState !== "42703") throw thrown;
    return translateCall(
      { is: "call", name: bare, args: [], distinct: false, ignoreNulls: false },
      t,
    );
  }
}

function unary(op: "-" | "+" | "~" | "NOT", of: Typed): Typed {
  if (op === "NOT") return { sql: `(NOT ${implicitly(of, BOOLEAN, "NOT").sql})`, type: BOOLEAN };
  if (op === "-") return negative(of);
  if (op === "+") return of;
  if (!isInteger(of.type))
    throw mismatch(
      "UNEXPECTED_INPUT_TYPE",
      '"~"',
      `The first parameter requires the "INTEGRAL" type, however it has the type "${typeSql(of.type)}"`,
    );
  return { sql: `(~${of.sql})`, type: of.type };
}

function binary(op: string, leftExpr: Expr, rightExpr: Expr, t: Translator): Typed {
  if (op === "+" || op === "-") {
    if (rightExpr.is === "interval")
      return addInterval(t.expr(leftExpr), rightExpr.parts, op, t.expr);
    if (leftExpr.is === "interval" && op === "+")
      return addInterval(t.expr(rightExpr), leftExpr.parts, op, t.expr);
  }
  const [left, right] = [t.expr(leftExpr), t.expr(rightExpr)];
  if (op === "AND" || op === "OR") {
    const [a, b] = [implicitly(left, BOOLEAN, op), implicitly(right, BOOLEAN, op)];
    return { sql: `(${a.sql} ${op} ${b.sql})`, type: BOOLEAN };
  }
  if (/^(=|<>|<|>|<=|>=|<=>)$/.test(op)) return comparison(op, left, right);
  if (op === "||") return concatenation(left, right);
  return arithmetic(op, left, right);
}

/** Both sides in their common type. Maps and VARIANTs cannot be compared. */
export function comparison(op: string, left: Typed, right: Typed): Typed {
  const type = commonType(left.type, right.type);
  if (type === undefined)
    throw mismatch(
      "BINARY_OP_DIFF_TYPES",
      `"(… ${op} …)"`,
      `the left and right operands of the binary operator have incompatible types ("${typeSql(left.type)}" and "${typeSql(right.type)}")`,
    );
  if (type.kind === "MAP" || type.kind === "VARIANT")
    throw mismatch(
      "INVALID_ORDERING_TYPE",
      `"(… ${op} …)"`,
      `The \`${op}\` does not support ordering on type "${typeSql(type)}"`,
    );
  const [a, b] = [castTo(left, type).sql, castTo(right, type).sql];
  return { sql: `(${a} ${op === "<=>" ? "IS NOT DISTINCT FROM" : op} ${b})`, type: BOOLEAN };
}

function inList(of: Typed, items: readonly Typed[], not: boolean): Typed {
  const type = commonTypeOf([of.type, ...items.map((item) => item.type)], "in");
  if (type.kind === "MAP" || type.kind === "VARIANT") comparison("=", of, of);
  const list = items.map((item) => castTo(item, type).sql).join(", ");
  return { sql: `(${castTo(of, type).sql} ${not ? "NOT " : ""}IN (${list}))`, type: BOOLEAN };
}

function inQuery(expr: Expr & { is: "inQuery" }, t: Translator): Typed {
  const query = t.env.query(expr.query, t.env, t.scope);
  const of = t.expr(expr.of);
  const [column] = query.columns;
  if (column === undefined || query.columns.length !== 1)
    throw unsupported("IN with a query of several columns");
  const type = commonTypeOf([of.type, column.type], "in");
  const inner = `SELECT ${castTo({ sql: "c0", type: column.type }, type).sql} FROM (${query.sql}) AS ${t.env.fresh()}`;
  return { sql: `(${castTo(of, type).sql} ${expr.not ? "NOT " : ""}IN (${inner}))`, type: BOOLEAN };
}

function scalarQuery(expr: Expr & { is: "query" }, t: Translator): Typed {
  const query = t.env.query(expr.query, t.env, t.scope);
  const [column] = query.columns;
  if (column === undefined || query.columns.length !== 1)
    throw new SqlError(
      "INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN",
      "42823",
      `Scalar subquery must return only one column, but returned ${query.columns.length}`,
    );
  return { sql: `(${query.sql})`, type: column.type };
}

function like(expr: Expr & { is: "like" }, t: Translator): Typed {
  const [of, pattern] = [
    implicitly(t.expr(expr.of), STRING, "like"),
    implicitly(t.expr(expr.pattern), STRING, "like"),
  ];
  const escaped = `(${pattern.sql}, ${duckText(expr.escape)})`;
  const plain = expr.pattern.is === "literal" && isPlainLike(expr.pattern.value ?? "");
  const operator = expr.anyCase ? "ILIKE" : "LIKE";
  const sql = plain
    ? `(${of.sql} ${operator} dbx_like${escaped} ESCAPE ${duckText(expr.escape)})`
    : `regexp_full_match(${of.sql}, dbx_like_expression${escaped}, '${expr.anyCase ? "si" : "s"}')`;
  return { sql: expr.not ? `(NOT ${sql})` : sql, type: BOOLEAN };
}

function caseOf(expr: Expr & { is: "case" }, t: Translator): Typed {
  const subject = expr.of && t.expr(expr.of);
  const results = [
    ...expr.branches.map((branch) => t.expr(branch.result)),
    ...(expr.otherwise ? [t.expr(expr.otherwise)] : []),
  ];
  const type = commonTypeOf(
    results.map((each) => each.type),
    "casewhen",
  );
  const branches = expr.branches.map((branch, index) => {
    const when = t.expr(branch.when);
    const condition =
      subject === undefined
        ? booleanOnly(when, "UNEXPECTED_INPUT_TYPE", "CASE WHEN")
        : comparison("=", subject, when);
    const result = results[index];
    if (result === undefined) throw new Error("one result for each branch");
    return `WHEN ${condition.sql} THEN ${castTo(result, type).sql}`;
  });
  const last = expr.otherwise ? results.at(-1) : undefined;
  return {
    sql: `CASE ${branches.join(" ")} ELSE ${last === undefined ? "NULL" : castTo(last, type).sql} END`,
    type,
  };
}

/** A condition must be BOOLEAN as it is: not even NULL passes. @throws SqlError 42K09 */
export function booleanOnly(value: Typed, kind: string, where: string): Typed {
  if (value.type.kind === "BOOLEAN") return value;
  throw mismatch(
    kind,
    `"${where}"`,
    `The expression of type "${typeSql(value.type)}" is not a boolean`,
  );
}

function variantPath(of: Typed, path: string): Typed {
  if (of.type.kind === "VARIANT")
    return { sql: `json_extract(${of.sql}, ${duckText(path)})`, type: of.type };
  if (!isText(of.type))
    throw mismatch(
      "UNEXPECTED_INPUT_TYPE",
      '":"',
      `The first parameter requires the ("STRING" or "VARIANT") type, however it has the type "${typeSql(of.type)}"`,
    );
  return {
    sql: `CASE WHEN json_valid(${of.sql}) THEN json_extract_string(${of.sql}, ${duckText(path)}) END`,
    type: STRING,
  };
}
