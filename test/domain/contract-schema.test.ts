import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { contractFiles, contractFolder } from "../../services/executor/generate-contract.ts";
import { JsonObject, resultLimits, VolumePath } from "../../shared/domain/contract.ts";

test.each(Object.entries(contractFiles()))(
  "%s says in Python what contract.ts says in TypeScript",
  (name, content) => {
    expect(
      JSON.parse(readFileSync(join(contractFolder, name), "utf8")),
      "contract.ts has changed: run `node services/executor/generate-contract.ts && npm run fix`",
    ).toEqual(JSON.parse(JSON.stringify(content)));
  },
);

test("nothing else lies among the generated files", () => {
  expect(readdirSync(contractFolder).toSorted()).toEqual(Object.keys(contractFiles()).toSorted());
});

test.each([
  { path: "/Volumes/main/ops/facts", expected: true },
  { path: "/Volumes/main/ops/facts/run_r-1/..hidden/a.json", expected: true },
  { path: "/Volumes/main/ops", expected: false },
  { path: "/Volumes/main/ops/facts/", expected: false },
  { path: "/Volumes/main/ops/facts//a", expected: false },
  { path: "/Volumes/main/ops/facts/../scratchpad", expected: false },
  { path: "/Volumes/main/ops/..", expected: false },
  { path: "/Volumes/main/ops/facts/./a", expected: false },
  { path: "/Volumes/main/ops/facts/a\0", expected: false },
  { path: "/Volumes/main/ops/facts/a\nb", expected: false },
  { path: "/Volumes/main/ops/facts/a\u0085b", expected: false },
  { path: "/Volumes/main/ops/facts/a\u2028b", expected: false },
  { path: "/Volumes/main/ops/facts/a\u202eb", expected: false },
  { path: "/Volumes/main/ops/facts/a\u2066b", expected: false },
  { path: "/Volumes/main/ops/facts/a b é 表 😀", expected: true },
  { path: "/dbfs/Volumes/main/ops/facts", expected: false },
  { path: `/Volumes/main/ops/${"x".repeat(1024)}`, expected: false },
])("whether $path is a path in a volume: $expected", ({ path, expected }) => {
  expect(VolumePath.safeParse(path).success).toBe(expected);
});

const nested = (levels: number): unknown =>
  JSON.parse("[".repeat(levels) + "]".repeat(levels)) as unknown;

test.each([
  { levels: resultLimits.jsonDepthMax, expected: true },
  { levels: resultLimits.jsonDepthMax + 1, expected: false },
  { levels: 100_000, expected: false },
])("whether a capsule may nest $levels levels: $expected", ({ levels, expected }) => {
  expect(JsonObject.safeParse({ value: nested(levels) }).success).toBe(expected);
});
