// Numbers as Java writes and rounds them.
import { fixed, halfUp } from "./cast-text.ts";

/** `Double.toString`: `1.0`, `1.0E10`, `1.0E-5`, `NaN`, `Infinity`. */
export function doubleText(value: number): string {
  return javaText(value, String(value));
}

/** `Float.toString`: the fewest digits that give the same 32 bits. */
export function floatText(value: number): string {
  for (let digits = 1; digits <= 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return javaText(value, String(Number(text)));
  }
  return javaText(value, String(value));
}

function javaText(value: number, shortest: string): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e7) {
    const plain = shortest.includes("e") ? value.toFixed(20).replace(/0+$/, "") : shortest;
    return plain.includes(".") ? plain : `${plain}.0`;
  }
  const sign = value < 0 ? "-" : "";
  const [, whole = "", fraction = "", exponent = "0"] =
    /^-?(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/.exec(shortest) ?? [];
  const digits = `${whole}${fraction}`;
  const leading = digits.length - digits.replace(/^0+/, "").length;
  const significant = digits.slice(leading).replace(/0+$/, "");
  const power = Number(exponent) + whole.length - 1 - leading;
  return `${sign}${significant.charAt(0)}.${significant.slice(1) || "0"}E${power}`;
}

/** Half away from zero on the decimal digits that the number shows, as Spark's round does. */
export function roundDouble(value: number, digits: number): number {
  if (!Number.isFinite(value)) return value;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/.exec(String(value)) ?? [];
  const scale = fraction.length - Number(exponent);
  if (scale <= digits) return value;
  const unscaled = BigInt(`${sign}${whole}${fraction}`);
  const rounded = halfUp(unscaled, 10n ** BigInt(scale - digits));
  return Number(digits >= 0 ? fixed(rounded, digits) : `${rounded}e${-digits}`);
}

/** Product or quotient of decimals written as text, rounded half up to `scale`. */
export function decimalOperation(op: string, a: string, b: string, scale: number): string {
  const [x, y] = [unscaledOf(a), unscaledOf(b)];
  const shift = (power: number) => 10n ** BigInt(Math.max(0, power));
  if (op === "*") {
    const power = scale - x.scale - y.scale;
    return fixed(halfUp(x.unscaled * y.unscaled * shift(power), shift(-power)), scale);
  }
  const power = scale - x.scale + y.scale;
  return fixed(halfUp(x.unscaled * shift(power), y.unscaled * shift(-power)), scale);
}

function unscaledOf(text: string): { unscaled: bigint; scale: number } {
  const [whole = "", fraction = ""] = text.split(".");
  return { unscaled: BigInt(`${whole}${fraction}`), scale: fraction.length };
}
