// from_json, to_json and parse_json by Spark's rules: typed strictly, numbers kept digit by digit.
import { parseSchema } from "../parse/data-types.ts";
import type { SqlType } from "../types.ts";
import { castText, fitsPrecision } from "./cast-text.ts";
import { doubleText } from "./numbers.ts";
import { rawJson } from "./raw-json.ts";

/** A JSON value whose numbers are still the text they were written with. */
type Json = null | boolean | string | Digits | readonly Json[] | JsonObject;
type JsonObject = { readonly [key: string]: Json };

/** A number as it was written: BIGINT and DECIMAL must not pass through a double. */
class Digits {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  toJSON(): unknown {
    return rawJson(this.text);
  }
}

/** A value of another type than the schema says. */
class Malformed extends Error {}

/**
 * The text as JSON that fits the schema exactly (absent keys become null), ready for DuckDB.
 * FAILFAST: undefined for what is malformed. PERMISSIVE: a malformed part is null, a malformed
 * whole is null. As with Spark, what follows the first value is not looked at, and one object
 * passes for an array of one (docs/facts/databricks.md#from-json-is-quiet).
 */
export function fromJson(
  text: string,
  type: SqlType,
  mode: "FAILFAST" | "PERMISSIVE",
): string | undefined {
  if (text.trim() === "") return "null";
  try {
    const value = parseFirst(text);
    if (value === null) throw new Malformed();
    const whole = type.kind === "ARRAY" && isObject(value) ? [value] : value;
    return JSON.stringify(typed(whole, type, mode === "FAILFAST"));
  } catch (thrown) {
    if (!(thrown instanceof Malformed) && !(thrown instanceof SyntaxError)) throw thrown;
    if (mode === "FAILFAST") return undefined;
    return type.kind === "STRUCT" ? JSON.stringify(typed({}, type, false)) : "null";
  }
}

/** DuckDB's JSON of a value, as Spark writes it: fields that are NULL are left out of structs. */
export function toJson(text: string, type: string): string {
  return JSON.stringify(written(parseJson(text), schemaOf(type)));
}

/** JSON text checked and without spaces, or undefined. */
export function normalJson(text: string): string | undefined {
  try {
    return JSON.stringify(parseJson(text));
  } catch {
    return undefined;
  }
}

const schemas = new Map<string, SqlType>();

export function schemaOf(text: string): SqlType {
  const known = schemas.get(text) ?? parseSchema(text);
  if (schemas.size > 500) schemas.clear();
  schemas.set(text, known);
  return known;
}

function parseJson(text: string): Json {
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) =>
    typeof value === "number" ? new Digits(context?.source ?? String(value)) : value,
  );
}

/** The first JSON value in the text. */
function parseFirst(text: string): Json {
  try {
    return parseJson(text);
  } catch (thrown) {
    const end = endOfFirst(text);
    if (end === undefined || end === text.length) throw thrown;
    return parseJson(text.slice(0, end));
  }
}

/** Where the first object or array closes. */
function endOfFirst(text: string): number | undefined {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const ch = text.charAt(i);
    if (ch === '"') i = endOfString(text, i);
    else if (ch === "{" || ch === "[") depth++;
    else if ((ch === "}" || ch === "]") && --depth === 0) return i + 1;
  }
  return undefined;
}

function endOfString(text: string, open: number): number {
  for (let i = open + 1; i < text.length; i++) {
    if (text.charAt(i) === "\\") i++;
    else if (text.charAt(i) === '"') return i;
  }
  return text.length;
}

function typed(value: Json | undefined, type: SqlType, strict: boolean): Json {
  if (value === null || value === undefined) return null;
  switch (type.kind) {
    case "STRUCT":
      return struct(value, type, strict);
    case "ARRAY":
      if (!Array.isArray(value)) throw new Malformed();
      return value.map((item: Json) => typed(item, type.element, strict));
    case "MAP":
      if (!isObject(value)) throw new Malformed();
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, typed(item, type.value, strict)]),
      );
    default:
      return scalar(value, type);
  }
}

function struct(value: Json, type: SqlType & { kind: "STRUCT" }, strict: boolean): Json {
  if (!isObject(value)) throw new Malformed();
  return Object.fromEntries(
    type.fields.map((field) => [field.name, part(own(value, field.name), field.type, strict)]),
  );
}

/** A malformed field fails the whole in FAILFAST, and is null otherwise; elements and values fail what they are in. */
function part(value: Json | undefined, type: SqlType, strict: boolean): Json {
  if (strict) return typed(value, type, true);
  try {
    return typed(value, type, false);
  } catch (thrown) {
    if (thrown instanceof Malformed) return null;
    throw thrown;
  }
}

function scalar(value: Json, type: SqlType): Json {
  if (type.kind === "STRING")
    return typeof value === "string" ? value : JSON.stringify(asJava(value));
  if (type.kind === "BOOLEAN") {
    if (typeof value !== "boolean") throw new Malformed();
    return value;
  }
  if (value instanceof Digits) return number(value, type);
  if (typeof value !== "string") throw new Malformed();
  return fromString(value, type);
}

/** Numbers with a fraction go through a double, as in Spark's own copy of the text: 1.50 is 1.5. */
function asJava(value: Json): Json {
  if (value instanceof Digits) return new Digits(javaNumber(value.text));
  if (Array.isArray(value)) return value.map((item: Json) => asJava(item));
  return isObject(value)
    ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, asJava(item)]))
    : value;
}

/** A JSON number's text as Spark copies it. */
export function javaNumber(text: string): string {
  return /^-?\d+$/.test(text) ? text : doubleText(Number(text));
}

/** 1.5, "1" and true are no INT (docs/facts/databricks.md#duckdb-hides-faults). */
function number({ text }: Digits, type: SqlType): Json {
  const whole = /^-?\d+$/.test(text);
  switch (type.kind) {
    case "TINYINT":
    case "SMALLINT":
    case "INT":
    case "BIGINT":
      return whole ? digits(castText(text, type.kind.toLowerCase())) : malformed();
    case "FLOAT":
    case "DOUBLE":
      return Number.isFinite(Number(text))
        ? new Digits(String(Number(text)))
        : Number(text) > 0
          ? "Infinity"
          : "-Infinity";
    case "DECIMAL":
      return decimal(text, type.precision, type.scale);
    case "TIMESTAMP":
      return whole
        ? (castText(new Date(Number(text) * 1000).toISOString(), "timestamp") ?? malformed())
        : malformed();
    default:
      return malformed();
  }
}

function fromString(value: string, type: SqlType): Json {
  switch (type.kind) {
    case "FLOAT":
    case "DOUBLE":
      return /^(NaN|[+-]?Infinity|[+-]INF)$/.test(value)
        ? (castText(value, "double") ?? malformed())
        : malformed();
    case "DECIMAL":
      return decimal(value, type.precision, type.scale);
    case "DATE":
      return castText(value, "date") ?? malformed();
    case "TIMESTAMP":
      return castText(value, "timestamp") ?? malformed();
    case "TIMESTAMP_NTZ":
      return castText(value, "timestamp_ntz") ?? malformed();
    default:
      return malformed();
  }
}

function decimal(text: string, precision: number, scale: number): Json {
  const value = castText(text, `decimal(${precision},${scale})`);
  return value !== undefined && fitsPrecision(value, precision) ? value : malformed();
}

function digits(text: string | undefined): Json {
  return text === undefined ? malformed() : new Digits(text);
}

function malformed(): never {
  throw new Malformed();
}

function written(value: Json | undefined, type: SqlType): Json {
  if (value === null || value === undefined) return null;
  switch (type.kind) {
    case "STRUCT": {
      if (!isObject(value)) return value;
      const fields = type.fields.map(
        (field) => [field.name, written(own(value, field.name), field.type)] as const,
      );
      return Object.fromEntries(fields.filter(([, item]) => item !== null));
    }
    case "ARRAY":
      return Array.isArray(value) ? value.map((item: Json) => written(item, type.element)) : value;
    case "MAP":
      return isObject(value)
        ? Object.fromEntries(
            Object.entries(value).map(([key, item]) => [key, written(item, type.value)]),
          )
        : value;
    case "TIMESTAMP":
    case "TIMESTAMP_NTZ":
      return typeof value === "string" ? isoTime(value, type.kind === "TIMESTAMP") : value;
    case "DECIMAL":
    case "FLOAT":
      return typeof value === "string" && /\d/.test(value) ? new Digits(value) : value;
    case "DOUBLE":
      return value instanceof Digits ? new Digits(doubleText(Number(value.text))) : value;
    default:
      return value;
  }
}

/** `2026-01-01T00:00:00.000Z` */
function isoTime(text: string, zoned: boolean): string {
  const [day = "", time = ""] = text.split(" ");
  const [clock = "", fraction = ""] = time.split(".");
  return `${day}T${clock}.${fraction.padEnd(3, "0").slice(0, 3)}${zoned ? "Z" : ""}`;
}

function isObject(value: Json): value is JsonObject {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Digits)
  );
}

function own(value: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}
