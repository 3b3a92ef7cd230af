import fc from "fast-check";
import { expect, test } from "vitest";
import {
  jitterOf,
  nextAttemptSeconds,
  nextLook,
  scaledSeconds,
  waitSeconds,
} from "../../shared/domain/cadence.ts";

// 4 s before it starts, 304 s of running
const known = { before: { "8": 5 }, run: { "33": 20 } } as const;

test.each([
  { given: "unknown", look: {}, expected: 5 },
  { given: "unknown, and old", look: { ageSeconds: 2_400 }, expected: 20 },
  { given: "unknown, and waits for compute", look: { phase: "waiting" as const }, expected: 5 },
  {
    given: "unknown, in a state that nobody knows",
    look: { phase: "unknown" as const },
    expected: 5,
  },
  {
    given: "known, and over soon",
    look: { pace: known, ageSeconds: 310, ranSeconds: 300 },
    expected: 4,
  },
  {
    given: "known, and far from over",
    look: { pace: known, ageSeconds: 160, ranSeconds: 150 },
    expected: 103,
  },
])("a run that is $given is looked at again after $expected s", ({ look, expected }) => {
  expect(nextLook({ ageSeconds: 0, phase: "running", pace: undefined, jitter: 0.5, ...look })).toBe(
    expected,
  );
});

test("what waits for compute is looked at no sooner than a run that begins now, and as what has waited before", () => {
  const look = { ageSeconds: 0, pace: known, jitter: 0.5 } as const;
  const begins = nextLook({ ...look, phase: "running", ranSeconds: 0 });
  expect(nextLook({ ...look, phase: "waiting" })).toBe(begins);
  const waits = { ...look, phase: "waiting", ageSeconds: 1_000 } as const;
  expect(nextLook({ ...waits, pace: { ...known, before: { "44": 20 } } })).toBeGreaterThan(100);
});

test("seconds of running count, not those of waiting for compute", () => {
  const look = { ageSeconds: 1_000, phase: "running", pace: known, jitter: 0.5 } as const;
  expect(nextLook({ ...look, ranSeconds: 150 })).toBe(103);
  expect(nextLook(look)).toBe(25);
});

test("jitter spreads a wait by ±5 %, at most by 2 s, and every wait fits one message", () => {
  const at = (ageSeconds: number, jitter: number) =>
    nextLook({ ageSeconds, phase: "running", pace: undefined, jitter });
  expect([at(2_400, 0), at(2_400, 0.999)]).toEqual([19, 21]);
  expect([at(600 * 1_600, 0), at(600 * 1_600, 0.999)]).toEqual([398, 402]);
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1e6, noNaN: true }),
      fc.constantFrom("running" as const, "waiting" as const),
      fc.double({ min: 0, max: 0.9999, noNaN: true }),
      (ageSeconds, phase, jitter) => {
        const wait = nextLook({ ageSeconds, phase, pace: known, jitter });
        expect(Number.isInteger(wait) && wait >= 1 && wait <= 900).toBe(true);
      },
    ),
  );
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
