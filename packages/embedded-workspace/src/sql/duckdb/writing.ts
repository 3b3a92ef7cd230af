// The common part of every change of a table: its turn, its transaction, checks, history, metadata
// changes under it.
import type { DuckDBConnection } from "@duckdb/node-api";
import { rowsInMemory, type SqlResult } from "../engine.ts";
import { SqlError } from "../errors.ts";
import type { Assignment, Expr } from "../parse/ast.ts";
import { parseStatement } from "../parse/statements.ts";
import { implicitly } from "../translate/casts.ts";
import { translator } from "../translate/expressions.ts";
import {
  EMPTY_SCOPE,
  type Env,
  type NamedTyped,
  type Scope,
  type Typed,
} from "../translate/typed.ts";
import { BIGINT, duckName, duckType } from "../types.ts";
import { type ColumnInfo, duckTable, type RelationInfo } from "./catalog.ts";
import type { Run } from "./connections.ts";
import { environment } from "./environment.ts";
import { full } from "./names.ts";
import type { Session } from "./session-state.ts";

/** Counts by the names that clients see, in their order. */
export type Counters = Readonly<Record<string, number>>;

/**
 * Changes the rows of one table. Writers of a table take turns: the answer is that of a warehouse
 * with row-level concurrency, where MERGEs of different rows do not conflict. A change of the
 * table's metadata that begins while one waits or works makes it fail with DELTA_METADATA_CHANGED,
 * as on the platform (docs/facts/databricks.md#conflict-rules,
 * docs/facts/databricks.md#metadata-changes-kill-writers).
 */
export async function changeRows(
  session: Session,
  info: RelationInfo,
  operation: string,
  signal: AbortSignal,
  work: (run: Run, connection: DuckDBConnection) => Promise<Counters>,
): Promise<SqlResult> {
  const key = full(info).join(".");
  const before = metadataChanges(session, key);
  const counters = await session.connections.inTurn(key, signal, () =>
    session.connections.transaction(signal, async (run, connection) => {
      checkMetadata(session, key, before);
      const counted = await work(run, connection);
      await verifyChecks(session, info, run);
      const metrics = Object.fromEntries(
        Object.entries(counted).map(([name, value]) => [name, String(value)]),
      );
      await session.tables.log(connection, info, {
        at: session.context.clock.nowMs(),
        user: session.principal.id,
        operation,
        metrics,
      });
      checkMetadata(session, key, before);
      return counted;
    }),
  );
  return rowsInMemory(
    Object.keys(counters).map((name) => ({ name, type: BIGINT })),
    [Object.values(counters).map(String)],
  );
}

export function metadataChanges(session: Pick<Session, "metadataChanges">, key: string): number {
  return session.metadataChanges.get(key) ?? 0;
}

function checkMetadata(session: Session, key: string, before: number): void {
  if (metadataChanges(session, key) === before) return;
  throw new SqlError(
    "DELTA_METADATA_CHANGED",
    "2D521",
    "MetadataChangedException: The metadata of the Delta table has been changed by a concurrent update. Please try the operation again",
  );
}

/** @throws SqlError 42809 where the table takes appends only */
export function refuseAppendOnly(info: RelationInfo): void {
  if (info.properties["delta.appendOnly"]?.toLowerCase() !== "true") return;
  throw new SqlError(
    "DELTA_CANNOT_MODIFY_APPEND_ONLY",
    "42809",
    `This table is configured to only allow appends. If you would like to permit updates or deletes, use 'ALTER TABLE ${info.name} SET TBLPROPERTIES (delta.appendOnly=false)'`,
  );
}

/** The table as a relation of the statement, under an alias of its own. */
export function targetScope(info: RelationInfo, alias: string | undefined, as: string): Scope {
  const columns = info.columns.map(
    (column): NamedTyped => ({
      name: column.name,
      type: column.type,
      sql: `${as}.${duckName(column.name)}`,
    }),
  );
  const qualifier = alias === undefined ? full(info) : [alias.toLowerCase()];
  return { ...EMPTY_SCOPE, relations: [{ qualifier, columns }], visible: columns };
}

/** The column that an assignment or a column list names. @throws SqlError 42703 */
export function columnNamed(info: RelationInfo, name: string): ColumnInfo {
  const column = info.columns.find((each) => each.name.toLowerCase() === name.toLowerCase());
  if (column === undefined)
    throw new SqlError(
      "UNRESOLVED_COLUMN.WITH_SUGGESTION",
      "42703",
      `A column, variable, or function parameter with name \`${name}\` cannot be resolved. Did you mean one of the following? [${info.columns.map((each) => `\`${each.name}\``).join(", ")}].`,
    );
  return column;
}

/** `SET a = x, t.b = DEFAULT`: the new value of each column that is assigned, in DuckDB. */
export function assignedValues(
  info: RelationInfo,
  alias: string | undefined,
  set: readonly Assignment[],
  env: Env,
  scope: Scope,
): ReadonlyMap<ColumnInfo, string> {
  const values = new Map<ColumnInfo, string>();
  for (const { column, value } of set) {
    const target = columnNamed(info, assignedColumn(info, alias, column));
    if (values.has(target))
      throw new SqlError(
        "ASSIGNMENT_ARITY_MISMATCH",
        "42802",
        `The column \`${target.name}\` is assigned more than once`,
      );
    values.set(target, storedValue(target, value, env, scope).sql);
  }
  return values;
}

function assignedColumn(
  info: RelationInfo,
  alias: string | undefined,
  name: readonly string[],
): string {
  const [first = "", second] = name;
  if (second === undefined) return first;
  const own = (alias ?? info.name).toLowerCase() === first.toLowerCase();
  if (name.length === 2 && own) return second;
  throw new SqlError(
    "UNSUPPORTED_FEATURE.EMBEDDED_WORKSPACE",
    "0A000",
    "The embedded workspace does not translate the assignment of a single field of a struct: assign the whole struct with named_struct",
  );
}

/**
 * A value on its way into a column: DEFAULT is looked up, anything else takes the column's type.
 */
export function storedValue(column: ColumnInfo, value: Expr, env: Env, scope: Scope): Typed {
  if (value.is === "default") return defaultValue(column, env);
  return implicitly(translator(env, scope).expr(value), column.type, column.name);
}

export function defaultValue(column: ColumnInfo, env: Env): Typed {
  if (column.defaultText === undefined)
    return { sql: `CAST(NULL AS ${duckType(column.type)})`, type: column.type };
  return implicitly(
    translator(env, EMPTY_SCOPE).expr(parseExpression(column.defaultText)),
    column.type,
    column.name,
  );
}

/** An expression that the catalog keeps as text (defaults, checks). */
export function parseExpression(text: string): Expr {
  const statement = parseStatement(`SELECT ${text}`, []);
  const body =
    statement.is === "query" && statement.query.body.is === "select"
      ? statement.query.body
      : undefined;
  const [item] = body?.items ?? [];
  if (item === undefined) throw new Error(`no expression: ${text}`);
  return item.expr;
}

/** CHECK constraints hold for every row after a change. @throws SqlError 23001 */
export async function verifyChecks(session: Session, info: RelationInfo, run: Run): Promise<void> {
  for (const [name, text] of Object.entries(info.checks)) {
    const scope = targetScope(info, undefined, "t");
    const condition = translator(environment(session), scope).expr(parseExpression(text)).sql;
    const violated = await run(
      `SELECT 1 FROM ${duckTable(info)} AS t WHERE NOT coalesce(${condition}, false) LIMIT 1`,
    );
    if (violated.rowCount > 0)
      throw new SqlError(
        "DELTA_VIOLATE_CONSTRAINT_WITH_VALUES",
        "23001",
        `CHECK constraint ${name} (${text}) violated by a row`,
      );
  }
}
