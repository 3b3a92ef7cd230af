// How often a schedule looks at runs of drawn durations, and how late it sees their ends. Pure: the
// same numbers every time.
import { nextLook } from "../../shared/domain/cadence.ts";
import { learned, type Pace } from "../../shared/domain/pace.ts";

/** Seconds until the next look at a run of this age; `jitter` is drawn for each look. */
export type Schedule = (age: number, jitter: number) => number;
export type Draw = () => number;

/** Marsaglia's xorshift32. */
export function createDraw(seed: number): Draw {
  let x = seed | 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
}

const normal = (draw: Draw): number =>
  Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
const lognormal = (draw: Draw, median: number, sigma: number): number =>
  median * Math.exp(sigma * normal(draw));

/** How durations around D spread. */
export const families = {
  "σ 0.1": (draw: Draw, D: number) => lognormal(draw, D, 0.1),
  "σ 0.2": (draw: Draw, D: number) => lognormal(draw, D, 0.2),
  "σ 0.35": (draw: Draw, D: number) => lognormal(draw, D, 0.35),
  bimodal: (draw: Draw, D: number) => lognormal(draw, draw() < 0.4 ? D / 5 : D, 0.1),
} as const;
export type Family = keyof typeof families;

export type Seen = {
  readonly looks: number;
  readonly lagMean: number;
  readonly lagP95: number;
  /** Lag × looks ÷ half the mean duration: 1 is any fixed period. */
  readonly product: number;
};

const RUNS = 1_000;

/** A hop through a queue: what a look comes later than it was meant. */
const hopOf = (draw: Draw): number => 0.1 + 0.4 * draw();

/** @param scheduleOf of each run, so that one may know what was learned of others */
export function seenBy(
  scheduleOf: (draw: Draw, run: number) => Schedule,
  duration: (draw: Draw) => number,
  { runs = RUNS, seed = 0x5bd1e995 } = {},
): Seen {
  const draw = createDraw(seed);
  const lags: number[] = [];
  let looks = 0;
  let total = 0;
  for (let run = 0; run < runs; run++) {
    const schedule = scheduleOf(draw, run);
    const lasts = duration(draw);
    let age = 0;
    do {
      age += schedule(age, draw()) + hopOf(draw);
      looks++;
    } while (age < lasts);
    lags.push(age - lasts);
    total += lasts;
  }
  const sorted = lags.toSorted((a, b) => a - b);
  const lagMean = lags.reduce((sum, lag) => sum + lag, 0) / runs;
  return {
    looks: looks / runs,
    lagMean,
    lagP95: sorted[Math.floor(0.95 * runs)] ?? Number.NaN,
    product: (lagMean * (looks / runs)) / (total / runs / 2),
  };
}

/** Ours, of a run that begins at once. */
export const ours =
  (run: Pace): Schedule =>
  (age, jitter) =>
    nextLook({
      ageSeconds: age,
      ranSeconds: age,
      phase: "running",
      pace: { before: {}, run },
      jitter,
    });

/** What so many runs taught. */
export function taught(draw: Draw, runs: number, duration: (draw: Draw) => number): Pace {
  let pace: Pace = {};
  for (let n = 0; n < runs; n++) pace = learned(pace, duration(draw));
  return pace;
}

/** Of a workload with so many runs behind it, other ones each time. */
export const knownBy = (runs: number, family: Family, D: number): Seen =>
  seenBy(
    (draw) => ours(taught(draw, runs, (d) => families[family](d, D))),
    (draw) => families[family](draw, D),
  );

/** What others do. */
export const others: Readonly<Record<string, () => Schedule>> = {
  "a fixed 30 s": () => () => 30,
  "Temporal's heartbeat, 60 s": () => () => 60,
  "the SDK's waiter, 1 to 10 s": () => {
    let wait = 0;
    return () => {
      wait = Math.min(10, wait + 1);
      return wait;
    };
  },
  "exponential, 5 s × 1.5 to 300 s": () => {
    let wait = 5 / 1.5;
    return () => {
      wait = Math.min(300, wait * 1.5);
      return wait;
    };
  },
};
