import fc from "fast-check";
import { expect, test } from "vitest";
import { dataset, Loop } from "./loop.ts";
import { csvOf, type Day, dayOf, daysArbitrary, rowsOf } from "./weather.ts";

const workload = "weather-report";
const twoCities = dataset("weather.csv");

test("on a real city's year, every number of the report is what it should be", async () => {
  using loop = new Loop(workload, twoCities);
  const result = await loop.next({ city: "Seattle", year: 2015 });
  const days = rowsOf(twoCities)
    .filter((row) => row["location"] === "Seattle")
    .map(dayOf);
  expectReport(
    loop,
    result,
    days.filter(({ date }) => date.startsWith("2015-")),
  );
  expect(result.metrics).toMatchObject({ days: 365, months: 12 });
});

test("on days made up at random, every number of the report is what it should be", async () => {
  await fc.assert(
    fc.asyncProperty(daysArbitrary(1, 100), daysArbitrary(1, 5), async (days, others) => {
      const other = csvOf(others, { location: "Elsewhere" }).split("\n").slice(1).join("\n");
      using loop = new Loop(workload, csvOf(days, { location: "Here" }) + other);
      const all = await loop.next({ city: "Here", year: null });
      expectReport(loop, all, days);
      const year = days[0]!.date.slice(0, 4);
      const one = await loop.next({ city: "Here", year: Number(year) });
      expectReport(
        loop,
        one,
        days.filter(({ date }) => date.startsWith(year)),
      );
    }),
    { numRuns: 6, endOnFailure: true },
  );
});

test.each([
  {
    what: "a year that the data does not have",
    given: { year: 1999 },
    expected: /^no rows for year 1999 in .+: it has 2012 to 2015 for Seattle$/,
  },
  {
    what: "a city that the data does not have",
    given: { city: "Rome" },
    expected: /^no rows for the city Rome in .+: it has New York, Seattle$/,
  },
  {
    what: "a city that is no name",
    given: { city: 5 },
    expected: /^parameter city must be the name of a city, not 5$/,
  },
  {
    what: "a year that is text",
    given: { year: "2015" },
    expected: /^parameter year must be a year as a number, or null for all/,
  },
  { what: "a year that is no number", given: { year: true }, expected: /^parameter year must be/ },
  {
    what: "a pause that is too long",
    given: { pause_seconds: 601 },
    expected: /^parameter pause_seconds must be a number from 0 to 600, not 601$/,
  },
  {
    what: "a pause into the past",
    given: { pause_seconds: -1 },
    expected: /^parameter pause_seconds must be/,
  },
  {
    what: "data that is no path",
    given: { data: 1 },
    expected: /^parameter data must be the path of a CSV file/,
  },
  {
    what: "data that is not there",
    given: { data: "/Volumes/main/ops/company_codebase/data/none.csv" },
    expected: /No such file or directory/,
  },
  ...[
    "/etc/passwd",
    "/Volumes/main/ops/facts/plane.json",
    "/Volumes/main/ops/company_codebase/data/../../facts/plane.json",
    "/Volumes/main/ops/company_codebase/data.csv",
    "/Volumes/main/ops/company_codebase/./data/weather.csv",
    "",
  ].map((path) => ({
    what: `data that is not among the reviewed (${path})`,
    given: { data: path },
    expected:
      /^parameter data must lie below \/Volumes\/main\/ops\/company_codebase\/data\/, not be '/,
  })),
  {
    what: "a day without its values",
    data: "location,date\nSeattle,2012-01-01\n",
    expected: /^line 2 of .+ is no day of weather/,
  },
  {
    what: "data without a day",
    data: "location,date\n",
    expected: /^no rows for the city Seattle in .+: it has no rows at all$/,
  },
])("it refuses $what with one sentence", async ({ given, data, expected }) => {
  using loop = new Loop(workload, data ?? twoCities);
  const result = await loop.next(given ?? {});
  expect(result.status).toBe("FAILED");
  expect(result.error).toMatchObject({
    summary: expect.stringMatching(expected),
    transient: false,
  });
  expect(result.produced_artifacts).toEqual([]);
});

test("it waits as long as the ticket asks before it begins", async () => {
  using loop = new Loop(workload, twoCities);
  const result = await loop.next({ year: 2015, pause_seconds: 0.3 });
  expect(result.duration_seconds).toBeGreaterThanOrEqual(0.3);
  expect(result.logs.stdout_tail).toContain("waiting for 0.3 s, as the ticket asks");
});

/** Output, metrics and both files say the same, and it is what the days say. */
function expectReport(loop: Loop, result: Awaited<ReturnType<Loop["next"]>>, days: readonly Day[]) {
  expect(result.error).toBeNull();
  const months = Map.groupBy(days, ({ date }) => date.slice(0, 7));
  const rows = [...months.keys()]
    .toSorted()
    .map((month) => ({ month, ...statistics(months.get(month)!) }));
  const whole = { ...statistics(days), months: rows.length };
  expectSame([result.metrics], [whole], 1e-9);
  expectSame((result.output as { months: Row[] }).months, rows, 1e-9);
  const file = (name: string) =>
    rowsOf(
      loop.read(result.produced_artifacts.find(({ path }) => path.endsWith(name))?.path ?? name),
    );
  expectSame(file("/monthly.csv"), rows, 0.000_501);
  const written = file("/metrics.csv").map(({ metric, value }) => [metric!, value!] as const);
  expectSame([Object.fromEntries(written)], [whole], 0.000_501);
}

function statistics(days: readonly Day[]) {
  const all = (name: Exclude<keyof Day, "date">) => days.map((day) => day[name]);
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  return {
    days: days.length,
    rain_days: days.filter(({ precipitation }) => precipitation > 0).length,
    precipitation: sum(all("precipitation")),
    temp_max_mean: sum(all("temp_max")) / days.length,
    temp_min_mean: sum(all("temp_min")) / days.length,
    temp_max: Math.max(...all("temp_max")),
    temp_min: Math.min(...all("temp_min")),
    wind_mean: sum(all("wind")) / days.length,
  };
}

type Row = Readonly<Record<string, string | number>>;

function expectSame(actual: readonly Row[], expected: readonly Row[], tolerance: number): void {
  expect(actual.map((row) => Object.keys(row).toSorted())).toEqual(
    expected.map((row) => Object.keys(row).toSorted()),
  );
  for (const [index, row] of expected.entries())
    for (const [name, value] of Object.entries(row)) {
      const found = actual[index]![name]!;
      if (typeof value === "string") expect(found).toBe(value);
      else
        expect(
          Math.abs(Number(found) - value),
          `${name}: ${found}, not ${value}`,
        ).toBeLessThanOrEqual(tolerance * Math.max(1, tolerance < 1e-6 ? Math.abs(value) : 1));
    }
}
