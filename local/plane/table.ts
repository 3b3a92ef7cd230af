// Rows as an aligned table for the screen. Pure.
import { oneLine } from "./progress.ts";

const CELL_CHARS_MAX = 76;

/** A header, and a line for each row; columns as wide as they need to be. */
export function tableOf(
  columns: readonly string[],
  rows: readonly Readonly<Record<string, unknown>>[],
): readonly string[] {
  const cells = rows.map((row) =>
    columns.map((column) => oneLine(textOf(row[column]), CELL_CHARS_MAX)),
  );
  const widths = columns.map((column, i) =>
    Math.max(column.length, ...cells.map((line) => line[i]?.length ?? 0)),
  );
  const line = (texts: readonly string[]) =>
    texts
      .map((text, i) => text.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd();
  return [line(columns), line(widths.map((width) => "─".repeat(width))), ...cells.map(line)];
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return "-";
  if (value instanceof Date) return value.toISOString();
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** `{rmse: 2.69, days: 365}` → `rmse 2.69, days 365`: four digits say enough on a screen. */
export const metricsText = (metrics: Readonly<Record<string, number>>): string =>
  Object.entries(metrics)
    .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`)
    .join(", ");
