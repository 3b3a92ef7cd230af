// Walking over the tokens of one statement, with its parameters.
import type { Cell, SqlParameter } from "../engine.ts";
import { SqlError, syntaxError } from "../errors.ts";
import { PLAIN_TYPES, type SqlType } from "../types.ts";
import type { Expr, Name, Query } from "./ast.ts";
import { type Token, tokenize } from "./tokens.ts";

/** The parts of the grammar that contain one another; `statements.ts` puts them together. */
export type Grammar = {
  readonly expr: (cursor: Cursor) => Expr;
  readonly value: (cursor: Cursor, level: number) => Expr;
  readonly query: (cursor: Cursor) => Query;
};

export type Cursor = {
  readonly expr: () => Expr;
  /** An expression without AND, OR, NOT and comparisons, from a level of precedence on (0 is the loosest). */
  readonly value: (level?: number) => Expr;
  readonly query: () => Query;
  readonly sql: string;
  readonly peek: (ahead?: number) => Token;
  readonly next: () => Token;
  /** Whether the coming words are these (upper case, separated by spaces or as operators). */
  readonly at: (words: string) => boolean;
  /** Takes them if they come. */
  readonly take: (words: string) => boolean;
  /** Takes them or fails with 42601. */
  readonly expect: (words: string) => void;
  readonly fail: (wanted?: string) => SqlError;
  /** The value bound to `:name`. */
  readonly named: (name: string) => Expr;
  /** The value bound to the next `?`. */
  readonly ordinal: () => Expr;
  /** Splits `>>` so that `array<array<int>>` closes twice. */
  readonly closeAngle: () => void;
  readonly position: () => number;
  readonly back: (position: number) => void;
};

/** @throws SqlError 42601 for text that is not SQL, 42P02 for a parameter without value (when it is met). */
export function cursorOver(
  sql: string,
  parameters: readonly SqlParameter[],
  grammar: Grammar = NO_GRAMMAR,
): Cursor {
  const tokens = [...tokenize(sql)];
  const ordinals = parameters.filter((parameter) => parameter.name === undefined).values();
  let index = 0;
  const peek = (ahead = 0): Token => {
    const token = tokens[Math.min(index + ahead, tokens.length - 1)];
    if (token === undefined) throw new Error("a statement has at least its end");
    return token;
  };
  const next = (): Token => {
    const token = peek();
    if (token.kind !== "end") index++;
    return token;
  };
  const at = (words: string) => wordsOf(words).every((word, ahead) => is(peek(ahead), word));
  const take = (words: string) => {
    if (!at(words)) return false;
    index += wordsOf(words).length;
    return true;
  };
  const fail = (wanted?: string) =>
    syntaxError(
      peek().kind === "end" ? "end of input" : `'${sql.slice(peek().from, peek().to)}'`,
      `${lineAndColumn(sql, peek().from)}${wanted === undefined ? "" : `, expected ${wanted}`}`,
    );
  const cursor: Cursor = {
    expr: () => grammar.expr(cursor),
    value: (level = 0) => grammar.value(cursor, level),
    query: () => grammar.query(cursor),
    sql,
    peek,
    next,
    at,
    take,
    fail,
    expect: (words) => {
      if (!take(words)) throw fail(words);
    },
    named: (name) => literalOf(parameters.find((each) => each.name === name) ?? unbound(name)),
    ordinal: () => literalOf(ordinals.next().value ?? unbound("?")),
    closeAngle: () => {
      const token = peek();
      if (token.text === ">") index++;
      else if (token.text === ">>") tokens[index] = { ...token, text: ">", from: token.from + 1 };
      else throw fail("'>'");
    },
    position: () => index,
    back: (position) => {
      index = position;
    },
  };
  return cursor;
}

/** For names and types alone. */
const NO_GRAMMAR: Grammar = {
  expr: (cursor) => {
    throw cursor.fail("a name or a type");
  },
  value: (cursor) => {
    throw cursor.fail("a name or a type");
  },
  query: (cursor) => {
    throw cursor.fail("a name or a type");
  },
};

/** Whether a bracket opens a query: `(SELECT`, `((SELECT`, `(WITH`, `(VALUES`. */
export function isQueryAhead(cursor: Cursor): boolean {
  let ahead = 0;
  while (cursor.peek(ahead).kind === "operator" && cursor.peek(ahead).text === "(") ahead++;
  const { kind, text } = cursor.peek(ahead);
  return ahead > 0 && kind === "word" && /^(SELECT|WITH|VALUES|FROM)$/i.test(text);
}

export function bracketedQuery(cursor: Cursor): Query {
  cursor.expect("(");
  const query = cursor.query();
  cursor.expect(")");
  return query;
}

/** A name or an unquoted word. */
export function parseIdentifier(cursor: Cursor): string {
  const token = cursor.peek();
  if (token.kind !== "word" && token.kind !== "quoted") throw cursor.fail("a name");
  cursor.next();
  return token.text;
}

/** `a.b.c`, or `IDENTIFIER('a.b.c')`. */
export function parseName(cursor: Cursor): Name {
  if (cursor.at("IDENTIFIER (")) {
    cursor.take("IDENTIFIER (");
    const parts = nameInText(constantText(cursor), cursor);
    cursor.expect(")");
    return [...parts, ...moreParts(cursor)];
  }
  return [parseIdentifier(cursor), ...moreParts(cursor)];
}

/** String literals side by side are one text. */
export function adjacentText(cursor: Cursor): string {
  if (cursor.peek().kind !== "string") throw cursor.fail("a string");
  let text = "";
  while (cursor.peek().kind === "string") text += cursor.next().text;
  return text;
}

/** A text that is known while parsing: literals and parameters, joined by `||`. */
export function constantText(cursor: Cursor): string {
  const text = boundText(cursor) ?? adjacentText(cursor);
  return cursor.take("||") ? text + constantText(cursor) : text;
}

function boundText(cursor: Cursor): string | undefined {
  if (!cursor.at(":") && !cursor.at("?")) return undefined;
  const bound =
    cursor.next().text === "?" ? cursor.ordinal() : cursor.named(parseIdentifier(cursor));
  if (bound.is !== "literal" || bound.value === null)
    throw cursor.fail("a parameter of type STRING");
  return bound.value;
}

export function parseList<T>(cursor: Cursor, item: () => T): T[] {
  const items = [item()];
  while (cursor.take(",")) items.push(item());
  return items;
}

/** `( item, … )` */
export function parseBracketed<T>(cursor: Cursor, item: () => T): T[] {
  cursor.expect("(");
  const items = parseList(cursor, item);
  cursor.expect(")");
  return items;
}

function moreParts(cursor: Cursor): string[] {
  const parts: string[] = [];
  while (cursor.at(".")) {
    cursor.take(".");
    parts.push(parseIdentifier(cursor));
  }
  return parts;
}

function nameInText(text: string, cursor: Cursor): Name {
  const inner = cursorOver(text, []);
  const name = parseName(inner);
  if (inner.peek().kind !== "end") throw cursor.fail("a name inside IDENTIFIER");
  return name;
}

/** The parser asks for the same few hundred words at every token. */
const split = new Map<string, readonly string[]>();

function wordsOf(words: string): readonly string[] {
  const known = split.get(words) ?? words.split(" ");
  if (!split.has(words)) split.set(words, known);
  return known;
}

function is(token: Token, word: string): boolean {
  if (token.kind === "word")
    return token.text.length === word.length && token.text.toUpperCase() === word;
  return token.kind === "operator" && token.text === word;
}

function lineAndColumn(sql: string, at: number): string {
  const before = sql.slice(0, at).split("\n");
  return `line ${before.length}, pos ${before.at(-1)?.length ?? 0}`;
}

function unbound(name: string): never {
  throw new SqlError(
    "UNBOUND_SQL_PARAMETER",
    "42P02",
    `Found the unbound parameter: ${name}. Please, fix \`args\` and provide a mapping of the parameter to either a SQL literal or collection constructor functions`,
  );
}

/** A parameter as the literal it stands for: a typed value is a cast of its text, so a bad one fails loudly. */
function literalOf(parameter: SqlParameter): Expr {
  if (parameter.value === null) return { is: "literal", type: { kind: "VOID" }, value: null };
  const type = parameterType(parameter.type ?? "STRING");
  const text: Expr = { is: "literal", type: { kind: "STRING" }, value: parameter.value };
  if (type.kind === "STRING" || type.kind === "VOID") return text;
  if (type.kind === "INT" || type.kind === "BIGINT")
    return integerLiteral(parameter.value, type) ?? cast(text, type);
  return cast(text, type);
}

function integerLiteral(value: Cell, type: SqlType): Expr | undefined {
  const fits = value !== null && /^-?\d{1,9}$/.test(value);
  return fits ? { is: "literal", type, value } : undefined;
}

function cast(of: Expr, type: SqlType): Expr {
  return { is: "cast", of, type, lenient: false };
}

function parameterType(name: string): SqlType {
  const upper = name.trim().toUpperCase();
  const decimal = /^DECIMAL(?:\((\d+)(?:\s*,\s*(\d+))?\))?$/.exec(upper);
  if (decimal !== null)
    return {
      kind: "DECIMAL",
      precision: Number(decimal[1] ?? 38),
      scale: Number(decimal[2] ?? (decimal[1] === undefined ? 18 : 0)),
    };
  const type = PLAIN_TYPES.get(upper === "TIMESTAMP_LTZ" ? "TIMESTAMP" : upper);
  if (type !== undefined && type.kind !== "INTERVAL" && type.kind !== "VARIANT") return type;
  throw new SqlError("INVALID_PARAMETER_TYPE", "42K09", `A parameter cannot have the type ${name}`);
}
