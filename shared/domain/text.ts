// Foreign text for people: one line, of a bounded length, without anything that moves a cursor or
// forges a line.

/**
 * The length of a reason: long enough for a sentence, short enough for every event, attribute and
 * terminal.
 */
export const REASON_CHARS_MAX = 500;

// Control characters (C0, C1, DEL), line and paragraph separators, characters that turn the
// direction of text, and invisible ones.
const UNPRINTABLE =
  /[\p{Cc}\p{Zl}\p{Zp}\p{Zs}\s\u00AD\u061C\u180E\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB]+/gu;

/**
 * The text in one line of at most `charsMax` UTF-16 units (and an ellipsis). It never ends with
 * half a surrogate pair.
 */
export function oneLine(text: string, charsMax = REASON_CHARS_MAX): string {
  // A foreign text may have megabytes, and the part far beyond the bound is not worth looking at.
  const head = text.length > 4 * charsMax ? text.slice(0, 4 * charsMax) : text;
  const line = head.toWellFormed().replaceAll(UNPRINTABLE, " ").trim();
  if (line.length <= charsMax && head.length === text.length) return line;
  return `${line.slice(0, charsMax).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
