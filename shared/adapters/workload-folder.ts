// The files of a workload's folder that go to the run: all of it, but what is no code of its own.
import { type Dirent, existsSync, readdirSync, readFileSync } from "node:fs";
import { join, matchesGlob, relative, sep } from "node:path";
import { CodePath, type Recipe } from "../domain/recipe.ts";

const IGNORE_FILE = ".signalboxignore";
/** A plan names at most a hundred files, and each is a request when a ticket is accepted. */
const FILES_MAX = 100;
/** Files of Python, of packaging and of the workload's own description, beside the code. */
const NEVER = ["recipe.yaml", "ticket*.json", "**/__pycache__/**", "**/*.pyc", "**/*.egg-info/**"];

/**
 * The paths below the folder, with slashes, in the order of their names. Hidden files and folders
 * are left out, and so is what `.signalboxignore` names: a glob in each line, `#` for comments, a
 * name alone for it in any folder.
 * @throws Error with a sentence: a name that no plan can hold, a link, or too many
 */
export function workloadFiles(folder: string): readonly string[] {
  const globs = [...NEVER, ...ignoredIn(folder)];
  const entries = entriesBelow(folder)
    .map((entry) => ({
      isLink: entry.isSymbolicLink(),
      path: relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"),
    }))
    .filter(({ path }) => !globs.some((glob) => matchesGlob(path, glob)));
  const link = entries.find(({ isLink }) => isLink);
  if (link !== undefined)
    throw new Error(
      `${join(folder, link.path)} is a link, and could lead to files that nobody reviewed: put a copy there, or name it in ${IGNORE_FILE}`,
    );
  const found = entries.map(({ path }) => path).toSorted();
  const unfit = found.find((path) => !CodePath.safeParse(path).success);
  if (unfit !== undefined)
    throw new Error(
      `${join(folder, unfit)}: a file's name has letters, digits, dots, dashes and underscores: rename it, or name it in ${IGNORE_FILE}`,
    );
  if (found.length > FILES_MAX)
    throw new Error(
      `${folder} has ${found.length} files, and a run takes at most ${FILES_MAX}: name what it does not need in ${IGNORE_FILE}, or put them into a wheel`,
    );
  return found;
}

/** Files and links. Node's own recursion would follow links to folders, out of this one. */
function entriesBelow(folder: string): readonly Dirent[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !name.startsWith("."))
    .flatMap((entry) => {
      if (entry.isDirectory()) return entriesBelow(join(folder, entry.name));
      return entry.isFile() || entry.isSymbolicLink() ? [entry] : [];
    });
}

/** A recipe that lists no further files takes the folder as it is. @throws Error */
export function withWholeFolder(folder: string, recipe: Recipe): Recipe {
  const { planner } = recipe;
  if (planner.files.length > 0) return recipe;
  const files = workloadFiles(folder).filter((name) => name !== planner.artifact);
  return { ...recipe, planner: { ...planner, files } };
}

function ignoredIn(folder: string): readonly string[] {
  const path = join(folder, IGNORE_FILE);
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .flatMap((line) => {
      const name = line.replace(/^\//, "").replace(/\/$/, "");
      const anywhere = line.replace(/\/$/, "").includes("/") ? [name] : [name, `**/${name}`];
      return anywhere.flatMap((glob) => [glob, `${glob}/**`]);
    });
}
