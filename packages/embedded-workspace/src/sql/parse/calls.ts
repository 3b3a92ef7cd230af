// Function calls, with all that may stand in and after the brackets.
import { unsupported } from "../errors.ts";
import { STRING } from "../types.ts";
import type { Call, Expr, OrderItem, Window } from "./ast.ts";
import { type Cursor, parseIdentifier, parseList } from "./cursor.ts";

/** The name is taken already; the cursor stands at the bracket. */
export function parseCall(cursor: Cursor, name: string): Call {
  cursor.expect("(");
  const distinct = cursor.take("DISTINCT");
  if (!distinct) cursor.take("ALL");
  const args = parseArguments(cursor, name);
  const ignoredInside = takeNulls(cursor);
  cursor.expect(")");
  const withinGroup = parseWithinGroup(cursor);
  const filter = parseFilter(cursor);
  const ignoredAfter = takeNulls(cursor);
  const over = cursor.take("OVER") ? parseWindow(cursor) : undefined;
  return {
    is: "call",
    name: name === "STRUCT" ? "NAMED_STRUCT" : name,
    args,
    distinct,
    ignoreNulls: ignoredInside || ignoredAfter,
    filter,
    withinGroup,
    over,
  };
}

function parseArguments(cursor: Cursor, name: string): Expr[] {
  if (cursor.at(")")) return [];
  if (name === "STRUCT") return parseStruct(cursor);
  if (name === "EXTRACT") return parseExtract(cursor);
  if (name === "POSITION") return parsePosition(cursor);
  if (name === "TRIM") return parseTrim(cursor);
  if (/^(SUBSTR|SUBSTRING|OVERLAY)$/.test(name)) return parseSubstring(cursor);
  if (/^(TIMESTAMPADD|TIMESTAMPDIFF|DATEADD|DATE_ADD|DATEDIFF|DATE_DIFF)$/.test(name))
    return parseUnitFirst(cursor);
  return parseList(cursor, () => {
    if (cursor.peek(1).text === "=>") throw unsupported("arguments by name (`name => value`)");
    return cursor.expr();
  });
}

/** `struct(a, b AS c)`: names and values in turn. A column gives its name, anything else is called col1, col2, … */
function parseStruct(cursor: Cursor): Expr[] {
  let count = 0;
  return parseList(cursor, () => {
    const value = cursor.expr();
    if (value.is === "star") throw unsupported("struct(*)");
    count++;
    const own =
      value.is === "name" ? value.parts.at(-1) : value.is === "field" ? value.name : undefined;
    const name = cursor.take("AS") ? parseIdentifier(cursor) : (own ?? `col${count}`);
    return [text(name), value];
  }).flat();
}

/** `EXTRACT(YEAR FROM x)` */
function parseExtract(cursor: Cursor): Expr[] {
  const unit = text(parseIdentifier(cursor));
  cursor.expect("FROM");
  return [unit, cursor.expr()];
}

/** `POSITION('a' IN x)` or `POSITION('a', x)` */
function parsePosition(cursor: Cursor): Expr[] {
  const first = cursor.value();
  if (cursor.take("IN")) return [first, cursor.value()];
  cursor.expect(",");
  return [first, ...parseList(cursor, cursor.expr)];
}

/** `TRIM(x)`, `TRIM(BOTH|LEADING|TRAILING [y] FROM x)`, `TRIM(y FROM x)`: the characters come second, the side third. */
function parseTrim(cursor: Cursor): Expr[] {
  const side = ["BOTH", "LEADING", "TRAILING"].find((each) => cursor.take(each));
  const chars = cursor.at("FROM") ? text(" ") : cursor.expr();
  if (!cursor.take("FROM")) {
    if (side !== undefined) throw cursor.fail("FROM");
    return [chars];
  }
  return [cursor.expr(), chars, text(side ?? "BOTH")];
}

/** `SUBSTRING(x FROM 2 FOR 3)` or with commas. */
function parseSubstring(cursor: Cursor): Expr[] {
  const args = [cursor.expr()];
  while (cursor.take(",") || cursor.take("FROM") || cursor.take("FOR") || cursor.take("PLACING"))
    args.push(cursor.expr());
  return args;
}

/** `DATEADD(DAY, 1, x)`: a unit is a word here, not a column. */
function parseUnitFirst(cursor: Cursor): Expr[] {
  const isUnit =
    cursor.peek(1).text === "," &&
    /^(YEAR|QUARTER|MONTH|WEEK|DAY|DAYOFYEAR|HOUR|MINUTE|SECOND|MILLISECOND|MICROSECOND)$/i.test(
      cursor.peek().text,
    );
  if (!isUnit) return parseList(cursor, cursor.expr);
  const unit = text(parseIdentifier(cursor).toUpperCase());
  cursor.expect(",");
  return [unit, ...parseList(cursor, cursor.expr)];
}

function parseWithinGroup(cursor: Cursor): readonly OrderItem[] | undefined {
  if (!cursor.take("WITHIN GROUP (")) return undefined;
  const items = parseOrderBy(cursor);
  cursor.expect(")");
  return items;
}

function parseFilter(cursor: Cursor): Expr | undefined {
  if (!cursor.take("FILTER (")) return undefined;
  cursor.expect("WHERE");
  const filter = cursor.expr();
  cursor.expect(")");
  return filter;
}

function takeNulls(cursor: Cursor): boolean {
  if (cursor.take("IGNORE NULLS")) return true;
  cursor.take("RESPECT NULLS");
  return false;
}

/** `OVER w` or `OVER (…)`; also the right side of `WINDOW w AS (…)`. */
export function parseWindow(cursor: Cursor): Window {
  if (!cursor.at("(")) return { base: parseIdentifier(cursor), partitionBy: [], orderBy: [] };
  cursor.expect("(");
  const base =
    cursor.peek().kind === "word" &&
    !/^(PARTITION|DISTRIBUTE|ORDER|SORT|ROWS|RANGE)$/i.test(cursor.peek().text)
      ? parseIdentifier(cursor)
      : undefined;
  const partitionBy =
    cursor.take("PARTITION BY") || cursor.take("DISTRIBUTE BY")
      ? parseList(cursor, cursor.expr)
      : [];
  const orderBy = parseOrderBy(cursor);
  const frame = parseFrame(cursor);
  cursor.expect(")");
  return { base, partitionBy, orderBy, frame };
}

/** `ORDER BY …` if it comes. NULLs are first ascending and last descending unless said otherwise. */
export function parseOrderBy(cursor: Cursor): readonly OrderItem[] {
  if (!cursor.take("ORDER BY") && !cursor.take("SORT BY")) return [];
  return parseList(cursor, () => {
    const by = cursor.expr();
    const descending = cursor.take("DESC");
    if (!descending) cursor.take("ASC");
    const first = cursor.take("NULLS FIRST");
    const last = !first && cursor.take("NULLS LAST");
    return { by, descending, nullsFirst: first || (!last && !descending) };
  });
}

function parseFrame(cursor: Cursor): string | undefined {
  const unit = ["ROWS", "RANGE"].find((each) => cursor.take(each));
  if (unit === undefined) return undefined;
  if (!cursor.take("BETWEEN")) return `${unit} BETWEEN ${parseBound(cursor)} AND CURRENT ROW`;
  const start = parseBound(cursor);
  cursor.expect("AND");
  return `${unit} BETWEEN ${start} AND ${parseBound(cursor)}`;
}

function parseBound(cursor: Cursor): string {
  if (cursor.take("CURRENT ROW")) return "CURRENT ROW";
  const amount = cursor.take("UNBOUNDED") ? "UNBOUNDED" : cursor.peek().text;
  if (amount !== "UNBOUNDED") {
    if (!/^\d+$/.test(amount)) throw unsupported("this window frame");
    cursor.next();
  }
  const direction = ["PRECEDING", "FOLLOWING"].find((each) => cursor.take(each));
  if (direction === undefined) throw cursor.fail("PRECEDING or FOLLOWING");
  return `${amount} ${direction}`;
}

function text(value: string): Expr {
  return { is: "literal", type: STRING, value };
}
