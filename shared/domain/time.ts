// The only place in the domain that touches Date, and only its pure half: from a number to text and
// back, never "now".

/** Epoch milliseconds → ISO 8601 with Z. */
export const isoOf = (ms: number): string =>
  // biome-ignore lint/style/noRestrictedGlobals: a pure conversion of a number that was given
  new Date(ms).toISOString();

/** ISO 8601 → epoch milliseconds. The text has passed a schema, so it is a date. */
export const msOf = (iso: string): number =>
  // biome-ignore lint/style/noRestrictedGlobals: a pure conversion of a text that was given
  Date.parse(iso);
