// Functions of any value: NULL handling, types, the session, JSON text.
import { unsupported } from "../../errors.ts";
import { BOOLEAN, duckText, INT, type SqlType, STRING, typeText } from "../../types.ts";
import { castTo, implicitly } from "../casts.ts";
import { commonTypeOf } from "../coerce.ts";
import type { Typed } from "../typed.ts";
import { plain, type Scalar, typed } from "./define.ts";

const VARIANT: SqlType = { kind: "VARIANT" };
/** All arguments in their common type. */
const common = (min: number, max: number, name: string, build: (...args: string[]) => string) =>
  typed(min, max, (args) => {
    const type = commonTypeOf(
      args.map((arg) => arg.type),
      name,
    );
    return { sql: build(...args.map((arg) => castTo(arg, type).sql)), type };
  });
const many = Number.POSITIVE_INFINITY;
const ifNull = common(2, 2, "nvl", (a, b) => `coalesce(${a}, ${b})`);
const user = typed(0, 0, (_, env) => ({ sql: duckText(env.user), type: STRING }));
const schema = typed(0, 0, (_, env) => ({ sql: duckText(env.schema), type: STRING }));
const isNull = (not: string) =>
  typed(1, 1, ([value]) => ({ sql: `(${value?.sql} IS ${not}NULL)`, type: BOOLEAN }));

export const OTHERS: Readonly<Record<string, Scalar>> = {
  COALESCE: common(1, many, "coalesce", (...args) => `coalesce(${args.join(", ")})`),
  NVL: ifNull,
  IFNULL: ifNull,
  NVL2: typed(3, 3, ([test, a, b]) => {
    const [x, y] = [some(a), some(b)];
    const type = commonTypeOf([x.type, y.type], "nvl2");
    return {
      sql: `CASE WHEN ${some(test).sql} IS NOT NULL THEN ${castTo(x, type).sql} ELSE ${castTo(y, type).sql} END`,
      type,
    };
  }),
  NULLIF: typed(2, 2, ([a, b]) => {
    const type = commonTypeOf([some(a).type, some(b).type], "nullif");
    return {
      sql: `CASE WHEN ${castTo(some(a), type).sql} = ${castTo(some(b), type).sql} THEN NULL ELSE ${some(a).sql} END`,
      type: some(a).type,
    };
  }),
  GREATEST: common(2, many, "greatest", (...args) => `greatest(${args.join(", ")})`),
  LEAST: common(2, many, "least", (...args) => `least(${args.join(", ")})`),
  EQUAL_NULL: typed(2, 2, ([a, b]) => {
    const type = commonTypeOf([some(a).type, some(b).type], "equal_null");
    return {
      sql: `(${castTo(some(a), type).sql} IS NOT DISTINCT FROM ${castTo(some(b), type).sql})`,
      type: BOOLEAN,
    };
  }),
  ISNULL: isNull(""),
  ISNOTNULL: isNull("NOT "),
  ZEROIFNULL: typed(1, 1, ([x]) =>
    withZero(some(x), (value, zero) => `coalesce(${value}, ${zero})`),
  ),
  NULLIFZERO: typed(1, 1, ([x]) => withZero(some(x), (value, zero) => `nullif(${value}, ${zero})`)),
  TYPEOF: typed(1, 1, ([value]) => ({ sql: duckText(typeText(some(value).type)), type: STRING })),
  UUID: plain("", STRING, () => "CAST(uuid() AS VARCHAR)"),
  CURRENT_USER: user,
  SESSION_USER: user,
  USER: user,
  CURRENT_SCHEMA: schema,
  CURRENT_DATABASE: schema,
  CURRENT_CATALOG: typed(0, 0, (_, env) => ({ sql: duckText(env.catalog), type: STRING })),
  RAISE_ERROR: typed(1, 2, ([message, more]) => {
    if (more !== undefined) throw unsupported("raise_error with an error class");
    return {
      sql: `error('[USER_RAISED_EXCEPTION|P0001] ' || coalesce(${implicitly(some(message), STRING, "raise_error").sql}, 'null'))`,
      type: { kind: "VOID" },
    };
  }),
  ASSERT_TRUE: typed(1, 2, ([test, message]) => {
    const text =
      message === undefined ? "'Assertion failed'" : implicitly(message, STRING, "assert_true").sql;
    return {
      sql: `CASE WHEN ${implicitly(some(test), BOOLEAN, "assert_true").sql} THEN NULL ELSE error('[USER_RAISED_EXCEPTION|P0001] ' || ${text}) END`,
      type: { kind: "VOID" },
    };
  }),
  TO_JSON: typed(1, 1, ([value]) => {
    const of = some(value);
    if (of.type.kind === "VARIANT") return { sql: `CAST(${of.sql} AS VARCHAR)`, type: STRING };
    if (of.type.kind !== "STRUCT" && of.type.kind !== "MAP" && of.type.kind !== "ARRAY")
      throw unsupported(`to_json of ${typeText(of.type)}`);
    const exact = castTo(of, withTextDecimals(of.type));
    return {
      sql: `dbx_to_json(CAST(to_json(${exact.sql}) AS VARCHAR), ${duckText(typeText(of.type))})`,
      type: STRING,
    };
  }),
  PARSE_JSON: plain("S", VARIANT, (s) => `CAST(dbx_parse_json(${s}, true) AS JSON)`),
  TRY_PARSE_JSON: plain("S", VARIANT, (s) => `CAST(dbx_parse_json(${s}, false) AS JSON)`),
  GET_JSON_OBJECT: plain("SS", STRING, (s, path) => `dbx_get_json_object(${s}, ${path})`),
  JSON_ARRAY_LENGTH: plain(
    "S",
    INT,
    (s) =>
      `CAST(CASE WHEN json_valid(${s}) AND json_type(${s}) = 'ARRAY' THEN json_array_length(${s}) END AS INTEGER)`,
  ),
  JSON_OBJECT_KEYS: plain(
    "S",
    { kind: "ARRAY", element: STRING },
    (s) => `CASE WHEN json_valid(${s}) AND json_type(${s}) = 'OBJECT' THEN json_keys(${s}) END`,
  ),
  IS_VARIANT_NULL: typed(1, 1, ([value]) => ({
    sql: `coalesce(CAST(${some(value).sql} AS VARCHAR) = 'null', false)`,
    type: BOOLEAN,
  })),
};

function withZero(value: Typed, build: (value: string, zero: string) => string): Typed {
  const type = commonTypeOf([value.type, INT], "zeroifnull");
  return { sql: build(castTo(value, type).sql, castTo({ sql: "0", type: INT }, type).sql), type };
}

/** Decimals and floats as text, which to_json of DuckDB would pass through a double. */
function withTextDecimals(type: SqlType): SqlType {
  switch (type.kind) {
    case "DECIMAL":
    case "FLOAT":
      return STRING;
    case "ARRAY":
      return { kind: "ARRAY", element: withTextDecimals(type.element) };
    case "MAP":
      return { kind: "MAP", key: type.key, value: withTextDecimals(type.value) };
    case "STRUCT":
      return {
        kind: "STRUCT",
        fields: type.fields.map((field) => ({
          name: field.name,
          type: withTextDecimals(field.type),
        })),
      };
    default:
      return type;
  }
}

function some(value: Typed | undefined): Typed {
  if (value === undefined) throw new Error("the number of arguments was checked");
  return value;
}
