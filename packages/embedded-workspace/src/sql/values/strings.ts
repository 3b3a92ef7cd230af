// Strings as Spark's functions cut, pad and search them; a character is a code point.
import { createHash } from "node:crypto";

/** Positions count from 1; 0 means 1 too; negative ones count from the end. */
export function substring(text: string, from: number, count: number): string {
  const chars = [...text];
  const start = from > 0 ? from - 1 : from < 0 ? chars.length + from : 0;
  const end = count >= 2147483647 ? chars.length : start + count;
  return chars.slice(Math.max(0, start), Math.max(0, end)).join("");
}

/** The position from 1 of `part` at or after `from`, or 0. */
export function locate(part: string, text: string, from: number): number {
  if (from < 1) return 0;
  const chars = [...text];
  const at = chars
    .slice(from - 1)
    .join("")
    .indexOf(part);
  return at < 0
    ? 0
    : [
        ...chars
          .slice(from - 1)
          .join("")
          .slice(0, at),
      ].length + from;
}

/** Too long a text is cut at its end. */
export function pad(side: string, text: string, length: number, by: string): string {
  const chars = [...text];
  const missing = length - chars.length;
  if (missing <= 0) return chars.slice(0, Math.max(0, length)).join("");
  const fill = [...by];
  if (fill.length === 0) return text;
  const padding =
    by.repeat(Math.floor(missing / fill.length)) + fill.slice(0, missing % fill.length).join("");
  return side === "left" ? `${padding}${text}` : `${text}${padding}`;
}

/** Part n from 1, from the end with a negative n; "" when there is none. Undefined for 0, which is an error. */
export function splitPart(text: string, by: string, n: number): string | undefined {
  if (n === 0) return undefined;
  const parts = by === "" ? [text] : text.split(by);
  return parts.at(n > 0 ? n - 1 : n) ?? "";
}

export function initcap(text: string): string {
  return text
    .toLowerCase()
    .replace(/(^| )(\S)/g, (_, space: string, first: string) => `${space}${first.toUpperCase()}`);
}

/** 0 means 256; undefined (NULL) for lengths that SHA-2 has not. */
export function sha2(text: string, bits: number): string | undefined {
  const length = bits === 0 ? 256 : bits;
  return [224, 256, 384, 512].includes(length)
    ? createHash(`sha${length}`).update(text).digest("hex")
    : undefined;
}

/** A LIKE pattern in which every escape is followed by what may be escaped; undefined when one is not. */
export function likePattern(pattern: string, escapeChar: string): string | undefined {
  for (let i = 0; i < pattern.length; i++) {
    if (pattern.charAt(i) !== escapeChar) continue;
    const next = pattern.charAt(++i);
    if (next !== "%" && next !== "_" && next !== escapeChar) return undefined;
  }
  return pattern;
}

/** Whether a LIKE pattern is one that matches in a single pass: at most one `%`, or one at each end. */
export function isPlainLike(pattern: string): boolean {
  const inside = pattern.replace(/^%/, "").replace(/%$/, "");
  return (
    !inside.includes("%") || (inside === pattern && inside.indexOf("%") === inside.lastIndexOf("%"))
  );
}

/** A checked LIKE pattern as a regular expression for RE2, which takes time in proportion, where DuckDB's LIKE tries every way. */
export function likeExpression(pattern: string, escapeChar: string): string {
  let expression = "";
  for (let i = 0; i < pattern.length; i++) {
    const ch = pattern.charAt(i);
    if (ch === escapeChar) expression += literal(pattern.charAt(++i));
    else if (ch === "%") expression += ".*";
    else expression += ch === "_" ? "." : literal(ch);
  }
  return expression;
}

const literal = (ch: string): string => (/[\\^$.|?*+()[\]{}]/.test(ch) ? `\\${ch}` : ch);

/** `*` (or `%`) stands for anything. Only the last star is tried again, so that the time is the product of the lengths. */
export function matchesGlob(pattern: string, text: string): boolean {
  let [p, t, star, from] = [0, 0, -1, 0];
  while (t < text.length) {
    const ch = pattern.charAt(p);
    if (ch === "*" || ch === "%") [star, from] = [p++, t];
    else if (p < pattern.length && ch === text.charAt(t)) [p, t] = [p + 1, t + 1];
    else if (star === -1) return false;
    else [p, t] = [star + 1, ++from];
  }
  return /^[*%]*$/.test(pattern.slice(p));
}
