// The workspace's time: the wall's, with waits that may be shortened.
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "./context.ts";

/** At a `timeScale` of 100, a wait of 300 s takes 3 s. */
export function createClock(timeScale: number): Clock {
  return {
    nowMs: () => Date.now(),
    timeScale,
    sleep: async (workspaceMs, signal) => {
      signal?.throwIfAborted();
      await delay(workspaceMs / timeScale, undefined, {
        ...(signal !== undefined && { signal }),
      }).catch((error) => {
        throw signal?.aborted === true ? signal.reason : error;
      });
    },
  };
}
