// Every numbered line of the fact sheet and of the field lessons that concerns the workspace has a test that bears its
// number. This file finds the lines that lost theirs.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

/** Lines about other programs, and about APIs that are not built. */
const apart: Readonly<Record<string, string>> = {
  "facts §13.19": "the default timeout of a client",
  "facts §13.21": "serving endpoints are not built",
  "facts §13.22": "registered models are not built",
  "facts §13.24": "webhook notifications are not built",
};

const lines = [
  ...Array.from({ length: 10 }, (_, index) => `facts §12.${index + 1}`),
  ...Array.from({ length: 30 }, (_, index) => `facts §13.${index + 1}`),
  ...Array.from({ length: 11 }, (_, index) => `lessons §5.${index + 1}`),
];

const texts = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith(".test.ts") && name !== "fidelity.test.ts")
  .map((name) => readFileSync(join(import.meta.dirname, name), "utf8"));

/** The fact sheet alone has a §12 and a §13; of the two §5, the names say whose. */
const borne = new Set([
  ...numbers(/§(1[23]\.\d+)/g).map((number) => `facts §${number}`),
  ...numbers(/lessons §(5\.\d+)/g).map((number) => `lessons §${number}`),
]);

test.each(lines.filter((line) => apart[line] === undefined))("%s has a test", (line) => {
  expect(borne).toContain(line);
});

test("the lines without a test are those that concern something else", () => {
  expect(Object.keys(apart).filter((line) => borne.has(line))).toEqual([]);
});

function numbers(pattern: RegExp): string[] {
  return texts.flatMap((text) => [...text.matchAll(pattern)]).map(([, number = ""]) => number);
}
