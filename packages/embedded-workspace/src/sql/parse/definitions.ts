// CREATE and ALTER.
import { SqlError, unsupported } from "../errors.ts";
import type { AlterAction, ColumnDef, Statement, TableOptions } from "./ast.ts";
import {
  type Cursor,
  constantText,
  parseBracketed,
  parseIdentifier,
  parseList,
  parseName,
} from "./cursor.ts";
import { parseType } from "./data-types.ts";
import { parsePropertyKey } from "./shows.ts";

export function parseCreate(cursor: Cursor): Statement {
  const replaceAlone = cursor.take("REPLACE");
  if (!replaceAlone) cursor.expect("CREATE");
  const orReplace = replaceAlone || cursor.take("OR REPLACE");
  const temporary = cursor.take("TEMPORARY") || cursor.take("TEMP");
  for (const word of [
    "EXTERNAL",
    "FUNCTION",
    "MATERIALIZED",
    "STREAMING",
    "CONNECTION",
    "SHARE",
    "GLOBAL",
    "LIVE",
    "FOREIGN",
    "PROCEDURE",
  ])
    if (cursor.at(word)) throw unsupported(`CREATE ${word}`);
  if (cursor.take("TABLE")) {
    if (temporary) throw unsupported("CREATE TEMPORARY TABLE");
    return parseCreateTable(cursor, orReplace);
  }
  if (cursor.take("VIEW")) return parseCreateView(cursor, orReplace, temporary);
  const kinds = {
    SCHEMA: "createSchema",
    DATABASE: "createSchema",
    CATALOG: "createCatalog",
    VOLUME: "createVolume",
  } as const;
  for (const [word, is] of Object.entries(kinds)) {
    if (!cursor.take(word)) continue;
    const ifNotExists = cursor.take("IF NOT EXISTS");
    const name = parseName(cursor);
    const comment = cursor.take("COMMENT") ? constantText(cursor) : undefined;
    if (cursor.at("LOCATION") || cursor.at("MANAGED")) throw unsupported("locations of one's own");
    return { is, name, ifNotExists, comment };
  }
  throw cursor.fail("TABLE, VIEW, SCHEMA, CATALOG or VOLUME");
}

function parseCreateTable(cursor: Cursor, orReplace: boolean): Statement {
  const ifNotExists = cursor.take("IF NOT EXISTS");
  if (ifNotExists && orReplace) throw cursor.fail("either OR REPLACE or IF NOT EXISTS");
  const name = parseName(cursor);
  if (cursor.at("LIKE") || cursor.at("SHALLOW") || cursor.at("DEEP") || cursor.at("CLONE"))
    throw unsupported("CREATE TABLE … LIKE and CLONE");
  const columns = cursor.at("(") ? parseColumns(cursor) : [];
  const options = parseTableOptions(cursor);
  cursor.take("AS");
  const query = /^(SELECT|WITH|VALUES|\()$/i.test(cursor.peek().text) ? cursor.query() : undefined;
  if (query !== undefined && columns.length > 0)
    throw unsupported("CREATE TABLE … AS SELECT with a list of columns");
  return { is: "createTable", name, columns, options, ifNotExists, orReplace, query };
}

function parseColumns(cursor: Cursor): ColumnDef[] {
  const columns: ColumnDef[] = [];
  cursor.expect("(");
  do {
    if (takesConstraint(cursor)) continue;
    columns.push(parseColumn(cursor));
  } while (cursor.take(","));
  cursor.expect(")");
  return columns;
}

/**
 * Keys are informational on Databricks: read, and not enforced
 * (docs/facts/databricks.md#keys-are-informational).
 */
function takesConstraint(cursor: Cursor): boolean {
  if (cursor.at("CONSTRAINT")) {
    cursor.next();
    parseIdentifier(cursor);
    if (cursor.at("CHECK"))
      throw unsupported("CHECK inside CREATE TABLE: use ALTER TABLE … ADD CONSTRAINT");
  }
  const primary = cursor.take("PRIMARY KEY");
  if (!primary && !cursor.take("FOREIGN KEY")) return false;
  parseBracketed(cursor, () => {
    parseIdentifier(cursor);
    cursor.take("TIMESERIES");
  });
  if (!primary) {
    cursor.expect("REFERENCES");
    parseName(cursor);
    if (cursor.at("(")) parseBracketed(cursor, () => parseIdentifier(cursor));
  }
  skipKeyOptions(cursor);
  return true;
}

function skipKeyOptions(cursor: Cursor): void {
  const words = [
    "NOT ENFORCED",
    "DEFERRABLE",
    "INITIALLY DEFERRED",
    "NORELY",
    "RELY",
    "MATCH FULL",
    "ON UPDATE NO ACTION",
    "ON DELETE NO ACTION",
  ];
  while (words.some((each) => cursor.take(each)));
}

function parseColumn(cursor: Cursor): ColumnDef {
  const name = parseIdentifier(cursor);
  const type = parseType(cursor);
  let column: ColumnDef = { name, type, nullable: true };
  for (;;) {
    if (cursor.take("NOT NULL")) column = { ...column, nullable: false };
    else if (cursor.take("NULL")) column = { ...column, nullable: true };
    else if (cursor.take("COMMENT")) column = { ...column, comment: constantText(cursor) };
    else if (cursor.take("DEFAULT")) column = { ...column, defaultText: expressionText(cursor) };
    else if (cursor.at("GENERATED")) throw unsupported("generated and identity columns");
    else if (cursor.at("COLLATE")) throw unsupported("collations");
    else if (cursor.at("MASK")) throw unsupported("column masks");
    else if (cursor.at("PRIMARY KEY") || cursor.at("CONSTRAINT")) takeColumnKey(cursor);
    else return column;
  }
}

function takeColumnKey(cursor: Cursor): void {
  if (cursor.take("CONSTRAINT")) parseIdentifier(cursor);
  cursor.expect("PRIMARY KEY");
  skipKeyOptions(cursor);
}

/** The source text of the expression that comes. */
function expressionText(cursor: Cursor): string {
  const from = cursor.peek().from;
  cursor.expr();
  return cursor.sql.slice(from, cursor.peek(-1).to);
}

function parseTableOptions(cursor: Cursor): TableOptions {
  let options: TableOptions = { properties: new Map(), clusterBy: [], partitionedBy: [] };
  for (;;) {
    if (cursor.take("USING")) checkFormat(parseIdentifier(cursor));
    else if (cursor.take("COMMENT")) options = { ...options, comment: constantText(cursor) };
    else if (cursor.take("TBLPROPERTIES"))
      options = { ...options, properties: parseProperties(cursor) };
    else if (cursor.take("CLUSTER BY")) options = { ...options, clusterBy: parseClusterBy(cursor) };
    else if (cursor.take("PARTITIONED BY"))
      options = {
        ...options,
        partitionedBy: parseBracketed(cursor, () => parseIdentifier(cursor)),
      };
    else if (cursor.at("LOCATION")) throw unsupported("LOCATION: tables are managed here");
    else if (cursor.at("OPTIONS")) throw unsupported("OPTIONS of a table");
    else break;
  }
  if (options.clusterBy.length > 0 && options.partitionedBy.length > 0)
    throw new SqlError(
      "SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY_IS_NOT_ALLOWED",
      "42908",
      "Cannot specify both CLUSTER BY and PARTITIONED BY",
    );
  return options;
}

function checkFormat(format: string): void {
  if (format.toUpperCase() !== "DELTA")
    throw unsupported(`tables USING ${format.toUpperCase()}: they are DELTA here`);
}

function parseClusterBy(cursor: Cursor): string[] {
  if (cursor.take("AUTO") || cursor.take("NONE")) return [];
  return parseBracketed(cursor, () => parseName(cursor).join("."));
}

function parseProperties(cursor: Cursor): ReadonlyMap<string, string> {
  const entries = parseBracketed(cursor, (): [string, string] => {
    const key = parsePropertyKey(cursor);
    cursor.take("=");
    const token = cursor.peek();
    if (token.kind === "string") return [key, constantText(cursor)];
    const negative = cursor.take("-") ? "-" : "";
    return [key, negative + cursor.next().text];
  });
  return new Map(entries);
}

function parseCreateView(cursor: Cursor, orReplace: boolean, temporary: boolean): Statement {
  const ifNotExists = cursor.take("IF NOT EXISTS");
  const name = parseName(cursor);
  const columns = cursor.at("(")
    ? parseBracketed(cursor, () => ({
        name: parseIdentifier(cursor),
        comment: cursor.take("COMMENT") ? constantText(cursor) : undefined,
      }))
    : [];
  const comment = cursor.take("COMMENT") ? constantText(cursor) : undefined;
  if (cursor.take("TBLPROPERTIES")) parseProperties(cursor);
  cursor.expect("AS");
  const from = cursor.peek().from;
  const query = cursor.query();
  const text = cursor.sql.slice(from, cursor.peek(-1).to);
  return {
    is: "createView",
    name,
    columns,
    comment,
    text,
    query,
    ifNotExists,
    orReplace,
    temporary,
  };
}

export function parseAlter(cursor: Cursor): Statement {
  cursor.expect("ALTER");
  const what = cursor.take("VIEW") ? "VIEW" : "TABLE";
  if (what === "TABLE" && !cursor.take("TABLE"))
    throw unsupported(`ALTER ${cursor.peek().text.toUpperCase()}`);
  const name = parseName(cursor);
  return { is: "alter", what, name, action: parseAlterAction(cursor) };
}

function parseAlterAction(cursor: Cursor): AlterAction {
  if (cursor.take("ADD COLUMNS") || cursor.take("ADD COLUMN")) return parseAddColumns(cursor);
  if (cursor.take("DROP COLUMNS") || cursor.take("DROP COLUMN")) {
    const ifExists = cursor.take("IF EXISTS");
    const columns = cursor.at("(")
      ? parseBracketed(cursor, () => parseIdentifier(cursor))
      : parseList(cursor, () => parseIdentifier(cursor));
    return { is: "dropColumns", columns, ifExists };
  }
  if (cursor.take("RENAME COLUMN")) {
    const from = parseIdentifier(cursor);
    cursor.expect("TO");
    return { is: "renameColumn", from, to: parseIdentifier(cursor) };
  }
  if (cursor.take("RENAME TO")) return { is: "rename", to: parseName(cursor) };
  if (cursor.take("SET TBLPROPERTIES"))
    return { is: "setProperties", properties: parseProperties(cursor) };
  if (cursor.take("UNSET TBLPROPERTIES")) {
    cursor.take("IF EXISTS");
    return { is: "unsetProperties", keys: parseBracketed(cursor, () => parsePropertyKey(cursor)) };
  }
  if (cursor.take("CLUSTER BY")) return { is: "clusterBy", columns: parseClusterBy(cursor) };
  if (cursor.take("ALTER COLUMN") || cursor.take("CHANGE COLUMN")) return parseAlterColumn(cursor);
  if (cursor.take("ADD CONSTRAINT")) return parseAddConstraint(cursor);
  if (cursor.take("DROP CONSTRAINT")) {
    const ifExists = cursor.take("IF EXISTS");
    return { is: "dropConstraint", name: parseIdentifier(cursor), ifExists };
  }
  throw unsupported("this ALTER TABLE");
}

function parseAddColumns(cursor: Cursor): AlterAction {
  const one = () => {
    const column = parseColumn(cursor);
    if (cursor.at("FIRST") || cursor.at("AFTER")) throw unsupported("the position of a new column");
    return column;
  };
  return {
    is: "addColumns",
    columns: cursor.at("(") ? parseBracketed(cursor, one) : parseList(cursor, one),
  };
}

function parseAlterColumn(cursor: Cursor): AlterAction {
  const column = parseIdentifier(cursor);
  if (cursor.take("COMMENT")) return { is: "columnComment", column, comment: constantText(cursor) };
  if (cursor.take("SET NOT NULL")) return { is: "columnNullable", column, nullable: false };
  if (cursor.take("DROP NOT NULL")) return { is: "columnNullable", column, nullable: true };
  if (cursor.take("SET DEFAULT"))
    return { is: "columnDefault", column, text: expressionText(cursor) };
  if (cursor.take("DROP DEFAULT")) return { is: "columnDefault", column };
  if (cursor.take("TYPE")) return { is: "columnType", column, type: parseType(cursor) };
  throw unsupported("this ALTER COLUMN");
}

function parseAddConstraint(cursor: Cursor): AlterAction {
  const name = parseIdentifier(cursor);
  if (!cursor.take("CHECK")) throw unsupported("keys by ALTER TABLE");
  cursor.expect("(");
  const text = expressionText(cursor);
  cursor.expect(")");
  return { is: "addCheck", name, text };
}
