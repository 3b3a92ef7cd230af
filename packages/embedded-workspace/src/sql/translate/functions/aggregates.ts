// Aggregates and window functions.
import { SqlError, unsupported } from "../../errors.ts";
import {
  BIGINT,
  BOOLEAN,
  DOUBLE,
  duckType,
  INT,
  type SqlType,
  STRING,
  typeSql,
} from "../../types.ts";
import { byDigits } from "../arithmetic.ts";
import { castTo, implicitly } from "../casts.ts";
import { isInteger, isNumeric, isText, mismatch } from "../coerce.ts";
import type { Typed } from "../typed.ts";

type Around = {
  readonly distinct: boolean;
  readonly ignoreNulls: boolean;
  /** Condition of FILTER, in DuckDB. */
  readonly filter: string | undefined;
  /** ` OVER (…)`, or nothing. */
  readonly over: string;
  readonly order: readonly (Typed & { readonly descending: boolean })[];
};
export type Aggregate = {
  readonly min: number;
  readonly max: number;
  readonly build: (args: readonly Typed[], around: Around) => Typed;
};

/** `f([DISTINCT] args) [FILTER …] [OVER …]` */
function applied(name: string, args: string, around: Around, extraFilter?: string): string {
  const filters = [around.filter, extraFilter].filter((each) => each !== undefined);
  const filter = filters.length === 0 ? "" : ` FILTER (WHERE ${filters.join(" AND ")})`;
  return `${name}(${around.distinct ? "DISTINCT " : ""}${args})${filter}${around.over}`;
}

const aggregate = (min: number, max: number, build: Aggregate["build"]): Aggregate => ({
  min,
  max,
  build,
});
const ofDoubles = (name: string, args: number) =>
  aggregate(args, args, (values, around) => ({
    sql: applied(
      name,
      values.map((value) => implicitly(value, DOUBLE, name).sql).join(", "),
      around,
    ),
    type: DOUBLE,
  }));
const keepsType = (name: string, nulls: "" | "by clause") =>
  aggregate(1, 2, ([value, ignore], around) => {
    const of = some(value);
    if (of.type.kind === "MAP" && nulls === "")
      throw mismatch(
        "INVALID_ORDERING_TYPE",
        `"${name}(…)"`,
        `The \`${name}\` does not support ordering on type "${typeSql(of.type)}"`,
      );
    const skip = nulls === "by clause" && (around.ignoreNulls || ignore?.sql === "true");
    if (ignore !== undefined && nulls === "") throw unsupported(`${name} with two arguments`);
    if (skip && around.over !== "")
      return { sql: `${name}_value(${of.sql} IGNORE NULLS)${around.over}`, type: of.type };
    const called = around.over !== "" && nulls === "by clause" ? `${name}_value` : name;
    return {
      sql: applied(called, of.sql, around, skip ? `${of.sql} IS NOT NULL` : undefined),
      type: of.type,
    };
  });
const every = ofBooleans("bool_and");
const any = ofBooleans("bool_or");
const stddev = ofDoubles("stddev_samp", 1);
const variance = ofDoubles("var_samp", 1);
const average = aggregate(1, 1, ([value], around) => averageOf(some(value), around));
const first = keepsType("first", "by clause");
const last = keepsType("last", "by clause");
const list = aggregate(1, 1, ([value], around) => {
  const of = some(value);
  const collected = applied("list", of.sql, around, `${of.sql} IS NOT NULL`);
  return {
    sql: `coalesce(${collected}, CAST([] AS ${duckType(of.type)}[]))`,
    type: { kind: "ARRAY", element: of.type },
  };
});
const joined = aggregate(1, 2, ([value, by], around) => {
  const [text, separator] = [
    implicitly(some(value), STRING, "listagg").sql,
    by === undefined ? "''" : implicitly(by, STRING, "listagg").sql,
  ];
  const order =
    around.order.length === 0
      ? ""
      : ` ORDER BY ${around.order.map((item) => `${item.sql} ${item.descending ? "DESC NULLS LAST" : "ASC NULLS FIRST"}`).join(", ")}`;
  return { sql: applied("string_agg", `${text}, ${separator}${order}`, around), type: STRING };
});
const byOther = (name: "arg_max" | "arg_min") =>
  aggregate(2, 2, ([value, by], around) => ({
    sql: applied(
      `${name}_null`,
      `${some(value).sql}, ${some(by).sql}`,
      around,
      `${some(by).sql} IS NOT NULL`,
    ),
    type: some(value).type,
  }));
const percentile = aggregate(1, 2, ([value, at], around) =>
  quantile("quantile_cont", value, at, around),
);

/** Spark's approximation is exact for what fits into its accuracy: a value that is there, not one between two. */
const approximate = aggregate(2, 3, ([value, at], around) => ({
  sql: applied("quantile_disc", `${some(value).sql}, ${castTo(some(at), DOUBLE).sql}`, around),
  type: some(value).type,
}));

/** These need OVER. */
export const WINDOW_ONLY = new Set([
  "ROW_NUMBER",
  "RANK",
  "DENSE_RANK",
  "PERCENT_RANK",
  "CUME_DIST",
  "NTILE",
  "LAG",
  "LEAD",
  "NTH_VALUE",
]);

/** These mean nothing over rows without order. */
export const NEEDS_ORDER = new Set([...WINDOW_ONLY].filter((name) => name !== "NTH_VALUE"));

export const AGGREGATES: Readonly<Record<string, Aggregate>> = {
  COUNT: aggregate(1, Number.POSITIVE_INFINITY, (args, around) => count(args, around)),
  COUNT_IF: aggregate(1, 1, ([test], around) => ({
    sql: applied(
      "count",
      "*",
      { ...around, distinct: false },
      implicitly(some(test), BOOLEAN, "count_if").sql,
    ),
    type: BIGINT,
  })),
  SUM: aggregate(1, 1, ([value], around) => sumOf(some(value), around, "CAST")),
  TRY_SUM: aggregate(1, 1, ([value], around) => sumOf(some(value), around, "TRY_CAST")),
  AVG: average,
  MEAN: average,
  MIN: keepsType("min", ""),
  MAX: keepsType("max", ""),
  FIRST: first,
  FIRST_VALUE: first,
  ANY_VALUE: first,
  LAST: last,
  LAST_VALUE: last,
  COLLECT_LIST: list,
  ARRAY_AGG: list,
  COLLECT_SET: aggregate(1, 1, (args, around) => list.build(args, { ...around, distinct: true })),
  LISTAGG: joined,
  STRING_AGG: joined,
  MAX_BY: byOther("arg_max"),
  MIN_BY: byOther("arg_min"),
  BOOL_AND: every,
  EVERY: every,
  BOOL_OR: any,
  SOME: any,
  ANY: any,
  STDDEV: stddev,
  STD: stddev,
  STDDEV_SAMP: stddev,
  STDDEV_POP: ofDoubles("stddev_pop", 1),
  VARIANCE: variance,
  VAR_SAMP: variance,
  VAR_POP: ofDoubles("var_pop", 1),
  CORR: ofDoubles("corr", 2),
  COVAR_POP: ofDoubles("covar_pop", 2),
  COVAR_SAMP: ofDoubles("covar_samp", 2),
  MEDIAN: aggregate(1, 1, ([value], around) =>
    quantile("quantile_cont", value, { sql: "0.5", type: DOUBLE }, around),
  ),
  PERCENTILE: percentile,
  PERCENTILE_CONT: aggregate(1, 1, ([at], around) =>
    quantile("quantile_cont", ordered(around), at, around),
  ),
  // Spark counts approximately; the exact number is within any error it may have.
  APPROX_COUNT_DISTINCT: aggregate(1, 2, ([value], around) => ({
    sql: applied("count", some(value).sql, { ...around, distinct: true }),
    type: BIGINT,
  })),
  PERCENTILE_APPROX: approximate,
  APPROX_PERCENTILE: approximate,
  GROUPING: aggregate(1, 1, ([value]) => ({
    sql: `CAST(grouping(${some(value).sql}) AS TINYINT)`,
    type: { kind: "TINYINT" },
  })),
  ROW_NUMBER: windowOnly("row_number", INT),
  RANK: windowOnly("rank", INT),
  DENSE_RANK: windowOnly("dense_rank", INT),
  PERCENT_RANK: windowOnly("percent_rank", DOUBLE),
  CUME_DIST: windowOnly("cume_dist", DOUBLE),
  NTILE: aggregate(1, 1, ([n], around) => ({
    sql: `CAST(ntile(${implicitly(some(n), INT, "ntile").sql})${around.over} AS INTEGER)`,
    type: INT,
  })),
  LAG: shifted("lag"),
  LEAD: shifted("lead"),
  NTH_VALUE: aggregate(2, 2, ([value, n], around) => ({
    sql: `nth_value(${some(value).sql}, ${implicitly(some(n), INT, "nth_value").sql}${around.ignoreNulls ? " IGNORE NULLS" : ""})${around.over}`,
    type: some(value).type,
  })),
};

function some(value: Typed | undefined): Typed {
  if (value === undefined) throw new Error("the number of arguments was checked");
  return value;
}

function count(args: readonly Typed[], around: Around): Typed {
  if (args.length <= 1) return { sql: applied("count", args[0]?.sql ?? "*", around), type: BIGINT };
  const allThere = args.map((arg) => `${arg.sql} IS NOT NULL`).join(" AND ");
  return {
    sql: applied(
      "count",
      around.distinct ? `row(${args.map((arg) => arg.sql).join(", ")})` : "*",
      around,
      allThere,
    ),
    type: BIGINT,
  };
}

function sumOf(value: Typed, around: Around, cast: "CAST" | "TRY_CAST"): Typed {
  const of = summable(value, "sum");
  const type: SqlType = isInteger(of.type)
    ? BIGINT
    : of.type.kind === "DECIMAL"
      ? { ...of.type, precision: Math.min(38, of.type.precision + 10) }
      : DOUBLE;
  return { sql: `${cast}(${applied("sum", of.sql, around)} AS ${duckType(type)})`, type };
}

/** Decimals stay exact: their sum is divided digit by digit. */
function averageOf(value: Typed, around: Around): Typed {
  const of = summable(value, "avg");
  if (of.type.kind !== "DECIMAL")
    return { sql: applied("avg", castTo(of, DOUBLE).sql, around), type: DOUBLE };
  const type = {
    kind: "DECIMAL",
    precision: Math.min(38, of.type.precision + 4),
    scale: Math.min(38, of.type.scale + 4),
  } as const;
  const total = { sql: applied("sum", of.sql, around), type: of.type };
  const rows = { sql: `nullif(${applied("count", of.sql, around)}, 0)`, type: BIGINT };
  return byDigits("/", total, rows, type);
}

function summable(value: Typed, name: string): Typed {
  if (isNumeric(value.type)) return value;
  if (isText(value.type) || value.type.kind === "VOID") return castTo(value, DOUBLE);
  throw mismatch(
    "UNEXPECTED_INPUT_TYPE",
    `"${name}(…)"`,
    `The first parameter requires the "NUMERIC" type, however it has the type "${typeSql(value.type)}"`,
  );
}

function ofBooleans(name: string): Aggregate {
  return aggregate(1, 1, ([value], around) => ({
    sql: applied(name, implicitly(some(value), BOOLEAN, name).sql, around),
    type: BOOLEAN,
  }));
}

function ordered(around: Around): Typed {
  const [item] = around.order;
  if (item === undefined || item.descending)
    throw unsupported("percentile_cont without WITHIN GROUP (ORDER BY … ASC)");
  return item;
}

function quantile(
  name: string,
  value: Typed | undefined,
  at: Typed | undefined,
  around: Around,
): Typed {
  if (at === undefined)
    throw new SqlError(
      "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
      "42605",
      "The `percentile` requires 2 parameters",
    );
  return {
    sql: applied(
      name,
      `${implicitly(some(value), DOUBLE, "percentile").sql}, ${castTo(at, DOUBLE).sql}`,
      around,
    ),
    type: DOUBLE,
  };
}

function windowOnly(name: string, type: SqlType): Aggregate {
  return aggregate(0, 0, (_, around) => ({
    sql: `CAST(${name}()${around.over} AS ${duckType(type)})`,
    type,
  }));
}

function shifted(name: "lag" | "lead"): Aggregate {
  return aggregate(1, 3, ([value, by, missing], around) => {
    const of = some(value);
    const args = [
      of.sql,
      by === undefined ? "1" : implicitly(by, INT, name).sql,
      ...(missing === undefined ? [] : [implicitly(missing, of.type, name).sql]),
    ];
    return {
      sql: `${name}(${args.join(", ")}${around.ignoreNulls ? " IGNORE NULLS" : ""})${around.over}`,
      type: of.type,
    };
  });
}
