// SHOW and DESCRIBE, from the catalog.
import { type Cell, rowsInMemory, type SqlResult } from "../engine.ts";
import { SqlError } from "../errors.ts";
import type { Name, Statement } from "../parse/ast.ts";
import { BIGINT, INT, type SqlType, STRING, TIMESTAMP, typeSql, typeText } from "../types.ts";
import { instantCell } from "../values/instants.ts";
import { matchesGlob } from "../values/strings.ts";
import type { RelationInfo } from "./catalog.ts";
import {
  checkNamespace,
  full,
  fullName,
  fullSchema,
  requireRelation,
  requireTable,
} from "./names.ts";
import type { Session } from "./session.ts";

const table = (names: readonly string[], rows: readonly (readonly Cell[])[]) =>
  rowsInMemory(
    names.map((name) => ({ name, type: STRING })),
    rows,
  );

export function show(session: Session, statement: Statement & { is: "show" }): SqlResult {
  const matches = likeFilter(statement.like);
  const sorted = (names: readonly string[]) => [...new Set(names)].filter(matches).sort();
  const { catalogs } = session.context;
  switch (statement.what) {
    case "CATALOGS":
      return table(
        ["catalog"],
        sorted(catalogs.catalogs().map(nameOf)).map((name) => [name]),
      );
    case "SCHEMAS": {
      const catalog = (statement.of?.[0] ?? session.catalog).toLowerCase();
      checkNamespace(session, catalog, undefined);
      const names = [...catalogs.schemas(catalog).map(nameOf), "information_schema"];
      return table(
        ["databaseName"],
        sorted(names).map((name) => [name]),
      );
    }
    case "COLUMNS": {
      const { columns } = requireRelation(session, statement.of ?? [], "SELECT");
      return table(
        ["col_name"],
        columns.map((column) => [column.name]),
      );
    }
    case "TBLPROPERTIES":
      return showProperties(session, statement.of ?? [], statement.key);
  }
  const [catalog, schema] =
    statement.of === undefined
      ? [session.catalog, session.schema]
      : fullSchema(session, statement.of);
  checkNamespace(session, catalog, schema);
  if (statement.what !== "VOLUMES")
    return showRelations(session, statement.what, catalog, schema, matches);
  const volumes = sorted(catalogs.volumes(catalog, schema).map(nameOf));
  return table(
    ["database", "volume_name"],
    volumes.map((name) => [schema, name]),
  );
}

function nameOf({ name }: { readonly name: string }): string {
  return name;
}

function showRelations(
  session: Session,
  what: string,
  catalog: string,
  schema: string,
  matches: (name: string) => boolean,
): SqlResult {
  const seen = session.tables
    .list(catalog, schema)
    .filter((info) => matches(info.name) && isVisible(session, info));
  if (what === "VIEWS") {
    const views = seen.filter((info) => info.kind === "view");
    return rowsInMemory(
      TABLE_COLUMNS.views,
      views.map((info) => [schema, info.name, "false", "false"]),
    );
  }
  const temporary = [...session.temporaryViews.keys()].filter(matches);
  return rowsInMemory(TABLE_COLUMNS.tables, [
    ...seen.map((info) => [schema, info.name, "false"]),
    ...temporary.map((name) => ["", name, "true"]),
  ]);
}

const flag: SqlType = { kind: "BOOLEAN" };
const TABLE_COLUMNS = {
  tables: [
    { name: "database", type: STRING },
    { name: "tableName", type: STRING },
    { name: "isTemporary", type: flag },
  ],
  views: [
    { name: "namespace", type: STRING },
    { name: "viewName", type: STRING },
    { name: "isTemporary", type: flag },
    { name: "isMaterialized", type: flag },
  ],
};

function isVisible(session: Session, info: RelationInfo): boolean {
  return session.context.grants.may(session.principal, "SELECT", {
    type: "table",
    name: full(info).join("."),
  });
}

/** `*` stands for anything, `|` between alternatives; case does not matter. */
function likeFilter(pattern: string | undefined): (name: string) => boolean {
  if (pattern === undefined) return () => true;
  const parts = pattern
    .toLowerCase()
    .split("|")
    .map((part) => part.trim());
  return (name) => parts.some((part) => matchesGlob(part, name.toLowerCase()));
}

/** The table's own properties and what Delta adds. */
function propertiesOf(info: RelationInfo): Readonly<Record<string, string>> {
  return { "delta.minReaderVersion": "1", "delta.minWriterVersion": "7", ...info.properties };
}

function showProperties(session: Session, name: Name, key: string | undefined): SqlResult {
  const info = requireRelation(session, name, "SELECT");
  const properties = info.kind === "view" ? info.properties : propertiesOf(info);
  if (key !== undefined)
    return table(
      ["key", "value"],
      [[key, properties[key] ?? `Table ${full(info).join(".")} does not have property: ${key}`]],
    );
  return table(
    ["key", "value"],
    Object.entries(properties).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

export function showCreate(session: Session, name: Name): SqlResult {
  const info = requireRelation(session, name, "SELECT");
  return table(
    ["createtab_stmt"],
    [[info.kind === "view" ? createViewText(info) : createTableText(info)]],
  );
}

function createViewText(info: RelationInfo): string {
  return `CREATE VIEW ${full(info).join(".")} (\n  ${info.columns.map((column) => column.name).join(",\n  ")})\nAS ${info.query?.text ?? ""}\n`;
}

function createTableText(info: RelationInfo): string {
  const text = (value: string) => `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const columns = info.columns.map((column) =>
    [
      `  ${/^\w+$/.test(column.name) ? column.name : `\`${column.name}\``} ${typeSql(column.type)}`,
      column.nullable ? "" : " NOT NULL",
      column.defaultText === undefined ? "" : ` DEFAULT ${column.defaultText}`,
      column.comment === undefined ? "" : ` COMMENT ${text(column.comment)}`,
    ].join(""),
  );
  const parts = [`CREATE TABLE ${full(info).join(".")} (\n${columns.join(",\n")})`, "USING delta"];
  if (info.clusterBy.length > 0) parts.push(`CLUSTER BY (${info.clusterBy.join(", ")})`);
  if (info.partitionedBy.length > 0)
    parts.push(`PARTITIONED BY (${info.partitionedBy.join(", ")})`);
  if (info.comment !== undefined) parts.push(`COMMENT ${text(info.comment)}`);
  parts.push(
    `TBLPROPERTIES (\n${Object.entries(propertiesOf(info))
      .map(([key, value]) => `  ${text(key)} = ${text(value)}`)
      .join(",\n")})`,
  );
  return `${parts.join("\n")}\n`;
}

export async function describe(
  session: Session,
  statement: Statement & { is: "describe" },
  signal: AbortSignal,
): Promise<SqlResult> {
  if (statement.what !== "TABLE") return describeContainer(session, statement);
  if (statement.how === "DETAIL") return describeDetail(session, statement.name);
  if (statement.how === "HISTORY") return describeHistory(session, statement.name, signal);
  const info = requireRelation(session, statement.name, "SELECT");
  const columns = info.columns.map((column): Cell[] => [
    column.name,
    typeText(column.type),
    column.comment ?? null,
  ]);
  return table(
    ["col_name", "data_type", "comment"],
    [...columns, ...keysOf(info), ...(statement.how === "EXTENDED" ? detailsOf(info) : [])],
  );
}

function keysOf(info: RelationInfo): Cell[][] {
  const rows: Cell[][] = [];
  for (const [title, names] of [
    ["# Partition Information", info.partitionedBy],
    ["# Clustering Information", info.clusterBy],
  ] as const) {
    if (names.length === 0) continue;
    rows.push([title, "", ""], ["# col_name", "data_type", "comment"]);
    for (const name of names) {
      const column = info.columns.find((each) => each.name.toLowerCase() === name.toLowerCase());
      rows.push([name, column === undefined ? "" : typeText(column.type), column?.comment ?? null]);
    }
  }
  return rows;
}

function detailsOf(info: RelationInfo): Cell[][] {
  const details: Cell[][] = [
    ["", "", ""],
    ["# Detailed Table Information", "", ""],
    ["Catalog", info.catalog, ""],
    ["Database", info.schema, ""],
    ["Table", info.name, ""],
    ["Created Time", new Date(info.createdAt).toISOString(), ""],
    ["Owner", info.owner, ""],
    ["Type", info.kind === "view" ? "VIEW" : "MANAGED", ""],
  ];
  if (info.comment !== undefined) details.push(["Comment", info.comment, ""]);
  if (info.kind === "view") return [...details, ["View Text", info.query?.text ?? "", ""]];
  const properties = Object.entries(propertiesOf(info))
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
  return [...details, ["Provider", "delta", ""], ["Table Properties", `[${properties}]`, ""]];
}

function describeContainer(session: Session, statement: Statement & { is: "describe" }): SqlResult {
  const { catalogs } = session.context;
  if (statement.what === "CATALOG") {
    const name = (statement.name[0] ?? "").toLowerCase();
    checkNamespace(session, name, undefined);
    const info = catalogs.catalog(name);
    return table(
      ["info_name", "info_value"],
      [
        ["Catalog Name", name],
        ["Comment", info?.comment ?? ""],
        ["Owner", info?.owner ?? ""],
      ],
    );
  }
  if (statement.what === "SCHEMA") {
    const [catalog, schema] = fullSchema(session, statement.name);
    checkNamespace(session, catalog, schema);
    const info = catalogs.schema(catalog, schema);
    return table(
      ["database_description_item", "database_description_value"],
      [
        ["Catalog Name", catalog],
        ["Namespace Name", schema],
        ["Comment", info?.comment ?? ""],
        ["Owner", info?.owner ?? ""],
      ],
    );
  }
  const [catalog, schema, name] = fullName(session, statement.name);
  const volume = catalogs.volume(catalog, schema, name);
  if (volume === undefined)
    throw new SqlError(
      "VOLUME_DOES_NOT_EXIST",
      "42704",
      `Volume ${catalog}.${schema}.${name} does not exist`,
    );
  return table(
    ["name", "catalog", "database", "owner", "volumeType", "comment"],
    [[name, catalog, schema, volume.owner, "MANAGED", volume.comment ?? null]],
  );
}

function describeDetail(session: Session, name: Name): SqlResult {
  const info = requireTable(session, name, "SELECT");
  const list: SqlType = { kind: "ARRAY", element: STRING };
  const map: SqlType = { kind: "MAP", key: STRING, value: STRING };
  const fields: readonly (readonly [string, SqlType, Cell])[] = [
    ["format", STRING, "delta"],
    ["id", STRING, info.id],
    ["name", STRING, full(info).join(".")],
    ["description", STRING, info.comment ?? null],
    ["location", STRING, null],
    ["createdAt", TIMESTAMP, instantCell(BigInt(info.createdAt) * 1000n)],
    ["lastModified", TIMESTAMP, null],
    ["partitionColumns", list, JSON.stringify(info.partitionedBy)],
    ["clusteringColumns", list, JSON.stringify(info.clusterBy)],
    ["numFiles", BIGINT, null],
    ["sizeInBytes", BIGINT, null],
    ["properties", map, JSON.stringify(info.properties)],
    ["minReaderVersion", INT, "1"],
    ["minWriterVersion", INT, "7"],
    ["tableFeatures", list, "[]"],
  ];
  return rowsInMemory(
    fields.map(([field, type]) => ({ name: field, type })),
    [fields.map(([, , value]) => value)],
  );
}

async function describeHistory(
  session: Session,
  name: Name,
  signal: AbortSignal,
): Promise<SqlResult> {
  const info = requireTable(session, name, "SELECT");
  const entries = await session.connections.use(signal, (_, connection) =>
    session.tables.history(connection, info),
  );
  const map: SqlType = { kind: "MAP", key: STRING, value: STRING };
  const columns = [
    ["version", BIGINT],
    ["timestamp", TIMESTAMP],
    ["userId", STRING],
    ["userName", STRING],
    ["operation", STRING],
    ["operationMetrics", map],
  ] as const;
  const rows = entries.map((entry) => [
    String(entry.version),
    instantCell(BigInt(entry.at) * 1000n),
    entry.user,
    entry.user,
    entry.operation,
    JSON.stringify(entry.metrics),
  ]);
  return rowsInMemory(
    columns.map(([column, type]) => ({ name: column, type })),
    rows,
  );
}
