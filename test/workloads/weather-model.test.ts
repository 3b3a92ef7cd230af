import fc from "fast-check";
import { expect, test } from "vitest";
import { askGate } from "../../shared/domain/gate.ts";
import { dataset, Loop, recipeOf } from "./loop.ts";
import { csvOf, type Day, dayMs, dayOf, daysArbitrary, rowsOf } from "./weather.ts";

const workload = "weather-model";
const seattle = dataset("seattle-weather.csv");
const { gate, limits } = recipeOf(workload);

test("on a real city's weather, each iteration goes on from the last, and the gate passes in the fourth", async () => {
  using loop = new Loop(workload, seattle);
  const days = rowsOf(seattle).map(dayOf);
  const answers: boolean[] = [];
  for (const iteration of [1, 2, 3, 4]) {
    const { metrics } = await loop.next();
    answers.push(askGate(gate, { metrics }).passed);
    expectClose(metrics, fitted(days, 40 * iteration, 0.05, 365).metrics);
  }
  expect(answers).toEqual([false, false, false, true]);
  expect(limits.iterations).toBeGreaterThanOrEqual(4);
});

test("with an emptied capsule it never passes, however many iterations there are", async () => {
  using loop = new Loop(workload, seattle);
  const seen = new Set<string>();
  while (loop.iteration < limits.iterations) {
    loop.capsule = {};
    const { metrics } = await loop.next();
    expect(askGate(gate, { metrics }).passed).toBe(false);
    seen.add(JSON.stringify(metrics));
  }
  expect(seen.size).toBe(1);
});

test("on days made up at random, every number is what it should be", async () => {
  const settings = fc.record({
    epochs: fc.integer({ min: 1, max: 60 }),
    learning_rate: fc.integer({ min: 1, max: 100 }).map((n) => n / 1000),
    held_out_days: fc.integer({ min: 1, max: 10 }),
  });
  await fc.assert(
    fc.asyncProperty(daysArbitrary(30, 120), settings, async (days, parameters) => {
      using loop = new Loop(workload, csvOf(days));
      const { epochs, learning_rate, held_out_days } = parameters;
      for (const iteration of [1, 2]) {
        const result = await loop.next(parameters);
        const expected = fitted(days, epochs * iteration, learning_rate, held_out_days);
        expect(result.error).toBeNull();
        expectClose(result.metrics, expected.metrics);
        expectClose(loop.capsule["weights"], expected.weights);
        const file = result.produced_artifacts.find(({ path }) => path.endsWith("/forecasts.csv"));
        const rows = rowsOf(loop.read(file?.path ?? "no forecasts"));
        expect(rows.map(({ date, temp_max }) => ({ date, temp_max: Number(temp_max) }))).toEqual(
          expected.heldOut.map(({ date, target }) => ({ date, temp_max: target })),
        );
        for (const [index, row] of rows.entries())
          expect(Number(row["forecast"])).toBeCloseTo(expected.heldOut[index]!.forecast, 1);
      }
    }),
    { numRuns: 6, endOnFailure: true },
  );
});

const columnsOf = (line: string) => `date,precipitation,temp_max,temp_min,wind,weather\n${line}\n`;

test.each([
  {
    what: "no epochs",
    given: { epochs: 0 },
    expected: "parameter epochs must be a whole number from 1 to 10000",
  },
  {
    what: "epochs that are no number",
    given: { epochs: true },
    expected: "parameter epochs must be a whole number",
  },
  {
    what: "half a day",
    given: { held_out_days: 1.5 },
    expected: "parameter held_out_days must be a whole number",
  },
  {
    what: "steps that are too long",
    given: { learning_rate: 2 },
    expected: "parameter learning_rate must be a number above 0",
  },
  {
    what: "data that is no path",
    given: { data: null },
    expected: "parameter data must be the path of a CSV file",
  },
  {
    what: "data that is not there",
    given: { data: "/Volumes/main/ops/company_codebase/data/none.csv" },
    expected: "No such file or directory",
  },
  {
    what: "data that is not among the reviewed",
    given: { data: "/Volumes/main/ops/company_codebase/data/../../facts/plane.json" },
    expected: "parameter data must lie below /Volumes/main/ops/company_codebase/data/, not be '",
  },
  {
    what: "to hold out more days than there are",
    given: { held_out_days: 1000 },
    expected: "to hold out 1000, 2000 are needed",
  },
  {
    what: "a day that does not exist",
    data: columnsOf("2012-13-01,0,1,2,3,rain"),
    expected: "line 2 of ",
  },
  {
    what: "a missing value",
    data: columnsOf("2012-12-01,0,1,2,,rain"),
    expected: "is no day of weather",
  },
  {
    what: "a value that is no number",
    data: columnsOf("2012-12-01,0,nan,2,3,rain"),
    expected: "has a value that is no number",
  },
  {
    what: "a file of something else",
    data: "city,temperature\nSeattle,5\n",
    expected: "line 2 of ",
  },
])("it refuses $what with one sentence", async ({ given, data, expected }) => {
  using loop = new Loop(workload, data ?? seattle);
  const result = await loop.next(given ?? {});
  expect(result.status).toBe("FAILED");
  expect(result.error?.summary).toContain(expected);
  expect(result.error?.summary).not.toContain("\n");
});

test("it does not go on with other data than it began with", async () => {
  using loop = new Loop(workload, seattle);
  await loop.next({ epochs: 1 });
  loop.put(loop.dataPath, seattle.replace("2012-01-01,0.0", "2012-01-01,0.1"));
  const before = loop.capsule;
  const result = await loop.next({ epochs: 1 });
  expect(result.error?.summary).toContain("is not the data that this run began with");
  expect(result.capsule).toEqual(before);
});

type Pair = {
  readonly date: string;
  readonly features: readonly number[];
  readonly target: number;
};

/**
 * The same fit by another way: gradient descent on the normal equations, `epochs` steps from
 * nothing.
 */
function fitted(days: readonly Day[], epochs: number, learningRate: number, heldOutDays: number) {
  const pairs = pairsOf(days);
  const training = pairs.slice(0, -heldOutDays);
  const heldOut = pairs.slice(-heldOutDays);
  const scale = standardised(training);
  const x = training.map((pair) => scale(pair.features));
  const indices = x[0]!.map((_, index) => index);
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const a = indices.map((i) => indices.map((j) => mean(x.map((row) => row[i]! * row[j]!))));
  const b = indices.map((i) => mean(x.map((row, n) => row[i]! * training[n]!.target)));
  let weights = indices.map(() => 0);
  for (let epoch = 0; epoch < epochs; epoch++)
    weights = weights.map((w, i) => w - learningRate * (dot(a[i]!, weights) - b[i]!));
  const forecast = (pair: Pair) => dot(weights, scale(pair.features));
  const rmse = (some: readonly Pair[], of: (pair: Pair) => number) =>
    Math.sqrt(mean(some.map((pair) => (of(pair) - pair.target) ** 2)));
  return {
    weights,
    heldOut: heldOut.map((pair) => ({ ...pair, forecast: forecast(pair) })),
    metrics: {
      rmse: rmse(heldOut, forecast),
      rmse_train: rmse(training, forecast),
      rmse_same_as_today: rmse(heldOut, (pair) => pair.features[5]!),
      epochs,
      days: pairs.length + 1,
      days_trained: training.length,
      days_held_out: heldOut.length,
    },
  };
}

function pairsOf(days: readonly Day[]): readonly Pair[] {
  const byMs = new Map(days.map((day) => [Date.parse(day.date), day]));
  return [...byMs.keys()]
    .toSorted((one, other) => one - other)
    .flatMap((ms) => {
      const [day, before] = [byMs.get(ms)!, byMs.get(ms - dayMs)];
      if (before === undefined) return [];
      const nth = (ms - Date.UTC(new Date(ms).getUTCFullYear(), 0, 1)) / dayMs + 1;
      const angle = (2 * Math.PI * nth) / 365.25;
      const waves = [angle, 2 * angle].flatMap((each) => [Math.sin(each), Math.cos(each)]);
      const known = [before.temp_max, before.temp_min, before.precipitation, before.wind];
      return [{ date: day.date, features: [1, ...waves, ...known], target: day.temp_max }];
    });
}

function standardised(training: readonly Pair[]) {
  const columns = training[0]!.features.map((_, i) => training.map(({ features }) => features[i]!));
  const scale = columns.map((values, index) => {
    if (index === 0) return { mean: 0, deviation: 1 };
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    return { mean, deviation: Math.sqrt(variance) > 1e-9 ? Math.sqrt(variance) : 1 };
  });
  return (features: readonly number[]) =>
    features.map((value, index) => (value - scale[index]!.mean) / scale[index]!.deviation);
}

const dot = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, value, index) => sum + value * b[index]!, 0);

/** Equal but for the rounding of another order of additions. */
function expectClose(actual: unknown, expected: object): void {
  const numbers = actual as Record<string, number>;
  expect(Object.keys(numbers).toSorted()).toEqual(Object.keys(expected).toSorted());
  for (const [name, value] of Object.entries(expected))
    expect(
      Math.abs(numbers[name]! - value),
      `${name}: ${numbers[name]}, not ${value}`,
    ).toBeLessThanOrEqual(1e-8 * Math.max(1, Math.abs(value)));
}
