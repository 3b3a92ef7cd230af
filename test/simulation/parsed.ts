// Parses a message. Many checks look at the same one, one after the other.
let last: { readonly body: string; readonly value: unknown } = { body: "null", value: null };

/** What a body says; of the same body twice in a row, the same value. Nobody changes it. */
export function parsed<T>(body: string): T {
  if (body !== last.body) last = { body, value: JSON.parse(body) };
  return last.value as T;
}

/** Which attempt a body speaks of, as attemptText has it; undefined where it speaks of none. */
export function attemptIn(body: string): string | undefined {
  const run = /"run_id":"([^"]+)"/.exec(body)?.[1];
  const iteration = /"iter_n":(\d+)/.exec(body)?.[1];
  const attempt = /"attempt":(\d+)/.exec(body)?.[1];
  return run && `${run}/${iteration}.${attempt}`;
}
