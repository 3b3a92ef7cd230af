// Expressions, by precedence: OR, AND, NOT, predicates, | ^ &, shifts, + - ||, * / % DIV, signs, then what follows a value.
import { SqlError, unsupported } from "../errors.ts";
import { DATE, DOUBLE, type SqlType, STRING, TIMESTAMP } from "../types.ts";
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

export function parseExpr(cursor: Cursor): Expr {
  let left = parseAnd(cursor);
  while (cursor.take("OR")) left = { is: "binary", op: "OR", left, right: parseAnd(cursor) };
  return left;
}

function parseAnd(cursor: Cursor): Expr {
  let left = parseNot(cursor);
  while (cursor.take("AND")) left = { is: "binary", op: "AND", left, right: parseNot(cursor) };
  return left;
}

function parseNot(cursor: Cursor): Expr {
  if (cursor.take("NOT") || cursor.take("!"))
    return { is: "unary", op: "NOT", of: parseNot(cursor) };
  if (cursor.at("EXISTS (") && /^(SELECT|WITH|VALUES|FROM)$/i.test(cursor.peek(2).text)) {
    cursor.take("EXISTS");
    return { is: "exists", query: bracketedQuery(cursor) };
  }
  return parsePredicate(cursor);
}

const COMPARISONS = ["=", "==", "<=>", "<>", "!=", "<=", ">=", "<", ">"] as const;

function parsePredicate(cursor: Cursor): Expr {
  let left = parseValue(cursor);
  for (;;) {
    const op = COMPARISONS.find((each) => cursor.take(each));
    if (op !== undefined) {
      left = {
        is: "binary",
        op: op === "==" ? "=" : op === "!=" ? "<>" : op,
        left,
        right: parseValue(cursor),
      };
      continue;
    }
    const tested = parseTest(cursor, left);
    if (tested === undefined) return left;
    left = tested;
  }
}

function parseTest(cursor: Cursor, of: Expr): Expr | undefined {
  if (cursor.take("IS")) return parseIs(cursor, of);
  const not =
    /^(BETWEEN|IN|LIKE|ILIKE|RLIKE|REGEXP)$/i.test(cursor.peek(1).text) && cursor.take("NOT");
  if (cursor.take("BETWEEN")) {
    const low = parseValue(cursor);
    cursor.expect("AND");
    const high = parseValue(cursor);
    const inside: Expr = {
      is: "binary",
      op: "AND",
      left: { is: "binary", op: ">=", left: of, right: low },
      right: { is: "binary", op: "<=", left: of, right: high },
    };
    return not ? { is: "unary", op: "NOT", of: inside } : inside;
  }
  if (cursor.take("IN")) return parseIn(cursor, of, not);
  if (cursor.at("LIKE") || cursor.at("ILIKE")) return parseLike(cursor, of, not);
  if (cursor.take("RLIKE") || cursor.take("REGEXP")) {
    const call = plainCall("RLIKE", [of, parseValue(cursor)]);
    return not ? { is: "unary", op: "NOT", of: call } : call;
  }
  return undefined;
}

function parseIs(cursor: Cursor, of: Expr): Expr {
  const not = cursor.take("NOT");
  if (cursor.take("NULL")) return { is: "isNull", of, not };
  if (cursor.take("TRUE")) return { is: "isTruth", of, truth: true, not };
  if (cursor.take("FALSE")) return { is: "isTruth", of, truth: false, not };
  if (cursor.take("UNKNOWN")) return { is: "isNull", of, not };
  if (!cursor.take("DISTINCT FROM")) throw cursor.fail("NULL, TRUE, FALSE or DISTINCT FROM");
  const same: Expr = { is: "binary", op: "<=>", left: of, right: parseValue(cursor) };
  return not ? same : { is: "unary", op: "NOT", of: same };
}

function parseIn(cursor: Cursor, of: Expr, not: boolean): Expr {
  if (isQueryAhead(cursor)) return { is: "inQuery", of, query: bracketedQuery(cursor), not };
  return { is: "in", of, items: parseBracketed(cursor, () => parseExpr(cursor)), not };
}

function parseLike(cursor: Cursor, of: Expr, not: boolean): Expr {
  const anyCase = cursor.next().text.toUpperCase() === "ILIKE";
  const many =
    cursor.take("ANY") || cursor.take("SOME") ? "OR" : cursor.take("ALL") ? "AND" : undefined;
  const one = (pattern: Expr): Expr => ({ is: "like", of, pattern, escape: "\\", anyCase, not });
  if (many !== undefined)
    return parseBracketed(cursor, () => one(parseExpr(cursor))).reduce((left, right) => ({
      is: "binary",
      op: not ? (many === "OR" ? "OR" : "AND") : many,
      left,
      right,
    }));
  const pattern = parseValue(cursor);
  if (!cursor.take("ESCAPE")) return one(pattern);
  const escapeChar = constantText(cursor);
  if (escapeChar.length !== 1)
    throw new SqlError(
      "INVALID_ESCAPE_CHAR",
      "42K06",
      "`ESCAPE` should be a string of one character",
    );
  return { is: "like", of, pattern, escape: escapeChar, anyCase, not };
}

/** Binary operators above the predicates, loosest first. */
const LEVELS: readonly (readonly string[])[] = [
  ["|"],
  ["^"],
  ["&"],
  ["<<", ">>"],
  ["+", "-", "||"],
  ["*", "/", "%", "DIV", "MOD"],
];

export function parseValue(cursor: Cursor, level = 0): Expr {
  const operators = LEVELS[level];
  if (operators === undefined) return parseUnary(cursor);
  let left = parseValue(cursor, level + 1);
  for (;;) {
    const op = operators.find((each) => cursor.take(each));
    if (op === undefined) return left;
    left = {
      is: "binary",
      op: op === "MOD" ? "%" : op,
      left,
      right: parseValue(cursor, level + 1),
    };
  }
}

function parseUnary(cursor: Cursor): Expr {
  // The smallest integers can only be written with their sign: -9223372036854775808.
  if (cursor.at("-") && cursor.peek(1).kind === "number") {
    cursor.next();
    return parsePostfix(cursor, numberLiteral(`-${cursor.next().text}`));
  }
  for (const op of ["-", "+", "~"] as const)
    if (cursor.take(op)) return { is: "unary", op, of: parseUnary(cursor) };
  return parsePostfix(cursor, parsePrimary(cursor));
}

function parsePostfix(cursor: Cursor, start: Expr): Expr {
  let value = start;
  for (;;) {
    if (cursor.take("::"))
      value = { is: "cast", of: value, type: parseType(cursor), lenient: false };
    else if (cursor.take("[")) {
      value = { is: "index", of: value, at: parseExpr(cursor) };
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

function parsePrimary(cursor: Cursor): Expr {
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
  const items = parseBracketed(cursor, () => parseExpr(cursor));
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
  const of = cursor.at("WHEN") ? undefined : parseExpr(cursor);
  const branches = [];
  while (cursor.take("WHEN")) {
    const when = parseExpr(cursor);
    cursor.expect("THEN");
    branches.push({ when, result: parseExpr(cursor) });
  }
  const otherwise = cursor.take("ELSE") ? parseExpr(cursor) : undefined;
  cursor.expect("END");
  if (branches.length === 0) throw cursor.fail("WHEN");
  return { is: "case", of, branches, otherwise };
}

function parseCast(cursor: Cursor, lenient: boolean): Expr {
  cursor.next();
  cursor.expect("(");
  const of = parseExpr(cursor);
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
  return { is: "lambda", names, body: parseExpr(cursor) };
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

function plainCall(name: string, args: readonly Expr[]): Expr {
  return { is: "call", name, args, distinct: false, ignoreNulls: false };
}

/** INT, BIGINT or DECIMAL by size; DOUBLE with an exponent; or what the suffix says. */
export function numberLiteral(text: string): Expr {
  const [, digits = "", suffix = ""] = /^(-?[\d.]+(?:e[+-]?\d+)?)(bd|[lsydf])?$/i.exec(text) ?? [];
  const whole = /^-?\d+$/.test(digits);
  const typed = (type: SqlType): Expr => ({ is: "literal", type, value: digits });
  switch (suffix.toUpperCase()) {
    case "L":
      return inRange(digits, 63, "BIGINT") ?? tooLarge(text);
    case "S":
      return inRange(digits, 15, "SMALLINT") ?? tooLarge(text);
    case "Y":
      return inRange(digits, 7, "TINYINT") ?? tooLarge(text);
    case "D":
      return typed(DOUBLE);
    case "F":
      return typed({ kind: "FLOAT" });
    case "BD":
      return decimalLiteral(digits);
  }
  if (/e/i.test(digits)) return typed(DOUBLE);
  if (!whole) return decimalLiteral(digits);
  return inRange(digits, 31, "INT") ?? inRange(digits, 63, "BIGINT") ?? decimalLiteral(digits);
}

function inRange(
  digits: string,
  bits: number,
  kind: "INT" | "BIGINT" | "SMALLINT" | "TINYINT",
): Expr | undefined {
  if (!/^-?\d+$/.test(digits)) return undefined;
  const value = BigInt(digits);
  const limit = 2n ** BigInt(bits);
  if (value >= limit || value < -limit) return undefined;
  return { is: "literal", type: { kind }, value: String(value) };
}

function decimalLiteral(digits: string): Expr {
  if (/e/i.test(digits)) throw unsupported("a decimal literal with an exponent");
  const [whole = "", fraction = ""] = digits.replace("-", "").split(".");
  const significant = whole.replace(/^0+/, "").length;
  const precision = Math.max(significant + fraction.length, fraction.length, 1);
  if (precision > 38) return tooLarge(digits);
  const value = `${digits.startsWith("-") ? "-" : ""}${whole === "" ? "0" : whole}${fraction === "" ? "" : `.${fraction}`}`;
  return { is: "literal", type: { kind: "DECIMAL", precision, scale: fraction.length }, value };
}

function tooLarge(text: string): never {
  throw new SqlError(
    "INVALID_NUMERIC_LITERAL_RANGE",
    "22003",
    `Numeric literal ${text} is outside the valid range`,
  );
}
