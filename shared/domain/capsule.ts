// The small state that a run carries from one iteration to the next.

export type Capsule = Readonly<Record<string, unknown>>;

/**
 * The changes of an attempt: changed and new keys with their values, removed keys as null. Values
 * are compared as JSON, so the order of keys inside a value counts as a change.
 */
export function capsuleDelta(before: Capsule, after: Capsule): Record<string, unknown> {
  const delta: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(after))
    if (!Object.hasOwn(before, key) || JSON.stringify(before[key]) !== JSON.stringify(value))
      delta[key] = value;
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) delta[key] = null;
  return delta;
}
