// Days of weather, made up at random, as a CSV file has them.
import fc from "fast-check";

export type Day = {
  readonly date: string;
  readonly precipitation: number;
  readonly temp_max: number;
  readonly temp_min: number;
  readonly wind: number;
};

const columns = ["date", "precipitation", "temp_max", "temp_min", "wind"] as const;

/** A number with one decimal, as the data sets have them. */
const tenths = (min: number, max: number) =>
  fc.integer({ min: min * 10, max: max * 10 }).map((n) => n / 10);

const weather = fc.record({
  precipitation: fc.oneof(fc.constant(0), tenths(0, 60)),
  temp_max: tenths(-30, 45),
  temp_min: tenths(-40, 30),
  wind: tenths(0, 12),
});

/** At least so many days after one another, and then some with gaps between them, in any order. */
export const daysArbitrary = (daysMin: number, daysMax: number): fc.Arbitrary<readonly Day[]> =>
  fc
    .record({
      firstMs: fc
        .integer({ min: 0, max: 20_000 })
        .map((days) => Date.UTC(1990, 0, 1) + days * dayMs),
      days: fc.array(weather, { minLength: daysMin, maxLength: daysMax }),
      gaps: fc.array(fc.nat({ max: 40 }), { maxLength: 5 }),
    })
    .map(({ firstMs, days, gaps }) => withDates(firstMs, days, gaps, daysMin))
    .chain((days) =>
      fc.shuffledSubarray([...days], { minLength: days.length, maxLength: days.length }),
    );

/** What a file says of these days; further columns come in front. */
export function csvOf(
  days: readonly Day[],
  further: Readonly<Record<string, string>> = {},
): string {
  const lines = days.map((day) =>
    [...Object.values(further), ...columns.map((column) => day[column]), "sun"].join(","),
  );
  return `${[[...Object.keys(further), ...columns, "weather"].join(","), ...lines].join("\n")}\n`;
}

/** The rows of a data set, by the names of its columns. */
export function rowsOf(csv: string): readonly Readonly<Record<string, string>>[] {
  const [header = "", ...lines] = csv.trimEnd().split("\n");
  const names = header.split(",");
  return lines.map((line) => {
    const values = line.split(",");
    return Object.fromEntries(names.map((name, index) => [name, values[index] ?? ""]));
  });
}

export function dayOf(row: Readonly<Record<string, string>>): Day {
  const [precipitation, temp_max, temp_min, wind] = columns.slice(1).map((c) => Number(row[c]));
  return {
    date: row["date"]!,
    precipitation: precipitation!,
    temp_max: temp_max!,
    temp_min: temp_min!,
    wind: wind!,
  };
}

export const dayMs = 24 * 3600 * 1000;

function withDates(
  firstMs: number,
  days: readonly Omit<Day, "date">[],
  gaps: readonly number[],
  daysMin: number,
): readonly Day[] {
  let ms = firstMs - dayMs;
  return days.map((day, index) => {
    ms += dayMs * (1 + (index < daysMin ? 0 : (gaps[index - daysMin] ?? 0)));
    return { date: new Date(ms).toISOString().slice(0, 10), ...day };
  });
}
