// CREATE and DROP of tables and views.
import { randomUUID } from "node:crypto";
import { rowsInMemory, type SqlResult } from "../engine.ts";
import { SqlError, unsupported } from "../errors.ts";
import type { ColumnDef, Name, Statement } from "../parse/ast.ts";
import { translateQuery } from "../translate/queries.ts";
import { BIGINT, duckName, duckType, type SqlType } from "../types.ts";
import { type ColumnInfo, duckSchema, duckTable, type RelationInfo } from "./catalog.ts";
import { environment } from "./environment.ts";
import {
  checkNamespace,
  full,
  fullName,
  notFound,
  quotedName,
  requireOwnership,
  requirePrivilege,
} from "./names.ts";
import type { Session, Shared } from "./session.ts";
import { defaultValue, metadataChanges } from "./writing.ts";

const NOTHING = rowsInMemory([], []);

type CreateTable = Statement & { is: "createTable" };

/**
 * With IF NOT EXISTS and a table that is there, nothing happens: neither schema nor properties
 * change (docs/facts/databricks.md#create-if-not-exists-does-not-migrate).
 */
export async function createTable(
  session: Session,
  statement: CreateTable,
  signal: AbortSignal,
): Promise<SqlResult> {
  const name = placeFor(session, statement.name, "CREATE TABLE");
  return session.connections.inTurn(name.join("."), signal, async () => {
    const existing = session.tables.get(name);
    if (existing !== undefined && statement.ifNotExists) return NOTHING;
    if (existing !== undefined) checkReplacement(session, statement, existing);
    const env = environment(session);
    const query = statement.query && translateQuery(statement.query, env);
    const info = newTable(session, statement, name, query?.columns);
    for (const column of info.columns) defaultValue(column, env);
    const inserted = await writeTable(session, statement, info, query?.sql, signal);
    if (existing === undefined)
      session.context.grants.setOwner({ type: "table", name: name.join(".") }, session.principal);
    else session.metadataChanges.set(name.join("."), info.metadataVersion);
    session.tables.remember(info);
    if (query === undefined) return NOTHING;
    return rowsInMemory(
      ["num_affected_rows", "num_inserted_rows"].map((column) => ({ name: column, type: BIGINT })),
      [[String(inserted), String(inserted)]],
    );
  });
}

function checkReplacement(session: Session, statement: CreateTable, existing: RelationInfo): void {
  if (!statement.orReplace) throw alreadyExists(full(existing));
  requireOwnership(session, "table", full(existing).join("."));
  if (existing.kind === "view")
    throw new SqlError(
      "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE",
      "42809",
      `${quotedName(full(existing))} is a view`,
    );
}

function newTable(
  session: Session,
  statement: CreateTable,
  name: readonly [string, string, string],
  selected: readonly { readonly name: string; readonly type: SqlType }[] | undefined,
): RelationInfo {
  const columns: readonly ColumnInfo[] =
    selected === undefined
      ? statement.columns.map(columnOf)
      : selected.map((column) => ({
          name: column.name,
          type: storable(column.type, column.name),
          nullable: true,
        }));
  const info: RelationInfo = {
    ...relationBase(session, name, "table"),
    columns,
    ...tableOptions(statement, columns),
    checks: {},
    metadataVersion: metadataChanges(session, name.join(".")) + 1,
  };
  checkColumns(info);
  return info;
}

/** Returns how many rows a query put into it. */
function writeTable(
  session: Session,
  statement: CreateTable,
  info: RelationInfo,
  query: string | undefined,
  signal: AbortSignal,
): Promise<number> {
  return session.connections.transaction(signal, async (run, connection) => {
    const columns = info.columns.map(columnSql).join(", ");
    await run(`CREATE SCHEMA IF NOT EXISTS ${duckSchema(info.catalog, info.schema)}`);
    await run(`CREATE OR REPLACE TABLE ${duckTable(info)} (${columns})`);
    const inserted =
      query && (await run(`INSERT INTO ${duckTable(info)} SELECT * FROM (${query}) AS q`));
    await session.tables.save(connection, info);
    const operation = createOperation(statement);
    const { createdAt: at, owner: user } = info;
    await session.tables.log(connection, info, { at, user, operation, metrics: {} });
    return inserted ? inserted.rowsChanged : 0;
  });
}

function createOperation(statement: CreateTable): string {
  return `${statement.orReplace ? "CREATE OR REPLACE" : "CREATE"} TABLE${statement.query === undefined ? "" : " AS SELECT"}`;
}

/** Where a new relation goes, if its schema is there and the principal may create in it. */
export function placeFor(
  session: Session,
  name: Name,
  privilege: string,
): readonly [string, string, string] {
  const place = fullName(session, name);
  const [catalog, schema, table] = place;
  checkNamespace(session, catalog, schema);
  if (/[.\s/\p{Cc}]/u.test(table))
    throw new SqlError(
      "INVALID_SCHEMA_OR_RELATION_NAME",
      "42602",
      `\`${table}\` is not a valid name for tables: it may not have dots, spaces, slashes or control characters`,
    );
  if (session.tables.get(place) === undefined)
    requirePrivilege(session, privilege, "schema", `${catalog}.${schema}`);
  return place;
}

export function relationBase(
  session: Session,
  [catalog, schema, name]: readonly [string, string, string],
  kind: RelationInfo["kind"],
) {
  return {
    kind,
    catalog,
    schema,
    name,
    id: randomUUID(),
    owner: session.principal.id,
    createdAt: session.context.clock.nowMs(),
  };
}

function tableOptions(
  { options }: CreateTable,
  columns: readonly ColumnInfo[],
): Pick<RelationInfo, "comment" | "properties" | "clusterBy" | "partitionedBy"> {
  for (const name of [...options.clusterBy, ...options.partitionedBy])
    if (
      !columns.some(
        (column) => column.name.toLowerCase() === (name.split(".")[0] ?? "").toLowerCase(),
      )
    )
      throw new SqlError(
        "DELTA_COLUMN_NOT_FOUND_IN_SCHEMA",
        "42703",
        `Couldn't find column ${name} in the schema of the table`,
      );
  return {
    comment: options.comment,
    properties: Object.fromEntries(options.properties),
    clusterBy: options.clusterBy,
    partitionedBy: options.partitionedBy,
  };
}

function checkColumns(info: RelationInfo): void {
  const names = info.columns.map((column) => column.name.toLowerCase());
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new SqlError(
      "COLUMN_ALREADY_EXISTS",
      "42711",
      `The column \`${twice}\` already exists. Choose another name or rename the existing column`,
    );
  if (info.columns.length === 0) throw unsupported("a table without columns");
  checkDefaults(info.columns, info.properties);
  const version = info.properties["delta.isolationLevel"];
  if (version !== undefined && !/^(Serializable|WriteSerializable)$/i.test(version))
    throw new SqlError(
      "DELTA_INVALID_ISOLATION_LEVEL",
      "22023",
      `invalid isolation level '${version}'`,
    );
}

/** DEFAULT needs its table feature (docs/facts/databricks.md#table-features). */
export function checkDefaults(
  columns: readonly ColumnInfo[],
  properties: Readonly<Record<string, string>>,
): void {
  if (columns.every((column) => column.defaultText === undefined)) return;
  if (/^(supported|enabled)$/i.test(properties["delta.feature.allowColumnDefaults"] ?? "")) return;
  throw new SqlError(
    "WRONG_COLUMN_DEFAULTS_FOR_DELTA_FEATURE_NOT_ENABLED",
    "0AKDE",
    "Failed to execute CREATE TABLE command because it assigned a column DEFAULT value, but the corresponding table feature was not enabled. Please retry the command again after executing ALTER TABLE tableName SET TBLPROPERTIES('delta.feature.allowColumnDefaults' = 'supported')",
  );
}

export function columnOf({ name, type, nullable, comment, defaultText }: ColumnDef): ColumnInfo {
  return { name, type: storable(type, name), nullable, comment, defaultText };
}

export function columnSql(column: ColumnInfo): string {
  return `${duckName(column.name)} ${duckType(column.type)}${column.nullable ? "" : " NOT NULL"}`;
}

function storable(type: SqlType, column: string): SqlType {
  if (type.kind === "INTERVAL")
    throw new SqlError(
      "UNSUPPORTED_DATATYPE",
      "0A000",
      `The column \`${column}\` cannot have the data type INTERVAL`,
    );
  return type.kind === "VOID" ? { kind: "VOID" } : type;
}

export async function dropRelation(
  session: Session,
  statement: Statement & { is: "drop" },
  signal: AbortSignal,
): Promise<void> {
  if (
    statement.what === "VIEW" &&
    statement.name.length === 1 &&
    session.temporaryViews.delete((statement.name[0] ?? "").toLowerCase())
  )
    return;
  const name = fullName(session, statement.name);
  const info = session.tables.get(name);
  if (info === undefined) {
    if (statement.ifExists) return;
    throw notFound(statement.name);
  }
  requireOwnership(session, "table", name.join("."));
  if ((info.kind === "view") !== (statement.what === "VIEW"))
    throw new SqlError(
      "WRONG_COMMAND_FOR_OBJECT_TYPE",
      "42809",
      `The operation DROP ${statement.what} requires a ${statement.what}. But ${quotedName(name)} is a ${info.kind.toUpperCase()}. Use DROP ${info.kind.toUpperCase()} instead`,
    );
  await removeRelation(session, info, signal);
}

/** Takes a table or view away with its history and grants; whoever writes it at the time fails. */
export async function removeRelation(
  session: Shared,
  info: RelationInfo,
  signal: AbortSignal,
): Promise<void> {
  const name = full(info);
  session.metadataChanges.set(name.join("."), metadataChanges(session, name.join(".")) + 1);
  await session.connections.inTurn(name.join("."), signal, () =>
    session.connections.transaction(signal, async (run, connection) => {
      if (info.kind === "table") await run(`DROP TABLE IF EXISTS ${duckTable(info)}`);
      await session.tables.remove(connection, name);
    }),
  );
  session.tables.forget(name);
  session.context.grants.forget({ type: "table", name: name.join(".") });
}

export function alreadyExists(name: readonly string[]): SqlError {
  return new SqlError(
    "TABLE_OR_VIEW_ALREADY_EXISTS",
    "42P07",
    `Cannot create table or view ${quotedName(name)} because it already exists. Choose a different name, drop or replace the existing object, or add the IF NOT EXISTS clause to tolerate pre-existing objects`,
  );
}
