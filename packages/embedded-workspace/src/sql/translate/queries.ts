// Queries to DuckDB: WITH, set operations, VALUES, ORDER BY and LIMIT. A query's columns are called c0, c1, … there.
import { SqlError } from "../errors.ts";
import type { Body, Cte, Expr, OrderItem, Query } from "../parse/ast.ts";
import { INT, type SqlType } from "../types.ts";
import { castTo } from "./casts.ts";
import { commonType, isInteger, isText } from "./coerce.ts";
import { direction, positionOf, renamed } from "./columns.ts";
import { translator } from "./expressions.ts";
import { translateSelect } from "./select.ts";
import { EMPTY_SCOPE, type Env, type Scope, type TranslatedQuery } from "./typed.ts";

/** `outer` is the query around it, for a subquery in an expression or a LATERAL one. @throws SqlError */
export function translateQuery(query: Query, env: Env, outer?: Scope): TranslatedQuery {
  const inner = withCtes(query.ctes, env, outer);
  const tail = limitSql(query, inner);
  if (query.body.is === "select") {
    const select = translateSelect(query.body, inner, outer, query.orderBy);
    return { ...select, sql: `${select.sql}${tail}` };
  }
  const body = translateBody(query.body, inner, outer);
  if (query.orderBy.length === 0 && tail === "") return body;
  const order = orderOfColumns(query.orderBy, body, inner);
  return { ...body, sql: `SELECT * FROM (${body.sql}) AS q${order}${tail}` };
}

/** A common table expression is put where its name stands: its columns keep their types. */
export function withCtes(ctes: readonly Cte[], env: Env, outer: Scope | undefined): Env {
  let known = env;
  const names = ctes.map(({ name }) => name.toLowerCase());
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new SqlError(
      "DUPLICATED_CTE_NAMES",
      "42602",
      `CTE definition can't have duplicate names: \`${twice}\``,
    );
  for (const { name, columns, query } of ctes) {
    const translated = translateQuery(query, known, outer);
    const named = new Map(known.ctes);
    named.set(name.toLowerCase(), {
      ...translated,
      columns: renamed(translated.columns, columns, name),
    });
    known = { ...known, ctes: named };
  }
  return known;
}

function translateBody(body: Body, env: Env, outer: Scope | undefined): TranslatedQuery {
  switch (body.is) {
    case "select":
      return translateSelect(body, env, outer, []);
    case "nested":
      return translateQuery(body.query, env, outer);
    case "values":
      return translateValues(body.rows, env, outer);
    case "set":
      return translateSet(body, env, outer);
  }
}

function translateSet(
  body: Body & { is: "set" },
  env: Env,
  outer: Scope | undefined,
): TranslatedQuery {
  const [left, right] = [
    translateBody(body.left, env, outer),
    translateBody(body.right, env, outer),
  ];
  if (left.columns.length !== right.columns.length)
    throw new SqlError(
      "NUM_COLUMNS_MISMATCH",
      "42826",
      `${body.op} can only be performed on inputs with the same number of columns, but the first input has ${left.columns.length} columns and the second input has ${right.columns.length} columns`,
    );
  const columns = left.columns.map((column, index) => {
    const other = right.columns[index];
    const type = other && commonType(column.type, other.type);
    if (type === undefined)
      throw new SqlError(
        "INCOMPATIBLE_COLUMN_TYPE",
        "42825",
        `${body.op} can only be performed on tables with compatible column types. Column ${index + 1} is not compatible`,
      );
    return { name: column.name, type };
  });
  const side = (query: TranslatedQuery) =>
    `SELECT ${columns
      .map((column, index) => {
        const from = query.columns[index]?.type ?? column.type;
        return `${castTo({ sql: `c${index}`, type: from }, column.type).sql} AS c${index}`;
      })
      .join(", ")} FROM (${query.sql}) AS s`;
  return { sql: `(${side(left)}) ${body.op}${body.all ? " ALL" : ""} (${side(right)})`, columns };
}

function translateValues(
  rows: readonly (readonly Expr[])[],
  env: Env,
  outer: Scope | undefined,
): TranslatedQuery {
  const t = translator(env, { ...EMPTY_SCOPE, outer });
  const translated = rows.map((row) => row.map(t.expr));
  const [first = []] = translated;
  if (translated.some((row) => row.length !== first.length))
    throw new SqlError(
      "INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH",
      "42000",
      "Invalid inline table: its rows have different numbers of columns",
    );
  const columns = first.map((cell, index) => {
    const type = translated.reduce<typeof cell.type | undefined>((known, row) => {
      const next = row[index];
      return known && next && inlineType(known, next.type);
    }, cell.type);
    if (type === undefined)
      throw new SqlError(
        "INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE",
        "42000",
        `Found incompatible types in the column \`col${index + 1}\` for inline table`,
      );
    return { name: `col${index + 1}`, type };
  });
  const cells = (row: (typeof translated)[number]) =>
    row.map((cell, index) => castTo(cell, columns[index]?.type ?? cell.type).sql).join(", ");
  const names = columns.map((_, index) => `c${index}`).join(", ");
  return {
    sql: `SELECT * FROM (VALUES ${translated.map((row) => `(${cells(row)})`).join(", ")}) AS v(${names})`,
    columns,
  };
}

/** In VALUES a string does not give way to another type, as it does elsewhere. */
function inlineType(a: SqlType, b: SqlType): SqlType | undefined {
  const mixed = isText(a) !== isText(b) && a.kind !== "VOID" && b.kind !== "VOID";
  return mixed ? undefined : commonType(a, b);
}

/** ORDER BY over a set operation or VALUES sees its columns only. */
function orderOfColumns(items: readonly OrderItem[], body: TranslatedQuery, env: Env): string {
  if (items.length === 0) return "";
  const visible = body.columns.map((column, index) => ({ ...column, sql: `c${index}` }));
  const t = translator(env, { ...EMPTY_SCOPE, visible });
  const sql = items.map(
    (item) =>
      `${positionOf(item.by, body.columns.length) ?? t.expr(item.by).sql}${direction(item)}`,
  );
  return ` ORDER BY ${sql.join(", ")}`;
}

function limitSql(query: Query, env: Env): string {
  const t = translator(env, EMPTY_SCOPE);
  const part = (word: "LIMIT" | "OFFSET", expr: Expr | undefined) => {
    if (expr === undefined) return "";
    const value = t.expr(expr);
    if (!isInteger(value.type))
      throw new SqlError(
        "INVALID_LIMIT_LIKE_EXPRESSION.DATA_TYPE",
        "42K0E",
        `The ${word.toLowerCase()} expression must be integer type`,
      );
    if (expr.is === "literal" && Number(expr.value) < 0)
      throw new SqlError(
        "INVALID_LIMIT_LIKE_EXPRESSION.IS_NEGATIVE",
        "42K0E",
        `The ${word.toLowerCase()} expression must be equal to or greater than 0, but got ${expr.value}`,
      );
    return ` ${word} ${castTo(value, INT).sql}`;
  };
  return part("LIMIT", query.limit) + part("OFFSET", query.offset);
}
