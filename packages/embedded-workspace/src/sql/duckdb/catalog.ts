// The workspace's knowledge of tables and views beyond DuckDB's: Databricks' types,
// comments, properties, checks.
import type { DuckDBConnection } from "@duckdb/node-api";
import type { Name } from "../parse/ast.ts";
import { duckName, duckText, type SqlType } from "../types.ts";

export type ColumnInfo = {
  readonly name: string;
  readonly type: SqlType;
  readonly nullable: boolean;
  readonly comment?: string | undefined;
  readonly defaultText?: string | undefined;
};

/** A table or view by its full name, in lower case. */
export type RelationInfo = {
  readonly kind: "table" | "view";
  readonly catalog: string;
  readonly schema: string;
  readonly name: string;
  readonly id: string;
  readonly columns: readonly ColumnInfo[];
  readonly comment?: string | undefined;
  readonly owner: string;
  readonly createdAt: number;
  readonly properties: Readonly<Record<string, string>>;
  readonly clusterBy: readonly string[];
  readonly partitionedBy: readonly string[];
  /** CHECK constraints by name. */
  readonly checks: Readonly<Record<string, string>>;
  /** The query of a view, with the catalog and schema in which its names are looked up. */
  readonly query?:
    | { readonly text: string; readonly catalog: string; readonly schema: string }
    | undefined;
  /** Counts changes of anything above. */
  readonly metadataVersion: number;
};

type HistoryEntry = {
  readonly version: number;
  readonly at: number;
  readonly user: string;
  readonly operation: string;
  readonly metrics: Readonly<Record<string, string>>;
};

/**
 * Reads come from memory; writes go through the connection of the transaction that changes the
 * table itself.
 */
export type TableCatalog = {
  readonly get: (name: Name) => RelationInfo | undefined;
  readonly all: () => readonly RelationInfo[];
  readonly list: (catalog: string, schema: string) => readonly RelationInfo[];
  /** Writes the row; `remember` after the commit. */
  readonly save: (connection: DuckDBConnection, info: RelationInfo) => Promise<void>;
  readonly remember: (info: RelationInfo) => void;
  readonly remove: (connection: DuckDBConnection, name: Name) => Promise<void>;
  readonly forget: (name: Name) => void;
  readonly log: (
    connection: DuckDBConnection,
    info: RelationInfo,
    entry: Omit<HistoryEntry, "version">,
  ) => Promise<void>;
  readonly history: (
    connection: DuckDBConnection,
    info: RelationInfo,
  ) => Promise<readonly HistoryEntry[]>;
};

const RELATIONS = `"_workspace".relations`;
const HISTORY = `"_workspace".history`;

export async function openTableCatalog(connection: DuckDBConnection): Promise<TableCatalog> {
  await connection.run(`CREATE SCHEMA IF NOT EXISTS "_workspace"`);
  await connection.run(
    `CREATE TABLE IF NOT EXISTS ${RELATIONS} (name VARCHAR PRIMARY KEY, info VARCHAR NOT NULL)`,
  );
  await connection.run(
    `CREATE TABLE IF NOT EXISTS ${HISTORY} (id VARCHAR NOT NULL, version BIGINT NOT NULL, entry VARCHAR NOT NULL)`,
  );
  const relations = new Map<string, RelationInfo>();
  const stored = await connection.runAndReadAll(
    `SELECT name, info FROM ${RELATIONS} ORDER BY name`,
  );
  for (const [name, info] of stored.getRowsJson())
    relations.set(String(name), JSON.parse(String(info)));
  return {
    get: (name) => relations.get(keyOf(name)),
    all: () => [...relations.values()],
    list: (catalog, schema) =>
      [...relations.values()]
        .filter((each) => each.catalog === catalog && each.schema === schema)
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
    save: async (on, info) => {
      const name = keyOf([info.catalog, info.schema, info.name]);
      await on.run(
        `INSERT OR REPLACE INTO ${RELATIONS} VALUES (${duckText(name)}, ${duckText(JSON.stringify(info))})`,
      );
    },
    remember: (info) => {
      relations.set(keyOf([info.catalog, info.schema, info.name]), info);
    },
    remove: async (on, name) => {
      const id = relations.get(keyOf(name))?.id ?? "";
      await on.run(`DELETE FROM ${RELATIONS} WHERE name = ${duckText(keyOf(name))}`);
      await on.run(`DELETE FROM ${HISTORY} WHERE id = ${duckText(id)}`);
    },
    forget: (name) => {
      relations.delete(keyOf(name));
    },
    log: async (on, info, entry) => {
      await on.run(
        `INSERT INTO ${HISTORY} SELECT ${duckText(info.id)}, coalesce(max(version), -1) + 1, ${duckText(JSON.stringify(entry))} FROM ${HISTORY} WHERE id = ${duckText(info.id)}`,
      );
    },
    history: async (on, info) => {
      const found = await on.runAndReadAll(
        `SELECT version, entry FROM ${HISTORY} WHERE id = ${duckText(info.id)} ORDER BY version DESC`,
      );
      return found
        .getRowsJson()
        .map(([version, entry]) => ({ ...JSON.parse(String(entry)), version: Number(version) }));
    },
  };
}

/** A table in DuckDB: one DuckDB schema for each catalog and schema. */
export function duckTable(info: Pick<RelationInfo, "catalog" | "schema" | "name">): string {
  return `${duckSchema(info.catalog, info.schema)}.${duckName(info.name)}`;
}

export function duckSchema(catalog: string, schema: string): string {
  return duckName(`${catalog}.${schema}`);
}

function keyOf(name: Name): string {
  return JSON.stringify(name.map((part) => part.toLowerCase()));
}
