// What npm ci installs is what was reviewed, on every platform: each package by its digest, and
// from whichever registry there is.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

type Locked = {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly inBundle?: boolean;
  readonly link?: boolean;
};
const root = join(import.meta.dirname, "..", "..");
const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
  readonly packages: Readonly<Record<string, Locked>>;
};
/** Those of this repository are there as their folder, and as a link to it. */
const isOurs = (path: string, { link }: Locked) =>
  path === "" || /^packages\/[^/]+$/.test(path) || link === true;
const locked = Object.entries(packages).filter(([path, entry]) => !isOurs(path, entry));

/**
 * Asked for by @databricks/sql 2.1.0, and in no registry: nobody can have its digest, and npm ci
 * wants its entry all the same.
 */
const NEVER_PUBLISHED = ["node_modules/@databricks/databricks-sql-kernel-win32-x64-msvc"];

test("every package has a digest, but for those that lie within another", () => {
  expect(locked.length).toBeGreaterThan(300);
  const without = locked.filter(([, { integrity = "" }]) => !/^sha512-/.test(integrity));
  const loose = without.filter(([, { inBundle }]) => !inBundle);
  expect(loose.map(([path]) => path)).toEqual(NEVER_PUBLISHED);
});

test("no address of a registry is in it", () => {
  expect(locked.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
});

test("a package of this repository is a link to its folder", () => {
  const links = Object.entries(packages).filter(([, { link }]) => link === true);
  for (const [, { resolved = "" }] of links) expect(packages[resolved]?.version).toBeDefined();
});

test.each([".", ...globSync("packages/*", { cwd: root })])(
  "%s asks for one version of each, not a range",
  (folder) => {
    const { dependencies, devDependencies } = JSON.parse(
      readFileSync(join(root, folder, "package.json"), "utf8"),
    ) as Readonly<Record<"dependencies" | "devDependencies", Readonly<Record<string, string>>>>;
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
      const { resolved, ...entry } = packages[`node_modules/${name}`] ?? {};
      const found = entry.link === true ? packages[resolved ?? ""] : entry;
      expect([name, found?.version]).toEqual([name, version]);
    }
  },
);
