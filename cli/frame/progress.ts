// How far a long work is, for whoever waits for it. Nothing is shown of what takes two seconds, nor
// where nobody looks.
import type { Terminal } from "../terminal.ts";

export type Progress = Disposable & {
  /** So many are done. `total` may grow, and may be unknown. */
  readonly at: (done: number, total?: number) => void;
};

const QUIET_MS = 2_000;
const EVERY_MS = 100;
const BAR_CHARS = 24;

export function progressOf(terminal: Pick<Terminal, "showState">, what: string): Progress {
  const startedMs = Date.now();
  let shownMs = 0;
  return {
    at: (done, total) => {
      const nowMs = Date.now();
      if (nowMs - startedMs < QUIET_MS || nowMs - shownMs < EVERY_MS) return;
      shownMs = nowMs;
      terminal.showState(
        `${what} ${barOf(done, total)} ${Math.round((nowMs - startedMs) / 1000)} s`,
      );
    },
    [Symbol.dispose]: () => {
      if (shownMs > 0) terminal.showState(undefined);
    },
  };
}

function barOf(done: number, total: number | undefined): string {
  if (total === undefined || total <= 0) return String(done);
  const filled = Math.round((Math.min(done, total) / total) * BAR_CHARS);
  return `[${"#".repeat(filled)}${"-".repeat(BAR_CHARS - filled)}] ${done} of ${total}`;
}
