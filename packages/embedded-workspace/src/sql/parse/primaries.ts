// The smallest expressions: literals, names, calls, CASE, CAST, brackets, lambdas; and what may
// follow them.
import { SqlError, unsupported } from "../errors.ts";
import { DATE, type SqlType, STRING, TIMESTAMP } from "../types.ts";
import type { Expr } from "./ast.ts";
import { parseCall } from "./calls.ts";
import {
  adjacentText,
  bracketedQuery,
  type Cursor,
  constantText,
  isQueryAhead,
  parseBracketed,
  parseIdentifier,
} from "./cursor.ts";
import { parseType } from "./data-types.ts";
import { parseInterval } from "./intervals.ts";
import { numberLiteral } from "./numbers.ts";

/** The forms that may follow a value: casts, brackets, fields, paths into a VARIANT. */
export function parsePostfix(cursor: Cursor, start: Expr): Expr {
  let value = start;
  for (;;) {
    if (cursor.take("::"))
      value = { is: "cast", of: value, type: parseType(cursor), lenient: false };
    else if (cursor.take("[")) {
      value = { is: "index", of: value, at: cursor.expr() };
      cursor.expect("]");
    } else if (cursor.at(".") && cursor.peek(1).text !== "*") {
      cursor.next();
      value = { is: "field", of: value, name: parseIdentifier(cursor) };
    } else if (cursor.at(":") && /word|quoted|operator/.test(cursor.peek(1).kind)) {
      value = { is: "path", of: value, path: parsePath(cursor) };
    } else return value;
  }
}

/** `:a.b[0]['c d']` after a VARIANT or a JSON string, as a JSON path. */
function parsePath(cursor: Cursor): string {
  cursor.expect(":");
  let path = "$";
  let first = true;
  for (;;) {
    if (cursor.take("[")) {
      const token = cursor.next();
      if (token.kind === "number") path += `[${token.text}]`;
      else if (token.kind === "string") path += `."${token.text}"`;
      else throw unsupported("this path into a VARIANT");
      cursor.expect("]");
    } else if (first || cursor.take(".")) path += `."${parseIdentifier(cursor)}"`;
    else return path;
    first = false;
  }
}

export function parsePrimary(cursor: Cursor): Expr {
  const token = cursor.peek();
  switch (token.kind) {
    case "string":
      return { is: "literal", type: STRING, value: adjacentText(cursor) };
    case "number":
      cursor.next();
      return numberLiteral(token.text);
    case "quoted":
      return parseNameOrCall(cursor);
    case "operator":
      return parseSymbol(cursor);
    case "word":
      return parseWord(cursor, token.text.toUpperCase());
    case "end":
      throw cursor.fail("an expression");
  }
}

function parseSymbol(cursor: Cursor): Expr {
  if (cursor.take("?")) return cursor.ordinal();
  if (cursor.take(":")) return cursor.named(parseIdentifier(cursor));
  if (cursor.take("*")) return { is: "star", of: [], except: parseExcept(cursor) };
  if (!cursor.at("(")) throw cursor.fail("an expression");
  if (isLambdaAhead(cursor)) return parseLambda(cursor);
  if (isQueryAhead(cursor)) return { is: "query", query: bracketedQuery(cursor) };
  const items = parseBracketed(cursor, cursor.expr);
  const [only] = items;
  return items.length === 1 && only !== undefined
    ? only
    : plainCall(
        "NAMED_STRUCT",
        items.flatMap((item, index): Expr[] => [
          { is: "literal", type: STRING, value: `col${index + 1}` },
          item,
        ]),
      );
}

function parseWord(cursor: Cursor, word: string): Expr {
  const literal = parseTypedLiteral(cursor, word);
  if (literal !== undefined) return literal;
  switch (word) {
    case "CASE":
      return parseCase(cursor);
    case "CAST":
    case "TRY_CAST":
      if (cursor.peek(1).text === "(") return parseCast(cursor, word === "TRY_CAST");
      break;
    case "INTERVAL":
      if (cursor.peek(1).kind !== "operator" || /[-+(:?]/.test(cursor.peek(1).text))
        return parseInterval(cursor);
      break;
    case "DEFAULT":
      cursor.next();
      return { is: "default" };
    case "SELECT":
    case "FROM":
    case "WHERE":
      throw cursor.fail("an expression");
  }
  return parseNameOrCall(cursor);
}

function parseTypedLiteral(cursor: Cursor, word: string): Expr | undefined {
  if (cursor.take("NULL")) return { is: "literal", type: { kind: "VOID" }, value: null };
  if (cursor.take("TRUE")) return { is: "literal", type: { kind: "BOOLEAN" }, value: "true" };
  if (cursor.take("FALSE")) return { is: "literal", type: { kind: "BOOLEAN" }, value: "false" };
  if (cursor.peek(1).kind !== "string") return undefined;
  const types: Readonly<Record<string, SqlType>> = {
    DATE,
    TIMESTAMP,
    TIMESTAMP_NTZ: { kind: "TIMESTAMP_NTZ" },
  };
  const type = types[word];
  if (type !== undefined) {
    cursor.next();
    const value = cursor.next().text;
    return { is: "cast", of: { is: "literal", type: STRING, value }, type, lenient: false };
  }
  if (word !== "X") return undefined;
  cursor.next();
  return plainCall("UNHEX", [{ is: "literal", type: STRING, value: cursor.next().text }]);
}

function parseCase(cursor: Cursor): Expr {
  cursor.expect("CASE");
  const of = cursor.at("WHEN") ? undefined : cursor.expr();
  const branches = [];
  while (cursor.take("WHEN")) {
    const when = cursor.expr();
    cursor.expect("THEN");
    branches.push({ when, result: cursor.expr() });
  }
  const otherwise = cursor.take("ELSE") ? cursor.expr() : undefined;
  cursor.expect("END");
  if (branches.length === 0) throw cursor.fail("WHEN");
  return { is: "case", of, branches, otherwise };
}

function parseCast(cursor: Cursor, lenient: boolean): Expr {
  cursor.next();
  cursor.expect("(");
  const of = cursor.expr();
  cursor.expect("AS");
  const type = parseType(cursor);
  cursor.expect(")");
  return { is: "cast", of, type, lenient };
}

/** `a.b.c`, `t.*`, `f(…)`, `x -> …`. */
function parseNameOrCall(cursor: Cursor): Expr {
  const quoted = cursor.peek().kind === "quoted";
  if (cursor.at("IDENTIFIER (")) return parseIdentifierClause(cursor);
  const first = parseIdentifier(cursor);
  if (cursor.at("->")) return lambda(cursor, [first]);
  if (cursor.at("(") && !quoted) return parseCall(cursor, first.toUpperCase());
  const parts = [first];
  while (cursor.at(".")) {
    cursor.next();
    if (cursor.take("*")) return { is: "star", of: parts, except: parseExcept(cursor) };
    parts.push(parseIdentifier(cursor));
  }
  if (cursor.at("("))
    throw new SqlError(
      "UNRESOLVED_ROUTINE",
      "42883",
      `Cannot resolve routine \`${parts.join("`.`")}\` on search path [\`system\`.\`builtin\`, \`system\`.\`session\`]`,
    );
  return { is: "name", parts };
}

function parseIdentifierClause(cursor: Cursor): Expr {
  cursor.take("IDENTIFIER (");
  const text = constantText(cursor);
  cursor.expect(")");
  const parts = text.split(".").map((part) => part.replace(/^`(.*)`$/, "$1"));
  if (cursor.at("(")) return parseCall(cursor, text.toUpperCase());
  return { is: "name", parts };
}

function parseExcept(cursor: Cursor): readonly string[] {
  if (!cursor.at("EXCEPT (") || /^(SELECT|WITH|VALUES|FROM|\()$/i.test(cursor.peek(2).text))
    return [];
  cursor.take("EXCEPT");
  return parseBracketed(cursor, () => parseIdentifier(cursor));
}

function parseLambda(cursor: Cursor): Expr {
  return lambda(
    cursor,
    parseBracketed(cursor, () => parseIdentifier(cursor)),
  );
}

function lambda(cursor: Cursor, names: readonly string[]): Expr {
  cursor.expect("->");
  return { is: "lambda", names, body: cursor.expr() };
}

function isLambdaAhead(cursor: Cursor): boolean {
  let ahead = 1;
  while (cursor.peek(ahead).kind === "word" && cursor.peek(ahead + 1).text === ",") ahead += 2;
  return (
    cursor.peek(ahead).kind === "word" &&
    cursor.peek(ahead + 1).text === ")" &&
    cursor.peek(ahead + 2).text === "->"
  );
}

export function plainCall(name: string, args: readonly Expr[]): Expr {
  return { is: "call", name, args, distinct: false, ignoreNulls: false };
}
