// information_schema: catalogs, schemas, tables, columns and volumes as queries see them.
import { SqlError } from "../errors.ts";
import type { Expr, Query } from "../parse/ast.ts";
import type { Env, Found } from "../translate/typed.ts";
import { INT, STRING, typeSql } from "../types.ts";
import type { RelationInfo } from "./catalog.ts";
import type { Session } from "./session.ts";

type Row = readonly (string | number | null | undefined)[];
type View = {
  readonly columns: readonly string[];
  readonly rows: (session: Session, catalogs: readonly string[]) => readonly Row[];
};

const VIEWS: Readonly<Record<string, View>> = {
  catalogs: {
    columns: ["catalog_name", "catalog_owner", "comment"],
    rows: (session, catalogs) =>
      session.context.catalogs
        .catalogs()
        .filter((each) => catalogs.includes(each.name))
        .map((each) => [each.name, each.owner, each.comment]),
  },
  schemata: {
    columns: ["catalog_name", "schema_name", "schema_owner", "comment"],
    rows: (session, catalogs) =>
      catalogs.flatMap((catalog) =>
        session.context.catalogs
          .schemas(catalog)
          .map((each) => [catalog, each.name, each.owner, each.comment]),
      ),
  },
  tables: {
    columns: [
      "table_catalog",
      "table_schema",
      "table_name",
      "table_type",
      "table_owner",
      "comment",
      "data_source_format",
    ],
    rows: (session, catalogs) =>
      relations(session, catalogs).map((each) => [
        each.catalog,
        each.schema,
        each.name,
        each.kind === "view" ? "VIEW" : "MANAGED",
        each.owner,
        each.comment,
        each.kind === "view" ? null : "DELTA",
      ]),
  },
  columns: {
    columns: [
      "table_catalog",
      "table_schema",
      "table_name",
      "column_name",
      "ordinal_position",
      "column_default",
      "is_nullable",
      "full_data_type",
      "data_type",
      "comment",
    ],
    rows: (session, catalogs) =>
      relations(session, catalogs).flatMap((each) =>
        each.columns.map((column, index) => [
          each.catalog,
          each.schema,
          each.name,
          column.name,
          index + 1,
          column.defaultText,
          column.nullable ? "YES" : "NO",
          typeSql(column.type).toLowerCase(),
          column.type.kind,
          column.comment,
        ]),
      ),
  },
  volumes: {
    columns: [
      "volume_catalog",
      "volume_schema",
      "volume_name",
      "volume_type",
      "volume_owner",
      "comment",
    ],
    rows: (session, catalogs) =>
      catalogs.flatMap((catalog) =>
        session.context.catalogs
          .schemas(catalog)
          .flatMap((schema) =>
            session.context.catalogs
              .volumes(catalog, schema.name)
              .map((each) => [
                catalog,
                schema.name,
                each.name,
                "MANAGED",
                each.owner,
                each.comment,
              ]),
          ),
      ),
  },
};

/** `catalog.information_schema.view`; with the catalog `system`, of all catalogs. @throws SqlError 42P01 */
export function informationSchema(
  session: Session,
  catalog: string,
  name: string,
  env: Env,
): Found {
  const view = VIEWS[name];
  if (view === undefined)
    throw new SqlError(
      "TABLE_OR_VIEW_NOT_FOUND",
      "42P01",
      `The embedded workspace has no \`information_schema\`.\`${name}\`: it has ${Object.keys(VIEWS).join(", ")}`,
    );
  const all = session.context.catalogs.catalogs().map((each) => each.name);
  const rows = view.rows(
    session,
    catalog === "system" ? all : all.filter((each) => each === catalog),
  );
  return {
    is: "view",
    query: valuesOf(view.columns, rows),
    columns: view.columns,
    qualifier: [catalog, "information_schema", name],
    env,
  };
}

/** Only what the principal may see: tables with SELECT. */
function relations(session: Session, catalogs: readonly string[]): readonly RelationInfo[] {
  return catalogs
    .flatMap((catalog) =>
      session.context.catalogs
        .schemas(catalog)
        .flatMap((schema) => session.tables.list(catalog, schema.name)),
    )
    .filter((each) =>
      session.context.grants.may(session.principal, "SELECT", {
        type: "table",
        name: `${each.catalog}.${each.schema}.${each.name}`,
      }),
    );
}

function valuesOf(columns: readonly string[], rows: readonly Row[]): Query {
  const cell = (value: Row[number], name: string): Expr => {
    const type = name === "ordinal_position" ? INT : STRING;
    if (value !== null && value !== undefined) return { is: "literal", type, value: String(value) };
    return {
      is: "cast",
      of: { is: "literal", type: { kind: "VOID" }, value: null },
      type,
      lenient: false,
    };
  };
  const body = rows.length > 0 ? rows : [columns.map(() => null)];
  const values: Query = {
    ctes: [],
    body: {
      is: "values",
      rows: body.map((row) => row.map((value, index) => cell(value, columns[index] ?? ""))),
    },
    orderBy: [],
  };
  return rows.length > 0 ? values : { ...values, limit: { is: "literal", type: INT, value: "0" } };
}
