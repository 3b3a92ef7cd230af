// Databricks' data types: how they are written, in DDL, in results and in DuckDB.

export type SqlType =
  | { readonly kind: PlainKind }
  | { readonly kind: "DECIMAL"; readonly precision: number; readonly scale: number }
  | { readonly kind: "CHAR" | "VARCHAR"; readonly length: number }
  | { readonly kind: "ARRAY"; readonly element: SqlType }
  | { readonly kind: "MAP"; readonly key: SqlType; readonly value: SqlType }
  | { readonly kind: "STRUCT"; readonly fields: readonly StructField[] };

export type StructField = { readonly name: string; readonly type: SqlType };

type PlainKind =
  | "VOID"
  | "STRING"
  | "BOOLEAN"
  | "TINYINT"
  | "SMALLINT"
  | "INT"
  | "BIGINT"
  | "FLOAT"
  | "DOUBLE"
  | "BINARY"
  | "DATE"
  | "TIMESTAMP"
  | "TIMESTAMP_NTZ"
  | "INTERVAL"
  | "VARIANT";

export const STRING: SqlType = { kind: "STRING" };
export const INT: SqlType = { kind: "INT" };
export const BIGINT: SqlType = { kind: "BIGINT" };
export const BOOLEAN: SqlType = { kind: "BOOLEAN" };
export const DOUBLE: SqlType = { kind: "DOUBLE" };
export const TIMESTAMP: SqlType = { kind: "TIMESTAMP" };
export const DATE: SqlType = { kind: "DATE" };

/** The names a plain type may be written with. */
export const PLAIN_TYPES: ReadonlyMap<string, SqlType> = new Map(
  Object.entries({
    VOID: "VOID",
    STRING: "STRING",
    BOOLEAN: "BOOLEAN",
    TINYINT: "TINYINT",
    BYTE: "TINYINT",
    SMALLINT: "SMALLINT",
    SHORT: "SMALLINT",
    INT: "INT",
    INTEGER: "INT",
    BIGINT: "BIGINT",
    LONG: "BIGINT",
    FLOAT: "FLOAT",
    REAL: "FLOAT",
    DOUBLE: "DOUBLE",
    BINARY: "BINARY",
    DATE: "DATE",
    TIMESTAMP: "TIMESTAMP",
    TIMESTAMP_LTZ: "TIMESTAMP",
    TIMESTAMP_NTZ: "TIMESTAMP_NTZ",
    INTERVAL: "INTERVAL",
    VARIANT: "VARIANT",
  } satisfies Record<string, PlainKind>).map(([name, kind]) => [name, { kind }]),
);

/** As `DESCRIBE` and results print it: `array<struct<a:int,b:string>>`. */
export function typeText(type: SqlType): string {
  switch (type.kind) {
    case "DECIMAL":
      return `decimal(${type.precision},${type.scale})`;
    case "CHAR":
    case "VARCHAR":
      return `${type.kind.toLowerCase()}(${type.length})`;
    case "ARRAY":
      return `array<${typeText(type.element)}>`;
    case "MAP":
      return `map<${typeText(type.key)},${typeText(type.value)}>`;
    case "STRUCT":
      return `struct<${type.fields.map((f) => `${fieldName(f.name)}:${typeText(f.type)}`).join(",")}>`;
    default:
      return type.kind.toLowerCase();
  }
}

/** As error messages and the Statement Execution API print it: `ARRAY<STRUCT<a: INT, b: STRING>>`. */
export function typeSql(type: SqlType): string {
  switch (type.kind) {
    case "ARRAY":
      return `ARRAY<${typeSql(type.element)}>`;
    case "MAP":
      return `MAP<${typeSql(type.key)}, ${typeSql(type.value)}>`;
    case "STRUCT":
      return `STRUCT<${type.fields.map((f) => `${fieldName(f.name)}: ${typeSql(f.type)}`).join(", ")}>`;
    default:
      return typeText(type).toUpperCase();
  }
}

/**
 * The type that holds it in DuckDB. A TIMESTAMP is an instant and the session's zone is always UTC here, so DuckDB's
 * plain TIMESTAMP holds both kinds; the difference lives in `SqlType`.
 */
export function duckType(type: SqlType): string {
  switch (type.kind) {
    case "STRING":
    case "CHAR":
    case "VARCHAR":
      return "VARCHAR";
    case "INT":
    case "VOID":
      return "INTEGER";
    case "BINARY":
      return "BLOB";
    case "TIMESTAMP":
    case "TIMESTAMP_NTZ":
      return "TIMESTAMP";
    case "VARIANT":
      return "JSON";
    case "DECIMAL":
      return `DECIMAL(${type.precision},${type.scale})`;
    case "ARRAY":
      return `${duckType(type.element)}[]`;
    case "MAP":
      return `MAP(${duckType(type.key)}, ${duckType(type.value)})`;
    case "STRUCT":
      return `STRUCT(${type.fields.map((f) => `${duckName(f.name)} ${duckType(f.type)}`).join(", ")})`;
    default:
      return type.kind;
  }
}

/** An identifier for DuckDB. */
export function duckName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A string literal for DuckDB, whose text ends at a NUL character unless it is built. */
export function duckText(text: string): string {
  const parts = text.split("\0").map((part) => `'${part.replaceAll("'", "''")}'`);
  return parts.length === 1 ? (parts[0] ?? "''") : `(${parts.join(" || chr(0) || ")})`;
}

export function sameType(a: SqlType, b: SqlType): boolean {
  return typeText(a) === typeText(b);
}

function fieldName(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : `\`${name.replaceAll("`", "``")}\``;
}
