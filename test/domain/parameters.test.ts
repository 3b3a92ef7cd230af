import { expect, test } from "vitest";
import { parameterFaults } from "../../shared/domain/parameters.ts";
import type { Recipe } from "../../shared/domain/recipe.ts";

const parameters = { city: "Seattle", year: null, days: 365, fast: false, years: [2015], at: {} };
const closed = { parameters, open_parameters: false };

test.each<{ given: Recipe["parameters"]; faults: string[] }>([
  { given: {}, faults: [] },
  {
    given: { city: "Oslo", year: 2015, days: 1.5, fast: true, years: [], at: { x: 1 } },
    faults: [],
  },
  { given: { year: "all" }, faults: [] },
  {
    given: { yaer: 2015 },
    faults: ["parameters.yaer is no parameter of this workload: did you mean year?"],
  },
  {
    given: { temperature: 1 },
    faults: [
      "parameters.temperature is no parameter of this workload; there are: city, year, days, fast, years, at",
    ],
  },
  { given: { city: 7 }, faults: ["parameters.city is a number, and must be a text"] },
  { given: { city: null }, faults: ["parameters.city is null, and must be a text"] },
  { given: { days: "365" }, faults: ["parameters.days is a text, and must be a number"] },
  { given: { fast: 0 }, faults: ["parameters.fast is a number, and must be true or false"] },
  { given: { years: {} }, faults: ["parameters.years is a map, and must be a list"] },
  { given: { at: [] }, faults: ["parameters.at is a list, and must be a map"] },
  {
    given: { toString: 1 },
    faults: [
      "parameters.toString is no parameter of this workload; there are: city, year, days, fast, years, at",
    ],
  },
  {
    given: { ["x\n\u202e".padEnd(5_000, "y")]: 1 },
    faults: [expect.stringMatching(/^parameters\.[^\n\u202e]{1,70} is no parameter/)],
  },
])("a ticket that gives $given", ({ given, faults }) => {
  expect(parameterFaults(closed, given)).toEqual(faults);
});

test("a workload without parameters takes none, unless its recipe is open", () => {
  expect(parameterFaults({ parameters: {}, open_parameters: false }, { a: 1 })).toEqual([
    "parameters.a is no parameter of this workload; it takes none",
  ]);
  expect(parameterFaults({ parameters: {}, open_parameters: true }, { a: 1 })).toEqual([]);
});

test("what an open recipe names has its kind", () => {
  expect(parameterFaults({ parameters, open_parameters: true }, { days: "x", more: 1 })).toEqual([
    "parameters.days is a text, and must be a number",
  ]);
});

test("a ticket of a megabyte of names costs no time, and says ten sentences", () => {
  const names = Array.from({ length: 20 }, (_, i) => [`forecast_horizon_days_${i}`, 1]);
  const recipe = { parameters: Object.fromEntries(names), open_parameters: false };
  const started = performance.now();
  expect(parameterFaults(recipe, { ["x".repeat(250_000)]: 1 })).toHaveLength(1);
  const many = Array.from({ length: 20_000 }, (_, i) => [`forecast_horizon_${i}`, 1]);
  expect(parameterFaults(recipe, Object.fromEntries(many))).toHaveLength(10);
  // Each of them took seconds, and the first one more memory than a function has.
  expect(performance.now() - started).toBeLessThan(1_000);
});
