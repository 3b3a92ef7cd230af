import { expect, test } from "vitest";
import { ticksOf } from "../../local/aws/schedule-ticks.ts";

const ms = (iso: string): number => Date.parse(iso);

/** The first ticks of an expression after a time, as ISO texts. */
function ticks(expression: string, after: string, count: number): readonly (string | undefined)[] {
  const next = ticksOf(expression, ms(after));
  const found: (string | undefined)[] = [];
  let at: number | undefined = ms(after);
  for (let i = 0; i < count && at !== undefined; i++) {
    at = next(at);
    found.push(at === undefined ? undefined : new Date(at).toISOString().slice(0, 16));
  }
  return found;
}

test.each([
  {
    expression: "rate(5 minutes)",
    after: "2026-11-21T06:00:00Z",
    expected: ["2026-11-21T06:05", "2026-11-21T06:10"],
  },
  { expression: "rate(1 day)", after: "2026-11-21T06:00:00Z", expected: ["2026-11-22T06:00"] },
  {
    expression: "cron(0 6 * * ? *)",
    after: "2026-11-21T06:00:00Z",
    expected: ["2026-11-22T06:00", "2026-11-23T06:00"],
  },
  {
    expression: "cron(0/20 5,6 * * ? *)",
    after: "2026-11-21T05:30:00Z",
    expected: [
      "2026-11-21T05:40",
      "2026-11-21T06:00",
      "2026-11-21T06:20",
      "2026-11-21T06:40",
      "2026-11-22T05:00",
    ],
  },
  {
    expression: "cron(15 10 ? * MON-FRI *)",
    after: "2026-11-20T12:00:00Z", // a Friday
    expected: ["2026-11-23T10:15"],
  },
  {
    expression: "cron(15 10 ? * 6L *)",
    after: "2026-11-21T00:00:00Z",
    expected: ["2026-11-27T10:15", "2026-12-25T10:15"],
  },
  {
    expression: "cron(0 0 ? * TUE#2 *)",
    after: "2026-11-21T00:00:00Z",
    expected: ["2026-12-08T00:00", "2027-01-12T00:00"],
  },
  {
    expression: "cron(0 8 1 * ? *)",
    after: "2026-11-21T00:00:00Z",
    expected: ["2026-12-01T08:00", "2027-01-01T08:00"],
  },
  {
    expression: "cron(0 8 L FEB ? *)",
    after: "2026-11-21T00:00:00Z",
    expected: ["2027-02-28T08:00", "2028-02-29T08:00"],
  },
  {
    expression: "cron(0 8 1W * ? 2027)",
    after: "2026-12-31T00:00:00Z",
    // The first of May 2027 is a Saturday: the nearest weekday of the same month is Monday the 3rd.
    expected: [
      "2027-01-01T08:00",
      "2027-02-01T08:00",
      "2027-03-01T08:00",
      "2027-04-01T08:00",
      "2027-05-03T08:00",
    ],
  },
  {
    expression: "cron(0 0 29 2 ? *)",
    after: "2096-03-01T00:00:00Z",
    expected: ["2104-02-29T00:00"], // 2100 is no leap year
  },
  {
    expression: "cron(0 0 ? * L *)",
    after: "2026-11-21T00:00:00Z", // a Saturday, which is the last day of the week
    expected: ["2026-11-28T00:00"],
  },
  { expression: "cron(0 0 31 2 ? *)", after: "2026-11-21T00:00:00Z", expected: [undefined] },
  { expression: "cron(0 0 1 1 ? 2020)", after: "2026-11-21T00:00:00Z", expected: [undefined] },
])("$expression after $after", ({ expression, after, expected }) => {
  expect(ticks(expression, after, expected.length)).toEqual(expected);
});
