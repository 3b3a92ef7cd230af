// One SQL session on DuckDB: its catalog and schema, and what each kind of statement does.
import type { WorkspaceContext } from "../../context.ts";
import type { Principal } from "../../route.ts";
import {
  rowsInMemory,
  type SessionOptions,
  type SqlParameter,
  type SqlResult,
  type SqlSession,
} from "../engine.ts";
import { SqlError, unsupported } from "../errors.ts";
import type { Name, Query, Statement } from "../parse/ast.ts";
import { parseStatement } from "../parse/statements.ts";
import { translateQuery } from "../translate/queries.ts";
import { typeText } from "../types.ts";
import { alterRelation, commentOn } from "./alter.ts";
import type { TableCatalog } from "./catalog.ts";
import { resultOf } from "./cells.ts";
import type { Connections } from "./connections.ts";
import { createContainer, dropContainer, listVolume } from "./containers.ts";
import { createTable, dropRelation } from "./definitions.ts";
import { environment } from "./environment.ts";
import { grantOrRevoke, showGrants } from "./grants.ts";
import { merge } from "./merge.ts";
import { checkNamespace } from "./names.ts";
import { applySetting } from "./settings.ts";
import { describe, show, showCreate } from "./shows.ts";
import { createView } from "./views.ts";
import { deleteRows, insertRows, truncate, updateRows } from "./writes.ts";

/** What the statements of a session work with. */
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

/** @throws SqlError when the catalog or schema is not there, or the configuration asks for what is not built */
export function openSession(shared: Shared, options: SessionOptions): SqlSession {
  const session: Session = {
    ...shared,
    principal: options.principal,
    temporaryViews: new Map(),
    catalog: (options.catalog ?? "main").toLowerCase(),
    schema: (options.schema ?? "default").toLowerCase(),
    configuration: new Map(),
  };
  checkNamespace(
    session,
    session.catalog,
    options.schema === undefined ? undefined : session.schema,
  );
  for (const [key, value] of Object.entries(options.configuration ?? {}))
    applySetting(session, key, value);
  return {
    catalog: () => session.catalog,
    schema: () => session.schema,
    execute: (text, parameters, signal) => execute(session, text, parameters, signal),
    close: async () => session.temporaryViews.clear(),
  };
}

async function execute(
  session: Session,
  text: string,
  parameters: readonly SqlParameter[],
  signal: AbortSignal,
): Promise<SqlResult> {
  const statement = parseStatement(text, parameters);
  return run(session, statement, signal);
}

const NOTHING = rowsInMemory([], []);

async function run(
  session: Session,
  statement: Statement,
  signal: AbortSignal,
): Promise<SqlResult> {
  switch (statement.is) {
    case "query":
      return query(session, statement.query, signal);
    case "insert":
      return insertRows(session, statement, signal);
    case "update":
      return updateRows(session, statement, signal);
    case "delete":
      return deleteRows(session, statement, signal);
    case "merge":
      return merge(session, statement, signal);
    case "truncate":
      await truncate(session, statement.name, signal);
      return NOTHING;
    case "createTable":
      return createTable(session, statement, signal);
    case "createView":
      return createView(session, statement, signal);
    case "createSchema":
    case "createCatalog":
    case "createVolume":
      createContainer(session, statement);
      return NOTHING;
    case "drop":
      await drop(session, statement, signal);
      return NOTHING;
    case "alter":
      await alterRelation(session, statement, signal);
      return NOTHING;
    case "comment":
      await commentOn(session, statement, signal);
      return NOTHING;
    default:
      return inform(session, statement, signal);
  }
}

type Informing = Exclude<
  Statement,
  {
    is:
      | "query"
      | "insert"
      | "update"
      | "delete"
      | "merge"
      | "truncate"
      | "createTable"
      | "createView"
      | "createSchema"
      | "createCatalog"
      | "createVolume"
      | "drop"
      | "alter"
      | "comment";
  }
>;

async function inform(
  session: Session,
  statement: Informing,
  signal: AbortSignal,
): Promise<SqlResult> {
  switch (statement.is) {
    case "use":
      use(session, statement.what, statement.name);
      return NOTHING;
    case "set":
      return set(session, statement);
    case "show":
      return show(session, statement);
    case "showCreate":
      return showCreate(session, statement.name);
    case "describe":
      return describe(session, statement, signal);
    case "describeQuery":
      return describeQuery(session, statement.query);
    case "grant":
    case "revoke":
      grantOrRevoke(session, statement);
      return NOTHING;
    case "showGrants":
      return showGrants(session, statement);
    case "list":
      return listVolume(session, statement.path, statement.limit);
    case "maintain":
      throw unsupported(`${statement.what}: there are no files to tend`);
    case "explain":
      throw unsupported("EXPLAIN");
  }
}

async function query(session: Session, ast: Query, signal: AbortSignal): Promise<SqlResult> {
  const { sql, columns } = translateQuery(ast, environment(session));
  return session.connections.use(signal, async (runSql) => resultOf(columns, await runSql(sql)));
}

function describeQuery(session: Session, ast: Query): SqlResult {
  const { columns } = translateQuery(ast, environment(session));
  return rowsInMemory(
    ["col_name", "data_type", "comment"].map((name) => ({
      name,
      type: { kind: "STRING" } as const,
    })),
    columns.map((column) => [column.name, typeText(column.type), null]),
  );
}

async function drop(
  session: Session,
  statement: Statement & { is: "drop" },
  signal: AbortSignal,
): Promise<void> {
  if (statement.what === "TABLE" || statement.what === "VIEW")
    await dropRelation(session, statement, signal);
  else await dropContainer(session, statement, signal);
}

function use(session: Session, what: "CATALOG" | "SCHEMA", name: Name): void {
  const parts = name.map((part) => part.toLowerCase());
  const catalog =
    what === "CATALOG" ? (parts[0] ?? "") : parts.length > 1 ? (parts[0] ?? "") : session.catalog;
  const schema = what === "CATALOG" ? "default" : (parts.at(-1) ?? "");
  if (parts.length > 2)
    throw new SqlError(
      "REQUIRES_SINGLE_PART_NAMESPACE",
      "42K05",
      "USE takes a catalog and a schema",
    );
  checkNamespace(session, catalog, what === "CATALOG" ? undefined : schema);
  session.catalog = catalog;
  session.schema = schema;
}

function set(session: Session, statement: Statement & { is: "set" }): SqlResult {
  const columns = ["key", "value"].map((name) => ({ name, type: { kind: "STRING" } as const }));
  if (statement.key === undefined)
    return rowsInMemory(
      columns,
      [...session.configuration].map(([key, value]) => [key, value]),
    );
  if (statement.value !== undefined) applySetting(session, statement.key, statement.value);
  return rowsInMemory(columns, [
    [statement.key, session.configuration.get(statement.key.toLowerCase()) ?? "<undefined>"],
  ]);
}
