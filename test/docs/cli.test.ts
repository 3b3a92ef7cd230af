// docs/cli.md is the help, word for word.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { REFERENCE, referenceOf } from "../../cli/reference.ts";

test("the reference of the command line is what the help says (npm run reference writes it)", () => {
  const reference = referenceOf();
  expect(reference.match(/^## signalbox /gm)?.length).toBeGreaterThan(17);
  expect(readFileSync(REFERENCE, "utf8")).toBe(reference);
});
