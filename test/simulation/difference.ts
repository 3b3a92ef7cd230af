// How a check says in what two things differ.
type Pairs = { readonly [key: string]: readonly [found: unknown, due: unknown] };
type Judge = { readonly violate: (what: string, detail: string) => void };

/** Key by key: a value of an object counts, not the order of its keys. */
export function sayDifference({ violate }: Judge, what: string, path: string, pairs: Pairs): void {
  for (const [key, [found, due]] of Object.entries(pairs))
    if (JSON.stringify(found) !== JSON.stringify(due) && textOf(found) !== textOf(due))
      violate(what, `${path} ${key}: ${textOf(found)}, and should be ${textOf(due)}`);
}
/** The same for equal values. */
export const textOf = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  ) ?? "nothing";
