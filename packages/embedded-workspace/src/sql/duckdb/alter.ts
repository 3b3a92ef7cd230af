// ALTER TABLE and COMMENT ON: every one of them changes metadata, and so fails whoever writes the
// table meanwhile.
import { SqlError, unsupported } from "../errors.ts";
import type { AlterAction, Statement } from "../parse/ast.ts";
import { commonType } from "../translate/coerce.ts";
import { duckName, duckType, sameType, typeSql } from "../types.ts";
import { duckTable, type RelationInfo } from "./catalog.ts";
import type { Run } from "./connections.ts";
import { checkDefaults, columnOf, columnSql } from "./definitions.ts";
import { environment } from "./environment.ts";
import {
  checkNamespace,
  full,
  fullName,
  quotedName,
  requireOwned,
  requireRelation,
} from "./names.ts";
import type { Session } from "./session-state.ts";
import { columnNamed, defaultValue, metadataChanges, verifyChecks } from "./writing.ts";

/** The change in the catalog, and the statements for DuckDB. */
type Change = { readonly info: RelationInfo; readonly sql: readonly string[] };

/**
 * The changes for which MODIFY is enough; everything else takes the owner (docs.databricks.com,
 * ALTER TABLE).
 */
const BY_MODIFY: ReadonlySet<AlterAction["is"]> = new Set([
  "addColumns",
  "dropColumns",
  "setProperties",
  "unsetProperties",
  "columnComment",
  "columnNullable",
  "columnType",
  "columnDefault",
]);

export async function alterRelation(
  session: Session,
  statement: Statement & { is: "alter" },
  signal: AbortSignal,
): Promise<void> {
  const info = BY_MODIFY.has(statement.action.is)
    ? requireRelation(session, statement.name, "MODIFY")
    : requireOwned(session, statement.name);
  if (
    (statement.what === "VIEW") !== (info.kind === "view") ||
    (info.kind === "view" && statement.action.is !== "rename")
  )
    throw new SqlError(
      "EXPECT_TABLE_NOT_VIEW.USE_ALTER_VIEW",
      "42809",
      `${quotedName(full(info))} is a ${info.kind}`,
    );
  if (statement.action.is === "rename") return rename(session, info, statement.action.to, signal);
  const change = changeOf(session, info, statement.action);
  await apply(session, info, change, signal, "ALTER TABLE");
}

async function apply(
  session: Session,
  before: RelationInfo,
  change: Change,
  signal: AbortSignal,
  operation: string,
): Promise<void> {
  const key = full(before).join(".");
  // Announced first: a writer that is at work sees it before its commit.
  const metadataVersion = metadataChanges(session, key) + 1;
  session.metadataChanges.set(key, metadataVersion);
  const info = { ...change.info, metadataVersion };
  await session.connections.inTurn(key, signal, () =>
    session.connections.transaction(signal, async (run, connection) => {
      await runAll(run, change.sql);
      await verifyChecks(session, info, run);
      await session.tables.save(connection, info);
      await session.tables.log(connection, info, {
        at: session.context.clock.nowMs(),
        user: session.principal.id,
        operation,
        metrics: {},
      });
    }),
  );
  session.tables.remember(info);
}

async function runAll(run: Run, statements: readonly string[]): Promise<void> {
  for (const sql of statements) await run(sql);
}

function changeOf(
  session: Session,
  info: RelationInfo,
  action: Exclude<AlterAction, { is: "rename" }>,
): Change {
  const alter = `ALTER TABLE ${duckTable(info)}`;
  switch (action.is) {
    case "addColumns":
      return addColumns(info, action, alter);
    case "dropColumns":
      return dropColumns(info, action, alter);
    case "renameColumn":
      return renameColumn(info, action, alter);
    case "setProperties":
      return {
        info: {
          ...info,
          properties: { ...info.properties, ...Object.fromEntries(action.properties) },
        },
        sql: [],
      };
    case "unsetProperties":
      return {
        info: {
          ...info,
          properties: Object.fromEntries(
            Object.entries(info.properties).filter(([key]) => !action.keys.includes(key)),
          ),
        },
        sql: [],
      };
    case "clusterBy":
      for (const name of action.columns) columnNamed(info, name);
      return { info: { ...info, clusterBy: action.columns }, sql: [] };
    case "addCheck":
      if (info.checks[action.name] !== undefined)
        throw new SqlError(
          "DELTA_CONSTRAINT_ALREADY_EXISTS",
          "42710",
          `Constraint '${action.name}' already exists. Please delete the old constraint first`,
        );
      return { info: { ...info, checks: { ...info.checks, [action.name]: action.text } }, sql: [] };
    case "dropConstraint": {
      if (info.checks[action.name] === undefined && !action.ifExists)
        throw new SqlError(
          "DELTA_CONSTRAINT_DOES_NOT_EXIST",
          "42704",
          `Cannot drop nonexistent constraint '${action.name}'`,
        );
      const { [action.name]: _, ...checks } = info.checks;
      return { info: { ...info, checks }, sql: [] };
    }
    default:
      return changeColumn(session, info, action, alter);
  }
}

type ColumnAction = Extract<
  AlterAction,
  { is: "columnComment" | "columnNullable" | "columnType" | "columnDefault" }
>;

function changeColumn(
  session: Session,
  info: RelationInfo,
  action: ColumnAction,
  alter: string,
): Change {
  const column = columnNamed(info, action.column);
  const changed = (next: Partial<typeof column>): RelationInfo => ({
    ...info,
    columns: info.columns.map((each) => (each === column ? { ...column, ...next } : each)),
  });
  const name = duckName(column.name);
  switch (action.is) {
    case "columnComment":
      return { info: changed({ comment: action.comment }), sql: [] };
    case "columnNullable":
      return {
        info: changed({ nullable: action.nullable }),
        sql: [`${alter} ALTER COLUMN ${name} ${action.nullable ? "DROP" : "SET"} NOT NULL`],
      };
    case "columnDefault": {
      const next = changed({ defaultText: action.text });
      checkDefaults(next.columns, info.properties);
      defaultValue({ ...column, defaultText: action.text }, environment(session));
      return { info: next, sql: [] };
    }
    case "columnType": {
      const common = commonType(column.type, action.type);
      if (common === undefined || !sameType(common, action.type) || column.type.kind === "STRING")
        throw new SqlError(
          "DELTA_UNSUPPORTED_ALTER_TABLE_CHANGE_COL_OP",
          "0AKDC",
          `ALTER TABLE CHANGE COLUMN is not supported for changing column \`${column.name}\` from ${typeSql(column.type)} to ${typeSql(action.type)}`,
        );
      return {
        info: changed({ type: action.type }),
        sql: [`${alter} ALTER COLUMN ${name} TYPE ${duckType(action.type)}`],
      };
    }
  }
}

function addColumns(
  info: RelationInfo,
  action: AlterAction & { is: "addColumns" },
  alter: string,
): Change {
  const columns = action.columns.map(columnOf);
  for (const column of columns) {
    if (info.columns.some((each) => each.name.toLowerCase() === column.name.toLowerCase()))
      throw new SqlError(
        "FIELD_ALREADY_EXISTS",
        "42710",
        `Cannot add column, because \`${column.name}\` already exists`,
      );
    if (!column.nullable)
      throw unsupported("a new column that is NOT NULL: existing rows have no value for it");
    if (column.defaultText !== undefined)
      throw new SqlError(
        "WRONG_COLUMN_DEFAULTS_FOR_DELTA_ALTER_TABLE_ADD_COLUMN_NOT_SUPPORTED",
        "0AKDC",
        "Failed to execute the command because DEFAULT values are not supported when adding new columns to previously existing Delta tables; please add the column without a default value first, then run a second ALTER TABLE ALTER COLUMN SET DEFAULT command",
      );
  }
  return {
    info: { ...info, columns: [...info.columns, ...columns] },
    sql: columns.map((column) => `${alter} ADD COLUMN ${columnSql(column)}`),
  };
}

/** Delta renames and drops columns only with column mapping. */
function requireColumnMapping(info: RelationInfo, what: string): void {
  if (info.properties["delta.columnMapping.mode"]?.toLowerCase() === "name") return;
  throw new SqlError(
    `DELTA_UNSUPPORTED_${what}`,
    "0AKDC",
    `${what.replaceAll("_", " ")} is not supported for your Delta table. Enable column mapping: ALTER TABLE ${info.name} SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')`,
  );
}

function dropColumns(
  info: RelationInfo,
  action: AlterAction & { is: "dropColumns" },
  alter: string,
): Change {
  requireColumnMapping(info, "DROP_COLUMN");
  const dropped = action.columns
    .filter(
      (name) =>
        !action.ifExists ||
        info.columns.some((each) => each.name.toLowerCase() === name.toLowerCase()),
    )
    .map((name) => columnNamed(info, name));
  const columns = info.columns.filter((column) => !dropped.includes(column));
  return {
    info: { ...info, columns },
    sql: dropped.map((column) => `${alter} DROP COLUMN ${duckName(column.name)}`),
  };
}

function renameColumn(
  info: RelationInfo,
  action: AlterAction & { is: "renameColumn" },
  alter: string,
): Change {
  requireColumnMapping(info, "RENAME_COLUMN");
  const column = columnNamed(info, action.from);
  if (info.columns.some((each) => each.name.toLowerCase() === action.to.toLowerCase()))
    throw new SqlError(
      "FIELD_ALREADY_EXISTS",
      "42710",
      `Cannot rename column, because \`${action.to}\` already exists`,
    );
  const columns = info.columns.map((each) =>
    each === column ? { ...each, name: action.to } : each,
  );
  return {
    info: { ...info, columns },
    sql: [`${alter} RENAME COLUMN ${duckName(column.name)} TO ${duckName(action.to)}`],
  };
}

async function rename(
  session: Session,
  info: RelationInfo,
  to: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const [catalog, schema, name] = fullName(session, to);
  checkNamespace(session, catalog, schema);
  if (catalog !== info.catalog || schema !== info.schema)
    throw unsupported("renaming into another schema");
  if (session.tables.get([catalog, schema, name]) !== undefined)
    throw new SqlError(
      "TABLE_OR_VIEW_ALREADY_EXISTS",
      "42P07",
      `Cannot create table or view ${quotedName([catalog, schema, name])} because it already exists`,
    );
  const key = full(info).join(".");
  session.metadataChanges.set(key, metadataChanges(session, key) + 1);
  const renamed = { ...info, name };
  await session.connections.inTurn(key, signal, () =>
    session.connections.transaction(signal, async (run, connection) => {
      if (info.kind === "table")
        await run(`ALTER TABLE ${duckTable(info)} RENAME TO ${duckName(name)}`);
      await run(`DELETE FROM "_workspace".relations WHERE info LIKE '%"id":"${info.id}"%'`);
      await session.tables.save(connection, renamed);
    }),
  );
  session.tables.forget(full(info));
  session.tables.remember(renamed);
  session.context.grants.rename({ type: "table", name: key }, full(renamed).join("."));
}

export async function commentOn(
  session: Session,
  statement: Statement & { is: "comment" },
  signal: AbortSignal,
): Promise<void> {
  const { name, what } = statement;
  const comment = statement.comment ?? undefined;
  if (what === "COLUMN") {
    const info = requireRelation(session, name.slice(0, -1), "MODIFY");
    const column = columnNamed(info, name.at(-1) ?? "");
    const columns = info.columns.map((each) => (each === column ? { ...each, comment } : each));
    return apply(session, info, { info: { ...info, columns }, sql: [] }, signal, "CHANGE COLUMN");
  }
  if (what !== "TABLE" && what !== "VIEW") throw unsupported(`COMMENT ON ${what}`);
  const info =
    what === "VIEW" ? requireOwned(session, name) : requireRelation(session, name, "MODIFY");
  return apply(session, info, { info: { ...info, comment }, sql: [] }, signal, "SET COMMENT");
}
