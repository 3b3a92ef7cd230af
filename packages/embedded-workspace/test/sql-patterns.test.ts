// Datetime patterns: the number of letters decides. Spark's own answers are in the golden file.
import { expect, test } from "vitest";
import { formatTime, parseTime } from "../src/sql/values/date-format.ts";

const MICROS = BigInt(Date.UTC(2026, 7, 5, 16, 7, 8)) * 1000n;

test.each([
  { pattern: "Q QQ QQQ QQQQ", expected: "3 03 Q3 3rd quarter" },
  { pattern: "k KK h", expected: "16 04 4" },
  { pattern: "Z ZZZZ ZZZZZ zzzz", expected: "+0000 GMT Z Coordinated Universal Time" },
])("fact #datetime-pattern-letters: $pattern is written", ({ pattern, expected }) => {
  expect(formatTime(MICROS, pattern)).toBe(expected);
});

test.each([
  ...["ddd", "HHH", "hhh", "mmm", "sss", "DDDD", "MMMMM", "EEEEE", "aa", "yyyyyyy", "zzzzz"],
  ...["SSSSSSSSSS", "Y", "w", "W", "u", "e", "c"],
])("fact #datetime-pattern-letters: %s is refused, written and read", (pattern) => {
  expect(() => formatTime(MICROS, pattern)).toThrow("|42K0B]");
  expect(() => parseTime("1", pattern)).toThrow("|42K0B]");
});

test.each(["G", "F", "VV", "O", "yyyy[-MM]"])(
  "%s is valid on Spark: refused as not translated, not as the author's mistake",
  (pattern) => {
    expect(() => formatTime(MICROS, pattern)).toThrow("|0A000]");
  },
);

test.each([
  { text: "+01:30", pattern: "XXX", expected: "1969-12-31 22:30:00.000000" },
  { text: "Z", pattern: "XXX", expected: "1970-01-01 00:00:00.000000" },
  { text: "+01:30:15", pattern: "XXXXX", expected: "1969-12-31 22:29:45.000000" },
  { text: "+0130", pattern: "XXX", expected: undefined },
  { text: "Z", pattern: "x", expected: undefined },
  { text: "+01:30", pattern: "Z", expected: undefined },
  { text: "13", pattern: "hh", expected: undefined },
])(
  "fact #datetime-pattern-letters: $text by $pattern is $expected",
  ({ text, pattern, expected }) => {
    expect(parseTime(text, pattern)).toBe(expected);
  },
);
