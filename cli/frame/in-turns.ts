// Many calls, a few at a time: a workspace's rate limits are shared with the services.

const AT_ONCE = 8;

/** The results in the order of the items. If one fails, no further one is begun. */
export async function inTurns<T, R>(
  items: readonly T[],
  each: (item: T, i: number) => Promise<R>,
  atOnce = AT_ONCE,
): Promise<readonly R[]> {
  const results: R[] = [];
  let next = 0;
  const work = async () => {
    for (let i = next++; i < items.length; i = next++) {
      try {
        results[i] = await each(items[i] as T, i);
      } catch (error) {
        next = items.length;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, work));
  return results;
}
