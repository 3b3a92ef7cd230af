// No comment is wider than the code beside it. Biome formats code, and leaves comments as they are.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const WIDTH = 100;
const FOLDERS = ["services", "shared", "infra", "cli", "local", "packages", "test"];

const files = execFileSync("git", ["ls-files", ...FOLDERS], { cwd: root, encoding: "utf8" })
  .split("\n")
  .filter((file) => /\.(ts|py)$/.test(file) && existsSync(join(root, file)));

/**
 * A comment of its own line, or one behind code; a text between quotes may hold what looks like
 * one.
 */
const isComment = (line: string): boolean =>
  /^\s*(\/\/|\/?\*|#)/.test(line) || /\s\/\/ [^"'`]*$/.test(line);

/** Biome reads such a comment only if it stands on one line. */
const isDirective = (line: string): boolean => line.includes("// biome-ignore ");

/** The thing comes first: a sentence that opens with a clause must be read twice. */
const OPENING = /^\s*(\/\*\*|\/\/|#|""")\s*(What|Whatever|Whoever|Nobody)\b/;

const lines = (file: string): readonly string[] =>
  readFileSync(join(root, file), "utf8").split("\n");

test("the files are read", () => {
  expect(files.length).toBeGreaterThan(150);
});

test(`no comment is wider than ${WIDTH} columns`, () => {
  const wide = files.flatMap((file) =>
    lines(file).flatMap((line, index) =>
      [...line].length > WIDTH && isComment(line) && !isDirective(line)
        ? [`${file}:${index + 1}: ${line.trim()}`]
        : [],
    ),
  );
  expect(wide).toEqual([]);
});

test("a comment of the product opens with its subject", () => {
  const turned = files
    .filter((file) => !/(^|\/)tests?\//.test(file))
    .flatMap((file) =>
      lines(file).flatMap((line, index, all) => {
        const before = all[index - 1] ?? "";
        const goesOn = /^\s*(\/\/|#)/.test(line) && /^\s*(\/\/|#)/.test(before);
        return OPENING.test(line) && !goesOn ? [`${file}:${index + 1}: ${line.trim()}`] : [];
      }),
    );
  expect(turned).toEqual([]);
});
