// The README's list of functions is the list of what is translated.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { AGGREGATES } from "../../local/workspace/sql/translate/functions/aggregates.ts";
import { FORMS } from "../../local/workspace/sql/translate/functions/forms.ts";
import { SCALARS } from "../../local/workspace/sql/translate/functions/scalars.ts";
import { GENERATORS } from "../../local/workspace/sql/translate/generators.ts";

test("the README names every function, and no other", () => {
  const readme = readFileSync(
    new URL("../../local/workspace/sql/README.md", import.meta.url),
    "utf8",
  );
  const listed = /<!-- functions -->\n\n([^#]*?)\n\n/.exec(readme)?.[1] ?? "";
  const names = [...Object.keys({ ...SCALARS, ...FORMS, ...AGGREGATES }), ...GENERATORS];
  expect(listed.replaceAll("\n", " ").split(", ")).toEqual(
    [...new Set(names)].map((name) => name.toLowerCase()).sort(),
  );
});
