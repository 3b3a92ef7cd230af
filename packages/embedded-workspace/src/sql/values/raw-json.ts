// JSON.rawJSON, which TypeScript's library does not know yet: a number goes out digit by digit as it came.

/** A value that JSON.stringify writes as this text. It must be the JSON of a scalar. */
export function rawJson(text: string): unknown {
  return (JSON as unknown as { rawJSON: (text: string) => unknown }).rawJSON(text);
}
