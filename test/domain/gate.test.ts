import fc from "fast-check";
import { expect, test } from "vitest";
import { askGate } from "../../shared/domain/gate.ts";

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
  expect(askGate([{ metric: "m", op, value }], { m: metric })).toEqual({
    passed: expected,
    reason: `m is ${metric}, must be ${op} ${value}`,
  });
});

test("a missing metric fails, also one called like a property of every object", () => {
  const gate = [{ metric: "constructor", op: ">=", value: 0 }] as const;
  expect(askGate([...gate], {})).toEqual({
    passed: false,
    reason: "constructor is missing, must be >= 0",
  });
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  "%s never passes",
  (m) => {
    for (const op of ["<=", "<", ">=", ">", "=="] as const)
      expect(askGate([{ metric: "m", op, value: m }], { m }).passed).toBe(false);
  },
);

test("all conditions must hold, and the refusals say which did not", () => {
  const gate = [
    { metric: "a", op: "<=", value: 1 },
    { metric: "b", op: "<=", value: 1 },
    { metric: "c", op: "<=", value: 1 },
  ] as const;
  expect(askGate([...gate], { a: 1, b: 2, c: 3 })).toEqual({
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
    expect(askGate([{ metric: "m", op: "<=", value: 2.7 }], { m: metric }).reason).toBe(expected);
  },
);

test("an empty gate asks nothing", () => {
  expect(askGate([], {})).toEqual({ passed: true, reason: "" });
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
        expect(askGate(gate, metrics).passed).toBe(
          gate.every((one) => askGate([one], metrics).passed),
        );
      },
    ),
  );
});
