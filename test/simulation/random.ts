// Randomness from a seed. One generator draws everything of a world, in the order of its events:
// same seed, same story.

export type Random = {
  /** 0 ≤ x < 1 */
  readonly next: () => number;
  readonly chance: (p: number) => boolean;
  /** A whole number, 0 ≤ n < below. */
  readonly below: (below: number) => number;
  /** A whole number between both, for times in milliseconds. */
  readonly between: (from: number, to: number) => number;
  readonly pick: <T>(list: readonly T[]) => T;
};

/** Marsaglia's xorshift32: tiny, seedable, good enough to choose which fault comes next. */
export function createRandom(seed: number): Random {
  let x = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) | 1;
  const next = (): number => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
  // Neighbouring seeds begin alike: let them part.
  for (let i = 0; i < 8; i++) next();
  return {
    next,
    chance: (p) => p > 0 && next() < p,
    below: (n) => Math.floor(next() * n),
    between: (from, to) => from + Math.floor(next() * (to - from)),
    pick: (list) => list[Math.floor(next() * list.length)] as never,
  };
}
