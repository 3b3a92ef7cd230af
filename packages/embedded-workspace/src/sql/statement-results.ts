// A statement's result cut into chunks for the Statement Execution API.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Cell, SqlResult } from "./engine.ts";

export type Chunk = {
  readonly chunkIndex: number;
  readonly rowOffset: number;
  readonly rowCount: number;
  readonly byteCount: number;
};
export type Chunks = {
  readonly chunks: readonly Chunk[];
  readonly rowCount: number;
  readonly byteCount: number;
  readonly truncated: boolean;
};

const CHUNK_ROWS_MAX = 10_000;

/** `rowLimit` and `byteLimit` cut the result; the first row is always there. */
export async function chunksOf(
  result: SqlResult,
  limits: {
    readonly rows?: number | undefined;
    readonly bytes?: number | undefined;
    /** Beyond so many nothing is counted any more: it is too much whatever follows. */
    readonly bytesCounted?: number | undefined;
  },
): Promise<Chunks> {
  const rowsMax = Math.min(result.rowCount, limits.rows ?? Number.POSITIVE_INFINITY);
  const chunks: Chunk[] = [];
  let rows = 0;
  let bytes = 0;
  while (rows < rowsMax) {
    const page = await result.read(rows, Math.min(rows + CHUNK_ROWS_MAX, rowsMax));
    const kept = withinBytes(page, (limits.bytes ?? Number.POSITIVE_INFINITY) - bytes, rows === 0);
    if (kept.rows === 0) break;
    chunks.push({
      chunkIndex: chunks.length,
      rowOffset: rows,
      rowCount: kept.rows,
      byteCount: kept.bytes,
    });
    rows += kept.rows;
    bytes += kept.bytes;
    if (kept.rows < page.length || bytes > (limits.bytesCounted ?? Number.POSITIVE_INFINITY)) break;
    await nextTurn(); // a large result is not the only thing that this process has to do
  }
  return { chunks, rowCount: rows, byteCount: bytes, truncated: rows < result.rowCount };
}

function withinBytes(
  page: readonly (readonly Cell[])[],
  room: number,
  first: boolean,
): { rows: number; bytes: number } {
  let bytes = 0;
  for (const [index, row] of page.entries()) {
    const size = JSON.stringify(row).length + 1;
    if (bytes + size > room && !(first && index === 0)) return { rows: index, bytes };
    bytes += size;
  }
  return { rows: page.length, bytes };
}

/** A chunk as CSV with a header: RFC 4180, NULL as nothing. */
export function csvOf(names: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const field = (cell: Cell) =>
    cell === null
      ? ""
      : /[",\r\n]/.test(cell) || cell === ""
        ? `"${cell.replaceAll('"', '""')}"`
        : cell;
  return [names, ...rows].map((row) => `${row.map(field).join(",")}\r\n`).join("");
}
