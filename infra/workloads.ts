// The reviewed recipes, as the app sees them: which of them have a schedule. The orchestrator's bundle carries the folder itself.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { faultsOf } from "../shared/domain/body.ts";
import { Recipe, WorkloadName } from "../shared/domain/recipe.ts";

export type ScheduledWorkload = { readonly workload: string; readonly schedule: string };

/** A workload that cannot be deployed. Its message names the file, the key and the fault. */
export class WorkloadError extends Error {
  override readonly name = "WorkloadError";
}

/**
 * Checks every recipe and returns those with a schedule.
 * @throws WorkloadError: a recipe that the orchestrator would refuse is never deployed.
 */
export function scheduledWorkloads(folder: string): readonly ScheduledWorkload[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort()
    .map((name) => ({ workload: name, recipe: readRecipe(folder, name) }))
    .flatMap(({ workload, recipe: { schedule } }) =>
      schedule === undefined ? [] : [{ workload, schedule }],
    );
}

function readRecipe(folder: string, name: string): Recipe {
  if (!WorkloadName.safeParse(name).success)
    throw new WorkloadError(
      `${join(folder, name)}: a workload's name has lower-case letters, digits and dashes: rename the folder`,
    );
  const path = join(folder, name, "recipe.yaml");
  if (!existsSync(path))
    throw new WorkloadError(`${path} is missing: every folder here is a workload`);
  const parsed = Recipe.safeParse(parse(readFileSync(path, "utf8")));
  if (!parsed.success) throw new WorkloadError(`${path} is no recipe: ${faultsOf(parsed.error)}`);
  const { planner } = parsed.data;
  for (const file of [planner.artifact, ...planner.files])
    if (!existsSync(join(folder, name, file)))
      throw new WorkloadError(
        `${path} names ${file}, which is not beside it: add it, or correct the name`,
      );
  return parsed.data;
}
