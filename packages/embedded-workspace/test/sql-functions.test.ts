// The document's list of functions is the list of what is translated.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { AGGREGATES } from "../src/sql/translate/functions/aggregates.ts";
import { FORMS } from "../src/sql/translate/functions/forms.ts";
import { SCALARS } from "../src/sql/translate/functions/scalars.ts";
import { GENERATORS } from "../src/sql/translate/generators.ts";

test("docs/sql.md names every function, and no other", () => {
  const document = readFileSync(new URL("../docs/sql.md", import.meta.url), "utf8");
  const listed = /<!-- functions -->\n\n([^#]*?)\n\n/.exec(document)?.[1] ?? "";
  const names = [...Object.keys({ ...SCALARS, ...FORMS, ...AGGREGATES }), ...GENERATORS];
  expect(listed.replaceAll("\n", " ").split(", ")).toEqual(
    [...new Set(names)].map((name) => name.toLowerCase()).sort(),
  );
});
