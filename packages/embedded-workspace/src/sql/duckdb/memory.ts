// Memory of DuckDB: what it counts it keeps within a limit by itself; texts and lists under way are seen in the process's size.
import { totalmem } from "node:os";

/** Of all workspaces of this process together. */
export const MEMORY_BYTES_MAX = Math.floor(Math.min(2 ** 30, totalmem() / 4) / 2 ** 20) * 2 ** 20;
const GROWTH_BYTES_MAX = 2 * MEMORY_BYTES_MAX;
const LOOK_MS = 200;

export type MemoryWatch = {
  /** As long as statements run. */
  readonly begin: () => void;
  readonly end: () => void;
};

/** Tells when the process has grown too much since it was idle. */
export function watchMemory(onGrowth: () => void, bytesMax = GROWTH_BYTES_MAX): MemoryWatch {
  let running = 0;
  let idleBytes = 0;
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    if (process.memoryUsage.rss() - idleBytes > bytesMax) onGrowth();
  };
  return {
    begin: () => {
      if (++running > 1) return;
      idleBytes = process.memoryUsage.rss();
      timer = setInterval(look, LOOK_MS).unref();
    },
    end: () => {
      if (--running === 0) clearInterval(timer);
    },
  };
}
