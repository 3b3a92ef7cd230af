// The executor's files, and their place in the company codebase: below the digest of their
// contents. So no cluster ever runs a stale one, and a deploy changes nothing for runs under way.
// The app names the path, the bootstrap uploads to it.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";

/** A file with its path relative to the target folder, with slashes. */
export type SourceFile = { readonly path: string; readonly content: Uint8Array };

const ENTRY = "run_executor.py";

/** services/executor/src: the files that run in Databricks, in the order of their names. */
export const executorSources = (): readonly SourceFile[] =>
  filesBelow(join(import.meta.dirname, "..", "services", "executor", "src")).filter(({ path }) =>
    /\.(py|json)$/.test(path),
  );

/**
 * The python_file of every submission. `codebaseVolume` is
 * `/Volumes/<catalog>/<schema>/company_codebase`.
 * @throws Error if the sources are not complete
 */
export function executorPath(codebaseVolume: string, sources: readonly SourceFile[]): string {
  if (!sources.some(({ path }) => path === ENTRY))
    throw new Error(`the executor's sources hold no ${ENTRY}: this checkout is not whole`);
  return `${codebaseVolume}/executor/${contentHash(sources).slice(0, 16)}/${ENTRY}`;
}

/** All files of a folder and of the folders below it, without those that Python leaves behind. */
function filesBelow(folder: string): readonly SourceFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.split(sep).includes("__pycache__"))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
    .map((path) => ({
      path: relative(folder, path).split(sep).join("/"),
      content: readFileSync(path),
    }));
}

/** The digest of names and contents, in the order of the names. */
function contentHash(sources: readonly SourceFile[]): string {
  const hash = createHash("sha256");
  for (const { path, content } of sources.toSorted((a, b) => (a.path < b.path ? -1 : 1)))
    hash.update(`${path}\0${content.byteLength}\0`).update(content);
  return hash.digest("hex");
}
