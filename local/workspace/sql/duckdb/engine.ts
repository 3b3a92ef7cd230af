// SQL answered by DuckDB: a file when the workspace keeps its data, memory otherwise.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import type { WorkspaceContext } from "../../context.ts";
import type { SqlEngine } from "../engine.ts";
import { openTableCatalog, type RelationInfo } from "./catalog.ts";
import { connectionsTo } from "./connections.ts";
import { removeRelation } from "./definitions.ts";
import { registerFunctions } from "./functions.ts";
import { openSession, type Shared } from "./session.ts";

export async function openDuckEngine(context: WorkspaceContext): Promise<SqlEngine> {
  if (context.durable) mkdirSync(context.folder, { recursive: true });
  const instance = await DuckDBInstance.create(
    context.durable ? join(context.folder, "tables.duckdb") : ":memory:",
    {
      // No statement reaches files, the network or extensions of DuckDB: what is not translated is refused before.
      enable_external_access: "false",
      autoinstall_known_extensions: "false",
    },
  );
  const setup = await instance.connect();
  await setup.run("SET GLOBAL TimeZone = 'UTC'");
  registerFunctions(setup);
  const shared: Shared = {
    context,
    connections: connectionsTo(instance),
    tables: await openTableCatalog(setup),
    metadataChanges: new Map(),
  };
  dropTablesWithSchemas(shared);
  removeOrphans(shared);
  return {
    openSession: async (options) => openSession(shared, options),
    [Symbol.asyncDispose]: async () => {
      shared.connections.close();
      setup.closeSync();
      instance.closeSync();
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
