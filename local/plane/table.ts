// Rows as an aligned table for the screen. Pure.
import { table } from "../../cli/terminal.ts";

const CELL_CHARS_MAX = 76;

/** A header, and a line for each row, with columns as wide as needed. */
export function tableOf(
  columns: readonly string[],
  rows: readonly Readonly<Record<string, unknown>>[],
): readonly string[] {
  const cells = rows.map((row) => columns.map((column) => textOf(row[column])));
  return table([columns, ...cells], { charsMax: CELL_CHARS_MAX, isRuled: true });
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
