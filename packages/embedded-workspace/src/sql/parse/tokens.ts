// Databricks SQL, cut into tokens: strings with their escapes, backticks, numbers with suffixes, comments, operators.
import { syntaxError, tooComplex } from "../errors.ts";

export type Token = {
  readonly kind: "word" | "quoted" | "string" | "number" | "operator" | "end";
  /** A word as written, a quoted name or a string without its quotes and escapes, an operator's characters. */
  readonly text: string;
  /** Where it begins and ends in the statement. */
  readonly from: number;
  readonly to: number;
};

/** Longest first. */
const OPERATORS = [
  "<=>",
  "<=",
  ">=",
  "<>",
  "!=",
  "==",
  "||",
  "::",
  "->",
  "=>",
  "<<",
  ">>",
  "(",
  ")",
  "[",
  "]",
  "{",
  "}",
  ",",
  ".",
  ";",
  "+",
  "-",
  "*",
  "/",
  "%",
  "<",
  ">",
  "=",
  "!",
  "&",
  "|",
  "^",
  "~",
  ":",
  "?",
  "@",
] as const;

const SPACE = /\s+/y;
const LINE_COMMENT = /--[^\n]*/y;
const WORD = /[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*/y;
// 1, 1L, 1.5, .5, 1.5BD, 1e10, 1.5E-3D. Not `1.` followed by a name: `t.1a` is not SQL anyway.
const NUMBER = /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:BD|[LSYDF])?(?![\w])/iy;

/** About a second of parsing; a statement of values in a parameter needs no more than a short one. */
const TOKENS_MAX = 500_000;
/** The parser goes as deep as its text: some 400 brackets fill V8's stack. */
const BRACKETS_MAX = 300;

/**
 * Cuts a statement.
 * @throws SqlError 42601 for an unclosed quote or comment and for characters that SQL has not, 54001 for one that is too long or too deep
 */
export function tokenize(sql: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let open = 0;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(sql)?.[0];
  };
  while (at < sql.length) {
    const skipped = match(SPACE) ?? match(LINE_COMMENT);
    if (skipped !== undefined) at += skipped.length;
    else if (sql.startsWith("/*", at)) at = endOfComment(sql, at);
    else {
      const token = tokenAt(sql, at, match);
      tokens.push(token);
      at = token.to;
      open += opening(token);
      if (open > BRACKETS_MAX || tokens.length > TOKENS_MAX) throw tooComplex();
    }
  }
  tokens.push({ kind: "end", text: "", from: at, to: at });
  return tokens;
}

function opening({ kind, text }: Token): -1 | 0 | 1 {
  if (kind !== "operator") return 0;
  if (text === "(" || text === "[") return 1;
  return text === ")" || text === "]" ? -1 : 0;
}

function tokenAt(sql: string, at: number, match: (pattern: RegExp) => string | undefined): Token {
  const ch = sql.charAt(at);
  if (ch === "'" || ch === '"') return stringAt(sql, at, at, false);
  if ((ch === "r" || ch === "R") && /['"]/.test(sql.charAt(at + 1)))
    return stringAt(sql, at, at + 1, true);
  if (ch === "`") return quotedAt(sql, at);
  const number = /[\d.]/.test(ch) ? match(NUMBER) : undefined;
  if (number !== undefined)
    return { kind: "number", text: number, from: at, to: at + number.length };
  const word = match(WORD);
  if (word !== undefined) return { kind: "word", text: word, from: at, to: at + word.length };
  const operator = OPERATORS.find((each) => sql.startsWith(each, at));
  if (operator === undefined) throw syntaxError(`'${ch}'`, `character ${at + 1}`);
  return { kind: "operator", text: operator, from: at, to: at + operator.length };
}

function endOfComment(sql: string, at: number): number {
  let depth = 0;
  for (let i = at; i < sql.length; i++) {
    if (sql.startsWith("/*", i)) {
      depth++;
      i++;
    } else if (sql.startsWith("*/", i)) {
      depth--;
      i++;
      if (depth === 0) return i + 1;
    }
  }
  throw syntaxError("an unclosed comment", `character ${at + 1}`);
}

const ESCAPES: Readonly<Record<string, string>> = {
  "0": "\0",
  b: "\b",
  n: "\n",
  r: "\r",
  t: "\t",
  Z: "\x1a",
  // These two stay escaped, for LIKE.
  "%": "\\%",
  _: "\\_",
};

/**
 * `'…'` or `"…"`, with backslash escapes and doubled quotes: `'a''b'` is `a'b` (measured on Spark 4.2; before Spark 4 it
 * was two literals side by side). A raw literal (`r'…'`) has no escapes at all.
 */
function stringAt(sql: string, from: number, open: number, raw: boolean): Token {
  const quote = sql.charAt(open);
  let text = "";
  for (let i = open + 1; i < sql.length; i++) {
    const ch = sql.charAt(i);
    if (ch === quote && (raw || sql.charAt(i + 1) !== quote))
      return { kind: "string", text, from, to: i + 1 };
    if (ch === quote) text += sql.charAt(i++);
    else if (ch !== "\\" || raw) text += ch;
    else {
      const escaped = escapeAt(sql, i + 1);
      text += escaped.text;
      i += escaped.length;
    }
  }
  throw syntaxError("an unclosed string", `character ${from + 1}`);
}

function escapeAt(sql: string, at: number): { text: string; length: number } {
  const code = /^(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))/.exec(
    sql.slice(at, at + 9),
  );
  if (code !== null) {
    const [all, four, eight, octal] = code;
    const point =
      octal === undefined ? Number.parseInt(four ?? eight ?? "", 16) : Number.parseInt(octal, 8);
    return { text: String.fromCodePoint(point), length: all.length };
  }
  const ch = sql.charAt(at);
  return { text: ESCAPES[ch] ?? ch, length: 1 };
}

function quotedAt(sql: string, from: number): Token {
  let text = "";
  for (let i = from + 1; i < sql.length; i++) {
    const ch = sql.charAt(i);
    if (ch !== "`") text += ch;
    else if (sql.charAt(i + 1) === "`") {
      text += "`";
      i++;
    } else if (text === "")
      throw syntaxError("an empty name in backticks", `character ${from + 1}`);
    else return { kind: "quoted", text, from, to: i + 1 };
  }
  throw syntaxError("an unclosed backtick", `character ${from + 1}`);
}
