// SQL answered by DuckDB: a file when the workspace keeps its data, memory otherwise.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { WorkspaceContext } from "../../context.ts";
import type { SqlEngine } from "../engine.ts";
import { openTableCatalog, type RelationInfo } from "./catalog.ts";
import { connectionsTo } from "./connections.ts";
import { attachDatabase } from "./database.ts";
import { removeRelation } from "./definitions.ts";
import { openSession, type Shared } from "./session.ts";

export async function openDuckEngine(context: WorkspaceContext): Promise<SqlEngine> {
  if (context.durable) mkdirSync(context.folder, { recursive: true });
  const database = await attachDatabase(
    context.durable ? join(context.folder, "tables.duckdb") : undefined,
  );
  const connections = connectionsTo(database.connect);
  const tables = await connections.use(new AbortController().signal, (_, connection) =>
    openTableCatalog(connection),
  );
  const shared: Shared = { context, connections, tables, metadataChanges: new Map() };
  dropTablesWithSchemas(shared);
  removeOrphans(shared);
  return {
    openSession: async (options) => openSession(shared, options),
    [Symbol.asyncDispose]: async () => {
      await connections.close();
      await database.detach();
    },
  };
}

/** A schema dropped over REST takes its tables with it. */
function dropTablesWithSchemas(shared: Shared): void {
  shared.context.catalogs.onSchemaDropped((catalog, schema) =>
    removeAll(shared, shared.tables.list(catalog, schema)),
  );
}

/** Tables whose schema was dropped while no statement had started the engine. */
function removeOrphans(shared: Shared): void {
  const orphans = shared.tables
    .all()
    .filter((info) => shared.context.catalogs.schema(info.catalog, info.schema) === undefined);
  removeAll(shared, orphans);
}

function removeAll(shared: Shared, tables: readonly RelationInfo[]): void {
  const never = new AbortController().signal;
  for (const info of tables)
    removeRelation(shared, info, never).catch((thrown: unknown) =>
      shared.context.log(`the table ${info.name} of a dropped schema stays: ${String(thrown)}`),
    );
}
