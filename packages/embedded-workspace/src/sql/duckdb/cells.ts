// DuckDB's values as cells: Spark's text, nested values as JSON text.
import type { DuckDBMaterializedResult, DuckDBValue } from "@duckdb/node-api";
import {
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampValue,
} from "@duckdb/node-api";
import type { Cell, SqlColumn, SqlResult } from "../engine.ts";
import type { SqlType } from "../types.ts";
import { dateCell, instantCell } from "../values/instants.ts";
import { doubleText, floatText } from "../values/numbers.ts";
import { rawJson } from "../values/raw-json.ts";

/** A result that stays in DuckDB's memory until it is read. */
export function resultOf(
  columns: readonly SqlColumn[],
  result: DuckDBMaterializedResult,
): SqlResult {
  const startOf = chunkStarts(result);
  return {
    columns,
    rowCount: result.rowCount,
    read: async (from, to) => {
      const rows: Cell[][] = [];
      const first = Math.max(
        0,
        startOf.findLastIndex((start) => start <= from),
      );
      for (let index = first; index < startOf.length; index++) {
        const start = startOf[index] ?? 0;
        if (start >= to) break;
        const chunk = result.getChunk(index);
        const vectors = columns.map((_, column) => chunk.getColumnVector(column));
        const end = Math.min(chunk.rowCount, to - start);
        for (let row = Math.max(0, from - start); row < end; row++)
          rows.push(
            columns.map(({ type }, column) => cellOf(vectors[column]?.getItem(row) ?? null, type)),
          );
      }
      return rows;
    },
  };
}

/** The row with which each chunk begins. */
function chunkStarts(result: DuckDBMaterializedResult): number[] {
  let rows = 0;
  return Array.from({ length: result.chunkCount }, (_, index) => {
    const start = rows;
    rows += result.getChunk(index).rowCount;
    return start;
  });
}

/** One value as text. */
function cellOf(value: DuckDBValue, type: SqlType): Cell {
  if (value === null) return null;
  switch (type.kind) {
    case "DOUBLE":
      return doubleText(Number(value));
    case "FLOAT":
      return floatText(Number(value));
    case "BINARY":
      return value instanceof DuckDBBlobValue
        ? Buffer.from(value.bytes).toString("base64")
        : String(value);
    case "DATE":
      return value instanceof DuckDBDateValue ? dateCell(value.days) : String(value);
    case "TIMESTAMP":
    case "TIMESTAMP_NTZ":
      return value instanceof DuckDBTimestampValue ? instantCell(value.micros) : String(value);
    case "DECIMAL":
      return value instanceof DuckDBDecimalValue ? value.toString() : String(value);
    case "ARRAY":
    case "MAP":
    case "STRUCT":
      return JSON.stringify(jsonOf(value, type));
    default:
      return String(value);
  }
}

/** A nested value for JSON.stringify; numbers keep their digits. */
function jsonOf(value: DuckDBValue, type: SqlType): unknown {
  if (value === null) return null;
  if (type.kind === "ARRAY" && value instanceof DuckDBListValue)
    return value.items.map((item) => jsonOf(item, type.element));
  if (type.kind === "STRUCT" && value instanceof DuckDBStructValue)
    return Object.fromEntries(
      type.fields.map((field) => [
        field.name,
        jsonOf(value.entries[field.name] ?? null, field.type),
      ]),
    );
  if (type.kind === "MAP" && value instanceof DuckDBMapValue)
    return Object.fromEntries(
      value.entries.map(({ key, value: item }) => [
        cellOf(key, type.key) ?? "null",
        jsonOf(item, type.value),
      ]),
    );
  const text = cellOf(value, type);
  if (text === null) return null;
  if (type.kind === "BOOLEAN") return text === "true";
  if (type.kind === "VARIANT") return JSON.parse(text);
  const isNumber = ["TINYINT", "SMALLINT", "INT", "BIGINT", "DECIMAL", "DOUBLE", "FLOAT"].includes(
    type.kind,
  );
  return isNumber && /^-?\d/.test(text) ? rawJson(text) : text;
}
