// As whom the controllers speak to Databricks. In some worlds their principal is replaced in the
// middle of runs: with the former one on the list of those whose runs are ours, or (a mistake)
// without it. Then nothing may be taken for ours, and nothing is a success.
import type { VirtualClock } from "./clock.ts";
import type { Environment } from "./environment.ts";
import type { Weather } from "./weather.ts";

export type Controllers = {
  /** Who submits now, from this environment. */
  readonly present: (env: Pick<Environment, "bornMs">) => string;
  /** Whose runs this environment takes for ours. */
  readonly knownTo: (env: Pick<Environment, "bornMs">) => readonly string[];
  /** It was started before the principal was replaced. */
  readonly isOutdated: (env: Pick<Environment, "bornMs">) => boolean;
  /** Since some time ago nobody knows whose runs are ours. */
  readonly isConfused: () => boolean;
  /**
   * Nobody listed the former principal: what it submitted is not taken for ours by whoever came
   * later.
   */
  readonly isDisowned: (creator: string | undefined, bySinceMs: number) => boolean;
};

const FORMER = "c0ffee00-0000-4000-8000-00000000000a";
const PRESENT = "C0FFEE00-0000-4000-8000-00000000000B";
/** Whoever was a controller first. */
export const firstController = FORMER;

export function createControllers(clock: VirtualClock, { replaced }: Weather): Controllers {
  const isAfter = ({ bornMs }: { bornMs: number }): boolean =>
    replaced !== undefined && bornMs >= replaced.atMs;
  return {
    // Databricks says it in small letters, whatever a stage's file has.
    present: (env) => (isAfter(env) ? PRESENT.toLowerCase() : FORMER),
    knownTo: (env) => {
      if (replaced === undefined) return [FORMER];
      // Functions are replaced one after the other: whoever does it well lists both before, and
      // until the last run is over.
      if (replaced.isListed) return isAfter(env) ? [PRESENT, FORMER] : [FORMER, PRESENT];
      return [isAfter(env) ? PRESENT : FORMER];
    },
    isOutdated: (env) => replaced !== undefined && clock.nowMs() >= replaced.atMs && !isAfter(env),
    isConfused: () =>
      replaced !== undefined && !replaced.isListed && clock.nowMs() >= replaced.atMs,
    isDisowned: (creator, bySinceMs) =>
      replaced !== undefined &&
      !replaced.isListed &&
      (creator === FORMER) === bySinceMs >= replaced.atMs,
  };
}
