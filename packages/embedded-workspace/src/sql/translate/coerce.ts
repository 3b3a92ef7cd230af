// Which type two types have in common, by the rules of ANSI mode.
import { SqlError } from "../errors.ts";
import { BIGINT, DOUBLE, type SqlType, sameType, TIMESTAMP, typeSql } from "../types.ts";

const INTEGERS: readonly string[] = ["TINYINT", "SMALLINT", "INT", "BIGINT"];
const DIGITS: Readonly<Record<string, number>> = { TINYINT: 3, SMALLINT: 5, INT: 10, BIGINT: 20 };

export function isInteger(type: SqlType): boolean {
  return INTEGERS.includes(type.kind);
}

export function isNumeric(type: SqlType): boolean {
  return (
    isInteger(type) || type.kind === "DECIMAL" || type.kind === "FLOAT" || type.kind === "DOUBLE"
  );
}

export function isText(type: SqlType): boolean {
  return type.kind === "STRING" || type.kind === "CHAR" || type.kind === "VARCHAR";
}

export function isTime(type: SqlType): boolean {
  return type.kind === "DATE" || type.kind === "TIMESTAMP" || type.kind === "TIMESTAMP_NTZ";
}

/** An integer's type as a decimal. */
export function decimalOf(type: SqlType): { precision: number; scale: number } {
  if (type.kind === "DECIMAL") return type;
  return { precision: DIGITS[type.kind] ?? 38, scale: 0 };
}

/** The type that both can be without loss, or none. A STRING gives way to the other type. */
export function commonType(a: SqlType, b: SqlType): SqlType | undefined {
  if (sameType(a, b)) return a;
  if (a.kind === "VOID") return b;
  if (b.kind === "VOID") return a;
  if (isText(a) && isText(b)) return { kind: "STRING" };
  if (isText(a)) return textWith(b);
  if (isText(b)) return textWith(a);
  if (isNumeric(a) && isNumeric(b)) return commonNumber(a, b);
  if (isTime(a) && isTime(b))
    return a.kind === "TIMESTAMP" || b.kind === "TIMESTAMP" ? TIMESTAMP : { kind: "TIMESTAMP_NTZ" };
  return commonNested(a, b);
}

function textWith(other: SqlType): SqlType | undefined {
  if (isInteger(other)) return BIGINT;
  if (isNumeric(other)) return DOUBLE;
  if (isTime(other) || other.kind === "BOOLEAN" || other.kind === "BINARY") return other;
  return undefined;
}

function commonNumber(a: SqlType, b: SqlType): SqlType {
  if (a.kind === "DOUBLE" || b.kind === "DOUBLE") return DOUBLE;
  if (a.kind === "FLOAT" || b.kind === "FLOAT") {
    const other = a.kind === "FLOAT" ? b : a;
    // A FLOAT cannot hold every BIGINT or DECIMAL, nor every INT.
    return other.kind === "TINYINT" || other.kind === "SMALLINT" || other.kind === "FLOAT"
      ? { kind: "FLOAT" }
      : DOUBLE;
  }
  if (a.kind === "DECIMAL" || b.kind === "DECIMAL") {
    const [x, y] = [decimalOf(a), decimalOf(b)];
    const scale = Math.max(x.scale, y.scale);
    return boundedDecimal(Math.max(x.precision - x.scale, y.precision - y.scale) + scale, scale);
  }
  const rank = (type: SqlType) => INTEGERS.indexOf(type.kind);
  return rank(a) >= rank(b) ? a : b;
}

function commonNested(a: SqlType, b: SqlType): SqlType | undefined {
  if (a.kind === "ARRAY" && b.kind === "ARRAY") {
    const element = commonType(a.element, b.element);
    return element && { kind: "ARRAY", element };
  }
  if (a.kind === "MAP" && b.kind === "MAP") {
    const [key, value] = [commonType(a.key, b.key), commonType(a.value, b.value)];
    return key && value && { kind: "MAP", key, value };
  }
  if (a.kind !== "STRUCT" || b.kind !== "STRUCT" || a.fields.length !== b.fields.length)
    return undefined;
  const fields = [];
  for (const [index, field] of a.fields.entries()) {
    const other = b.fields[index];
    const type =
      other && other.name.toLowerCase() === field.name.toLowerCase()
        ? commonType(field.type, other.type)
        : undefined;
    if (type === undefined) return undefined;
    fields.push({ name: field.name, type });
  }
  return { kind: "STRUCT", fields };
}

/** A result too wide loses digits after the point, but keeps at least six of them (Spark's DecimalType.adjustPrecisionScale). */
export function boundedDecimal(precision: number, scale: number): SqlType & { kind: "DECIMAL" } {
  if (precision <= 38) return { kind: "DECIMAL", precision, scale };
  const whole = precision - scale;
  return { kind: "DECIMAL", precision: 38, scale: Math.max(38 - whole, Math.min(scale, 6)) };
}

/** The common type of several. @throws SqlError 42K09 */
export function commonTypeOf(types: readonly SqlType[], where: string): SqlType {
  return types.reduce((a, b) => {
    const common = commonType(a, b);
    if (common === undefined)
      throw mismatch(
        "DATA_DIFF_TYPES",
        `"${where}"`,
        `Input to \`${where}\` should all be the same type, but it's ("${typeSql(a)}" or "${typeSql(b)}")`,
      );
    return common;
  });
}

/** `[DATATYPE_MISMATCH.…]` 42K09 */
export function mismatch(kind: string, expression: string, text: string): SqlError {
  return new SqlError(
    `DATATYPE_MISMATCH.${kind}`,
    "42K09",
    `Cannot resolve ${expression} due to data type mismatch: ${text}`,
  );
}
