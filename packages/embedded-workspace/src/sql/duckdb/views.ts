// CREATE VIEW, temporary views too.
import { rowsInMemory, type SqlResult } from "../engine.ts";
import { SqlError, unsupported } from "../errors.ts";
import type { Statement } from "../parse/ast.ts";
import { translateQuery } from "../translate/queries.ts";
import type { ColumnInfo, RelationInfo } from "./catalog.ts";
import { alreadyExists, placeFor, relationBase } from "./definitions.ts";
import { environment } from "./environment.ts";
import { full, requireOwnership } from "./names.ts";
import type { Session } from "./session-state.ts";

const NOTHING = rowsInMemory([], []);

type CreateView = Statement & { is: "createView" };

export async function createView(
  session: Session,
  statement: CreateView,
  signal: AbortSignal,
): Promise<SqlResult> {
  const columns = viewColumns(statement, translateQuery(statement.query, environment(session)));
  if (statement.temporary) {
    session.temporaryViews.set((statement.name.at(-1) ?? "").toLowerCase(), {
      columns: columns.map((column) => column.name),
      query: statement.query,
    });
    return NOTHING;
  }
  if (/(^|[^:\w]):[A-Za-z_]|\?/.test(statement.text))
    throw unsupported("parameters inside the text of a view");
  const name = placeFor(session, statement.name, "CREATE TABLE");
  return session.connections.inTurn(name.join("."), signal, async () => {
    const existing = session.tables.get(name);
    if (existing !== undefined && statement.ifNotExists) return NOTHING;
    if (existing !== undefined) checkViewReplacement(session, statement, existing);
    const info = newView(session, statement, name, columns);
    await session.connections.transaction(signal, (_, connection) =>
      session.tables.save(connection, info),
    );
    session.tables.remember(info);
    if (existing === undefined)
      session.context.grants.setOwner({ type: "table", name: name.join(".") }, session.principal);
    return NOTHING;
  });
}

function viewColumns(
  statement: CreateView,
  { columns }: ReturnType<typeof translateQuery>,
): readonly ColumnInfo[] {
  const given = statement.columns;
  if (given.length > 0 && given.length !== columns.length)
    throw new SqlError(
      "CREATE_VIEW_COLUMN_ARITY_MISMATCH",
      "21S01",
      `Cannot create view, the reason is that it has ${given.length} column names and its query ${columns.length} columns`,
    );
  return columns.map(({ name, type }, index) => ({
    name: given[index]?.name ?? name,
    type,
    nullable: true,
    comment: given[index]?.comment,
  }));
}

/** The right to create a view is no right to take over somebody else's. */
function checkViewReplacement(
  session: Session,
  statement: CreateView,
  existing: RelationInfo,
): void {
  if (!statement.orReplace) throw alreadyExists(full(existing));
  requireOwnership(session, "table", full(existing).join("."));
  if (existing.kind === "table") throw alreadyExists(full(existing));
}

/** A view reads with the rights of whoever wrote its text, also where it replaces another's. */
function newView(
  session: Session,
  statement: CreateView,
  name: readonly [string, string, string],
  columns: readonly ColumnInfo[],
): RelationInfo {
  return {
    ...relationBase(session, name, "view"),
    columns,
    comment: statement.comment,
    properties: {},
    clusterBy: [],
    partitionedBy: [],
    checks: {},
    query: { text: statement.text, catalog: session.catalog, schema: session.schema },
    metadataVersion: 1,
  };
}
