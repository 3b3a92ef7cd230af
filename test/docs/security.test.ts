// The threat model says who can do what, and names the tests that show it: they are there, and
// nobody is left out.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const text = readFileSync(join(root, "SECURITY.md"), "utf8");
const lines = text.split("\n");
const rows = lines
  .filter((line) => line.startsWith("| **"))
  .map((line) =>
    line
      .slice(1, -1)
      .split(" | ")
      .map((cell) => cell.trim()),
  );

test.each([
  "Ticket sender",
  "Workload author",
  "Whoever writes the company codebase",
  "Executed code",
  "Neighbour run",
  "Workspace member",
  "Holder of Service Principal User",
  "Owner of the catalog or schema",
  "Workspace admin",
  "On-call",
  "Operator",
  "AWS account administrator",
])("%s has a line", (who) => {
  expect(rows.filter(([first]) => first?.startsWith(`**${who}`))).toHaveLength(1);
});

test.each(rows)("%s: what they can and cannot do, and tests that exist", (...row) => {
  expect(row).toHaveLength(4);
  const [, can = "", cannot = "", shown = ""] = row;
  expect(Math.min(can.length, cannot.length)).toBeGreaterThan(20);
  const files = shown.split(", ");
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) {
    expect(file).toMatch(/^(packages\/[a-z-]+\/)?test(\/[a-z-]+)+\.test\.ts$/);
    expect(existsSync(join(root, file)), file).toBe(true);
  }
});

test("every other file that is named exists, too", () => {
  const named = [...text.matchAll(/\b(?:packages|test|infra|shared|cli)\/[\w./-]+\.\w+/g)].map(
    ([file]) => file,
  );
  expect(named.length).toBeGreaterThan(20);
  for (const file of named) expect(existsSync(join(root, file)), file).toBe(true);
});

test("lines outside tables fit into 120 columns", () => {
  expect(lines.filter((line) => !line.startsWith("|") && line.length > 120)).toEqual([]);
});
