// Task values as they are kept. A JavaScript number does not hold each integer of Python: a value
// that has such a one is kept as its JSON text.

type Kept = { readonly exactJson: string };

/** From the JSON text that a task sent. @throws SyntaxError */
export function keptValue(json: string): unknown {
  const value: unknown = JSON.parse(json);
  return isKept(value) || hasLargeInteger(json) ? ({ exactJson: json } satisfies Kept) : value;
}

/** Its JSON, digit for digit. */
export const jsonOf = (value: unknown): string =>
  isKept(value) ? value.exactJson : JSON.stringify(value);

/** To compare or iterate: a large integer by itself is a bigint, one inside its digits. */
export function usableValue(value: unknown): unknown {
  if (!isKept(value)) return value;
  return /^-?\d+$/.test(value.exactJson)
    ? BigInt(value.exactJson)
    : JSON.parse(value.exactJson, largeAsText as (key: string, each: unknown) => unknown);
}

function isKept(value: unknown): value is Kept {
  return (
    typeof value === "object" &&
    value !== null &&
    "exactJson" in value &&
    typeof value.exactJson === "string"
  );
}

/** A text with many digits pays for a second look. */
function hasLargeInteger(json: string): boolean {
  if (!/\d{16}/.test(json)) return false;
  const exact = JSON.parse(json, largeAsText as (key: string, each: unknown) => unknown);
  return JSON.stringify(exact) !== JSON.stringify(JSON.parse(json));
}

// The third argument (JSON.parse source text access) is in V8, not yet in TypeScript's library.
function largeAsText(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context?.source ?? "";
  return /^-?\d+$/.test(source) ? source : value;
}
