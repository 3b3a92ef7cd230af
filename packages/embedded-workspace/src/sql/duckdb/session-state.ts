// The state that the statements of one session share.
import type { WorkspaceContext } from "../../context.ts";
import type { Principal } from "../../route.ts";
import type { Query } from "../parse/ast.ts";
import type { TableCatalog } from "./catalog.ts";
import type { Connections } from "./connections.ts";

/** The parts that the statements of a session work with. */
export type Session = {
  readonly context: WorkspaceContext;
  readonly connections: Connections;
  readonly tables: TableCatalog;
  readonly principal: Principal;
  /**
   * Metadata changes under way, counted for each table: a writer that began before one fails
   * (docs/facts/databricks.md#metadata-changes-kill-writers).
   */
  readonly metadataChanges: Map<string, number>;
  readonly temporaryViews: Map<
    string,
    { readonly columns: readonly string[]; readonly query: Query }
  >;
  catalog: string;
  schema: string;
  readonly configuration: Map<string, string>;
};

export type Shared = Pick<Session, "context" | "connections" | "tables" | "metadataChanges">;
