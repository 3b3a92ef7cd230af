// + - * / % DIV, bits and ||, with ANSI's errors: overflow and division by zero are loud, integers divide to DOUBLE.
import { SqlError, unsupported } from "../errors.ts";
import { BIGINT, DOUBLE, duckType, type SqlType, STRING, typeSql } from "../types.ts";
import { castTo, implicitly } from "./casts.ts";
import {
  boundedDecimal,
  commonType,
  commonTypeOf,
  decimalOf,
  isInteger,
  isNumeric,
  isText,
  isTime,
  mismatch,
} from "./coerce.ts";
import { addDays } from "./intervals.ts";
import type { Typed } from "./typed.ts";

const BY_ZERO =
  "error('[DIVIDE_BY_ZERO|22012] Division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL instead.')";
const REMAINDER_BY_ZERO =
  "error('[REMAINDER_BY_ZERO|22012] Remainder by zero. Use `try_mod` to tolerate divisor being 0 and return NULL instead.')";

/** @throws SqlError 42K09 for types that cannot be calculated with */
export function arithmetic(op: string, left: Typed, right: Typed): Typed {
  if (isTime(left.type) || isTime(right.type)) return dateArithmetic(op, left, right);
  const [a, b] = [asNumber(left, right.type, op), asNumber(right, left.type, op)];
  if (/^(&|\||\^|<<|>>)$/.test(op)) return bits(op, a, b);
  if (op === "DIV") return wholeDivision(a, b);
  if (
    (a.type.kind === "DECIMAL" || b.type.kind === "DECIMAL") &&
    !isFractional(a.type) &&
    !isFractional(b.type)
  )
    return decimals(op, a, b);
  if (op === "/") return division(castTo(a, DOUBLE), castTo(b, DOUBLE), DOUBLE);
  const type = commonTypeOf([a.type, b.type], op);
  const [x, y] = [castTo(a, type).sql, castTo(b, type).sql];
  if (op === "%")
    return { sql: `CASE WHEN ${y} = 0 THEN ${REMAINDER_BY_ZERO} ELSE ${x} % ${y} END`, type };
  // DuckDB types literals by their size: say the type, or an overflow passes.
  return { sql: `(CAST(${x} AS ${duckType(type)}) ${op} CAST(${y} AS ${duckType(type)}))`, type };
}

export function negative(of: Typed): Typed {
  const value = isText(of.type) ? castTo(of, DOUBLE) : of;
  if (value.type.kind === "VOID") return castTo(value, DOUBLE);
  if (!isNumeric(value.type))
    throw mismatch(
      "UNEXPECTED_INPUT_TYPE",
      '"-"',
      `The first parameter requires the "NUMERIC" type, however it has the type "${typeSql(of.type)}"`,
    );
  return { sql: `(-${value.sql})`, type: value.type };
}

/** `||`: strings, or arrays. */
export function concatenation(left: Typed, right: Typed): Typed {
  if (left.type.kind === "ARRAY" || right.type.kind === "ARRAY") return concatArrays([left, right]);
  const [a, b] = [implicitly(left, STRING, "||"), implicitly(right, STRING, "||")];
  return { sql: `(${a.sql} || ${b.sql})`, type: STRING };
}

export function concatArrays(arrays: readonly Typed[]): Typed {
  const type = commonTypeOf(
    arrays.map((each) => each.type),
    "concat",
  );
  const lists = arrays.map((each) => castTo(each, type).sql);
  const [first = "", ...rest] = lists;
  const all = rest.reduce((sql, list) => `list_concat(${sql}, ${list})`, first);
  const anyNull = lists.map((list) => `${list} IS NULL`).join(" OR ");
  return { sql: `CASE WHEN ${anyNull} THEN NULL ELSE ${all} END`, type };
}

function isFractional(type: SqlType): boolean {
  return type.kind === "FLOAT" || type.kind === "DOUBLE";
}

/** A STRING beside a number becomes BIGINT beside an integer and DOUBLE beside anything else. */
function asNumber(value: Typed, other: SqlType, op: string): Typed {
  if (isNumeric(value.type)) return value;
  if (value.type.kind === "VOID") return castTo(value, isNumeric(other) ? other : DOUBLE);
  if (isText(value.type)) return castTo(value, isInteger(other) && op !== "/" ? BIGINT : DOUBLE);
  throw mismatch(
    "BINARY_OP_WRONG_TYPE",
    `"(… ${op} …)"`,
    `the binary operator requires the input type ("NUMERIC" or "INTERVAL"), not "${typeSql(value.type)}"`,
  );
}

function division(a: Typed, b: Typed, type: SqlType): Typed {
  return { sql: `CASE WHEN ${b.sql} = 0 THEN ${BY_ZERO} ELSE ${a.sql} / ${b.sql} END`, type };
}

function wholeDivision(a: Typed, b: Typed): Typed {
  if (!isInteger(a.type) || !isInteger(b.type)) {
    const quotient = arithmetic("/", a, b);
    return { sql: `CAST(trunc(${quotient.sql}) AS BIGINT)`, type: BIGINT };
  }
  const [x, y] = [castTo(a, BIGINT).sql, castTo(b, BIGINT).sql];
  return {
    sql: `CASE WHEN ${y} = 0 THEN ${BY_ZERO} ELSE CAST(${x} AS BIGINT) // CAST(${y} AS BIGINT) END`,
    type: BIGINT,
  };
}

/** Precision and scale of the result by Spark's rules; products and quotients are exact, done on their digits. */
function decimals(op: string, a: Typed, b: Typed): Typed {
  const [x, y] = [exact(a), exact(b)];
  const { precision: p1, scale: s1 } = x.type;
  const { precision: p2, scale: s2 } = y.type;
  const scale = Math.max(s1, s2);
  switch (op) {
    case "+":
    case "-": {
      const type = boundedDecimal(Math.max(p1 - s1, p2 - s2) + scale + 1, scale);
      return {
        sql: `CAST(CAST(${x.sql} AS ${duckType(type)}) ${op} CAST(${y.sql} AS ${duckType(type)}) AS ${duckType(type)})`,
        type,
      };
    }
    case "*":
      return byDigits("*", x, y, boundedDecimal(p1 + p2 + 1, s1 + s2));
    case "/": {
      const digits = Math.max(6, s1 + p2 + 1);
      const type = boundedDecimal(p1 - s1 + s2 + digits, digits);
      return {
        sql: `CASE WHEN ${y.sql} = 0 THEN ${BY_ZERO} ELSE ${byDigits("/", x, y, type).sql} END`,
        type,
      };
    }
    case "%": {
      const type = boundedDecimal(Math.min(p1 - s1, p2 - s2) + scale, scale);
      return {
        sql: `CASE WHEN ${y.sql} = 0 THEN ${REMAINDER_BY_ZERO} ELSE CAST(${x.sql} % ${y.sql} AS ${duckType(type)}) END`,
        type,
      };
    }
    default:
      throw unsupported(`${op} on decimals`);
  }
}

function exact(
  value: Typed,
): Typed & { readonly type: { kind: "DECIMAL"; precision: number; scale: number } } {
  // A literal is as wide as it is written: 2 is DECIMAL(1,0).
  const literal = /^(?:\(?-?(\d+)\)?|CAST\('-?(\d+)' AS BIGINT\))$/.exec(value.sql);
  const digits = isInteger(value.type) ? (literal?.[1] ?? literal?.[2])?.length : undefined;
  const { precision, scale } =
    digits === undefined ? decimalOf(value.type) : { precision: digits, scale: 0 };
  const type = { kind: "DECIMAL", precision: Math.min(precision, 38), scale } as const;
  return { ...castTo(value, type), type };
}

/** `/` or `*` on decimals of any size, rounded half up to the result's scale. */
export function byDigits(
  op: "*" | "/",
  a: Typed,
  b: Typed,
  type: SqlType & { kind: "DECIMAL" },
): Typed {
  const [x, y] = [`CAST(${a.sql} AS VARCHAR)`, `CAST(${b.sql} AS VARCHAR)`];
  return {
    sql: `CAST(dbx_decimal('${op}', ${x}, ${y}, ${type.scale}) AS ${duckType(type)})`,
    type,
  };
}

function bits(op: string, a: Typed, b: Typed): Typed {
  const type = commonType(a.type, b.type);
  if (type === undefined || !isInteger(a.type) || !isInteger(b.type))
    throw mismatch(
      "BINARY_OP_WRONG_TYPE",
      `"(… ${op} …)"`,
      `the binary operator requires the input type "INTEGRAL", not "${typeSql(a.type)}"`,
    );
  if (op === "<<" || op === ">>") throw unsupported(`${op} (shifts)`);
  const [x, y] = [castTo(a, type).sql, castTo(b, type).sql];
  return { sql: op === "^" ? `xor(${x}, ${y})` : `(${x} ${op} ${y})`, type };
}

function dateArithmetic(op: string, left: Typed, right: Typed): Typed {
  if (left.type.kind === "DATE" && isInteger(right.type) && (op === "+" || op === "-"))
    return addDays(left, right, op);
  if (right.type.kind === "DATE" && isInteger(left.type) && op === "+")
    return addDays(right, left, op);
  if (isTime(left.type) && isTime(right.type) && op === "-")
    throw unsupported(
      "an INTERVAL as the difference of two dates or timestamps: use datediff or timestampdiff",
    );
  const wrong = isTime(left.type) ? right : left;
  throw new SqlError(
    "DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES",
    "42K09",
    `Cannot resolve "(… ${op} …)" due to data type mismatch: a date or timestamp cannot be calculated with "${typeSql(wrong.type)}"`,
  );
}
