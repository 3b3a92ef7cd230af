// Queries: WITH, SELECT, VALUES, set operations, joins, LATERAL VIEW.
import { SqlError, unsupported } from "../errors.ts";
import type {
  Alias,
  Body,
  Cte,
  Expr,
  From,
  GroupBy,
  Query,
  Select,
  SelectItem,
  Window,
} from "./ast.ts";
import { parseCall, parseOrderBy, parseWindow } from "./calls.ts";
import {
  bracketedQuery,
  type Cursor,
  isQueryAhead,
  parseBracketed,
  parseIdentifier,
  parseList,
  parseName,
} from "./cursor.ts";

export function parseQuery(cursor: Cursor): Query {
  const ctes = parseWith(cursor);
  const body = parseSetOperations(cursor);
  const orderBy = parseOrderBy(cursor);
  if (cursor.at("CLUSTER BY") || cursor.at("DISTRIBUTE BY"))
    throw unsupported("CLUSTER BY and DISTRIBUTE BY in a query");
  const limit = cursor.take("LIMIT") && !cursor.take("ALL") ? cursor.expr() : undefined;
  const offset = cursor.take("OFFSET") ? cursor.expr() : undefined;
  return { ctes, body, orderBy, limit, offset };
}

export function parseWith(cursor: Cursor): readonly Cte[] {
  if (!cursor.take("WITH")) return [];
  if (cursor.at("RECURSIVE")) throw unsupported("recursive common table expressions");
  return parseList(cursor, () => {
    const name = parseIdentifier(cursor);
    const columns = cursor.at("(") ? parseBracketed(cursor, () => parseIdentifier(cursor)) : [];
    cursor.take("AS");
    return { name, columns, query: bracketedQuery(cursor) };
  });
}

/** UNION and EXCEPT from the left; INTERSECT binds tighter. */
function parseSetOperations(cursor: Cursor): Body {
  let left = parseIntersect(cursor);
  for (;;) {
    const op = cursor.take("UNION")
      ? "UNION"
      : cursor.take("EXCEPT") || cursor.take("MINUS")
        ? "EXCEPT"
        : undefined;
    if (op === undefined) return left;
    const all = takeAll(cursor);
    left = { is: "set", op, all, left, right: parseIntersect(cursor) };
  }
}

function parseIntersect(cursor: Cursor): Body {
  let left = parseTerm(cursor);
  while (cursor.take("INTERSECT")) {
    const all = takeAll(cursor);
    left = { is: "set", op: "INTERSECT", all, left, right: parseTerm(cursor) };
  }
  return left;
}

function takeAll(cursor: Cursor): boolean {
  const all = cursor.take("ALL");
  if (!all) cursor.take("DISTINCT");
  if (cursor.at("BY NAME")) throw unsupported("UNION BY NAME");
  return all;
}

function parseTerm(cursor: Cursor): Body {
  if (cursor.at("(")) return { is: "nested", query: bracketedQuery(cursor) };
  if (cursor.take("VALUES"))
    return { is: "values", rows: parseList(cursor, () => parseRow(cursor)) };
  if (cursor.take("TABLE")) return wholeTable({ is: "table", name: parseName(cursor) });
  if (cursor.at("FROM")) throw unsupported("a query that begins with FROM");
  return parseSelect(cursor);
}

function parseRow(cursor: Cursor): Expr[] {
  return cursor.at("(") ? parseBracketed(cursor, cursor.expr) : [cursor.expr()];
}

function wholeTable(from: From): Select {
  const star: SelectItem = { expr: { is: "star", of: [], except: [] }, aliases: [], text: "*" };
  return { is: "select", distinct: false, items: [star], from, windows: new Map() };
}

function parseSelect(cursor: Cursor): Select {
  cursor.expect("SELECT");
  const distinct = cursor.take("DISTINCT");
  if (!distinct) cursor.take("ALL");
  const items = parseList(cursor, () => parseSelectItem(cursor));
  const from = cursor.take("FROM") ? parseFrom(cursor) : undefined;
  const where = cursor.take("WHERE") ? cursor.expr() : undefined;
  const groupBy = parseGroupBy(cursor);
  const having = cursor.take("HAVING") ? cursor.expr() : undefined;
  const early = parseWindows(cursor);
  const qualify = cursor.take("QUALIFY") ? cursor.expr() : undefined;
  const windows = early.size > 0 ? early : parseWindows(cursor);
  return { is: "select", distinct, items, from, where, groupBy, having, qualify, windows };
}

function parseSelectItem(cursor: Cursor): SelectItem {
  const from = cursor.peek().from;
  const expr = cursor.expr();
  const text = cursor.sql.slice(from, cursor.peek(-1).to);
  if (cursor.take("AS"))
    return {
      expr,
      text,
      aliases: cursor.at("(")
        ? parseBracketed(cursor, () => parseIdentifier(cursor))
        : [parseIdentifier(cursor)],
    };
  return { expr, text, aliases: isAliasAhead(cursor) ? [parseIdentifier(cursor)] : [] };
}

/** Words that end a relation or a select item and are therefore no alias unless quoted. */
const NOT_ALIASES = new Set(
  (
    "FROM WHERE GROUP HAVING QUALIFY WINDOW ORDER SORT CLUSTER DISTRIBUTE LIMIT OFFSET UNION EXCEPT MINUS INTERSECT ON USING JOIN INNER LEFT " +
    "RIGHT FULL CROSS NATURAL SEMI ANTI LATERAL WHEN THEN SET VALUES AS PIVOT UNPIVOT TABLESAMPLE VERSION TIMESTAMP DEFAULT"
  ).split(" "),
);

function isAliasAhead(cursor: Cursor): boolean {
  const { kind, text } = cursor.peek();
  return kind === "quoted" || (kind === "word" && !NOT_ALIASES.has(text.toUpperCase()));
}

function parseGroupBy(cursor: Cursor): GroupBy | undefined {
  if (!cursor.take("GROUP BY")) return undefined;
  if (cursor.at("ALL") && cursor.peek(1).text !== "(" && cursor.take("ALL")) return { is: "all" };
  for (const [word, is] of [
    ["ROLLUP", "rollup"],
    ["CUBE", "cube"],
  ] as const)
    if (cursor.take(word)) return { is, by: parseBracketed(cursor, cursor.expr) };
  if (cursor.take("GROUPING SETS")) return parseGroupingSets(cursor, []);
  const by = parseList(cursor, cursor.expr);
  if (cursor.take("WITH ROLLUP")) return { is: "rollup", by };
  if (cursor.take("WITH CUBE")) return { is: "cube", by };
  if (cursor.take("GROUPING SETS")) return parseGroupingSets(cursor, by);
  return { is: "plain", by };
}

function parseGroupingSets(cursor: Cursor, by: readonly Expr[]): GroupBy {
  const sets = parseBracketed(cursor, () => {
    if (!cursor.take("(")) return [cursor.expr()];
    const set = cursor.at(")") ? [] : parseList(cursor, cursor.expr);
    cursor.expect(")");
    return set;
  });
  return { is: "sets", by, sets };
}

function parseWindows(cursor: Cursor): ReadonlyMap<string, Window> {
  if (!cursor.take("WINDOW")) return new Map();
  return new Map(
    parseList(cursor, (): [string, Window] => {
      const name = parseIdentifier(cursor).toLowerCase();
      cursor.expect("AS");
      return [name, parseWindow(cursor)];
    }),
  );
}

function parseFrom(cursor: Cursor): From {
  let left = parseJoins(cursor);
  while (cursor.take(",")) left = { is: "join", kind: "CROSS", left, right: parseJoins(cursor) };
  return parseLateralViews(cursor, left);
}

function parseLateralViews(cursor: Cursor, start: From): From {
  let left = start;
  while (cursor.take("LATERAL VIEW")) {
    const outer = cursor.take("OUTER");
    const call = parseCall(cursor, parseIdentifier(cursor).toUpperCase());
    const name = cursor.at("AS") ? "" : isAliasAhead(cursor) ? parseIdentifier(cursor) : "";
    const columns = cursor.take("AS") ? parseList(cursor, () => parseIdentifier(cursor)) : [];
    left = {
      is: "join",
      kind: "CROSS",
      left,
      right: { is: "function", call, alias: { name, columns }, outer },
    };
  }
  return left;
}

function parseJoins(cursor: Cursor): From {
  let left = parseRelation(cursor);
  for (;;) {
    if (cursor.at("NATURAL")) throw unsupported("NATURAL JOIN");
    const kind = parseJoinKind(cursor);
    if (kind === undefined) return left;
    const right = parseRelation(cursor);
    const on = cursor.take("ON") ? cursor.expr() : undefined;
    const using = cursor.take("USING")
      ? parseBracketed(cursor, () => parseIdentifier(cursor))
      : undefined;
    left = { is: "join", kind, left, right, on, using };
  }
}

const JOINS = [
  ["JOIN", "INNER"],
  ["INNER JOIN", "INNER"],
  ["CROSS JOIN", "CROSS"],
  ["LEFT JOIN", "LEFT"],
  ["LEFT OUTER JOIN", "LEFT"],
  ["RIGHT JOIN", "RIGHT"],
  ["RIGHT OUTER JOIN", "RIGHT"],
  ["FULL JOIN", "FULL"],
  ["FULL OUTER JOIN", "FULL"],
  ["LEFT SEMI JOIN", "SEMI"],
  ["SEMI JOIN", "SEMI"],
  ["LEFT ANTI JOIN", "ANTI"],
  ["ANTI JOIN", "ANTI"],
] as const;

function parseJoinKind(cursor: Cursor): (typeof JOINS)[number][1] | undefined {
  return JOINS.find(([words]) => cursor.take(words))?.[1];
}

export function parseRelation(cursor: Cursor): From {
  const relation = parseBareRelation(cursor);
  for (const word of ["PIVOT", "UNPIVOT", "TABLESAMPLE"])
    if (cursor.at(`${word} (`)) throw unsupported(word);
  return relation;
}

function parseBareRelation(cursor: Cursor): From {
  const lateral = cursor.take("LATERAL");
  if (isQueryAhead(cursor))
    return { is: "derived", query: bracketedQuery(cursor), alias: parseAlias(cursor), lateral };
  if (cursor.take("(")) {
    const inner = parseFrom(cursor);
    cursor.expect(")");
    return inner;
  }
  if (cursor.take("VALUES")) {
    const rows = parseList(cursor, () => parseRow(cursor));
    const query: Query = { ctes: [], body: { is: "values", rows }, orderBy: [] };
    return { is: "derived", query, alias: parseAlias(cursor), lateral };
  }
  if (cursor.peek().kind === "word" && cursor.peek(1).text === "(" && !cursor.at("IDENTIFIER ("))
    return {
      is: "function",
      call: parseCall(cursor, parseIdentifier(cursor).toUpperCase()),
      alias: parseAlias(cursor),
      outer: false,
    };
  const name = parseName(cursor);
  if (cursor.at("VERSION AS") || cursor.at("TIMESTAMP AS") || cursor.at("FOR") || cursor.at("@"))
    throw unsupported("time travel (VERSION AS OF, TIMESTAMP AS OF)");
  if (name.length > 3)
    throw new SqlError(
      "TABLE_OR_VIEW_NOT_FOUND",
      "42P01",
      `The table or view \`${name.join("`.`")}\` cannot be found`,
    );
  return { is: "table", name, alias: parseAlias(cursor) };
}

function parseAlias(cursor: Cursor): Alias | undefined {
  const said = cursor.take("AS");
  if (!said && !isAliasAhead(cursor)) return undefined;
  const name = parseIdentifier(cursor);
  const columns = cursor.at("(") ? parseBracketed(cursor, () => parseIdentifier(cursor)) : [];
  return { name, columns };
}
