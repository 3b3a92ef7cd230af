import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  learned,
  nextWait,
  type Pace,
  Paces,
  pacesIn,
  weightOf,
} from "../../shared/domain/pace.ts";
import {
  createDraw,
  type Family,
  families,
  knownBy,
  ours,
  seenBy,
  taught,
} from "../support/looks.ts";

const at = "2026-11-21T06:00:00.000Z";
const durations = fc.array(fc.double({ min: 0, max: 2e6, noNaN: true }), { maxLength: 200 });
const paces = durations.map((all) => all.reduce<Pace>(learned, {}));

describe("a pace", () => {
  test("is a digest of 30 to 100 bytes, whatever the durations", () => {
    const draw = createDraw(7);
    for (const family of Object.keys(families) as Family[])
      for (const runs of [3, 20, 200]) {
        const bytes = JSON.stringify(taught(draw, runs, (d) => families[family](d, 300))).length;
        expect(bytes, `${family}, ${runs} runs`).toBeLessThanOrEqual(110);
      }
  });

  test("can always be read back, and taken for a hint", () => {
    fc.assert(
      fc.property(paces, paces, (before, run) => {
        const written = JSON.parse(JSON.stringify({ before, run, at }));
        expect(pacesIn(written)).toEqual({ before, run, at });
      }),
    );
  });

  test.each([
    { given: "nothing", hint: undefined },
    { given: "text", hint: "torn {" },
    { given: "a bucket of months", hint: { before: {}, run: { "81": 1 }, at } },
    { given: "a weight below none", hint: { before: {}, run: { "4": -1 }, at } },
    { given: "a weight beyond all runs", hint: { before: {}, run: { "4": 41 }, at } },
    { given: "a fraction of a bucket", hint: { before: {}, run: { "1.5": 1 }, at } },
    { given: "no time", hint: { before: {}, run: { "4": 1 } } },
    {
      given: "more buckets than a digest has",
      hint: {
        before: {},
        run: Object.fromEntries(Array.from({ length: 41 }, (_, k) => [k, 1])),
        at,
      },
    },
  ])("is no hint where there is $given", ({ hint }) => {
    expect(pacesIn(hint)).toBeUndefined();
    expect(Paces.safeParse(hint).success).toBe(false);
  });

  test("forgets slowly, and at once where the pace has changed", () => {
    const known = Array.from({ length: 40 }, () => 300).reduce<Pace>(learned, {});
    const [bucket = ""] = Object.keys(known);
    expect(learned(known, 310)[bucket]).toBeGreaterThan(0.94 * known[bucket]!);
    expect(learned(known, 900)[bucket]).toBeLessThan(0.3 * known[bucket]!);
  });

  test("never weighs more than twenty runs, and never less than the last", () => {
    fc.assert(
      fc.property(paces, fc.double({ min: 0, max: 2e6, noNaN: true }), (pace, seconds) => {
        const weight = weightOf(learned(pace, seconds));
        expect(weight).toBeGreaterThanOrEqual(1);
        expect(weight).toBeLessThanOrEqual(20.5);
      }),
    );
  });
});

describe("the next wait", () => {
  test("is finite, at least a moment, and never longer than the run's age, or half a minute", () => {
    fc.assert(
      fc.property(paces, fc.double({ min: 0, max: 1e6, noNaN: true }), (pace, age) => {
        const wait = nextWait(age, pace);
        expect(wait).toBeGreaterThan(0);
        expect(wait).toBeLessThanOrEqual(Math.min(900, Math.max(30, age)) + 1e-9);
      }),
    );
  });

  test("is longer where a look is worth more lag", () => {
    fc.assert(
      fc.property(paces, fc.double({ min: 0, max: 1e5, noNaN: true }), (pace, age) => {
        fc.pre(weightOf(pace) > 0);
        expect(nextWait(age, pace, 3)).toBeGreaterThanOrEqual(nextWait(age, pace, 0.3) - 1e-9);
      }),
    );
  });
});

/** docs/pace.md: what must hold of a workload with 20 runs behind it, at 300 s. */
describe("of a workload with 20 runs behind it, runs of 300 s", () => {
  test.each([
    { family: "σ 0.1", lag: 4, product: 0.35 },
    { family: "σ 0.2", lag: 5, product: 0.55 },
    { family: "σ 0.35", lag: 7, product: 0.85 },
    { family: "bimodal", lag: 4, product: 0.5 },
  ] as const)("$family: lag at most $lag s, product at most $product", ({ family, ...atMost }) => {
    const seen = knownBy(20, family, 300);
    expect(seen.lagMean).toBeLessThanOrEqual(atMost.lag);
    expect(seen.product).toBeLessThanOrEqual(atMost.product);
  });
});

describe("of an unknown workload", () => {
  const unknown = (D: number) =>
    seenBy(
      () => ours({}),
      (draw) => families["σ 0.1"](draw, D),
    );
  test.each([60, 300, 500])("runs of %i s: lag at most 3 s, product at most 1.1", (D) => {
    const { lagMean, product } = unknown(D);
    expect(lagMean).toBeLessThanOrEqual(3);
    expect(product).toBeLessThanOrEqual(1.1);
  });
  test.each([1_800, 3_600, 21_600])("runs of %i s: lag at most 1 %, product at most 2", (D) => {
    const { lagMean, product } = unknown(D);
    expect(lagMean).toBeLessThanOrEqual(0.01 * D);
    expect(product).toBeLessThanOrEqual(2);
  });
});

test.each([1.5, 2.5, 0.5, 0.2])(
  "a pace that changes by × %d is noticed within three runs",
  (by) => {
    const changed = (runs: number) =>
      seenBy(
        (draw) => {
          let pace = taught(draw, 40, (d) => families["σ 0.1"](d, 300));
          for (let n = 0; n < runs; n++) pace = learned(pace, families["σ 0.1"](draw, 300 * by));
          return ours(pace);
        },
        (draw) => families["σ 0.1"](draw, 300 * by),
        { runs: 300 },
      );
    // 5 % of what it takes now, or what anybody waits for.
    expect(changed(3).lagMean).toBeLessThanOrEqual(Math.max(5, 0.05 * 300 * by));
    expect(changed(3).looks).toBeLessThanOrEqual(50);
  },
);

test("an early failure of a known workload is insured: of those in the first 100 s of 300, the mean is seen within half a minute", () => {
  const seen = seenBy(
    (draw) => ours(taught(draw, 20, (d) => families["σ 0.1"](d, 300))),
    (draw) => 100 * draw(),
  );
  expect(seen.lagMean).toBeLessThanOrEqual(30);
});
