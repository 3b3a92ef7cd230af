// One statement: which kind it is, and the small ones. Queries, tables and MERGE have files of their own.
import type { SqlParameter } from "../engine.ts";
import { SqlError, unsupported } from "../errors.ts";
import type { Name, Statement } from "./ast.ts";
import { parseDelete, parseInsert, parseMerge, parseUpdate } from "./changes.ts";
import {
  type Cursor,
  constantText,
  cursorOver,
  type Grammar,
  parseIdentifier,
  parseList,
  parseName,
} from "./cursor.ts";
import { parseAlter, parseCreate } from "./definitions.ts";
import { parseExpr, parseValue } from "./expressions.ts";
import { parseQuery } from "./queries.ts";
import { parseDescribe, parseSecurable, parseShow } from "./shows.ts";

/**
 * Parses one statement (a `;` at its end is allowed) and binds its parameters.
 * @throws SqlError 42601 for bad syntax, 42P02 for an unbound parameter, 0A000 for what is not translated
 */
export function parseStatement(sql: string, parameters: readonly SqlParameter[]): Statement {
  const cursor = cursorOver(sql, parameters, GRAMMAR);
  const statement = parseOne(cursor);
  cursor.take(";");
  if (cursor.peek().kind !== "end") throw cursor.fail();
  return statement;
}

const GRAMMAR: Grammar = { expr: parseExpr, value: parseValue, query: parseQuery };

function parseOne(cursor: Cursor): Statement {
  const word = cursor.peek().text.toUpperCase();
  switch (word) {
    case "(":
    case "SELECT":
    case "VALUES":
    case "TABLE":
    case "FROM":
      return { is: "query", query: cursor.query() };
    case "WITH":
      return parseWithStatement(cursor);
    case "MERGE":
      return parseMerge(cursor, []);
    case "INSERT":
      return parseInsert(cursor);
    case "UPDATE":
      return parseUpdate(cursor);
    case "DELETE":
      return parseDelete(cursor);
    case "CREATE":
    case "REPLACE":
      return parseCreate(cursor);
    case "ALTER":
      return parseAlter(cursor);
    case "SHOW":
      return parseShow(cursor);
    case "DESCRIBE":
    case "DESC":
      return parseDescribe(cursor);
    default:
      return parseSmall(cursor, word);
  }
}

function parseSmall(cursor: Cursor, word: string): Statement {
  cursor.next();
  switch (word) {
    case "DROP":
      return parseDrop(cursor);
    case "TRUNCATE":
      cursor.expect("TABLE");
      return { is: "truncate", name: parseName(cursor) };
    case "USE":
      return parseUse(cursor);
    case "SET":
      return parseSet(cursor);
    case "GRANT":
    case "REVOKE":
      return parseGrant(cursor, word === "GRANT" ? "grant" : "revoke");
    case "COMMENT":
      return parseComment(cursor);
    case "LIST":
      return parseVolumeListing(cursor);
    case "EXPLAIN":
      throw unsupported("EXPLAIN: its plan would not be Databricks'");
    case "OPTIMIZE":
    case "VACUUM":
    case "ANALYZE":
      return parseMaintenance(cursor, word);
    case "":
      throw new SqlError(
        "PARSE_EMPTY_STATEMENT",
        "42617",
        "Syntax error, unexpected empty statement",
      );
  }
  if (KNOWN.has(word)) throw unsupported(`${word} statements`);
  cursor.back(0);
  throw cursor.fail();
}

/** Statements that Databricks has and this workspace has not. */
const KNOWN = new Set(
  "COPY CACHE UNCACHE REFRESH CLONE RESTORE REORG MSCK REPAIR EXECUTE BEGIN DECLARE CALL PUT GET REMOVE UNDROP SYNC RESET LOAD FSCK CONVERT APPLY".split(
    " ",
  ),
);

function parseWithStatement(cursor: Cursor): Statement {
  const start = cursor.position();
  let depth = 0;
  for (let i = 0; cursor.peek(i).kind !== "end"; i++) {
    const token = cursor.peek(i);
    if (token.text === "(" && token.kind === "operator") depth++;
    if (token.text === ")" && token.kind === "operator") depth--;
    if (depth !== 0 || token.kind !== "word") continue;
    if (/^MERGE$/i.test(token.text)) return parseMerge(cursor, "with");
    if (/^(INSERT|UPDATE|DELETE)$/i.test(token.text))
      throw unsupported(`WITH before ${token.text.toUpperCase()}`);
    if (/^SELECT$/i.test(token.text)) break;
  }
  cursor.back(start);
  return { is: "query", query: cursor.query() };
}

function parseDrop(cursor: Cursor): Statement {
  const what = takeOne(cursor, ["TABLE", "VIEW", "SCHEMA", "DATABASE", "CATALOG", "VOLUME"]);
  const ifExists = cursor.take("IF EXISTS");
  const name = parseName(cursor);
  const cascade = cursor.take("CASCADE");
  if (!cascade) cursor.take("RESTRICT");
  cursor.take("PURGE");
  return { is: "drop", what: what === "DATABASE" ? "SCHEMA" : what, name, ifExists, cascade };
}

function parseUse(cursor: Cursor): Statement {
  if (cursor.take("CATALOG")) return { is: "use", what: "CATALOG", name: [nameOrText(cursor)] };
  if (!cursor.take("SCHEMA")) cursor.take("DATABASE");
  return { is: "use", what: "SCHEMA", name: parseName(cursor) };
}

function nameOrText(cursor: Cursor): string {
  return cursor.peek().kind === "string" ? constantText(cursor) : parseIdentifier(cursor);
}

function parseSet(cursor: Cursor): Statement {
  if (cursor.take("CATALOG")) return { is: "use", what: "CATALOG", name: [nameOrText(cursor)] };
  if (cursor.at("VAR") || cursor.at("VARIABLE")) throw unsupported("SQL variables");
  if (cursor.take("TIME ZONE")) {
    const zone = cursor.at("LOCAL") ? cursor.next().text : constantText(cursor);
    return { is: "set", key: "timezone", value: zone };
  }
  if (cursor.peek().kind === "end") return { is: "set" };
  const from = cursor.peek().from;
  while (cursor.peek().kind !== "end" && !cursor.at("=") && !cursor.at(";")) cursor.next();
  const key = cursor.sql.slice(from, cursor.peek().from).trim();
  if (!cursor.take("=")) return { is: "set", key };
  const valueFrom = cursor.peek().from;
  while (cursor.peek().kind !== "end" && !cursor.at(";")) cursor.next();
  const value = cursor.sql.slice(valueFrom, cursor.peek().from).trim();
  return { is: "set", key, value: value.replace(/^(['"])(.*)\1$/, "$2") };
}

/** `GRANT SELECT, MODIFY ON TABLE t TO \`someone\`` */
function parseGrant(cursor: Cursor, is: "grant" | "revoke"): Statement {
  const privileges = parseList(cursor, () => {
    const words: string[] = [];
    while (cursor.peek().kind === "word" && !cursor.at("ON"))
      words.push(cursor.next().text.toUpperCase());
    if (words.length === 0) throw cursor.fail("a privilege");
    return words.join(" ");
  });
  cursor.expect("ON");
  const on = parseSecurable(cursor);
  cursor.expect(is === "grant" ? "TO" : "FROM");
  return { is, on, privileges, principal: nameOrText(cursor) };
}

function parseComment(cursor: Cursor): Statement {
  cursor.expect("ON");
  const what = takeOne(cursor, [
    "TABLE",
    "VIEW",
    "COLUMN",
    "SCHEMA",
    "DATABASE",
    "CATALOG",
    "VOLUME",
  ]);
  const name: Name = parseName(cursor);
  cursor.expect("IS");
  const comment = cursor.take("NULL") ? null : constantText(cursor);
  return { is: "comment", what, name, comment };
}

function parseVolumeListing(cursor: Cursor): Statement {
  const path = constantText(cursor);
  const limit = cursor.take("LIMIT") ? Number(cursor.next().text) : undefined;
  return { is: "list", path, limit };
}

function parseMaintenance(cursor: Cursor, what: "OPTIMIZE" | "VACUUM" | "ANALYZE"): Statement {
  cursor.take("TABLE");
  const name = parseName(cursor);
  while (cursor.peek().kind !== "end" && !cursor.at(";")) cursor.next();
  return { is: "maintain", what, name };
}

/** Takes one of these words. @throws SqlError 42601 */
function takeOne<const W extends string>(cursor: Cursor, words: readonly W[]): W {
  const word = words.find((each) => cursor.take(each));
  if (word === undefined) throw cursor.fail(words.join(", "));
  return word;
}
