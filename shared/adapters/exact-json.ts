// JSON of a foreign API: ids are int64 there, and JavaScript's numbers end at 2^53.

/**
 * Parses JSON; an integer that a number cannot hold exactly becomes its digits, as text.
 * @throws SyntaxError, or RangeError where it nests too deeply
 */
export function exactJson(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) =>
    typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)
      ? (context?.source ?? String(value))
      : value,
  );
}
