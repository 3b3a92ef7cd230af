import { expect, test } from "vitest";
import { cellsOf, type Figure, isOver, median, ofRates, ofTimes } from "./figure.ts";

const figure = (value: number, budget?: NonNullable<Figure["budget"]>): Figure => ({
  what: "a start",
  value,
  unit: "ms",
  ...(budget !== undefined && { budget }),
});

test.each([
  { given: figure(250, { atMost: 250 }), expected: false, used: "100 %" },
  { given: figure(251, { atMost: 250 }), expected: true, used: "100 %" },
  { given: figure(100, { atMost: 400 }), expected: false, used: "25 %" },
  { given: figure(500, { atLeast: 500 }), expected: false, used: "100 %" },
  { given: figure(250, { atLeast: 500 }), expected: true, used: "200 %" },
  { given: figure(0, { atMost: 0 }), expected: false, used: "0 %" },
  { given: figure(1, { atMost: 0 }), expected: true, used: "Infinity %" },
  { given: figure(Number.NaN, { atMost: 250 }), expected: true, used: "NaN %" },
  { given: figure(1e9), expected: false, used: "-" },
])("$given.value against $given.budget is over: $expected", ({ given, expected, used }) => {
  expect(isOver(given)).toBe(expected);
  expect(cellsOf(given)).toMatchObject({ used });
});

test("a figure reads as a line", () => {
  const beside = { what: "an empty process", value: 40 };
  expect(cellsOf({ ...figure(183.26, { atMost: 250 }), beside })).toEqual({
    figure: "a start",
    measured: "183 ms",
    best: "-",
    budget: "at most 250 ms",
    used: "73 %",
    "": "kept",
    "beside it": "an empty process: 40, so ×4.58",
  });
});

test.each([
  { given: [3, 1, 2], expected: 2 },
  { given: [4, 1, 2, 3], expected: 2.5 },
  { given: [7], expected: 7 },
])("the median of $given is $expected", ({ given, expected }) => {
  expect(median(given)).toBe(expected);
});

test("nothing has no median", () => {
  expect(() => median([])).toThrow(/nothing/);
});

test("the best of times is the shortest, the best of rates the highest", () => {
  expect(ofTimes([3, 1, 2])).toEqual({ value: 2, best: 1 });
  expect(ofRates([3, 1, 2])).toEqual({ value: 2, best: 3 });
});
