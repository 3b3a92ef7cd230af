import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { contractFiles, contractFolder } from "../../services/executor/generate-contract.ts";

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
