import { expect, test } from "vitest";
import { findPython } from "./python.ts";

const sentence = "The executor needs Python 3.10 or later, and";

test.each([
  { given: { python3: "3.11.7\n" }, expected: { command: "python3", version: "3.11.7" } },
  { given: { python3: "3.10.0\n" }, expected: { command: "python3", version: "3.10.0" } },
  {
    given: { python3: "3.9.18", python: "3.13.0" },
    expected: { command: "python", version: "3.13.0" },
  },
  {
    given: { python3: "3.9.18", python: "2.7.18" },
    expected: `${sentence} python3 is 3.9.18, python is 2.7.18: install python3 and try again.`,
  },
  {
    given: { python3: "4.0.0" },
    expected: `${sentence} python3 is 4.0.0: install python3 and try again.`,
  },
  { given: {}, expected: `${sentence} there is none on the path: install python3 and try again.` },
])("of $given the tests take $expected", ({ given, expected }) => {
  const versions = new Map(Object.entries(given));
  expect(findPython((command) => ({ stdout: versions.get(command) ?? null }))).toEqual(expected);
});
