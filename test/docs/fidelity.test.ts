// A fact that the workspace must bear is marked `[workspace]` in docs/facts/databricks.md. A test
// of the embedded workspace that bears one says so in its name: `fact #its-anchor: …`. This file
// holds both against each other.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { factsIn } from "./markdown.ts";

const root = join(import.meta.dirname, "../..");
const FACTS = join(root, "docs/facts/databricks.md");
const TESTS = join(root, "packages/embedded-workspace/test");

const facts = factsIn(readFileSync(FACTS, "utf8"));
const marked = facts.filter(({ marks }) => marks.includes("workspace")).map(({ anchor }) => anchor);

const borne = new Set(
  readdirSync(TESTS)
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => readFileSync(join(TESTS, name), "utf8"))
    .flatMap((text) => [...text.matchAll(/\bfact ((?:#[a-z0-9-]+ ?)+):/g)])
    .flatMap(([, anchors = ""]) => anchors.trim().split(" "))
    .map((anchor) => anchor.slice(1)),
);

test("the facts are read", () => {
  expect(facts.length).toBeGreaterThan(200); // a reader that finds none passes everything
  expect(marked.length).toBeGreaterThan(50);
  expect(borne.size).toBeGreaterThan(50);
});

test.each(marked)("%s has a test", (anchor) => {
  expect(borne).toContain(anchor);
});

test("the facts that tests name are marked as the workspace's", () => {
  expect([...borne].filter((anchor) => !marked.includes(anchor))).toEqual([]);
});
