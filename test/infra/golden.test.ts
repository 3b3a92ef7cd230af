// The whole template of a stage, as it was reviewed. A change shows as a diff; `UPDATE_GOLDEN=1 npx
// vitest run test/infra` accepts it.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { templateOf } from "./support.ts";

const FILE = join(import.meta.dirname, "golden", "signalbox-test.template.json");

test("the template is the reviewed one", () => {
  const text = `${JSON.stringify(templateOf().toJSON(), null, 2)}\n`;
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(FILE, text);
  expect(JSON.parse(text)).toEqual(JSON.parse(readFileSync(FILE, "utf8")));
});
