// Expressions, by precedence: OR, AND, NOT, predicates, | ^ &, shifts, + - ||, * / % DIV, signs, then what follows a value.
import { SqlError } from "../errors.ts";
import type { Expr } from "./ast.ts";
import {
  bracketedQuery,
  type Cursor,
  constantText,
  isQueryAhead,
  parseBracketed,
} from "./cursor.ts";
import { numberLiteral } from "./numbers.ts";
import { parsePostfix, parsePrimary, plainCall } from "./primaries.ts";

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
    const { kind, text } = cursor.peek();
    if (kind !== "operator" && !/^(DIV|MOD)$/i.test(text)) return left;
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
