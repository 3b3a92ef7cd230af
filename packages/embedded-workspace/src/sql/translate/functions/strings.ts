// Functions of strings. Positions count from 1; regular expressions are Java's, run by JavaScript where both agree.
import { SqlError } from "../../errors.ts";
import { BOOLEAN, INT, type SqlType, STRING } from "../../types.ts";
import { concatArrays } from "../arithmetic.ts";
import { castTo, implicitly } from "../casts.ts";
import type { Typed } from "../typed.ts";
import { plain, type Scalar, typed } from "./define.ts";

const STRINGS_TYPE: SqlType = { kind: "ARRAY", element: STRING };

const trim = (both: string, one: string): Scalar =>
  plain(one === "trim" ? "S?SS" : "S?S", STRING, (text = "", chars, side) => {
    if (chars === undefined) return `${both}(${text}, ' ')`;
    if (side === undefined)
      return one === "trim" ? `trim(${text}, ${chars})` : `${one}(${chars}, ${text})`;
    const name = side.includes("LEADING") ? "ltrim" : side.includes("TRAILING") ? "rtrim" : "trim";
    return `${name}(${text}, ${chars})`;
  });
const upper = plain("S", STRING, (s) => `dbx_upper(${s})`);
const lower = plain("S", STRING, (s) => `dbx_lower(${s})`);
const length = typed(1, 1, ([value]) => {
  const binary = value?.type.kind === "BINARY";
  return {
    sql: `CAST(${binary ? `octet_length(${value.sql})` : `length(${text(value)})`} AS INTEGER)`,
    type: INT,
  };
});
const substring = typed(2, 3, ([value, from, count]) => ({
  sql: `dbx_substring(${text(value)}, ${int(from)}, ${count === undefined ? "2147483647" : int(count)})`,
  type: STRING,
}));
const replaceRegex = plain(
  "SSS?I",
  STRING,
  (s, pattern, by, at = "1") => `dbx_regexp_replace(${s}, ${pattern}, ${by}, ${at})`,
);
const matches = plain("SS", BOOLEAN, (s, pattern) => `dbx_rlike(${s}, ${pattern})`);
const sha1 = plain("S", STRING, (s) => `sha1(${s})`);
const locate = plain(
  "SS?I",
  INT,
  (part = "", s = "", at = "1") => `dbx_locate(${part}, ${s}, ${at})`,
);
const pad = (name: string) =>
  plain("SI?S", STRING, (s, count, by = "' '") => `dbx_pad('${name}', ${s}, ${count}, ${by})`);

export const STRINGS: Readonly<Record<string, Scalar>> = {
  UPPER: upper,
  UCASE: upper,
  LOWER: lower,
  LCASE: lower,
  LENGTH: length,
  LEN: length,
  CHAR_LENGTH: length,
  CHARACTER_LENGTH: length,
  OCTET_LENGTH: plain("S", INT, (s) => `CAST(octet_length(encode(${s})) AS INTEGER)`),
  BIT_LENGTH: plain("S", INT, (s) => `CAST(octet_length(encode(${s})) * 8 AS INTEGER)`),
  SUBSTR: substring,
  SUBSTRING: substring,
  MID: substring,
  LEFT: plain("SI", STRING, (s, n) => `dbx_substring(${s}, 1, ${n})`),
  RIGHT: plain("SI", STRING, (s, n) => `CASE WHEN ${n} <= 0 THEN '' ELSE right(${s}, ${n}) END`),
  TRIM: trim("trim", "trim"),
  BTRIM: plain("S?S", STRING, (s, chars = "' '") => `trim(${s}, ${chars})`),
  LTRIM: trim("ltrim", "ltrim"),
  RTRIM: trim("rtrim", "rtrim"),
  LPAD: pad("left"),
  RPAD: pad("right"),
  REPEAT: plain("SI", STRING, (s, n) => `dbx_repeat(${s}, ${n})`),
  SPACE: plain("I", STRING, (n) => `dbx_repeat(' ', ${n})`),
  REPLACE: plain(
    "SS?S",
    STRING,
    (s, from, to = "''") =>
      `CASE WHEN ${from} = '' THEN ${s} ELSE replace(${s}, ${from}, ${to}) END`,
  ),
  TRANSLATE: plain("SSS", STRING, (s, from, to) => `translate(${s}, ${from}, ${to})`),
  INSTR: plain("SS", INT, (s, part) => `CAST(instr(${s}, ${part}) AS INTEGER)`),
  LOCATE: locate,
  POSITION: locate,
  CHARINDEX: locate,
  CONTAINS: plain("SS", BOOLEAN, (s, part) => `contains(${s}, ${part})`),
  STARTSWITH: plain("SS", BOOLEAN, (s, part) => `starts_with(${s}, ${part})`),
  ENDSWITH: plain("SS", BOOLEAN, (s, part) => `ends_with(${s}, ${part})`),
  SPLIT: plain(
    "SS?I",
    STRINGS_TYPE,
    (s, pattern, limit = "-1") =>
      `from_json_strict(dbx_split(${s}, ${pattern}, ${limit}), '["VARCHAR"]')`,
  ),
  SPLIT_PART: plain("SSI", STRING, (s, by, n) => `dbx_split_part(${s}, ${by}, ${n})`),
  RLIKE: matches,
  REGEXP: matches,
  REGEXP_LIKE: matches,
  REGEXP_REPLACE: replaceRegex,
  REGEXP_EXTRACT: plain(
    "SS?I",
    STRING,
    (s, pattern, group = "1") => `dbx_regexp_extract(${s}, ${pattern}, ${group})`,
  ),
  REGEXP_EXTRACT_ALL: plain(
    "SS?I",
    STRINGS_TYPE,
    (s, pattern, group = "1") =>
      `from_json_strict(dbx_regexp_extract_all(${s}, ${pattern}, ${group}), '["VARCHAR"]')`,
  ),
  REGEXP_COUNT: plain(
    "SS",
    INT,
    (s, pattern) =>
      `CAST(len(from_json_strict(dbx_regexp_extract_all(${s}, ${pattern}, 0), '["VARCHAR"]')) AS INTEGER)`,
  ),
  REGEXP_SUBSTR: plain(
    "SS",
    STRING,
    (s, pattern) => `nullif(dbx_regexp_extract(${s}, ${pattern}, 0), '')`,
  ),
  INITCAP: plain("S", STRING, (s) => `dbx_initcap(${s})`),
  ASCII: plain(
    "S",
    INT,
    (s) => `CAST(CASE WHEN ${s} = '' THEN 0 ELSE unicode(${s}) END AS INTEGER)`,
  ),
  CHR: plain(
    "L",
    STRING,
    (n) => `CASE WHEN ${n} < 0 THEN '' ELSE chr(CAST(${n} % 256 AS INTEGER)) END`,
  ),
  CHAR: plain(
    "L",
    STRING,
    (n) => `CASE WHEN ${n} < 0 THEN '' ELSE chr(CAST(${n} % 256 AS INTEGER)) END`,
  ),
  MD5: plain("S", STRING, (s) => `md5(${s})`),
  SHA: sha1,
  SHA1: sha1,
  SHA2: plain("SI", STRING, (s, bits) => `dbx_sha2(${s}, ${bits})`),
  BASE64: plain("Y", STRING, (bytes) => `to_base64(${bytes})`),
  UNBASE64: plain("S", { kind: "BINARY" }, (s) => `from_base64(${s})`),
  HEX: typed(1, 1, ([value]) => {
    if (value === undefined || value.type.kind === "STRING" || value.type.kind === "BINARY")
      return { sql: `upper(hex(${value?.sql ?? "NULL"}))`, type: STRING };
    return {
      sql: `upper(to_hex(${implicitly(value, { kind: "BIGINT" }, "hex").sql}))`,
      type: STRING,
    };
  }),
  UNHEX: plain("S", { kind: "BINARY" }, (s) => `unhex(${s})`),
  LEVENSHTEIN: plain("SS", INT, (a, b) => `CAST(levenshtein(${a}, ${b}) AS INTEGER)`),
  CONCAT: typed(0, Number.POSITIVE_INFINITY, (args) => {
    if (args.some((arg) => arg.type.kind === "ARRAY")) return concatArrays(args);
    const texts = args.map((arg) => implicitly(arg, STRING, "concat").sql);
    return { sql: texts.length === 0 ? "''" : `(${texts.join(" || ")})`, type: STRING };
  }),
  CONCAT_WS: typed(1, Number.POSITIVE_INFINITY, ([by, ...args]) => {
    const lists = args.map((arg) =>
      arg.type.kind === "ARRAY"
        ? castTo(arg, STRINGS_TYPE).sql
        : `[${implicitly(arg, STRING, "concat_ws").sql}]`,
    );
    const all = lists.length === 0 ? "CAST([] AS VARCHAR[])" : `flatten([${lists.join(", ")}])`;
    const present = `list_filter(${all}, lambda e: e IS NOT NULL)`;
    return {
      sql: `CASE WHEN ${text(by)} IS NULL THEN NULL ELSE coalesce(array_to_string(${present}, ${text(by)}), '') END`,
      type: STRING,
    };
  }),
};

function text(value: Typed | undefined): string {
  if (value === undefined)
    throw new SqlError("WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "42605", "An argument is missing");
  return implicitly(value, STRING, "argument").sql;
}

function int(value: Typed | undefined): string {
  return value === undefined ? "NULL" : implicitly(value, INT, "argument").sql;
}
