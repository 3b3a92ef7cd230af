// Rows in columns, as wide as the terminal: what does not fit is cut in the columns that can bear
// it. What goes into a pipe is not cut.
import { type Line, type Span, shownText, type Terminal } from "../terminal.ts";

type Cell = string | Span;

export type Column<Row> = {
  readonly title: string;
  readonly cell: (row: Row) => Cell;
  /** How narrow it may become where the terminal is; absent: it is never cut. */
  readonly charsMin?: number;
  /** Left out unless a terminal has so many columns, or what is printed goes elsewhere. */
  readonly from?: number;
};

const GAP = 2;

export function printRows<Row>(
  terminal: Pick<Terminal, "print" | "columns">,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): void {
  for (const line of linesOf(columns, rows, terminal.columns)) terminal.print(line);
}

export function linesOf<Row>(
  given: readonly Column<Row>[],
  rows: readonly Row[],
  width: number | undefined,
): readonly Line[] {
  const columns = given.filter(({ from = 0 }) => width === undefined || width >= from);
  const cells = rows.map((row) => columns.map(({ cell }) => harmless(cell(row))));
  const natural = columns.map(({ title }, i) =>
    Math.max(title.length, ...cells.map((row) => textOf(row[i]).length)),
  );
  const widths = width === undefined ? natural : fitted(columns, natural, width);
  const head = columns.map(({ title }): Cell => ({ text: title, tone: "dim" }));
  return [head, ...cells].map((row) => lineOf(row, widths));
}

const textOf = (cell: Cell | undefined): string =>
  cell === undefined ? "" : typeof cell === "string" ? cell : cell.text;

const harmless = (cell: Cell): Cell =>
  typeof cell === "string" ? shownText(cell) : { ...cell, text: shownText(cell.text) };

/** Takes from the widest column that can bear it, until all fit. */
function fitted<Row>(
  columns: readonly Column<Row>[],
  natural: readonly number[],
  width: number,
): readonly number[] {
  const widths = [...natural];
  const over = () => widths.reduce((sum, each) => sum + each + GAP, -GAP) - width;
  while (over() > 0) {
    const room = widths.map((each, i) => each - (columns[i]?.charsMin ?? each));
    const most = Math.max(...room);
    if (most <= 0) break;
    const at = room.indexOf(most);
    widths[at] = (widths[at] ?? 0) - 1;
  }
  return widths;
}

function lineOf(row: readonly Cell[], widths: readonly number[]): Line {
  const parts = row.flatMap((cell, i): readonly (string | Span)[] => {
    const isLast = i === row.length - 1;
    const text = cut(textOf(cell), widths[i] ?? 0);
    const blanks = isLast ? "" : " ".repeat((widths[i] ?? 0) - text.length + GAP);
    return typeof cell === "string" ? [text + blanks] : [{ text, tone: cell.tone }, blanks];
  });
  return withoutTail(parts);
}

/** Blanks at the end of a line are nothing for people. */
function withoutTail(parts: readonly (string | Span)[]): Line {
  const last = parts.findLastIndex((part) => textOf(part).trim() !== "");
  return parts
    .slice(0, last + 1)
    .map((part, i) => (i === last && typeof part === "string" ? part.trimEnd() : part));
}

const cut = (text: string, width: number): string =>
  text.length <= width
    ? text
    : `${text.slice(0, Math.max(0, width - 1)).replace(/[\uD800-\uDBFF]$/, "")}…`;
