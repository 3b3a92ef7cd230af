import fc from "fast-check";
import { expect, test } from "vitest";
import type { Gate } from "../../shared/domain/contract.ts";
import { askGate, conditionInWords } from "../../shared/domain/gate.ts";
import type { Measured } from "../../shared/domain/measures.ts";

test.each([
  { op: "<=", value: 2, metric: 2, expected: true },
  { op: "<=", value: 2, metric: 2.0001, expected: false },
  { op: "<", value: 2, metric: 1.9, expected: true },
  { op: "<", value: 2, metric: 2, expected: false },
  { op: ">=", value: 2, metric: 2, expected: true },
  { op: ">=", value: 2, metric: 1.9, expected: false },
  { op: ">", value: 2, metric: 2.1, expected: true },
  { op: ">", value: 2, metric: 2, expected: false },
  { op: "==", value: 2, metric: 2, expected: true },
  { op: "==", value: 2, metric: 2.1, expected: false },
] as const)("$metric $op $value is $expected", ({ op, value, metric, expected }) => {
  expect(askGate([{ metric: "m", op, value }], { metrics: { m: metric } })).toMatchObject({
    passed: expected,
    reason: `m is ${metric}, must be ${op} ${value}`,
  });
});

test("a missing metric fails, also one called like a property of every object", () => {
  const gate = [{ metric: "constructor", op: ">=", value: 0 }] as const;
  expect(askGate([...gate], { metrics: {} })).toMatchObject({
    passed: false,
    reason: "constructor is missing, must be >= 0",
  });
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  "%s never passes",
  (m) => {
    for (const op of ["<=", "<", ">=", ">", "=="] as const)
      expect(askGate([{ metric: "m", op, value: m }], { metrics: { m } }).passed).toBe(false);
  },
);

test("all conditions must hold, and the refusals say which did not", () => {
  const gate = [
    { metric: "a", op: "<=", value: 1 },
    { metric: "b", op: "<=", value: 1 },
    { metric: "c", op: "<=", value: 1 },
  ] as const;
  expect(askGate([...gate], { metrics: { a: 1, b: 2, c: 3 } })).toMatchObject({
    passed: false,
    reason: "b is 2, must be <= 1; c is 3, must be <= 1",
  });
});

test.each([
  { metric: 2.7918591170757225, expected: "m is 2.79186, must be <= 2.7" },
  { metric: 2.70000001, expected: "m is 2.70000001, must be <= 2.7" },
  { metric: 2.7, expected: "m is 2.7, must be <= 2.7" },
])(
  "$metric is shown with six digits, unless they would tell another story",
  ({ metric, expected }) => {
    expect(
      askGate([{ metric: "m", op: "<=", value: 2.7 }], { metrics: { m: metric } }).reason,
    ).toBe(expected);
  },
);

test("an empty gate asks nothing", () => {
  expect(askGate([], { metrics: {} })).toEqual({ passed: true, reason: "", checks: [] });
});

test("a gate passes only where each of its conditions passes alone", () => {
  const condition = fc.record({
    metric: fc.constantFrom("a", "b"),
    op: fc.constantFrom("<=", "<", ">=", ">", "==") as fc.Arbitrary<"<=">,
    value: fc.double({ noNaN: true }),
  });
  fc.assert(
    fc.property(
      fc.array(condition),
      fc.dictionary(fc.constantFrom("a", "b"), fc.double()),
      (gate, metrics) => {
        expect(askGate(gate, { metrics }).passed).toBe(
          gate.every((one) => askGate([one], { metrics }).passed),
        );
      },
    ),
  );
});

type Row = {
  readonly given: string;
  readonly when: Partial<Gate[number]>;
  readonly measured: Partial<Measured>;
  readonly passed: boolean;
  readonly reason: string;
};
const names = ["relevance/mean", "relevance_to_query/mean"];
const better = { metric: "rmse", op: "<", baseline: "production", margin: 0.1 } as const;
const against = (rmse: number) => ({ baselines: { production: { metrics: { rmse } } } });

test.each<Row>([
  {
    given: "a metric under its second name",
    when: { metric: names, op: ">=", value: 0.8 },
    measured: { metrics: { "relevance_to_query/mean": 0.9 } },
    passed: true,
    reason: "relevance_to_query/mean is 0.9, must be >= 0.8",
  },
  {
    given: "a metric under both names, with one value",
    when: { metric: names, op: ">=", value: 0.8 },
    measured: { metrics: { "relevance_to_query/mean": 0.9, "relevance/mean": 0.9 } },
    passed: true,
    reason: "relevance/mean is 0.9, must be >= 0.8",
  },
  {
    given: "a metric under both names, with two values that would pass",
    when: { metric: names, op: ">=", value: 0.8 },
    measured: { metrics: { "relevance/mean": 0.9, "relevance_to_query/mean": 0.85 } },
    passed: false,
    reason:
      "relevance/mean is 0.9 and relevance_to_query/mean is 0.85, which differ, must be >= 0.8",
  },
  {
    given: "a metric under none of its names",
    when: { metric: names, op: ">=", value: 0 },
    measured: {},
    passed: false,
    reason: "relevance/mean is missing, and so is relevance_to_query/mean, must be >= 0",
  },
  {
    given: "a metric that failed, and left a number that would pass",
    when: { metric: "safety/mean", op: ">=", value: 0.4 },
    measured: {
      metrics: { "safety/mean": 0.5 },
      failed_metrics: { "safety/mean": "the judge said\n503" },
    },
    passed: false,
    reason: "safety/mean failed (the judge said 503), must be >= 0.4",
  },
  {
    given: "a metric that failed under its second name",
    when: { metric: names, op: ">=", value: 0.4 },
    measured: {
      metrics: { "relevance/mean": 0.5 },
      failed_metrics: { "relevance_to_query/mean": "" },
    },
    passed: false,
    reason: "relevance_to_query/mean failed, must be >= 0.4",
  },
  {
    given: "what is better than the baseline by more than the margin",
    when: better,
    measured: { metrics: { rmse: 2.3 }, ...against(2.5) },
    passed: true,
    reason: "rmse is 2.3, must be < production - 0.1 (production is 2.5)",
  },
  {
    given: "what is better than the baseline by less than the margin",
    when: better,
    measured: { metrics: { rmse: 2.45 }, ...against(2.5) },
    passed: false,
    reason: "rmse is 2.45, must be < production - 0.1 (production is 2.5)",
  },
  {
    given: "what equals its baseline, with no margin",
    when: { ...better, margin: undefined },
    measured: { metrics: { rmse: 0.12345678901234566 }, ...against(0.12345678901234566) },
    passed: false,
    reason: "rmse is 0.123457, must be < production (production is 0.12345678901234566)",
  },
  {
    given: "a margin that floating point would miss",
    when: { ...better, op: ">=", margin: 0.02 },
    measured: { metrics: { rmse: 0.82 }, ...against(0.8) },
    passed: true,
    reason: "rmse is 0.82, must be >= production + 0.02 (production is 0.8)",
  },
  {
    given: "what may be a little worse, and is",
    when: { ...better, op: ">=", margin: -0.02 },
    measured: { metrics: { rmse: 0.78 }, ...against(0.8) },
    passed: true,
    reason: "rmse is 0.78, must be >= production - 0.02 (production is 0.8)",
  },
  {
    given: "what is better than the baseline, but not good enough",
    when: { ...better, value: 2.2 },
    measured: { metrics: { rmse: 2.3 }, ...against(2.5) },
    passed: false,
    reason: "rmse is 2.3, must be < production - 0.1 and < 2.2 (production is 2.5)",
  },
  {
    given: "what is good enough, but no better than the baseline",
    when: { ...better, value: 3 },
    measured: { metrics: { rmse: 2.45 }, ...against(2.5) },
    passed: false,
    reason: "rmse is 2.45, must be < production - 0.1 and < 3 (production is 2.5)",
  },
  {
    given: "what only ties with what is asked",
    when: { ...better, op: "<=", value: 3 },
    measured: { metrics: { rmse: 2.4 }, ...against(2.5) },
    passed: true,
    reason: "rmse is 2.4, must be <= production - 0.1 and <= 3 (production is 2.5)",
  },
  {
    given: "what beats the baseline and not the value, where more is better",
    when: { ...better, op: ">", margin: 0, value: 0.9 },
    measured: { metrics: { rmse: 0.85 }, ...against(0.8) },
    passed: false,
    reason: "rmse is 0.85, must be > production and > 0.9 (production is 0.8)",
  },
  {
    given: "what beats the value and not the baseline, where more is better",
    when: { ...better, op: ">", margin: 0, value: 0.8 },
    measured: { metrics: { rmse: 0.85 }, ...against(0.9) },
    passed: false,
    reason: "rmse is 0.85, must be > production and > 0.8 (production is 0.9)",
  },
  {
    given: "a baseline of which nothing was said",
    when: { ...better, value: 3 },
    measured: { metrics: { rmse: 2.3 } },
    passed: false,
    reason: "rmse is 2.3, must be < production - 0.1 and < 3 (production is missing)",
  },
  {
    given: "a baseline whose metric is missing",
    when: better,
    measured: { metrics: { rmse: 2.3 }, baselines: { production: { metrics: {} } } },
    passed: false,
    reason: "rmse is 2.3, must be < production - 0.1 (production is missing)",
  },
  {
    given: "a baseline whose metric failed",
    when: better,
    measured: {
      metrics: { rmse: 2.3 },
      baselines: { production: { metrics: { rmse: 9 }, failed_metrics: { rmse: "no data" } } },
    },
    passed: false,
    reason: "rmse is 2.3, must be < production - 0.1 (production failed (no data))",
  },
  {
    given: "no baseline yet, and a value that is reached",
    when: { ...better, value: 3 },
    measured: { metrics: { rmse: 2.3 }, baselines: { production: null } },
    passed: true,
    reason: "rmse is 2.3, must be < production - 0.1 and < 3 (production does not exist yet)",
  },
  {
    given: "no baseline yet, and a value that is not reached",
    when: { ...better, value: 2 },
    measured: { metrics: { rmse: 2.3 }, baselines: { production: null } },
    passed: false,
    reason: "rmse is 2.3, must be < production - 0.1 and < 2 (production does not exist yet)",
  },
  {
    given: "no baseline yet, and nothing else to reach",
    when: better,
    measured: { metrics: { rmse: 0 }, baselines: { production: null } },
    passed: false,
    reason: "rmse is 0, must be < production - 0.1 (production does not exist yet)",
  },
  {
    given: "as many samples as it needs",
    when: { samples: 50 },
    measured: { metrics: { rmse: 2 }, samples: { rmse: 50 } },
    passed: true,
    reason: "rmse is 2 of 50 samples, must be <= 2.7 of at least 50 samples",
  },
  {
    given: "fewer samples than it needs",
    when: { samples: 50 },
    measured: { metrics: { rmse: 2 }, samples: { rmse: 49 } },
    passed: false,
    reason: "rmse is 2 of 49 samples, must be <= 2.7 of at least 50 samples",
  },
  {
    given: "samples that nobody counted",
    when: { samples: 1 },
    measured: { metrics: { rmse: 2 }, samples: { other: 9 } },
    passed: false,
    reason: "rmse is 2 of an unknown number of samples, must be <= 2.7 of at least 1 samples",
  },
  {
    given: "samples of what failed",
    when: { samples: 50 },
    measured: { samples: { rmse: 50 }, failed_metrics: { rmse: "no rows" } },
    passed: false,
    reason: "rmse failed (no rows), must be <= 2.7 of at least 50 samples",
  },
  {
    given: "a number out of no sample at all",
    when: {},
    measured: { metrics: { rmse: 0 }, samples: { rmse: 0 } },
    passed: false,
    reason: "rmse was measured on no sample, must be <= 2.7",
  },
  {
    given: "a baseline that was measured on too few samples",
    when: { ...better, samples: 50 },
    measured: {
      ...{ metrics: { rmse: 2 }, samples: { rmse: 50 } },
      baselines: { production: { metrics: { rmse: 2.5 }, samples: { rmse: 3 } } },
    },
    passed: false,
    reason:
      "rmse is 2 of 50 samples, must be < production - 0.1 of at least 50 samples (production is 2.5 of 3 samples)",
  },
])("$given: $reason", ({ when, measured, passed, reason }) => {
  const condition = { ...("baseline" in when ? {} : plain), ...when } as Gate[number];
  expect(askGate([condition], { metrics: {}, ...measured })).toMatchObject({ passed, reason });
});
const plain = { metric: "rmse", op: "<=", value: 2.7 };

test("it tells what it read, condition by condition, in their order", () => {
  const gate: Gate = [
    { metric: names, op: ">=", value: 0.8, samples: 2 },
    { ...better, value: 3 },
    { metric: "safety/mean", op: ">=", value: 0.4 },
  ];
  const measured = {
    metrics: { "relevance_to_query/mean": 0.9, rmse: 2.3 },
    samples: { "relevance_to_query/mean": 20 },
    failed_metrics: { "safety/mean": "503" },
    ...against(2.5),
  };
  expect(askGate(gate, measured).checks).toEqual([
    {
      ...{ metric: "relevance_to_query/mean", value: 0.9, op: ">=", bound: 0.8 },
      ...{ samples: 20, passed: true },
    },
    {
      ...{ metric: "rmse", value: 2.3, op: "<", bound: 2.4 },
      ...{ baseline: { name: "production", value: 2.5 }, passed: true },
    },
    { metric: "safety/mean", value: null, op: ">=", bound: 0.4, passed: false },
  ]);
});

test("what a recipe could not say, an old plan might: that refuses, too", () => {
  const measured = { metrics: { rmse: 2.5 }, ...against(2.5) };
  expect(askGate([{ metric: "rmse", op: "<=" }], measured).passed).toBe(false);
  for (const margin of [0, 1e308])
    expect(askGate([{ ...better, op: "==", margin }], measured).passed).toBe(false);
  const beyond = { metrics: { rmse: 0 }, ...against(1e308) };
  expect(askGate([{ ...better, margin: -1e308 }], beyond).passed).toBe(false);
});

test("whoever measures less never passes more", () => {
  const few = fc.dictionary(fc.constantFrom("a", "b"), fc.integer({ min: -2, max: 2 }));
  const measures = fc.record({
    metrics: few,
    failed_metrics: fc.dictionary(fc.constantFrom("a", "b"), fc.constant("why"), { maxKeys: 1 }),
    samples: fc.dictionary(fc.constantFrom("a", "b"), fc.integer({ min: 0, max: 2 })),
  });
  const condition: fc.Arbitrary<Gate[number]> = fc.record(
    {
      metric: fc.constantFrom<string | string[]>("a", "b", ["a", "b"]),
      op: fc.constantFrom("<=", "<", ">=", ">"),
      value: fc.integer({ min: -2, max: 2 }),
      baseline: fc.constant("production"),
      margin: fc.integer({ min: -1, max: 1 }),
      samples: fc.integer({ min: 1, max: 2 }),
    },
    { requiredKeys: ["metric", "op"] },
  );
  fc.assert(
    fc.property(condition, measures, measures, (asked, own, production) => {
      const gate = [asked];
      if (!askGate(gate, { ...own, baselines: { production } }).passed) return;
      const all = Array.isArray(asked.metric) ? asked.metric : [asked.metric];
      const failed = Object.fromEntries(all.map((name) => [name, "why"]));
      const passes = (measured: Measured) => askGate(gate, measured).passed;
      const both = { ...own, baselines: { production } };
      expect(passes({ ...both, metrics: {} })).toBe(false);
      expect(passes({ ...both, failed_metrics: failed })).toBe(false);
      if (asked.samples !== undefined) expect(passes({ ...both, samples: {} })).toBe(false);
      if (asked.baseline === undefined) return;
      expect(passes(own)).toBe(false);
      const broken = { production: { ...production, failed_metrics: failed } };
      expect(passes({ ...own, baselines: broken })).toBe(false);
    }),
    { numRuns: 2_000 },
  );
});

test("a condition is told in words", () => {
  expect(conditionInWords({ metric: names, op: ">=", value: 0.8, samples: 50 })).toBe(
    "relevance/mean or relevance_to_query/mean >= 0.8 of at least 50 samples",
  );
  expect(conditionInWords({ ...better, value: 2.7 })).toBe("rmse < production - 0.1 and < 2.7");
});
