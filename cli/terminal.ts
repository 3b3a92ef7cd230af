// The one way to a screen. Reasons, names and bodies are foreign text: nothing that is printed here
// can move a cursor, forge a line, or fill the screen.
import { styleText } from "node:util";
import { oneLine, REASON_CHARS_MAX } from "../shared/domain/text.ts";

/** The meaning of a word to its reader; a colour where the terminal has colours. */
export type Tone = "good" | "bad" | "warn" | "dim" | "strong";

const styles = {
  good: "green",
  bad: "red",
  warn: "yellow",
  dim: "dim",
  strong: "bold",
} as const satisfies Record<Tone, Parameters<typeof styleText>[0]>;

export type Span = { readonly text: string; readonly tone: Tone };
/** A line: text, or parts of it with a tone. */
export type Line = string | readonly (string | Span)[];

export type Terminal = {
  /** Prints one line, cut if it is far too long. */
  readonly print: (line: Line) => void;
  /** The same, where complaints go. */
  readonly complain: (line: Line) => void;
  /**
   * For scripts, and for looking at something as a whole: JSON that is not cut, with nothing in it
   * that a screen would obey.
   */
  readonly printJson: (value: unknown, indent?: number) => void;
  /** The columns of the screen; undefined if what is printed goes elsewhere. */
  readonly columns: number | undefined;
  /** Shows how far a long work is, in place; undefined takes it away. */
  readonly showState: (line: string | undefined) => void;
};

export type TerminalOptions = {
  readonly complain?: (line: string) => void;
  readonly columns?: number | undefined;
  readonly hasColours?: boolean;
  readonly showState?: (line: string | undefined) => void;
};

export const terminalOf = (
  write: (line: string) => void,
  { complain = write, columns, hasColours = false, showState = () => {} }: TerminalOptions = {},
): Terminal => ({
  print: (line) => write(shown(line, hasColours)),
  complain: (line) => complain(shown(line, hasColours)),
  printJson: (value, indent) => write(shownJson(value, indent)),
  columns,
  showState: (line) => showState(line === undefined ? undefined : shownLine(line)),
});

function shown(line: Line, hasColours: boolean): string {
  if (typeof line === "string") return shownLine(line);
  const text = shownLine(plain(line));
  if (!hasColours || text.length > LINE_CHARS_MAX) return text;
  return line
    .map((part) =>
      typeof part === "string"
        ? shownLine(part)
        : styleText(styles[part.tone], shownLine(part.text), { validateStream: false }),
    )
    .join("");
}

const plain = (line: Exclude<Line, string>): string =>
  line.map((part) => (typeof part === "string" ? part : part.text)).join("");

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
