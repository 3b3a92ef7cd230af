// At most so many a second.
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Returns a function that waits until so many more may be done.
 * @param signal ends a wait early
 */
export function paceOf(
  perSecond: number | undefined,
  signal?: AbortSignal,
): (count: number) => Promise<void> {
  let nextMs = Date.now();
  return async (count) => {
    if (perSecond === undefined) return;
    const dueMs = nextMs;
    nextMs = Math.max(nextMs, Date.now()) + (count / perSecond) * 1000;
    if (dueMs > Date.now()) await sleep(dueMs - Date.now(), undefined, { signal }).catch(() => {});
  };
}
