// Functions of dates and timestamps. The session's zone is UTC.
import { unsupported } from "../../errors.ts";
import { BIGINT, DATE, INT, type SqlType, STRING, TIMESTAMP } from "../../types.ts";
import { castTo, implicitly } from "../casts.ts";
import { addDays, addUnit } from "../intervals.ts";
import type { Env, Typed } from "../typed.ts";
import { plain, type Scalar, typed } from "./define.ts";

const part = (name: string) => plain("T", INT, (x) => `CAST(${name}(${x}) AS INTEGER)`);
const now = typed(0, 0, (_, env) => instant(env));
const today = typed(0, 0, (_, env) => castTo(instant(env), DATE));
const dayOfMonth = part("day");
const addDate = typed(2, 3, (args) =>
  args.length === 3
    ? addByUnit(args)
    : addDays(castTo(arg(args, 0), DATE), implicitly(arg(args, 1), INT, "date_add"), "+"),
);
const dateDiff = typed(2, 3, (args) =>
  args.length === 3
    ? difference(args)
    : { sql: `CAST(${date(args, 0)} - ${date(args, 1)} AS INTEGER)`, type: INT },
);
const toUnix = typed(0, 2, (args, env) => unixTime(args, env));
const toTimestamp = (lenient: boolean) => typed(1, 2, (args) => parsed(args, TIMESTAMP, lenient));

export const TIMES: Readonly<Record<string, Scalar>> = {
  CURRENT_TIMESTAMP: now,
  NOW: now,
  LOCALTIMESTAMP: typed(0, 0, (_, env) => ({ ...instant(env), type: { kind: "TIMESTAMP_NTZ" } })),
  CURRENT_DATE: today,
  CURDATE: today,
  CURRENT_TIMEZONE: plain("", STRING, () => "'Etc/UTC'"),
  YEAR: part("year"),
  QUARTER: part("quarter"),
  MONTH: part("month"),
  DAY: dayOfMonth,
  DAYOFMONTH: dayOfMonth,
  HOUR: part("hour"),
  MINUTE: part("minute"),
  SECOND: part("second"),
  WEEKOFYEAR: part("weekofyear"),
  DAYOFYEAR: part("dayofyear"),
  DAYOFWEEK: plain("T", INT, (x) => `CAST(dayofweek(${x}) + 1 AS INTEGER)`),
  WEEKDAY: plain("T", INT, (x) => `CAST(isodow(${x}) - 1 AS INTEGER)`),
  EXTRACT: typed(2, 2, (args) => extract(args)),
  DATE_PART: typed(2, 2, (args) => extract(args)),
  DATE_ADD: addDate,
  DATEADD: addDate,
  TIMESTAMPADD: addDate,
  DATE_SUB: typed(2, 2, (args) =>
    addDays(castTo(arg(args, 0), DATE), implicitly(arg(args, 1), INT, "date_sub"), "-"),
  ),
  DATEDIFF: dateDiff,
  DATE_DIFF: dateDiff,
  TIMESTAMPDIFF: typed(3, 3, (args) => difference(args)),
  ADD_MONTHS: plain("dI", DATE, (x, n) => `CAST(${x} + to_months(${n}) AS DATE)`),
  LAST_DAY: plain("d", DATE, (x) => `last_day(${x})`),
  MAKE_DATE: plain(
    "III",
    DATE,
    (y, m, d) => `make_date(CAST(${y} AS BIGINT), CAST(${m} AS BIGINT), CAST(${d} AS BIGINT))`,
  ),
  MAKE_TIMESTAMP: plain("IIIIID", TIMESTAMP, (y, mo, d, h, mi, s) => {
    const outside =
      "error('[DATETIME_FIELD_OUT_OF_BOUNDS.WITH_SUGGESTION|22023] The day has no such time.')";
    const parts = [y, mo, d, h, mi].map((part) => `CAST(${part} AS BIGINT)`).join(", ");
    return `CASE WHEN ${h} NOT BETWEEN 0 AND 23 OR ${mi} NOT BETWEEN 0 AND 59 OR ${s} < 0 OR ${s} >= 60 THEN ${outside} ELSE make_timestamp(${parts}, ${s}) END`;
  }),
  DATE_TRUNC: typed(2, 2, (args) => {
    const unit = unitText(arg(args, 0), TRUNCATIONS, "date_trunc");
    return {
      sql: `CAST(date_trunc('${unit}', ${castTo(arg(args, 1), TIMESTAMP).sql}) AS TIMESTAMP)`,
      type: TIMESTAMP,
    };
  }),
  TRUNC: typed(2, 2, (args) => {
    const unit = unitText(arg(args, 1), DATE_TRUNCATIONS, "trunc");
    return { sql: `CAST(date_trunc('${unit}', ${date(args, 0)}) AS DATE)`, type: DATE };
  }),
  TO_DATE: typed(1, 2, (args) => parsed(args, DATE, false)),
  DATE: typed(1, 1, (args) => castTo(arg(args, 0), DATE)),
  TIMESTAMP: typed(1, 1, (args) => castTo(arg(args, 0), TIMESTAMP)),
  TO_TIMESTAMP: toTimestamp(false),
  TRY_TO_TIMESTAMP: toTimestamp(true),
  TO_TIMESTAMP_NTZ: typed(1, 2, (args) => parsed(args, { kind: "TIMESTAMP_NTZ" }, false)),
  DATE_FORMAT: plain("TS", STRING, (x, pattern) => `dbx_date_format(epoch_us(${x}), ${pattern})`),
  FROM_UNIXTIME: plain(
    "L?S",
    STRING,
    (x, pattern = "'yyyy-MM-dd HH:mm:ss'") => `dbx_date_format(${x} * 1000000, ${pattern})`,
  ),
  UNIX_TIMESTAMP: toUnix,
  TO_UNIX_TIMESTAMP: toUnix,
  UNIX_DATE: plain("d", INT, (x) => `CAST(${x} - DATE '1970-01-01' AS INTEGER)`),
  UNIX_SECONDS: plain("T", BIGINT, (x) => `CAST(floor(epoch_us(${x}) / 1000000) AS BIGINT)`),
  UNIX_MILLIS: plain("T", BIGINT, (x) => `CAST(floor(epoch_us(${x}) / 1000) AS BIGINT)`),
  UNIX_MICROS: plain("T", BIGINT, (x) => `epoch_us(${x})`),
  TIMESTAMP_SECONDS: plain("D", TIMESTAMP, (x) => `make_timestamp(CAST(${x} * 1000000 AS BIGINT))`),
  TIMESTAMP_MILLIS: plain("L", TIMESTAMP, (x) => `make_timestamp(${x} * 1000)`),
  TIMESTAMP_MICROS: plain("L", TIMESTAMP, (x) => `make_timestamp(${x})`),
  DATE_FROM_UNIX_DATE: plain("I", DATE, (x) => `CAST(DATE '1970-01-01' + to_days(${x}) AS DATE)`),
};

const TRUNCATIONS: Readonly<Record<string, string>> = {
  YEAR: "year",
  YYYY: "year",
  YY: "year",
  QUARTER: "quarter",
  MONTH: "month",
  MON: "month",
  MM: "month",
  WEEK: "week",
  DAY: "day",
  DD: "day",
  HOUR: "hour",
  MINUTE: "minute",
  SECOND: "second",
  MILLISECOND: "milliseconds",
  MICROSECOND: "microseconds",
};
const DATE_TRUNCATIONS: Readonly<Record<string, string>> = {
  YEAR: "year",
  YYYY: "year",
  YY: "year",
  QUARTER: "quarter",
  MONTH: "month",
  MON: "month",
  MM: "month",
  WEEK: "week",
};
const DIFFERENCES: Readonly<Record<string, string>> = {
  YEAR: "year",
  QUARTER: "quarter",
  MONTH: "month",
  WEEK: "week",
  DAY: "day",
  HOUR: "hour",
  MINUTE: "minute",
  SECOND: "second",
  MILLISECOND: "millisecond",
  MICROSECOND: "microsecond",
};
const PARTS: Readonly<Record<string, string>> = {
  YEAR: "YEAR",
  YEARS: "YEAR",
  Y: "YEAR",
  QUARTER: "QUARTER",
  QTR: "QUARTER",
  MONTH: "MONTH",
  MONTHS: "MONTH",
  MON: "MONTH",
  WEEK: "WEEKOFYEAR",
  WEEKS: "WEEKOFYEAR",
  W: "WEEKOFYEAR",
  DAY: "DAY",
  DAYS: "DAY",
  D: "DAY",
  DAYOFWEEK: "DAYOFWEEK",
  DOW: "DAYOFWEEK",
  DOY: "DAYOFYEAR",
  HOUR: "HOUR",
  HOURS: "HOUR",
  H: "HOUR",
  MINUTE: "MINUTE",
  MINUTES: "MINUTE",
  M: "MINUTE",
};

/** The same instant throughout the statement. */
function instant(env: Env): Typed {
  return { sql: `CAST('${env.now}' AS TIMESTAMP)`, type: TIMESTAMP };
}

function arg(args: readonly Typed[], index: number): Typed {
  const value = args[index];
  if (value === undefined) throw new Error("the number of arguments was checked");
  return value;
}

function date(args: readonly Typed[], index: number): string {
  return implicitly(arg(args, index), DATE, "argument").sql;
}

/** A unit must be written as a literal: it decides what is calculated. */
function unitText(value: Typed, known: Readonly<Record<string, string>>, where: string): string {
  const unit = /^'(\w+)'$/.exec(value.sql)?.[1]?.toUpperCase();
  const meant = unit === undefined ? undefined : known[unit];
  if (meant === undefined) throw unsupported(`this unit of ${where}`);
  return meant;
}

function extract(args: readonly Typed[]): Typed {
  const unit = /^'(\w+)'$/.exec(arg(args, 0).sql)?.[1]?.toUpperCase() ?? "";
  if (/^(SECOND|SECONDS|S|SEC)$/.test(unit))
    return {
      sql: `CAST(epoch_us(${castTo(arg(args, 1), TIMESTAMP).sql}) % 60000000 / 1000000 AS DECIMAL(8,6))`,
      type: { kind: "DECIMAL", precision: 8, scale: 6 },
    };
  const scalar = TIMES[unitText(arg(args, 0), PARTS, "extract")];
  if (scalar === undefined) throw unsupported("this unit of extract");
  return { sql: scalar.build([arg(args, 1)], NO_ENV).sql, type: INT };
}

const NO_ENV: Env = {
  find: () => {
    throw new Error("no names here");
  },
  query: () => {
    throw new Error("no queries here");
  },
  ctes: new Map(),
  fresh: () => "",
  now: "",
  user: "",
  catalog: "",
  schema: "",
};

function addByUnit(args: readonly Typed[]): Typed {
  const unit = unitText(
    arg(args, 0),
    { ...DIFFERENCES, DAYOFYEAR: "day" },
    "timestampadd",
  ).toUpperCase();
  const start = arg(args, 2);
  return addUnit(
    unit,
    implicitly(arg(args, 1), BIGINT, "timestampadd"),
    start.type.kind === "TIMESTAMP_NTZ" ? start : castTo(start, TIMESTAMP),
  );
}

/** Whole units that fit between two instants, towards zero. */
function difference(args: readonly Typed[]): Typed {
  const unit = unitText(arg(args, 0), DIFFERENCES, "timestampdiff");
  const [from, to] = [castTo(arg(args, 1), TIMESTAMP).sql, castTo(arg(args, 2), TIMESTAMP).sql];
  const months = { year: 12, quarter: 3, month: 1 }[unit];
  if (months !== undefined)
    return { sql: `(dbx_months(epoch_us(${from}), epoch_us(${to})) // ${months})`, type: BIGINT };
  return { sql: `date_sub('${unit}', ${from}, ${to})`, type: BIGINT };
}

function parsed(args: readonly Typed[], type: SqlType, lenient: boolean): Typed {
  const value = arg(args, 0);
  if (args.length === 1 || value.type.kind !== "STRING") return castTo(value, type, lenient);
  const pattern = implicitly(arg(args, 1), STRING, "format").sql;
  const read: Typed = {
    sql: `CAST(dbx_parse_time(${value.sql}, ${pattern}, ${!lenient}) AS TIMESTAMP)`,
    type: TIMESTAMP,
  };
  return castTo(read, type);
}

function unixTime(args: readonly Typed[], env: Env): Typed {
  const value = args.length === 0 ? instant(env) : arg(args, 0);
  const pattern = args.length > 1 ? arg(args, 1) : { sql: "'yyyy-MM-dd HH:mm:ss'", type: STRING };
  const time =
    value.type.kind === "STRING"
      ? parsed([value, pattern], TIMESTAMP, false)
      : castTo(value, TIMESTAMP);
  return { sql: `CAST(floor(epoch_us(${time.sql}) / 1000000) AS BIGINT)`, type: BIGINT };
}
