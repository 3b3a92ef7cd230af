// A string cast to another type by Spark's rules: the value as DuckDB reads it without doubt, or
// undefined.
import { instantOf, instantText } from "./instants.ts";

/** Strips what Spark strips: ASCII control characters and spaces. */
const EDGES = /^[\p{Cc} ]+|[\p{Cc} ]+$/gu;
const INTEGER_BITS: Readonly<Record<string, bigint>> = {
  tinyint: 7n,
  smallint: 15n,
  int: 31n,
  bigint: 63n,
};
const SPECIAL: Readonly<Record<string, string>> = {
  nan: "NaN",
  infinity: "Infinity",
  inf: "Infinity",
  "+infinity": "Infinity",
  "+inf": "Infinity",
  "-infinity": "-Infinity",
  "-inf": "-Infinity",
};

/**
 * Text that Spark would read and this does not: refused even by TRY_CAST, because NULL would be a
 * wrong answer.
 */
export class UnreadableError extends Error {}

/**
 * `type` is written as `typeText` does. Undefined when the text is no such value; a decimal may
 * still be too large for its precision.
 */
export function castText(text: string, type: string): string | undefined {
  const value = text.replace(EDGES, "");
  const bits = INTEGER_BITS[type];
  if (bits !== undefined) return integer(value, bits);
  switch (type) {
    case "double":
    case "float":
      return floating(value);
    case "boolean":
      return /^(t|true|y|yes|1)$/i.test(value)
        ? "true"
        : /^(f|false|n|no|0)$/i.test(value)
          ? "false"
          : undefined;
    case "date":
      return dateOf(value);
    case "timestamp":
    case "timestamp_ntz":
      return timestamp(value, type === "timestamp_ntz");
  }
  const decimal = /^decimal\((\d+),(\d+)\)$/.exec(type);
  return decimal === null ? undefined : decimalText(value, Number(decimal[2]));
}

function integer(value: string, bits: bigint): string | undefined {
  if (!/^[+-]?\d+$/.test(value)) return undefined;
  const number = BigInt(value.replace(/^\+/, ""));
  return number >= 2n ** bits || number < -(2n ** bits) ? undefined : String(number);
}

function floating(value: string): string | undefined {
  const special = SPECIAL[value.toLowerCase()];
  if (special !== undefined) return special;
  const [, digits] = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)[df]?$/i.exec(value) ?? [];
  return digits === undefined ? undefined : String(Number(digits));
}

/**
 * A year alone means its first of January, a year and a month the first of that month; what follows
 * a `T` or space is dropped.
 */
function dateOf(value: string): string | undefined {
  const [, year, month = "1", day = "1"] =
    /^([+-]?\d{4,7})(?:-(\d{1,2})(?:-(\d{1,2})(?:[ T].*)?)?)?$/.exec(value) ?? [];
  if (year === undefined) return undefined;
  const instant = instantOf(Number(year), Number(month), Number(day), 0, 0, 0, 0);
  return instant === undefined ? undefined : instantText(instant).slice(0, -16);
}

function timestamp(value: string, zoneless: boolean): string | undefined {
  const pattern =
    /^([+-]?\d{4,6})(?:-(\d{1,2})(?:-(\d{1,2})(?:[ T](?:(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:\.(\d{0,9}))?)?)?)?\s*(Z|UTC|GMT|UT|(?:UTC|GMT|UT)?[+-]\d{1,2}(?::?\d{2})?(?::?\d{2})?)?)?)?)?$/i;
  const match = pattern.exec(value);
  if (
    match === null &&
    (/^T?\d{1,2}:/.test(value) || /[A-Za-z]{2,}\/[A-Za-z]|\d [A-Z]{3,4}$/.test(value))
  )
    throw new UnreadableError(
      `the embedded workspace does not read the timestamp '${value}': write date, time and offset`,
    );
  if (match === null) return undefined;
  const [
    ,
    year,
    month = "1",
    day = "1",
    hour = "0",
    minute = "0",
    second = "0",
    fraction = "",
    zone,
  ] = match;
  const micros = Number(fraction.padEnd(6, "0").slice(0, 6));
  const local = instantOf(
    Number(year),
    Number(month),
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
    micros,
  );
  const offset = zone === undefined ? 0n : offsetMicros(zone);
  if (local === undefined || offset === undefined) return undefined;
  return instantText(zoneless ? local : local - offset);
}

function offsetMicros(zone: string): bigint | undefined {
  const [, sign, hours = "0", minutes = "0", seconds = "0"] =
    /([+-])(\d{1,2}):?(\d{2})?:?(\d{2})?$/.exec(zone) ?? [];
  if (sign === undefined) return 0n;
  if (Number(hours) > 18 || Number(minutes) > 59) return undefined;
  const total = BigInt(Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1_000_000n;
  return sign === "-" ? -total : total;
}

/** Whether a decimal's text fits its precision. */
export function fitsPrecision(text: string, precision: number): boolean {
  return text.replace(/\D/g, "").replace(/^0+/, "").length <= precision;
}

/** Rounded half up to the scale. */
function decimalText(value: string, scale: number): string | undefined {
  const match = /^([+-]?)(\d+\.?\d*|\.\d+)(?:e([+-]?\d{1,3}))?$/i.exec(value);
  if (match === null) return undefined;
  const [, sign = "", mantissa = "", exponent = "0"] = match;
  const [whole = "", fraction = ""] = mantissa.split(".");
  const unscaled = BigInt(`${whole}${fraction}`);
  const rounded = rescale(unscaled, fraction.length - Number(exponent), scale);
  return fixed(sign === "-" ? -rounded : rounded, scale);
}

/** An unscaled number at another scale, half away from zero. */
function rescale(unscaled: bigint, from: number, to: number): bigint {
  if (to >= from) return unscaled * 10n ** BigInt(to - from);
  const by = 10n ** BigInt(from - to);
  return halfUp(unscaled, by);
}

/** `a / b`, rounded half away from zero. */
export function halfUp(a: bigint, b: bigint): bigint {
  const negative = a < 0n !== b < 0n;
  const [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  const quotient = (2n * x + y) / (2n * y);
  return negative ? -quotient : quotient;
}

export function fixed(unscaled: bigint, scale: number): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  const sign = unscaled < 0n ? "-" : "";
  return scale === 0
    ? `${sign}${digits}`
    : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
