// Results as Thrift's column-based sets: the server chooses the format, and every driver reads this
// one (docs/facts/databricks.md#thrift-columns).
import type { Cell, SqlColumn } from "../engine.ts";
import { type SqlType, typeText } from "../types.ts";
import { int64 } from "./codec.ts";

/** TTypeId of the wire. */
const TYPE_ID = {
  BOOLEAN: 0,
  TINYINT: 1,
  SMALLINT: 2,
  INT: 3,
  BIGINT: 4,
  FLOAT: 5,
  DOUBLE: 6,
  STRING: 7,
  TIMESTAMP: 8,
  TIMESTAMP_NTZ: 8,
  BINARY: 9,
  ARRAY: 10,
  MAP: 11,
  STRUCT: 12,
  DECIMAL: 15,
  VOID: 16,
  DATE: 17,
  VARCHAR: 18,
  CHAR: 19,
  INTERVAL: 7,
  VARIANT: 7,
} satisfies Record<SqlType["kind"], number>;

/** TTableSchema. Positions count from 1. */
export function thriftSchema(columns: readonly SqlColumn[]): object {
  return {
    columns: columns.map((column, index) => ({
      columnName: column.name,
      typeDesc: {
        types: [
          {
            primitiveEntry: {
              type: TYPE_ID[column.type.kind],
              ...(column.type.kind === "DECIMAL" && {
                typeQualifiers: {
                  qualifiers: {
                    precision: { i32Value: column.type.precision },
                    scale: { i32Value: column.type.scale },
                  },
                },
              }),
            },
          },
        ],
      },
      position: index + 1,
      comment: typeText(column.type),
    })),
  };
}

/** TRowSet with one TColumn a column. */
export function thriftRows(
  columns: readonly SqlColumn[],
  rows: readonly (readonly Cell[])[],
  from: number,
): object {
  return {
    startRowOffset: int64(from),
    rows: [],
    columns: columns.map((column, index) =>
      thriftColumn(
        column.type,
        rows.map((row) => row[index] ?? null),
      ),
    ),
    columnCount: columns.length,
  };
}

function thriftColumn(type: SqlType, cells: readonly Cell[]): object {
  const nulls = nullBitmap(cells);
  const of = <T>(empty: T, read: (cell: string) => T) => ({
    values: cells.map((cell) => (cell === null ? empty : read(cell))),
    nulls,
  });
  switch (type.kind) {
    case "BOOLEAN":
      return { boolVal: of(false, (cell) => cell === "true") };
    case "TINYINT":
      return { byteVal: of(0, Number) };
    case "SMALLINT":
      return { i16Val: of(0, Number) };
    case "INT":
      return { i32Val: of(0, Number) };
    case "BIGINT":
      return { i64Val: of(int64(0), int64) };
    case "FLOAT":
    case "DOUBLE":
      return { doubleVal: of(0, Number) };
    case "BINARY":
      return { binaryVal: of(Buffer.alloc(0), (cell) => Buffer.from(cell, "base64")) };
    default:
      return { stringVal: of("", (cell) => cell) };
  }
}

/** One bit a row, lowest first; a set bit is NULL. */
function nullBitmap(cells: readonly Cell[]): Buffer {
  const bits = Buffer.alloc(Math.ceil(cells.length / 8));
  cells.forEach((cell, row) => {
    if (cell === null) bits[row >> 3] = (bits[row >> 3] ?? 0) | (1 << (row & 7));
  });
  return bits;
}
