// Estimates how long the attempts of a workload take, and when to look next. These are hints: they
// move looks, never verdicts. A hint that is lost, old or wrong costs looks or lag, and nothing
// else.
import * as z from "zod";
import { Instant } from "./contract.ts";

const PER_OCTAVE = 4;
/** 2^20 s are twelve days, longer than an attempt may take. */
const BUCKET_MAX = 20 * PER_OCTAVE;
const WEIGHT_MAX = 40;
const BUCKETS_MAX = 40;

/**
 * How long earlier attempts took: bucket k counts those around 2^(k/4) seconds, old ones faded. 30
 * to 100 bytes.
 */
export const Pace = z
  .record(z.string().regex(/^(0|[1-9][0-9]?)$/), z.number().min(0).max(WEIGHT_MAX))
  .refine(
    (pace) => {
      const buckets = Object.keys(pace);
      return buckets.length <= BUCKETS_MAX && buckets.every((k) => Number(k) <= BUCKET_MAX);
    },
    { message: `must have at most ${BUCKETS_MAX} buckets up to ${BUCKET_MAX}` },
  );
export type Pace = Readonly<z.infer<typeof Pace>>;

/** Waiting for compute and running apart: a run that waited for long has not run for long. */
export const Paces = z.strictObject({
  /** Until the run's code starts. */
  before: Pace,
  /** From then on. */
  run: Pace,
  /** When the last of them was learned. */
  at: Instant,
});
export type Paces = Readonly<z.infer<typeof Paces>>;

/** The name of the hint that says how long the attempts of a workload take. */
export const paceName = (workload: string): string => `pace/${workload}`;

/** Checks the stored text of a hint like any foreign text; undefined if it is no hint. */
export const pacesIn = (hint: unknown): Paces | undefined => {
  const { success, data } = Paces.safeParse(hint);
  return success ? data : undefined;
};

const FADE = 0.95;
/**
 * If a duration is unlike all earlier ones, the pace has changed, and the earlier ones count for
 * less.
 */
const FADE_ON_SURPRISE = 0.3;
const SURPRISED_BELOW = 0.08;
const ALIKE_BUCKETS = PER_OCTAVE / 2;
const FORGOTTEN_BELOW = 0.03;

/** The pace with one more duration. */
export function learned(pace: Pace, seconds: number): Pace {
  const bucket = Math.min(BUCKET_MAX, Math.round(PER_OCTAVE * Math.log2(Math.max(1, seconds))));
  const all = Object.entries(pace).map(([k, weight]) => ({ k: Number(k), weight }));
  const alike = all.filter(({ k }) => Math.abs(k - bucket) <= ALIKE_BUCKETS);
  const sum = sumOf(all);
  const isSurprise = sum > 1.5 && sumOf(alike) < SURPRISED_BELOW * sum;
  const fade = FADE * (isSurprise ? FADE_ON_SURPRISE : 1);
  const faded = all
    .map(({ k, weight }) => ({ k, weight: rounded(weight * fade) }))
    .filter(({ weight }) => weight >= FORGOTTEN_BELOW);
  const next = new Map(faded.map(({ k, weight }) => [String(k), weight]));
  next.set(String(bucket), rounded((next.get(String(bucket)) ?? 0) + 1));
  return Object.fromEntries(next);
}

/** About how many runs are behind the pace, the old ones faded. */
export const weightOf = (pace: Pace): number =>
  Object.values(pace).reduce((sum, weight) => sum + weight, 0);

const sumOf = (all: readonly { readonly weight: number }[]): number =>
  all.reduce((sum, { weight }) => sum + weight, 0);

const rounded = (weight: number): number => Math.round(weight * 100) / 100;

/**
 * The worth of one look, in seconds of lag: a smaller number means more looks, a larger one fewer.
 */
const WORTH_SECONDS = 0.3;
/** The longest wait that one message can carry (SQS DelaySeconds). */
const WAIT_SECONDS_MAX = 900;
/**
 * For an unknown pace: frequent looks while people wait, and from ten minutes on so few that the
 * lag stays within a hundredth of the duration.
 */
const UNKNOWN = { waitSeconds: 5, untilSeconds: 600, laterSeconds: 10 } as const;

/**
 * Seconds until the next look at what has gone on for `age` seconds.
 *
 * A look sooner costs one look more, a look later costs lag if it ends meanwhile: what is both
 * least is looking as densely as √(chance that it ends now ÷ 2·worth). The next look is where that
 * density, summed up from now, is 1 (docs/pace.md has how far from the computed optimum that is).
 */
export function nextWait(age: number, pace: Pace, worth = WORTH_SECONDS): number {
  if (weightOf(pace) === 0) return unknownWait(age);
  const goesOn = survivalOf(pace);
  // A run that ends early is noticed after no more time than it ran. This is the insurance against
  // unexpected failures.
  const longest = Math.min(WAIT_SECONDS_MAX, Math.max(30, age));
  let now = { at: age, looks: 0, goesOn: goesOn(age) };
  while (now.at < age + longest) {
    const step = Math.max(0.25, now.at / 100);
    const next = goesOn(now.at + step);
    const chance = Math.log(now.goesOn / next) / step;
    const looks = step * Math.sqrt(chance / (2 * worth));
    if (now.looks + looks >= 1)
      return Math.min(longest, now.at - age + (step * (1 - now.looks)) / looks);
    now = { at: now.at + step, looks: now.looks + looks, goesOn: next };
  }
  return longest;
}

const unknownWait = (age: number): number =>
  age < UNKNOWN.untilSeconds
    ? UNKNOWN.waitSeconds
    : Math.min(WAIT_SECONDS_MAX, UNKNOWN.laterSeconds * Math.sqrt(age / UNKNOWN.untilSeconds));

/**
 * The weight of one run that history does not know: an early failure (half of it within 20 s), or a
 * run that takes far longer.
 */
const UNLIKE = { weight: 1, seconds: 20 } as const;
/**
 * How far around a bucket's middle its runs are taken to end, in ln(seconds): σ, as a triangle's
 * half width, wider while little is known.
 */
const SPREAD = { least: 0.08, ofOneRun: 0.18, widthOfSigma: 2.45 } as const;

/** The weight of the runs that still go on after so many seconds. */
function survivalOf(pace: Pace): (seconds: number) => number {
  const modes = Object.entries(pace).map(([k, weight]) => ({
    lnSeconds: (Number(k) / PER_OCTAVE) * Math.LN2,
    weight,
  }));
  const sigma = Math.sqrt(SPREAD.least ** 2 + SPREAD.ofOneRun ** 2 / sumOf(modes));
  const width = SPREAD.widthOfSigma * sigma;
  return (seconds) => {
    const ln = Math.log(Math.max(seconds, 0.01));
    const unlike = (UNLIKE.weight * UNLIKE.seconds) / (seconds + UNLIKE.seconds);
    return modes.reduce(
      (sum, { lnSeconds, weight }) => sum + weight * (1 - ended((ln - lnSeconds) / width)),
      unlike,
    );
  };
}

/** The part of a triangle from -1 to 1 that lies before z. */
function ended(z: number): number {
  if (z <= -1) return 0;
  if (z >= 1) return 1;
  return z < 0 ? (1 + z) ** 2 / 2 : 1 - (1 - z) ** 2 / 2;
}
