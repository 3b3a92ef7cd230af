import fc from "fast-check";
import { expect, test } from "vitest";
import {
  jitterOf,
  nextAttemptSeconds,
  nextLook,
  scaledSeconds,
  waitSeconds,
} from "../../shared/domain/cadence.ts";

// Of a lognormal with median 300 s and σ = 0.1.
const known = { p10: 264, p50: 300, p99: 379 };

test.each([
  { age: 0, phase: "running", stats: undefined, expected: 30, because: "failures come early" },
  {
    age: 30,
    phase: "running",
    stats: undefined,
    expected: 60,
    because: "the second early look is at 90 s",
  },
  { age: 90, phase: "running", stats: undefined, expected: 23, because: "a quarter of its age" },
  {
    age: 90,
    phase: "running",
    stats: known,
    expected: 174,
    because: "none before the tenth percentile",
  },
  { age: 300, phase: "running", stats: known, expected: 8, because: "then often" },
  { age: 400, phase: "running", stats: known, expected: 20, because: "then rarer" },
  {
    age: 90,
    phase: "waiting",
    stats: known,
    expected: 60,
    because: "nothing can end while it waits for compute",
  },
  { age: 5_000, phase: "waiting", stats: undefined, expected: 300, because: "rarely" },
  {
    age: 50_000,
    phase: "running",
    stats: undefined,
    expected: 300,
    because: "never rarer than five minutes",
  },
  {
    age: 91,
    phase: "unknown",
    stats: undefined,
    expected: 23,
    because: "an unknown state is looked at as a running one",
  },
] as const)("at $age s ($phase): $expected s, $because", ({ age, phase, stats, expected }) => {
  expect(nextLook(age, phase, stats, 0.5)).toBe(expected);
});

test("jitter spreads a wait by ±5 %, and every wait fits one message", () => {
  expect([
    nextLook(400, "running", undefined, 0),
    nextLook(400, "running", undefined, 0.999),
  ]).toEqual([95, 105]);
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1e6, noNaN: true }),
      fc.constantFrom("running" as const, "waiting" as const),
      fc.double({ min: 0, max: 0.9999, noNaN: true }),
      (age, phase, jitter) => {
        const wait = nextLook(age, phase, { p10: 1e5, p50: 2e5, p99: 3e5 }, jitter);
        expect(Number.isInteger(wait) && wait >= 1 && wait <= 900).toBe(true);
      },
    ),
  );
});

/** Marsaglia's xorshift32: a sample that is the same every time. */
function createRandom(seed: number): () => number {
  let x = seed | 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
}

test("runs of 300 s (lognormal, σ = 0.1) of a known workload: at most 8 looks, mean lag at most 5 s", () => {
  const random = createRandom(0x5bd1e995);
  const sample = Array.from({ length: 20_000 }, () => {
    const normal = Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
    const duration = 300 * Math.exp(0.1 * normal);
    let age = 30;
    let looks = 1;
    for (; age < duration; looks++) age += nextLook(age, "running", known, random());
    return { looks, lag: age - duration };
  });
  const mean = (of: (one: { looks: number; lag: number }) => number) =>
    sample.reduce((sum, one) => sum + of(one), 0) / sample.length;
  expect(mean(({ looks }) => looks)).toBeLessThanOrEqual(8);
  expect(mean(({ lag }) => lag)).toBeLessThanOrEqual(5);
});

test("waiting for the platform doubles from 15 s to 15 minutes", () => {
  const wait = (tries: number) => waitSeconds({ tries, jitter: 0, timeScale: 1 });
  expect([0, 1, 2, 5, 6, 7, 500].map(wait)).toEqual([15, 30, 60, 480, 900, 900, 900]);
});

test.each([
  { given: "jitter", jitter: 0.5, timeScale: 1, expected: 108 },
  { given: "the most jitter", jitter: 0.9999, timeScale: 1, expected: 97 },
  { given: "a hurried plane", jitter: 0, timeScale: 0.1, expected: 12 },
  { given: "a hurried plane's jitter", jitter: 0.5, timeScale: 0.1, expected: 11 },
  { given: "less than the platform asks", retryAfterSeconds: 300, expected: 300 },
  { given: "more than the platform asks", retryAfterSeconds: 100, expected: 120 },
  { given: "a fraction that the platform asks", retryAfterSeconds: 120.2, expected: 121 },
  { given: "what the platform asks, jittered", jitter: 0.9, retryAfterSeconds: 300, expected: 300 },
  { given: "what it asks, hurried", timeScale: 0.1, retryAfterSeconds: 90, expected: 90 },
  { given: "more than a hop can wait", retryAfterSeconds: 4_000, expected: 900 },
])("the fourth wait with $given is $expected s", ({ given: _, expected, ...how }) => {
  expect(waitSeconds({ tries: 3, jitter: 0, timeScale: 1, ...how })).toBe(expected);
});

test("what waits comes back spread over three minutes", () => {
  const waits = Array.from({ length: 500 }, (_, i) =>
    waitSeconds({ tries: 9, jitter: jitterOf(`${i}-0c5e-4a52-9f0e`), timeScale: 1 }),
  );
  expect(new Set(waits).size).toBeGreaterThan(150);
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(720);
  expect(Math.max(...waits)).toBeLessThanOrEqual(900);
});

test.each([
  { verdict: "platform_failed", waits: [60, 120, 240, 480, 900, 900, 900] },
  { verdict: "task_failed", waits: [60, 120, 240, 480, 900, 900, 900] },
  { verdict: "skipped", waits: [60, 120, 240, 480, 900, 900, 900] },
  { verdict: "capacity", waits: [300, 600, 900, 900, 900, 900, 900] },
] as const)("after $verdict the next attempts wait $waits s", ({ verdict, waits }) => {
  expect(waits.map((_, i) => nextAttemptSeconds(verdict, i + 1))).toEqual(waits);
  expect(nextAttemptSeconds(verdict, 99)).toBe(900);
});

test.each([
  { seconds: 30, scale: 1, expected: 30 },
  { seconds: 31, scale: 0.1, expected: 4 },
  { seconds: 1, scale: 0.01, expected: 1 },
  { seconds: 0, scale: 0.1, expected: 0 },
  { seconds: 5_000, scale: 1, expected: 900 },
])("$seconds s in a plane of scale $scale are $expected s", ({ seconds, scale, expected }) => {
  expect(scaledSeconds(seconds, scale)).toBe(expected);
});

test("jitter comes from a text, is in [0, 1), and differs", () => {
  const numbers = Array.from({ length: 1_000 }, (_, i) => jitterOf(`run/${i}`));
  expect(numbers.every((n) => n >= 0 && n < 1)).toBe(true);
  expect(new Set(numbers).size).toBeGreaterThan(990);
  expect(jitterOf("run/1")).toBe(jitterOf("run/1"));
});
