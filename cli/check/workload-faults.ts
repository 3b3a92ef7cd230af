// The faults of a folder of workloads: recipes, files, and the example tickets beside them.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { strictYaml } from "../../shared/adapters/strict-yaml.ts";
import { withWholeFolder } from "../../shared/adapters/workload-folder.ts";
import { messageOf } from "../../shared/domain/body.ts";
import { nearest } from "../../shared/domain/nearest.ts";
import { Recipe, WorkloadName } from "../../shared/domain/recipe.ts";
import { ticketFaults } from "./ticket-faults.ts";
import { type Fault, yamlFaults } from "./yaml-faults.ts";

export type Examined = {
  readonly faults: readonly Fault[];
  /** The files of Python that recipes name. */
  readonly python: readonly string[];
};

/** @throws Error if the folder cannot be read */
export function foldersOf(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map(({ name }) => name)
    .toSorted();
}

export function examineWorkload(folder: string, name: string): Examined {
  const place = join(folder, name);
  if (!WorkloadName.safeParse(name).success)
    return one(
      place,
      `a workload's name has at most 48 lower-case letters, digits and dashes: rename the folder, or move it away`,
    );
  const path = join(place, "recipe.yaml");
  if (!existsSync(path)) {
    const near = readdirSync(place).find((file) => /^recipe\.ya?ml$/i.test(file));
    return one(
      path,
      near === undefined
        ? "is missing: every folder here is a workload"
        : `is missing, and there is ${near}: rename it`,
    );
  }
  const text = readFileSync(path, "utf8");
  const faults = yamlFaults(path, text, Recipe);
  const parsed = faults.length === 0 ? Recipe.safeParse(strictYaml(text)) : undefined;
  if (!parsed?.success) return { faults, python: [] };
  const files = filesTaken(place, parsed.data);
  if (typeof files === "string") return one(path, files);
  return {
    faults: [...missingFiles(path, place, text, files), ...exampleFaults(place, name, parsed.data)],
    python: files
      .map((file) => join(place, file))
      .filter((file) => /\.py$/.test(file) && isFile(file)),
  };
}

/** The files that go to a run, or why they cannot. */
function filesTaken(place: string, recipe: Recipe): readonly string[] | string {
  try {
    const { artifact, files } = withWholeFolder(place, recipe).planner;
    return [artifact, ...files];
  } catch (error) {
    return messageOf(error);
  }
}

const one = (file: string, sentence: string): Examined => ({
  faults: [{ file, sentence }],
  python: [],
});
const isFile = (path: string): boolean => existsSync(path) && statSync(path).isFile();

function missingFiles(
  path: string,
  place: string,
  text: string,
  files: readonly string[],
): readonly Fault[] {
  const there = readdirSync(place);
  return files
    .filter((file) => !isFile(join(place, file)))
    .map((file) => {
      const guess = nearest(
        file,
        there.filter((each) => each !== "recipe.yaml"),
      );
      const line = text.split("\n").findIndex((each) => each.includes(file)) + 1;
      const meant = guess === undefined ? "add it, or correct the name" : `did you mean ${guess}?`;
      return {
        file: path,
        ...(line > 0 && { line }),
        sentence: `names ${file}, which is not beside it: ${meant}`,
      };
    });
}

/** ticket.json is what people copy: it must be a ticket that this recipe takes. */
function exampleFaults(place: string, workload: string, recipe: Recipe): readonly Fault[] {
  const file = join(place, "ticket.json");
  if (!existsSync(file)) return [];
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    return ticketFaults(value, {
      names: [workload],
      recipeOf: (name) => (name === workload ? recipe : undefined),
    }).map((sentence) => ({ file, sentence }));
  } catch (error) {
    return [{ file, sentence: `is not JSON: ${messageOf(error)}` }];
  }
}
