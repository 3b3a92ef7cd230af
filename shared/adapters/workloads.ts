// WorkloadsPort over a folder: `workloads/<name>/recipe.yaml` with its files beside it. Everything
// is read and checked at once, so that a bad recipe stops a deployment or a cold start, and not a
// ticket.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { faultsOf, messageOf } from "../domain/body.ts";
import { Recipe, WorkloadName } from "../domain/recipe.ts";
import type { WorkloadsPort } from "../ports.ts";
import { strictYaml } from "./strict-yaml.ts";
import { withWholeFolder } from "./workload-folder.ts";

/**
 * @param folder the bundled folder beside the handler, or the one in the source tree
 * @throws Error that names the file, the key and the fault
 */
export function createWorkloads(folder: string): WorkloadsPort {
  const loaded = new Map<string, Workload>();
  for (const name of workloadNames(folder)) loaded.set(name, loadWorkload(join(folder, name)));
  return {
    workloads: {
      names: () => [...loaded.keys()],
      recipe: (workload) => loaded.get(workload)?.recipe,
      file: (workload, name) => loaded.get(workload)?.files.get(name),
    },
  };
}

type Workload = { readonly recipe: Recipe; readonly files: ReadonlyMap<string, Uint8Array> };

function workloadNames(folder: string): readonly string[] {
  if (!existsSync(folder))
    throw new Error(
      `there is no folder ${folder}: SIGNALBOX_WORKLOADS must name that of the workloads`,
    );
  const names = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map((entry) => entry.name)
    .sort();
  for (const name of names) {
    const parsed = WorkloadName.safeParse(name);
    if (!parsed.success)
      throw new Error(`${join(folder, name)}: its name ${faultsOf(parsed.error)}`);
  }
  if (names.length === 0)
    throw new Error(`${folder} has no workloads: each is a folder with a recipe.yaml`);
  return names;
}

function loadWorkload(folder: string): Workload {
  const path = join(folder, "recipe.yaml");
  if (!existsSync(path)) throw new Error(`${folder} has no recipe.yaml: every workload has one`);
  const recipe = withWholeFolder(folder, recipeOf(path, readFileSync(path, "utf8")));
  const files = new Map<string, Uint8Array>();
  for (const name of [recipe.planner.artifact, ...recipe.planner.files]) {
    const file = join(folder, name);
    if (!existsSync(file) || !statSync(file).isFile())
      throw new Error(`${path}: planner names ${name}, and there is no such file beside it`);
    files.set(name, readFileSync(file));
  }
  return { recipe, files };
}

/**
 * @throws Error that names the file, the key and the fault: unknown and duplicate keys are faults,
 *   too
 */
function recipeOf(path: string, text: string): Recipe {
  const parsed = Recipe.safeParse(yamlOf(path, text));
  if (parsed.success) return parsed.data;
  throw new Error(`${path}: ${faultsOf(parsed.error)}`, { cause: parsed.error });
}

function yamlOf(path: string, text: string): unknown {
  try {
    return strictYaml(text);
  } catch (error) {
    throw new Error(`${path} is no valid YAML: ${messageOf(error)}`, { cause: error });
  }
}
