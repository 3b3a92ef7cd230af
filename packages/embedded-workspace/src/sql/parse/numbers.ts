// Number literals: their types follow from how they are written.
import { SqlError, unsupported } from "../errors.ts";
import { DOUBLE, type SqlType } from "../types.ts";
import type { Expr } from "./ast.ts";

/** INT, BIGINT or DECIMAL by size; DOUBLE with an exponent; or what the suffix says. */
export function numberLiteral(text: string): Expr {
  const [, digits = "", suffix = ""] = /^(-?[\d.]+(?:e[+-]?\d+)?)(bd|[lsydf])?$/i.exec(text) ?? [];
  const whole = /^-?\d+$/.test(digits);
  const typed = (type: SqlType): Expr => ({ is: "literal", type, value: digits });
  switch (suffix.toUpperCase()) {
    case "L":
      return inRange(digits, 63, "BIGINT") ?? tooLarge(text);
    case "S":
      return inRange(digits, 15, "SMALLINT") ?? tooLarge(text);
    case "Y":
      return inRange(digits, 7, "TINYINT") ?? tooLarge(text);
    case "D":
      return typed(DOUBLE);
    case "F":
      return typed({ kind: "FLOAT" });
    case "BD":
      return decimalLiteral(digits);
  }
  if (/e/i.test(digits)) return typed(DOUBLE);
  if (!whole) return decimalLiteral(digits);
  return inRange(digits, 31, "INT") ?? inRange(digits, 63, "BIGINT") ?? decimalLiteral(digits);
}

function inRange(
  digits: string,
  bits: number,
  kind: "INT" | "BIGINT" | "SMALLINT" | "TINYINT",
): Expr | undefined {
  if (!/^-?\d+$/.test(digits)) return undefined;
  const value = BigInt(digits);
  const limit = 2n ** BigInt(bits);
  if (value >= limit || value < -limit) return undefined;
  return { is: "literal", type: { kind }, value: String(value) };
}

function decimalLiteral(digits: string): Expr {
  if (/e/i.test(digits)) throw unsupported("a decimal literal with an exponent");
  const [whole = "", fraction = ""] = digits.replace("-", "").split(".");
  const significant = whole.replace(/^0+/, "").length;
  const precision = Math.max(significant + fraction.length, fraction.length, 1);
  if (precision > 38) return tooLarge(digits);
  const value = `${digits.startsWith("-") ? "-" : ""}${whole === "" ? "0" : whole}${fraction === "" ? "" : `.${fraction}`}`;
  return { is: "literal", type: { kind: "DECIMAL", precision, scale: fraction.length }, value };
}

function tooLarge(text: string): never {
  throw new SqlError(
    "INVALID_NUMERIC_LITERAL_RANGE",
    "22003",
    `Numeric literal ${text} is outside the valid range`,
  );
}
