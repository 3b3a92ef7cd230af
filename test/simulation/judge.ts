// The place where violations are kept: each is a sentence, and the first of each kind has the
// time.
import type { VirtualClock } from "./clock.ts";
import { type Trace, timeOf } from "./trace.ts";

export type Judge = {
  readonly violate: (what: string, detail: string) => void;
  readonly violations: ReadonlyMap<string, string>;
};

export function createJudge(clock: VirtualClock, trace: Trace): Judge {
  const violations = new Map<string, string>();
  return {
    violations,
    violate: (what, detail) => {
      trace.say(() => `!! ${what}: ${detail}`);
      if (!violations.has(what)) violations.set(what, `at ${timeOf(clock.nowMs())}: ${detail}`);
    },
  };
}
