// Many checks look at the same message, one after the other.
let last: { readonly body: string; readonly value: unknown } = { body: "null", value: null };

/** What a body says; of the same body twice in a row, the same value. Nobody changes it. */
export function parsed<T>(body: string): T {
  if (body !== last.body) last = { body, value: JSON.parse(body) };
  return last.value as T;
}
