// The one way to a screen. Reasons, names and bodies are foreign text: nothing that is printed here
// can move a cursor, forge a line, or fill the screen.
import { oneLine, REASON_CHARS_MAX } from "../shared/domain/text.ts";

export type Terminal = {
  /** Prints one line, cut if it is far too long. */
  readonly print: (line: string) => void;
  /**
   * For scripts, and for looking at something as a whole: JSON that is not cut, with nothing in it
   * that a screen would obey.
   */
  readonly printJson: (value: unknown, indent?: number) => void;
};

export const terminalOf = (write: (line: string) => void): Terminal => ({
  print: (line) => write(shownLine(line)),
  printJson: (value, indent) => write(shownJson(value, indent)),
});

const LINE_CHARS_MAX = 4_000;

/** Keeps blanks, because they make columns. */
export function shownLine(line: string): string {
  const shown = line
    .slice(0, 2 * LINE_CHARS_MAX)
    .replaceAll(/[^ ]+/g, (word) => shownText(word, LINE_CHARS_MAX));
  return shown.length <= LINE_CHARS_MAX ? shown : shownText(shown, LINE_CHARS_MAX);
}

/** A text that becomes part of a line: a cell, a sentence. */
export const shownText = (text: string, charsMax = REASON_CHARS_MAX): string =>
  oneLine(text, charsMax);

/** JSON itself escapes only the oldest control characters. */
const shownJson = (value: unknown, indent?: number): string =>
  JSON.stringify(value, null, indent).replaceAll(OBEYED, (character) =>
    Array.from({ length: character.length }, (_, i) => escaped(character.charCodeAt(i))).join(""),
  );

const OBEYED = /[\p{Cf}\p{Zl}\p{Zp}\u007F-\u009F]/gu;
const escaped = (unit: number): string => `\\u${unit.toString(16).padStart(4, "0")}`;

export type TableOptions = {
  /** The length of a cell. */
  readonly charsMax?: number;
  /** Draws a line below the first row. */
  readonly isRuled?: boolean;
};

/** Rows of cells as lines, with columns as wide as needed. The first row is the header. */
export function table(
  rows: readonly (readonly string[])[],
  { charsMax, isRuled = false }: TableOptions = {},
): readonly string[] {
  const [head = [], ...body] = rows.map((row) => row.map((cell) => shownText(cell, charsMax)));
  const widths = head.map((cell, column) =>
    Math.max(cell.length, ...body.map((row) => (row[column] ?? "").length)),
  );
  const rule = isRuled ? [widths.map((width) => "─".repeat(width))] : [];
  return [head, ...rule, ...body].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
