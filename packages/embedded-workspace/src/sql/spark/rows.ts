// Hive's column-based results as cells.
import type { Cell, SqlColumn } from "../engine.ts";
import { int64Text } from "../thrift/codec.ts";
import { type SqlType, STRING } from "../types.ts";
import { doubleText } from "../values/numbers.ts";

export type TableSchema = {
  readonly columns: readonly {
    readonly columnName: string;
    readonly typeDesc: {
      readonly types: readonly {
        readonly primitiveEntry: {
          readonly type: number;
          readonly typeQualifiers?: {
            readonly qualifiers: Readonly<Record<string, { readonly i32Value: number }>>;
          } | null;
        };
      }[];
    };
  }[];
};
type Column = { readonly values: readonly unknown[]; readonly nulls: Buffer | string };
export type RowSet = { readonly columns: readonly Readonly<Record<string, Column | null>>[] };

/** By TTypeId. What is inside a nested value is not told: its cells are JSON text already. */
const TYPES: Readonly<Record<number, SqlType>> = {
  0: { kind: "BOOLEAN" },
  1: { kind: "TINYINT" },
  2: { kind: "SMALLINT" },
  3: { kind: "INT" },
  4: { kind: "BIGINT" },
  5: { kind: "FLOAT" },
  6: { kind: "DOUBLE" },
  7: STRING,
  8: { kind: "TIMESTAMP" },
  9: { kind: "BINARY" },
  10: { kind: "ARRAY", element: STRING },
  11: { kind: "MAP", key: STRING, value: STRING },
  12: { kind: "STRUCT", fields: [] },
  16: { kind: "VOID" },
  17: { kind: "DATE" },
};

export function columnsOf(schema: TableSchema): SqlColumn[] {
  return schema.columns.map(({ columnName, typeDesc }) => {
    const entry = typeDesc.types[0]?.primitiveEntry;
    const qualifiers = entry?.typeQualifiers?.qualifiers;
    const type: SqlType =
      entry?.type === 15
        ? {
            kind: "DECIMAL",
            precision: qualifiers?.["precision"]?.i32Value ?? 38,
            scale: qualifiers?.["scale"]?.i32Value ?? 0,
          }
        : (TYPES[entry?.type ?? 7] ?? STRING);
    return { name: columnName, type };
  });
}

export function cellsOf(columns: readonly SqlColumn[], rows: RowSet): Cell[][] {
  const read = columns.map((column, index) => columnCells(column.type, rows.columns[index] ?? {}));
  return Array.from({ length: read[0]?.length ?? 0 }, (_, row) =>
    read.map((cells) => cells[row] ?? null),
  );
}

function columnCells(type: SqlType, column: Readonly<Record<string, Column | null>>): Cell[] {
  const held = Object.values(column).find((each) => each !== null);
  if (held === undefined || held === null) return [];
  const nulls = Buffer.from(held.nulls as Buffer);
  return held.values.map((value, row) =>
    ((nulls[row >> 3] ?? 0) >> (row & 7)) & 1 ? null : cellOf(value, type),
  );
}

function cellOf(value: unknown, type: SqlType): Cell {
  if (type.kind === "BIGINT") return int64Text(value);
  if (type.kind === "DOUBLE" || type.kind === "FLOAT") return doubleText(Number(value));
  if (type.kind === "BINARY") return Buffer.from(value as Buffer).toString("base64");
  return String(value);
}
