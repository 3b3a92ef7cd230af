// The history, twice: as a number that two equal histories share, and as lines for people who ask
// for them.
import { START, type VirtualClock } from "./clock.ts";
import { sha256Of } from "./digest.ts";

export type Trace = {
  /** Mixes numbers into the history's hash. */
  readonly mix: (a: number, b?: number) => void;
  /** A line for people. The text is made only where somebody reads it. */
  readonly say: (line: () => string) => void;
  /** The hash of the history so far together with the texts that it left behind. */
  readonly hash: (remains: Iterable<string>) => string;
};

export function createTrace(clock: VirtualClock, print?: (line: string) => void): Trace {
  let hash = 0x811c9dc5;
  const mixOne = (value: number): void => {
    hash = Math.imul(hash ^ value, 0x01000193);
    hash ^= hash >>> 15;
  };
  return {
    mix: (a, b = 0) => {
      mixOne(clock.nowMs() - START);
      mixOne(a);
      mixOne(b);
    },
    say: (line) => print?.(`${timeOf(clock.nowMs())}  ${line()}`),
    hash: (remains) => {
      return sha256Of([String(hash >>> 0), ...remains].join("\n"));
    },
  };
}

/** `1d 02:03:04.567` since the world began. */
export function timeOf(nowMs: number): string {
  const ms = nowMs - START;
  const two = (n: number): string => String(Math.floor(n)).padStart(2, "0");
  const days = Math.floor(ms / 86_400_000);
  const clock = `${two((ms / 3_600_000) % 24)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}`;
  return `${days > 0 ? `${days}d ` : ""}${clock}.${String(ms % 1000).padStart(3, "0")}`;
}
