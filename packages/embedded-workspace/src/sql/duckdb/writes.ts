// INSERT, UPDATE, DELETE and TRUNCATE.
import type { SqlResult } from "../engine.ts";
import { SqlError } from "../errors.ts";
import type { Expr, Name, Query, Statement } from "../parse/ast.ts";
import { castTo, implicitly } from "../translate/casts.ts";
import { isNumeric } from "../translate/coerce.ts";
import { booleanOnly, translator } from "../translate/expressions.ts";
import { translateQuery } from "../translate/queries.ts";
import type { Env, Typed } from "../translate/typed.ts";
import { duckName, type SqlType } from "../types.ts";
import { type ColumnInfo, duckTable, type RelationInfo } from "./catalog.ts";
import { environment } from "./environment.ts";
import { requireTable } from "./names.ts";
import type { Session } from "./session.ts";
import {
  assignedValues,
  changeRows,
  columnNamed,
  defaultValue,
  parseExpression,
  refuseAppendOnly,
  targetScope,
} from "./writing.ts";

export async function insertRows(
  session: Session,
  statement: Statement & { is: "insert" },
  signal: AbortSignal,
): Promise<SqlResult> {
  const info = requireTable(session, statement.name, "MODIFY");
  if (statement.overwrite) refuseAppendOnly(info);
  const sql = insertSql(info, statement, environment(session));
  return changeRows(session, info, "WRITE", signal, async (run) => {
    if (statement.overwrite) await run(`DELETE FROM ${duckTable(info)}`);
    const inserted = (await run(sql)).rowsChanged;
    return { num_affected_rows: inserted, num_inserted_rows: inserted };
  });
}

/** Columns by name or by position; those that are not given get their default. */
function insertSql(info: RelationInfo, statement: Statement & { is: "insert" }, env: Env): string {
  const named =
    statement.columns.length > 0
      ? statement.columns.map((name) => columnNamed(info, name))
      : undefined;
  const query = translateQuery(withDefaults(statement.query, named ?? info.columns), env);
  const targets = statement.byName
    ? query.columns.map((column) => columnNamed(info, column.name))
    : (named ?? info.columns);
  checkCount(info, targets.length, query.columns.length);
  const values = targets.map((target, index) => {
    const from = query.columns[index];
    if (from === undefined) throw new Error("as many values as columns, checked above");
    return inserted({ sql: `c${index}`, type: from.type }, target).sql;
  });
  const missing = info.columns.filter((column) => !targets.includes(column));
  const needed = missing.find((column) => !column.nullable && column.defaultText === undefined);
  if (needed !== undefined)
    throw new SqlError(
      "DELTA_INSERT_COLUMN_MISMATCH",
      "42802",
      `Column ${needed.name} is not specified in INSERT`,
    );
  const all = [...targets, ...missing].map((column) => duckName(column.name)).join(", ");
  const filled = [...values, ...missing.map((column) => defaultValue(column, env).sql)].join(", ");
  return `INSERT INTO ${duckTable(info)} (${all}) SELECT ${filled} FROM (${query.sql}) AS q`;
}

/** `VALUES (1, DEFAULT)`: the default stands in its column's place. */
function withDefaults(query: Query, columns: readonly ColumnInfo[]): Query {
  const { body } = query;
  if (body.is !== "values") return query;
  const filled = (value: Expr, index: number): Expr => {
    const column = columns[index];
    if (value.is !== "default" || column === undefined) return value;
    const given: Expr =
      column.defaultText === undefined
        ? { is: "literal", type: { kind: "VOID" }, value: null }
        : parseExpression(column.defaultText);
    return { is: "cast", of: given, type: column.type, lenient: false };
  };
  return { ...query, body: { ...body, rows: body.rows.map((row) => row.map(filled)) } };
}

/** Numbers and booleans become one another here, though not in an expression. */
function inserted(value: Typed, target: ColumnInfo): Typed {
  const isFlag = (type: SqlType) => type.kind === "BOOLEAN";
  const swap =
    (isNumeric(value.type) && isFlag(target.type)) ||
    (isFlag(value.type) && isNumeric(target.type));
  return swap ? castTo(value, target.type) : implicitly(value, target.type, target.name);
}

function checkCount(info: RelationInfo, columns: number, values: number): void {
  if (columns === values) return;
  const name = `\`${info.catalog}\`.\`${info.schema}\`.\`${info.name}\``;
  if (values < columns)
    throw new SqlError(
      "DELTA_INSERT_COLUMN_ARITY_MISMATCH",
      "42802",
      `Cannot write to ${name}, not enough data columns; target table has ${columns} column(s) but the inserted data has ${values} column(s)`,
    );
  throw new SqlError(
    "INSERT_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS",
    "21S01",
    `Cannot write to ${name}, the reason is too many data columns: ${columns} columns, ${values} values`,
  );
}

export async function updateRows(
  session: Session,
  statement: Statement & { is: "update" },
  signal: AbortSignal,
): Promise<SqlResult> {
  const info = requireTable(session, statement.name, "MODIFY");
  refuseAppendOnly(info);
  const env = environment(session);
  const scope = targetScope(info, statement.alias, "t");
  const values = assignedValues(info, statement.alias, statement.set, env, scope);
  const set = [...values]
    .map(([column, value]) => `${duckName(column.name)} = ${value}`)
    .join(", ");
  const where = whereSql(statement.where, env, scope);
  return changeRows(session, info, "UPDATE", signal, async (run) => ({
    num_affected_rows: (await run(`UPDATE ${duckTable(info)} AS t SET ${set}${where}`)).rowsChanged,
  }));
}

export async function deleteRows(
  session: Session,
  statement: Statement & { is: "delete" },
  signal: AbortSignal,
): Promise<SqlResult> {
  const info = requireTable(session, statement.name, "MODIFY");
  refuseAppendOnly(info);
  const where = whereSql(
    statement.where,
    environment(session),
    targetScope(info, statement.alias, "t"),
  );
  return changeRows(session, info, "DELETE", signal, async (run) => ({
    num_affected_rows: (await run(`DELETE FROM ${duckTable(info)} AS t${where}`)).rowsChanged,
  }));
}

function whereSql(
  where: Expr | undefined,
  env: Env,
  scope: ReturnType<typeof targetScope>,
): string {
  return where === undefined
    ? ""
    : ` WHERE ${booleanOnly(translator(env, scope).expr(where), "FILTER_NOT_BOOLEAN", "WHERE").sql}`;
}

export async function truncate(session: Session, name: Name, signal: AbortSignal): Promise<void> {
  const info = requireTable(session, name, "MODIFY");
  refuseAppendOnly(info);
  await changeRows(session, info, "TRUNCATE", signal, async (run) => ({
    num_affected_rows: (await run(`DELETE FROM ${duckTable(info)}`)).rowsChanged,
  }));
}
