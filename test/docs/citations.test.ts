// Each citation leads to something in this repository.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { anchorsIn, factsIn, linesOf, linksIn } from "./markdown.ts";

const root = join(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(join(root, file), "utf8");
const itself = "test/docs/citations.test.ts";

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file !== itself && /\.(md|ts|py|sql|ya?ml|json|sh|grit|patch)$/.test(file))
  .filter((file) => existsSync(join(root, file)) && !file.endsWith("package-lock.json"));
const documents = files.filter((file) => file.endsWith(".md"));

/** Lines of prose may still be wider in these. Take out what has been cut; put nothing in. */
const stillWide = ["infra/runbook.md", "test/simulation/README.md"];
const WIDTH = 120;

/** Undefined for a file that is not there. */
function anchorsOf(file: string): ReadonlySet<string> | undefined {
  const known = anchors.get(file);
  if (known !== undefined || !existsSync(join(root, file))) return known;
  const found = file.endsWith(".md") ? anchorsIn(read(file)) : new Set<string>();
  anchors.set(file, found);
  return found;
}
const anchors = new Map<string, ReadonlySet<string>>();

/** Documents that others are writing. A link to one of them may lead nowhere until it is there. */
const promised = ["SECURITY.md"];

/** What a path with an anchor lacks, if anything. */
function lack(path: string, anchor: string | undefined): string | undefined {
  if (promised.includes(path) && !existsSync(join(root, path))) return undefined;
  if (path !== "" && !existsSync(join(root, path))) return "is not there";
  if (anchor === undefined) return undefined;
  return anchorsOf(path)?.has(anchor) ? undefined : `has no anchor ${anchor}`;
}

test("the texts are read", () => {
  expect(documents.length).toBeGreaterThan(10);
  expect(files.length).toBeGreaterThan(400);
});

/** A package has documents of its own. */
function documentFor(file: string, path: string): string {
  const own = /^packages\/[^/]+\//.exec(file)?.[0] ?? "";
  return existsSync(join(root, own, path)) ? `${own}${path}` : path;
}

test("every document that a text cites by its path is there, with its anchor", () => {
  const cited = files.flatMap((file) =>
    [...read(file).matchAll(/(?<![\w./-])(docs\/[\w/-]+\.md)(?:#([\w-]+))?/g)].map(
      ([, path = "", anchor]) => ({ file, path: documentFor(file, path), anchor }),
    ),
  );
  expect(cited.length).toBeGreaterThan(50);
  const broken = cited.flatMap(({ file, path, anchor }) => {
    const wrong = lack(path, anchor);
    return wrong === undefined ? [] : [`${file}: ${path} ${wrong}`];
  });
  expect(broken).toEqual([]);
});

test("every relative link of a document leads somewhere", () => {
  const broken = documents.flatMap((file) =>
    linksIn(read(file)).flatMap(({ number, target }) => {
      const [path = "", anchor] = decodeURIComponent(target).split("#");
      const to = path === "" ? file : normalize(join(dirname(file), path));
      const wrong = lack(to.replace(/\/$/, ""), anchor);
      return wrong === undefined ? [] : [`${file}:${number}: ${target} ${wrong}`];
    }),
  );
  expect(broken).toEqual([]);
});

test("no text cites what is not in the repository", () => {
  const absent = /\b(databricks|aws|seed|trust)-facts\b|\bfield-lessons\b|\bdesign\.md\b|handbook/i;
  const numbered = (line: string) => /§ ?\d/.test(line) && !/\bRFC\b/.test(line);
  const citing = files.flatMap((file) =>
    read(file)
      .split("\n")
      .flatMap((line, index) =>
        absent.test(line) || numbered(line) ? [`${file}:${index + 1}: ${line}`] : [],
      ),
  );
  expect(citing).toEqual([]);
});

test("each anchor of a document of facts is there once, and each fact says how it is known", () => {
  for (const file of documents.filter((name) => name.startsWith("docs/facts/"))) {
    const facts = factsIn(read(file)).map(({ anchor }) => anchor);
    expect(facts.length).toBeGreaterThan(10);
    expect(facts.filter((anchor, index) => facts.indexOf(anchor) !== index)).toEqual([]);
    expect(facts.filter((anchor) => !/^[a-z0-9-]+$/.test(anchor))).toEqual([]);
    const unmarked = read(file)
      .split(/^### /m)
      .slice(1)
      .map((entry) => ({
        anchor: entry.split("\n")[0] ?? "",
        entry: entry.split(/^## /m)[0] ?? "",
      }))
      .filter(({ entry }) => !/\[(S|D|I|X|L|K|2nd|\?)[\],]|\| \[(S|D|I|X|L|K|2nd|\?)\]/.test(entry))
      .map(({ anchor }) => anchor);
    expect(unmarked).toEqual([]);
  }
});

test(`no line of prose is wider than ${WIDTH} columns`, () => {
  const wide = (file: string) =>
    linesOf(read(file)).filter(
      ({ kind, text }) => (kind === "prose" || kind === "heading") && [...text].length > WIDTH,
    );
  const offending = documents
    .filter((file) => !stillWide.includes(file))
    .flatMap((file) => wide(file).map(({ number }) => `${file}:${number}`));
  expect(offending).toEqual([]);
  expect(
    stillWide.filter((file) => !existsSync(join(root, file)) || wide(file).length === 0),
  ).toEqual([]);
});
