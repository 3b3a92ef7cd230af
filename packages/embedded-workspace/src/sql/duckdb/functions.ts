// Functions that DuckDB lacks or has otherwise, in JavaScript: DuckDB calls them by columns, 2
// million values a second.
import { BIGINT, BOOLEAN, DOUBLE, type DuckDBConnection, INTEGER, VARCHAR } from "@duckdb/node-api";
import { typeSql } from "../types.ts";
import { castText, UnreadableError } from "../values/cast-text.ts";
import { formatTime, parseTime } from "../values/date-format.ts";
import { wholeMonths } from "../values/instants.ts";
import { fromJson, normalJson, schemaOf, toJson } from "../values/json.ts";
import { jsonAt } from "../values/json-path.ts";
import { seriesLength } from "../values/limits.ts";
import { decimalOperation, doubleText, floatText, roundDouble } from "../values/numbers.ts";
import { extract, extractAll, matches, matchSteps, replaceAll, split } from "../values/regex.ts";
import {
  initcap,
  likeExpression,
  likePattern,
  locate,
  pad,
  sha2,
  splitPart,
  substring,
} from "../values/strings.ts";
import { type Define, definerOn } from "./scalars.ts";

/** Makes the `dbx_…` functions known to every connection of the instance. */
export function registerFunctions(connection: DuckDBConnection): void {
  const define = definerOn(connection);
  defineCasts(define);
  defineStrings(define);
  defineSizes(define);
  defineRegex(define);
  defineJson(define);
}

function defineCasts(define: Define): void {
  define(
    "dbx_cast",
    [VARCHAR, VARCHAR, BOOLEAN],
    VARCHAR,
    (text: string, type: string, strict: boolean) => {
      const value = castOrRefuse(text, type);
      if (value !== undefined || !strict) return value;
      const sql = typeSql(elementOf(type));
      return fail(
        "CAST_INVALID_INPUT",
        "22018",
        `The value '${text}' of the type "STRING" cannot be cast to "${sql}" because it is malformed. Correct the value as per the syntax, or change its target type. Use \`try_cast\` to tolerate malformed input and return NULL instead.`,
      );
    },
  );
  define("dbx_variant", [VARCHAR, VARCHAR], VARCHAR, (text: string, type: string) => {
    if (castOrRefuse(text, type) !== undefined) return text;
    const sql = typeSql(elementOf(type));
    return fail(
      "INVALID_VARIANT_CAST",
      "22023",
      `The variant value \`${text}\` cannot be cast into \`"${sql}"\`. Please use \`try_variant_get\` instead.`,
    );
  });
  define(
    "dbx_fit",
    [VARCHAR, INTEGER, BOOLEAN],
    VARCHAR,
    (text: string, length: number, fixed: boolean) => {
      const missing = length - [...text].length;
      if (missing >= 0) return fixed ? text + " ".repeat(missing) : text;
      return fail(
        "DELTA_EXCEED_CHAR_VARCHAR_LIMIT",
        "22001",
        `Value "${text}" exceeds char/varchar type length limitation. Failed check: (length <= ${length}).`,
      );
    },
  );
  define("dbx_double_text", [DOUBLE], VARCHAR, doubleText);
  define("dbx_float_text", [DOUBLE], VARCHAR, floatText);
  define("dbx_round", [DOUBLE, INTEGER], DOUBLE, roundDouble);
  define("dbx_cbrt", [DOUBLE], DOUBLE, Math.cbrt);
  define("dbx_months", [BIGINT, BIGINT], BIGINT, wholeMonths);
  define("dbx_decimal", [VARCHAR, VARCHAR, VARCHAR, INTEGER], VARCHAR, decimalOperation);
  define("dbx_date_format", [BIGINT, VARCHAR], VARCHAR, formatTime);
  define(
    "dbx_parse_time",
    [VARCHAR, VARCHAR, BOOLEAN],
    VARCHAR,
    (text: string, pattern: string, strict: boolean) => {
      const time = parseTime(text, pattern);
      if (time !== undefined || !strict) return time;
      return fail(
        "CANNOT_PARSE_TIMESTAMP",
        "22007",
        `Text '${text}' could not be parsed by the pattern '${pattern}'. Use \`try_to_timestamp\` to tolerate invalid input string and return NULL instead.`,
      );
    },
  );
}

function castOrRefuse(text: string, type: string): string | undefined {
  try {
    return castText(text, type);
  } catch (thrown) {
    if (thrown instanceof UnreadableError)
      return fail("UNSUPPORTED_FEATURE.EMBEDDED_WORKSPACE", "0A000", thrown.message);
    throw thrown;
  }
}

/**
 * A type from its text: as an array's element, because the schema of from_json may not be a scalar.
 */
function elementOf(type: string) {
  const array = schemaOf(`array<${type}>`);
  return array.kind === "ARRAY" ? array.element : array;
}

function defineStrings(define: Define): void {
  define("dbx_substring", [VARCHAR, INTEGER, INTEGER], VARCHAR, substring);
  define("dbx_locate", [VARCHAR, VARCHAR, INTEGER], INTEGER, locate);
  define(
    "dbx_split_part",
    [VARCHAR, VARCHAR, INTEGER],
    VARCHAR,
    (text: string, by: string, n: number) =>
      splitPart(text, by, n) ??
      fail(
        "INVALID_INDEX_OF_ZERO",
        "22003",
        "The index 0 is invalid. An index shall be either < 0 or > 0 (the first element has index 1).",
      ),
  );
  define("dbx_upper", [VARCHAR], VARCHAR, (text: string) => text.toUpperCase());
  define("dbx_lower", [VARCHAR], VARCHAR, (text: string) => text.toLowerCase());
  define("dbx_initcap", [VARCHAR], VARCHAR, initcap);
  define("dbx_sha2", [VARCHAR, INTEGER], VARCHAR, sha2);
  const checked = (pattern: string, escapeChar: string) =>
    likePattern(pattern, escapeChar) ??
    fail(
      "INVALID_FORMAT.ESC_IN_THE_MIDDLE",
      "42601",
      `The format is invalid: '${pattern}'. The escape character is not allowed to precede what needs no escape.`,
    );
  define("dbx_like", [VARCHAR, VARCHAR], VARCHAR, checked);
  define(
    "dbx_like_expression",
    [VARCHAR, VARCHAR],
    VARCHAR,
    (pattern: string, escapeChar: string) =>
      likeExpression(checked(pattern, escapeChar), escapeChar),
  );
}

/** Functions that make much of little, while DuckDB does not count the memory. */
function defineSizes(define: Define): void {
  define("dbx_pad", [VARCHAR, VARCHAR, INTEGER, VARCHAR], VARCHAR, pad, {
    makes: (_side: string, text: string, length: number) => Math.max(text.length, length),
  });
  define(
    "dbx_repeat",
    [VARCHAR, INTEGER],
    VARCHAR,
    (text: string, times: number) => text.repeat(Math.max(0, times)),
    { makes: (text: string, times: number) => text.length * Math.max(0, times) },
  );
  define("dbx_series_end", [BIGINT, BIGINT, BIGINT], BIGINT, (_from: bigint, to: bigint) => to, {
    makes: seriesLength,
  });
}

const TIMED = { steps: matchSteps };

function defineRegex(define: Define): void {
  define("dbx_rlike", [VARCHAR, VARCHAR], BOOLEAN, matches, TIMED);
  define("dbx_regexp_replace", [VARCHAR, VARCHAR, VARCHAR, INTEGER], VARCHAR, replaceAll, TIMED);
  define(
    "dbx_regexp_extract",
    [VARCHAR, VARCHAR, INTEGER],
    VARCHAR,
    (text: string, pattern: string, group: number) =>
      extract(text, pattern, group) ?? noGroup(group),
    TIMED,
  );
  define(
    "dbx_regexp_extract_all",
    [VARCHAR, VARCHAR, INTEGER],
    VARCHAR,
    (text: string, pattern: string, group: number) =>
      JSON.stringify(extractAll(text, pattern, group) ?? noGroup(group)),
    TIMED,
  );
  define(
    "dbx_split",
    [VARCHAR, VARCHAR, INTEGER],
    VARCHAR,
    (text: string, pattern: string, limit: number) => JSON.stringify(split(text, pattern, limit)),
    TIMED,
  );
}

function noGroup(group: number): never {
  return fail(
    "INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX",
    "22023",
    `The value of parameter(s) \`idx\` is invalid: the pattern has no group ${group}.`,
  );
}

function defineJson(define: Define): void {
  define(
    "dbx_from_json",
    [VARCHAR, VARCHAR, VARCHAR],
    VARCHAR,
    (text: string, type: string, mode: string) =>
      fromJson(text, schemaOf(type), mode === "FAILFAST" ? "FAILFAST" : "PERMISSIVE") ??
      fail(
        "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION",
        "22023",
        `Malformed records are detected in record parsing: ${text.slice(0, 200)}. Parse Mode: FAILFAST. To process malformed records as null result, try setting the option 'mode' as 'PERMISSIVE'.`,
      ),
  );
  define("dbx_to_json", [VARCHAR, VARCHAR], VARCHAR, toJson);
  define("dbx_parse_json", [VARCHAR, BOOLEAN], VARCHAR, (text: string, strict: boolean) => {
    const json = normalJson(text);
    if (json !== undefined || !strict) return json;
    return fail(
      "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION",
      "22023",
      `Malformed records are detected in record parsing: ${text.slice(0, 200)}. Parse Mode: FAILFAST.`,
    );
  });
  define("dbx_get_json_object", [VARCHAR, VARCHAR], VARCHAR, jsonAt);
}

/** `errorOf` in errors.ts reads class and SQLSTATE back out of the message. */
function fail(errorClass: string, sqlState: string, text: string): never {
  throw new Error(`[${errorClass}|${sqlState}] ${text}`);
}
