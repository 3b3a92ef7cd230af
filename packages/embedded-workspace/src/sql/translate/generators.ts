// explode and its relatives: one row in, several out.
import { SqlError, unsupported } from "../errors.ts";
import type { Call, Expr } from "../parse/ast.ts";
import { INT, type SqlType, typeSql } from "../types.ts";
import { mismatch } from "./coerce.ts";
import type { Translator } from "./expressions.ts";
import type { NamedTyped, Typed } from "./typed.ts";

export const GENERATORS = new Set([
  "EXPLODE",
  "EXPLODE_OUTER",
  "POSEXPLODE",
  "POSEXPLODE_OUTER",
  "INLINE",
  "INLINE_OUTER",
]);

export function isGenerator(expr: Expr): expr is Call {
  return expr.is === "call" && GENERATORS.has(expr.name) && expr.over === undefined;
}

/** The columns it gives. `aliases`: none, or one for each column. @throws SqlError 42K09 for what is no array or map */
export function generate(call: Call, aliases: readonly string[], t: Translator): NamedTyped[] {
  const [arg] = call.args;
  if (arg === undefined || call.args.length !== 1)
    throw new SqlError(
      "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
      "42605",
      `The \`${call.name.toLowerCase()}\` requires 1 parameters but the actual number is ${call.args.length}`,
    );
  const value = t.expr(arg);
  const columns = call.name.startsWith("INLINE")
    ? inlineColumns(value, call.name)
    : explodeColumns(value, call.name);
  if (aliases.length > 0 && aliases.length !== columns.length)
    throw new SqlError(
      "NUM_TABLE_VALUE_ALIASES_MISMATCH",
      "42826",
      `Number of given aliases (${aliases.length}) does not match number of output columns (${columns.length})`,
    );
  return columns.map((column, index) => ({ ...column, name: aliases[index] ?? column.name }));
}

function explodeColumns(value: Typed, name: string): NamedTyped[] {
  const outer = name.endsWith("_OUTER");
  const positions: NamedTyped[] = name.startsWith("POS")
    ? [unnest("pos", positionsOf(value), INT, outer)]
    : [];
  const { type, sql } = value;
  if (type.kind === "ARRAY") return [...positions, unnest("col", sql, type.element, outer)];
  if (type.kind !== "MAP")
    throw mismatch(
      "UNEXPECTED_INPUT_TYPE",
      `"${name.toLowerCase()}(…)"`,
      `The first parameter requires the ("ARRAY" or "MAP") type, however it has the type "${typeSql(type)}"`,
    );
  return [
    ...positions,
    unnest("key", `map_keys(${sql})`, type.key, outer),
    unnest("value", `map_values(${sql})`, type.value, outer),
  ];
}

function positionsOf(value: Typed): string {
  const size = value.type.kind === "MAP" ? `cardinality(${value.sql})` : `len(${value.sql})`;
  return `CAST(range(CAST(${size} AS BIGINT)) AS INTEGER[])`;
}

function inlineColumns(value: Typed, name: string): NamedTyped[] {
  const { type, sql } = value;
  if (type.kind !== "ARRAY" || type.element.kind !== "STRUCT")
    throw mismatch(
      "UNEXPECTED_INPUT_TYPE",
      `"${name.toLowerCase()}(…)"`,
      `The first parameter requires the "ARRAY<STRUCT>" type, however it has the type "${typeSql(type)}"`,
    );
  const { fields } = type.element;
  if (fields.length === 0) throw unsupported("inline of a struct without fields");
  return fields.map((field) =>
    unnest(
      field.name,
      `list_transform(${sql}, lambda e: struct_extract(e, '${field.name.replaceAll("'", "''")}'))`,
      field.type,
      name.endsWith("_OUTER"),
    ),
  );
}

/** The outer kind gives one row of NULL where the others give none. */
function unnest(name: string, list: string, type: SqlType, outer: boolean): NamedTyped {
  const sql = outer
    ? `unnest(CASE WHEN len(${list}) > 0 THEN ${list} ELSE [NULL] END)`
    : `unnest(${list})`;
  return { name, sql, type };
}
