// CAST, as ANSI mode has it: loud about what does not fit, towards zero, from strings by Spark's
// own rules.
import { unsupported } from "../errors.ts";
import {
  duckName,
  duckText,
  duckType,
  type SqlType,
  sameType,
  typeSql,
  typeText,
} from "../types.ts";
import { isInteger, isNumeric, isText, isTime, mismatch } from "./coerce.ts";
import type { Typed } from "./typed.ts";

/**
 * `lenient`: TRY_CAST, which gives NULL where CAST fails. @throws SqlError 42K09 for types that
 * cannot be cast
 */
export function castTo(value: Typed, to: SqlType, lenient = false): Typed {
  if (sameType(value.type, to) || (isText(value.type) && to.kind === "STRING"))
    return { sql: value.sql, type: to };
  if (value.type.kind === "VOID") return { sql: nullSql(value.sql, to), type: to };
  const sql = castSql(value, to, lenient);
  if (sql === undefined)
    throw mismatch(
      "CAST_WITHOUT_SUGGESTION",
      `"CAST(… AS ${typeSql(to)})"`,
      `cannot cast "${typeSql(value.type)}" to "${typeSql(to)}"`,
    );
  return { sql, type: to };
}

/**
 * NULL of a type. What is evaluated on the way to NULL stays: raise_error() has no other purpose.
 */
function nullSql(sql: string, to: SqlType): string {
  if (sql === "NULL") return `CAST(NULL AS ${duckType(to)})`;
  if (/\berror\(/.test(sql)) return `CAST(${sql} AS ${duckType(to)})`;
  return `CASE WHEN ${sql} IS NULL THEN CAST(NULL AS ${duckType(to)}) END`;
}

/** The implicit casts of a function's argument or a stored value; all others are 42K09. */
export function implicitly(value: Typed, to: SqlType, where: string): Typed {
  const from = value.type;
  const allowed =
    from.kind === "VOID" ||
    sameType(from, to) ||
    (isNumeric(from) && isNumeric(to)) ||
    (isText(from) && !isNested(to)) ||
    (isText(to) && !isNested(from)) ||
    (isTime(from) && isTime(to)) ||
    (isNested(from) && from.kind === to.kind);
  if (!allowed)
    throw mismatch(
      "UNEXPECTED_INPUT_TYPE",
      `"${where}"`,
      `A parameter requires the "${typeSql(to)}" type, however it has the type "${typeSql(from)}"`,
    );
  return castTo(value, to);
}

function isNested(type: SqlType): boolean {
  return (
    type.kind === "ARRAY" ||
    type.kind === "MAP" ||
    type.kind === "STRUCT" ||
    type.kind === "VARIANT"
  );
}

function castSql({ sql, type: from }: Typed, to: SqlType, lenient: boolean): string | undefined {
  if (from.kind === "VARIANT") return fromVariant(sql, to, lenient);
  if (to.kind === "VARIANT") return toVariant(sql, from);
  if (isText(from)) return fromText(sql, to, lenient);
  if (isText(to)) return toText(sql, from, to);
  if (isNumeric(from)) return fromNumber(sql, from, to, lenient ? "TRY_CAST" : "CAST");
  if (from.kind === "BOOLEAN" && isNumeric(to)) return `CAST(${sql} AS ${duckType(to)})`;
  if (isTime(from) && isTime(to)) return `CAST(${sql} AS ${duckType(to)})`;
  if (from.kind === "TIMESTAMP" && (to.kind === "BIGINT" || to.kind === "INT"))
    return `CAST(floor(epoch_us(${sql}) / 1000000) AS ${duckType(to)})`;
  if (from.kind === "TIMESTAMP" && to.kind === "DOUBLE")
    return `CAST(epoch_us(${sql}) / 1000000 AS DOUBLE)`;
  return nestedCast(sql, from, to, lenient);
}

function fromNumber(sql: string, from: SqlType, to: SqlType, cast: string): string | undefined {
  // By the digits that the number shows, as in Spark: 1.005 is 1.01, though the double lies below
  // it.
  if (to.kind === "DECIMAL" && (from.kind === "DOUBLE" || from.kind === "FLOAT"))
    return fromText(textOf(sql, from) ?? "NULL", to, cast === "TRY_CAST");
  if (to.kind === "TIMESTAMP" && (from.kind === "DOUBLE" || from.kind === "FLOAT"))
    return `make_timestamp(CAST(trunc(${sql} * 1000000) AS BIGINT))`;
  // DuckDB rounds where Spark cuts off.
  if (isInteger(to) && !isInteger(from)) return `${cast}(trunc(${sql}) AS ${duckType(to)})`;
  if (isNumeric(to)) return `${cast}(${sql} AS ${duckType(to)})`;
  if (to.kind === "BOOLEAN") return `(${sql} <> 0)`;
  if (isInteger(from) && to.kind === "TIMESTAMP")
    return `make_timestamp(CAST(${sql} AS BIGINT) * 1000000)`;
  return undefined;
}

function fromText(sql: string, to: SqlType, lenient: boolean): string | undefined {
  if (to.kind === "CHAR" || to.kind === "VARCHAR")
    return `dbx_fit(${sql}, ${to.length}, ${to.kind === "CHAR"})`;
  if (to.kind === "BINARY") return `encode(${sql})`;
  if (isNested(to)) return undefined;
  if (to.kind === "INTERVAL") throw unsupported("a CAST to INTERVAL");
  return `${lenient ? "TRY_CAST" : "CAST"}(dbx_cast(${sql}, ${duckText(typeText(to))}, ${!lenient}) AS ${duckType(to)})`;
}

function toText(sql: string, from: SqlType, to: SqlType): string | undefined {
  const text = textOf(sql, from);
  if (text === undefined || to.kind === "STRING") return text;
  return fromText(text, to, false);
}

function textOf(sql: string, from: SqlType): string | undefined {
  switch (from.kind) {
    case "DOUBLE":
      return `dbx_double_text(${sql})`;
    case "FLOAT":
      return `dbx_float_text(CAST(${sql} AS DOUBLE))`;
    case "BINARY":
      return `decode(${sql})`;
    case "ARRAY":
    case "MAP":
    case "STRUCT":
      throw unsupported(`a CAST of ${from.kind} to STRING: use to_json`);
    case "INTERVAL":
      throw unsupported("a CAST of INTERVAL to STRING");
    case "DECIMAL":
      // DuckDB writes 0.5 of DECIMAL(1,1) as .5
      return `regexp_replace(CAST(${sql} AS VARCHAR), '^(-?)[.]', '\\10.')`;
    default:
      return `CAST(${sql} AS VARCHAR)`;
  }
}

/** Nested values are cast part by part, each by the rules above. */
function nestedCast(sql: string, from: SqlType, to: SqlType, lenient: boolean): string | undefined {
  if (from.kind === "ARRAY" && to.kind === "ARRAY") {
    const element = castTo({ sql: "e", type: from.element }, to.element, lenient);
    return `CAST(list_transform(${sql}, lambda e: ${element.sql}) AS ${duckType(to)})`;
  }
  if (from.kind === "MAP" && to.kind === "MAP") {
    const key = castTo({ sql: "e.key", type: from.key }, to.key, lenient);
    const value = castTo({ sql: "e.value", type: from.value }, to.value, lenient);
    return `CAST(map_from_entries(list_transform(map_entries(${sql}), lambda e: {'k': ${key.sql}, 'v': ${value.sql}})) AS ${duckType(to)})`;
  }
  if (from.kind !== "STRUCT" || to.kind !== "STRUCT" || from.fields.length !== to.fields.length)
    return undefined;
  const fields = from.fields.map((field, index) => {
    const target = to.fields[index];
    if (target === undefined) throw new Error("as many fields, checked above");
    const value = castTo(
      { sql: `struct_extract(${sql}, ${duckText(field.name)})`, type: field.type },
      target.type,
      lenient,
    );
    return `${duckName(target.name)} := ${value.sql}`;
  });
  return `CASE WHEN ${sql} IS NULL THEN NULL ELSE struct_pack(${fields.join(", ")}) END`;
}

function fromVariant(sql: string, to: SqlType, lenient: boolean): string | undefined {
  if (isNested(to)) throw unsupported(`a CAST of VARIANT to ${to.kind}: use from_json`);
  const scalar = `json_extract_string(${sql}, '$')`;
  if (isText(to)) return scalar;
  const checked = lenient ? scalar : `dbx_variant(${scalar}, ${duckText(typeText(to))})`;
  return fromText(checked, to, lenient);
}

function toVariant(sql: string, from: SqlType): string | undefined {
  if (isText(from)) return `to_json(${sql})`;
  if (isNumeric(from) || from.kind === "BOOLEAN") return `CAST(to_json(${sql}) AS JSON)`;
  throw unsupported(`a CAST of ${typeSql(from)} to VARIANT: use parse_json(to_json(…))`);
}
