// Functions of numbers.
import { unsupported } from "../../errors.ts";
import { BIGINT, BOOLEAN, DOUBLE, duckType, type SqlType, typeSql } from "../../types.ts";
import { arithmetic } from "../arithmetic.ts";
import { castTo } from "../casts.ts";
import { commonTypeOf, isInteger, isNumeric, isText, mismatch } from "../coerce.ts";
import type { Typed } from "../typed.ts";
import { plain, type Scalar, typed } from "./define.ts";

const double = (name: string) => plain("D", DOUBLE, (x) => `${name}(${x})`);
/** Where DuckDB fails, Spark gives NaN or NULL: the domain is asked first. */
const within = (name: string, domain: string, outside: string) =>
  plain(
    "D",
    DOUBLE,
    (x = "") =>
      `CASE WHEN ${domain.replaceAll("x", x)} THEN ${name}(${x}) WHEN ${x} IS NULL THEN NULL ELSE ${outside} END`,
  );

const NAN = "CAST('NaN' AS DOUBLE)";
const power = plain("DD", DOUBLE, (x, y) => `pow(${x}, ${y})`);
const random = plain("", DOUBLE, () => "random()");
const ceiling = rounded("ceil");
const sign = plain("D", DOUBLE, (x) => `CAST(sign(${x}) AS DOUBLE)`);

export const NUMBERS: Readonly<Record<string, Scalar>> = {
  ABS: typed(1, 1, ([x]) => {
    const value = numeric(x, "abs");
    return { sql: `abs(${value.sql})`, type: value.type };
  }),
  CEIL: ceiling,
  CEILING: ceiling,
  FLOOR: rounded("floor"),
  ROUND: typed(1, 2, ([x, digits]) => round(numeric(x, "round"), digits)),
  SQRT: within("sqrt", "x >= 0", NAN),
  CBRT: double("dbx_cbrt"),
  EXP: double("exp"),
  LN: within("ln", "x > 0", "NULL"),
  LOG: plain("D?D", DOUBLE, (a = "", b) =>
    b === undefined
      ? `CASE WHEN ${a} > 0 THEN ln(${a}) END`
      : `CASE WHEN ${a} > 0 AND ${b} > 0 THEN ln(${b}) / ln(${a}) END`,
  ),
  LOG2: within("log2", "x > 0", "NULL"),
  LOG10: within("log10", "x > 0", "NULL"),
  POW: power,
  POWER: power,
  MOD: typed(2, 2, ([a, b]) => arithmetic("%", required(a), required(b))),
  PMOD: typed(2, 2, ([a, b]) => {
    const rest = arithmetic("%", required(a), required(b));
    const by = castTo(required(b), rest.type).sql;
    return {
      sql: `CAST(((${rest.sql}) + ${by}) % ${by} AS ${duckType(rest.type)})`,
      type: rest.type,
    };
  }),
  SIGN: sign,
  SIGNUM: sign,
  SIN: double("sin"),
  COS: double("cos"),
  TAN: double("tan"),
  COT: double("cot"),
  ASIN: within("asin", "x BETWEEN -1 AND 1", NAN),
  ACOS: within("acos", "x BETWEEN -1 AND 1", NAN),
  ATAN: double("atan"),
  ATAN2: plain("DD", DOUBLE, (y, x) => `atan2(${y}, ${x})`),
  SINH: double("sinh"),
  COSH: double("cosh"),
  TANH: double("tanh"),
  DEGREES: double("degrees"),
  RADIANS: double("radians"),
  PI: plain("", DOUBLE, () => "pi()"),
  E: plain("", DOUBLE, () => "exp(CAST(1 AS DOUBLE))"),
  RAND: random,
  RANDOM: random,
  FACTORIAL: plain(
    "I",
    BIGINT,
    (n) => `CASE WHEN ${n} BETWEEN 0 AND 20 THEN CAST(factorial(${n}) AS BIGINT) END`,
  ),
  BIN: plain("L", { kind: "STRING" }, (n) => `to_binary(${n})`),
  ISNAN: plain("D", BOOLEAN, (x) => `coalesce(isnan(${x}), false)`),
  NANVL: plain("DD", DOUBLE, (x, y) => `CASE WHEN isnan(${x}) THEN ${y} ELSE ${x} END`),
  DIV: typed(2, 2, ([a, b]) => arithmetic("DIV", required(a), required(b))),
  TRY_DIVIDE: typed(2, 2, ([a, b]) => {
    const quotient = arithmetic("/", required(a), required(b));
    return {
      sql: `CASE WHEN ${required(b).sql} = 0 THEN NULL ELSE ${quotient.sql} END`,
      type: quotient.type,
    };
  }),
  TRY_ADD: tried("+"),
  TRY_SUBTRACT: tried("-"),
  TRY_MULTIPLY: tried("*"),
};

function required(value: Typed | undefined): Typed {
  if (value === undefined) throw new Error("the number of arguments was checked");
  return value;
}

function numeric(value: Typed | undefined, name: string): Typed {
  const x = required(value);
  if (isNumeric(x.type)) return x;
  if (isText(x.type) || x.type.kind === "VOID") return castTo(x, DOUBLE);
  throw mismatch(
    "UNEXPECTED_INPUT_TYPE",
    `"${name}(…)"`,
    `The first parameter requires the "NUMERIC" type, however it has the type "${typeSql(x.type)}"`,
  );
}

/** Whole numbers stay as they are, DOUBLE gives BIGINT, a DECIMAL loses its scale. */
function rounded(name: "ceil" | "floor"): Scalar {
  return typed(1, 1, ([x]) => {
    const value = numeric(x, name);
    if (isInteger(value.type)) return castTo(value, BIGINT);
    if (value.type.kind !== "DECIMAL")
      return { sql: `CAST(${name}(${value.sql}) AS BIGINT)`, type: BIGINT };
    const { precision, scale } = value.type;
    const type: SqlType = {
      kind: "DECIMAL",
      precision: Math.min(38, precision - scale + 1),
      scale: 0,
    };
    return { sql: `CAST(${name}(${value.sql}) AS ${duckType(type)})`, type };
  });
}

/** Half away from zero. A DECIMAL keeps only the digits asked for. */
function round(value: Typed, digits: Typed | undefined): Typed {
  const places = digits === undefined ? 0 : /^\(?(-?\d+)\)?$/.exec(digits.sql)?.[1];
  if (places === undefined)
    throw unsupported("round with a number of digits that is not a literal");
  const scale = Number(places);
  if (value.type.kind === "DECIMAL") {
    const kept = Math.max(0, Math.min(value.type.scale, scale));
    const type: SqlType = {
      kind: "DECIMAL",
      precision: Math.min(38, value.type.precision - value.type.scale + kept + 1),
      scale: kept,
    };
    return { sql: `CAST(round(${value.sql}, ${scale}) AS ${duckType(type)})`, type };
  }
  if (isInteger(value.type))
    return scale >= 0
      ? value
      : {
          sql: `CAST(round(${castTo(value, { kind: "DECIMAL", precision: 20, scale: 0 }).sql}, ${scale}) AS ${duckType(value.type)})`,
          type: value.type,
        };
  return {
    sql: `CAST(dbx_round(CAST(${value.sql} AS DOUBLE), ${scale}) AS ${duckType(value.type)})`,
    type: value.type,
  };
}

/** NULL instead of an overflow. */
function tried(op: string): Scalar {
  return typed(2, 2, ([a, b]) => {
    const [x, y] = [required(a), required(b)];
    commonTypeOf([x.type, y.type], `try_${op}`);
    const result = arithmetic(op, x, y);
    return { sql: `TRY(${result.sql})`, type: result.type };
  });
}
