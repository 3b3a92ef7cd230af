// How names in a query find tables and views, for the translation.
import type { Name } from "../parse/ast.ts";
import { parseStatement } from "../parse/statements.ts";
import { translateQuery } from "../translate/queries.ts";
import type { Env, Found } from "../translate/typed.ts";
import { duckTable, type RelationInfo } from "./catalog.ts";
import { informationSchema } from "./information-schema.ts";
import { checkNamespace, full, fullName, requireRelation } from "./names.ts";
import type { Session } from "./session.ts";

/** Reading needs SELECT on what is named. A view is read with its own names looked up where it was made. */
export function environment(session: Session): Env {
  let count = 0;
  return {
    query: translateQuery,
    find: (name) => find(session, name),
    ctes: new Map(),
    fresh: () => `r${++count}`,
    now: new Date(session.context.clock.nowMs())
      .toISOString()
      .replace("T", " ")
      .replace("Z", "000"),
    user: session.principal.id,
    catalog: session.catalog,
    schema: session.schema,
  };
}

function find(session: Session, name: Name): Found {
  const temporary =
    name.length === 1 ? session.temporaryViews.get((name[0] ?? "").toLowerCase()) : undefined;
  if (temporary !== undefined)
    return { is: "view", ...temporary, qualifier: name, env: environment(session) };
  const [catalog, schema, table] = fullName(session, name);
  if (schema === "information_schema") {
    if (catalog !== "system") checkNamespace(session, catalog, undefined);
    return informationSchema(session, catalog, table, environment(session));
  }
  const info = requireRelation(session, name, "SELECT");
  return info.kind === "view"
    ? view(session, info)
    : { is: "table", sql: duckTable(info), columns: info.columns, qualifier: full(info) };
}

function view(session: Session, info: RelationInfo): Found {
  const text = info.query?.text ?? "";
  const statement = parseStatement(text, []);
  if (statement.is !== "query") throw new Error(`the view ${full(info).join(".")} holds no query`);
  // A view reads with its owner's rights.
  const owner = session.context.principals.byId(info.owner) ?? session.principal;
  const inside: Session = {
    ...session,
    principal: owner,
    catalog: info.query?.catalog ?? session.catalog,
    schema: info.query?.schema ?? session.schema,
  };
  return {
    is: "view",
    query: statement.query,
    columns: info.columns.map((column) => column.name),
    qualifier: full(info),
    env: environment(inside),
  };
}
