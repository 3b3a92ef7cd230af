// A mutant that does not apply any more shows nothing: whoever changes the code that it changes
// hears of it here, in a moment.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const folder = join(import.meta.dirname, "mutants");

test.each(readdirSync(folder))("%s applies", (file) => {
  const patch = readFileSync(join(folder, file), "utf8");
  const [rule = ""] = patch.split("\n");
  expect(rule).toMatch(/^[a-z ]+: .{10,}$/);
  const hunks = [...hunksOf(patch)];
  expect(hunks.length).toBeGreaterThan(0);
  for (const { path, before } of hunks)
    expect(readFileSync(join(root, path), "utf8"), path).toContain(before);
});

/**
 * What each hunk wants to find, wherever it is in its file: as git does without --unidiff-zero, to
 * the letter.
 */
function* hunksOf(patch: string): Generator<{ readonly path: string; readonly before: string }> {
  let path = "";
  let before: string[] | undefined;
  for (const line of patch.split("\n")) {
    const file = /^--- a\/(.+)$/.exec(line)?.[1];
    const begins = line.startsWith("@@ ");
    if ((file !== undefined || begins) && before !== undefined) {
      yield { path, before: before.join("\n") };
      before = undefined;
    }
    if (file !== undefined) path = file;
    else if (begins) before = [];
    else if (line.startsWith(" ") || line.startsWith("-")) before?.push(line.slice(1));
  }
  if (before !== undefined) yield { path, before: before.join("\n") };
}
