// SHOW and DESCRIBE.
import { unsupported } from "../errors.ts";
import type { Name, SecurableName, Statement } from "./ast.ts";
import { type Cursor, constantText, parseIdentifier, parseName } from "./cursor.ts";

export function parseShow(cursor: Cursor): Statement {
  cursor.expect("SHOW");
  if (cursor.take("GRANTS") || cursor.take("GRANT")) return parseShowGrants(cursor);
  if (cursor.take("CREATE TABLE") || cursor.take("CREATE VIEW"))
    return { is: "showCreate", name: parseName(cursor) };
  if (cursor.take("TBLPROPERTIES")) return parseShowProperties(cursor);
  if (cursor.take("TABLE EXTENDED") || cursor.take("PARTITIONS")) throw unsupported("this SHOW");
  const what = [
    "TABLES",
    "VIEWS",
    "SCHEMAS",
    "DATABASES",
    "CATALOGS",
    "VOLUMES",
    "COLUMNS",
    "FUNCTIONS",
  ].find((each) => cursor.take(each));
  if (what === undefined || what === "FUNCTIONS") throw unsupported("this SHOW");
  const inner: string[][] = [];
  while (cursor.take("IN") || cursor.take("FROM")) inner.push([...parseName(cursor)]);
  // SHOW COLUMNS IN t IN s: the schema comes last.
  const of: Name | undefined = inner.length === 0 ? undefined : inner.reverse().flat();
  const like = parseShowPattern(cursor);
  return { is: "show", what: what === "DATABASES" ? "SCHEMAS" : what, of, like };
}

function parseShowPattern(cursor: Cursor): string | undefined {
  const said = cursor.take("LIKE");
  return said || cursor.peek().kind === "string" ? constantText(cursor) : undefined;
}

function parseShowProperties(cursor: Cursor): Statement {
  const of = parseName(cursor);
  if (!cursor.take("(")) return { is: "show", what: "TBLPROPERTIES", of };
  const key = parsePropertyKey(cursor);
  cursor.expect(")");
  return { is: "show", what: "TBLPROPERTIES", of, key };
}

/** `'delta.appendOnly'` or `delta.appendOnly`. */
export function parsePropertyKey(cursor: Cursor): string {
  return cursor.peek().kind === "string" ? constantText(cursor) : parseName(cursor).join(".");
}

function parseShowGrants(cursor: Cursor): Statement {
  const principal = cursor.at("ON")
    ? undefined
    : cursor.peek().kind === "string"
      ? constantText(cursor)
      : parseIdentifier(cursor);
  cursor.expect("ON");
  return { is: "showGrants", on: parseSecurable(cursor), principal };
}

/** `SCHEMA main.default`; without a word it is a table. */
export function parseSecurable(cursor: Cursor): SecurableName {
  const types = ["CATALOG", "SCHEMA", "DATABASE", "TABLE", "VIEW", "VOLUME", "FUNCTION"];
  const type = types.find((each) => cursor.take(each));
  if (
    /^(METASTORE|EXTERNAL|STORAGE|SHARE|CONNECTION|CREDENTIAL)$/i.test(cursor.peek().text) &&
    type === undefined
  )
    throw unsupported(`privileges on ${cursor.peek().text.toUpperCase()}`);
  const named =
    type === "DATABASE" ? "schema" : type === "VIEW" ? "table" : (type ?? "table").toLowerCase();
  return { type: named, name: parseName(cursor) };
}

export function parseDescribe(cursor: Cursor): Statement {
  cursor.next();
  if (cursor.take("DETAIL"))
    return { is: "describe", name: parseName(cursor), how: "DETAIL", what: "TABLE" };
  if (cursor.take("HISTORY"))
    return { is: "describe", name: parseName(cursor), how: "HISTORY", what: "TABLE" };
  if (cursor.take("QUERY") || /^(SELECT|WITH|VALUES)$/i.test(cursor.peek().text))
    return { is: "describeQuery", query: cursor.query() };
  for (const what of ["SCHEMA", "DATABASE", "CATALOG", "VOLUME"] as const) {
    if (!cursor.take(what)) continue;
    const how = cursor.take("EXTENDED") ? "EXTENDED" : "PLAIN";
    return {
      is: "describe",
      name: parseName(cursor),
      how,
      what: what === "DATABASE" ? "SCHEMA" : what,
    };
  }
  if (cursor.at("FUNCTION")) throw unsupported("DESCRIBE FUNCTION");
  cursor.take("TABLE");
  const how = cursor.take("EXTENDED") || cursor.take("FORMATTED") ? "EXTENDED" : "PLAIN";
  const name = parseName(cursor);
  if (cursor.at("AS JSON")) throw unsupported("DESCRIBE … AS JSON");
  return { is: "describe", name, how, what: "TABLE" };
}
