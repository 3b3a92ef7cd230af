// JSON of a foreign API. Its ids are int64, and JavaScript's numbers end at 2^53.

/**
 * Parses JSON. An integer that a number cannot hold exactly becomes its digits, as text.
 * @throws SyntaxError, or RangeError if it nests too deeply
 */
export function exactJson(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) =>
    typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)
      ? (context?.source ?? String(value))
      : value,
  );
}
