// The reviewed recipes for the app and the command line: their schedules and principals. The
// orchestrator's bundle contains the folder itself.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { withWholeFolder } from "../shared/adapters/workload-folder.ts";
import { faultsOf, messageOf } from "../shared/domain/body.ts";
import { Recipe, WorkloadName } from "../shared/domain/recipe.ts";
import type { Stage } from "./stage.ts";
import { parseYaml } from "./yaml.ts";

/** The project's own folder. */
export const WORKLOADS = join(import.meta.dirname, "..", "workloads");

export type ScheduledWorkload = { readonly workload: string; readonly schedule: string };
export type Workload = { readonly workload: string; readonly recipe: Recipe };

/** A workload that cannot be deployed. Its message names the file, the key and the fault. */
export class WorkloadError extends Error {
  override readonly name = "WorkloadError";
}

/**
 * Checks every recipe.
 * @throws WorkloadError: a recipe that the orchestrator would refuse is never deployed
 */
export function readWorkloads(folder: string): readonly Workload[] {
  return foldersIn(folder)
    .toSorted()
    .map((name) => ({ workload: name, recipe: readRecipe(folder, name) }));
}

function foldersIn(folder: string): readonly string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    throw new WorkloadError(
      `the workloads cannot be read: ${messageOf(error)}: name their folder (--workloads, or -c workloads=<folder>)`,
      { cause: error },
    );
  }
}

/** The workloads with a schedule. */
export const scheduledOf = (workloads: readonly Workload[]): readonly ScheduledWorkload[] =>
  workloads.flatMap(({ workload, recipe: { schedule } }) =>
    schedule === undefined ? [] : [{ workload, schedule }],
  );

/** All principals as which a stage executes code: its own, and those that recipes name instead. */
export const executorsOf = (
  { databricks }: Pick<Stage, "databricks">,
  workloads: readonly Workload[],
): readonly string[] => [
  ...new Set([databricks.run_as, ...workloads.flatMap(({ recipe }) => recipe.run_as ?? [])]),
];

/** A principal that executes code, and a volume that it writes. */
export type Scratchpad = { readonly executor: string; readonly volume: string };

/** The stage's own scratchpad, which its own principal writes. */
export const usualScratchpad = ({ databricks }: Pick<Stage, "databricks">): Scratchpad => ({
  executor: databricks.run_as,
  volume: databricks.volumes.scratchpad,
});

/**
 * The principal that writes each scratchpad: the stage's principal the stage's, each workload's the
 * one that its recipe names.
 */
export const scratchpadsOf = (
  usual: Scratchpad,
  workloads: readonly Workload[],
): readonly Scratchpad[] => {
  const all = [
    usual,
    ...workloads.map(({ recipe }) => ({
      executor: recipe.run_as ?? usual.executor,
      volume: recipe.scratchpad ?? usual.volume,
    })),
  ];
  return [...new Map(all.map((each) => [`${each.executor} ${each.volume}`, each])).values()];
};

/**
 * A recipe may name a principal of its own, but not the controllers': its code could forge the
 * facts that judge it. It may name a scratchpad of its own, but no volume whose content is trusted.
 * @throws WorkloadError with a line for each recipe that does
 */
export function checkIdentities(
  { name, databricks }: Stage,
  workloads: readonly Workload[],
  folder: string,
): void {
  const { client_id, on_call, allow_same_identity, volumes } = databricks;
  const { facts, plans, company_codebase } = volumes;
  const fault = ({ run_as, scratchpad }: Recipe): string | undefined => {
    if (scratchpad !== undefined && [facts, plans, company_codebase].includes(scratchpad))
      return `scratchpad: ${scratchpad} is a volume of the stage ${name} that executed code must never write: name another volume`;
    if (run_as === undefined) return undefined;
    if (run_as === client_id && !allow_same_identity)
      return `run_as is the controllers' own client_id of the stage ${name}, so executed code could forge the facts that judge it: name another service principal, leave run_as away, or say databricks.allow_same_identity: true in the stage`;
    if (run_as === on_call?.client_id)
      return `run_as is on-call's client_id of the stage ${name}, so executed code could read the facts: name another service principal, or leave run_as away`;
    return undefined;
  };
  const faults = workloads.flatMap(({ workload, recipe }) => {
    const message = fault(recipe);
    return message === undefined ? [] : [`${join(folder, workload, "recipe.yaml")}: ${message}`];
  });
  if (faults.length > 0) throw new WorkloadError(faults.join("\n"));
}

function readRecipe(folder: string, name: string): Recipe {
  if (!WorkloadName.safeParse(name).success)
    throw new WorkloadError(
      `${join(folder, name)}: a workload's name has lower-case letters, digits and dashes: rename the folder`,
    );
  const path = join(folder, name, "recipe.yaml");
  if (!existsSync(path))
    throw new WorkloadError(`${path} is missing: every folder here is a workload`);
  const value = parseYaml(
    readFileSync(path, "utf8"),
    (fault, cause) => new WorkloadError(`${path}: ${fault}`, cause),
  );
  const parsed = Recipe.safeParse(value);
  if (!parsed.success) throw new WorkloadError(`${path} is no recipe: ${faultsOf(parsed.error)}`);
  const recipe = taken(path, () => withWholeFolder(join(folder, name), parsed.data));
  const { planner } = recipe;
  for (const file of [planner.artifact, ...planner.files])
    if (!existsSync(join(folder, name, file)))
      throw new WorkloadError(
        `${path} names ${file}, which is not beside it: add it, or correct the name`,
      );
  return recipe;
}

function taken(path: string, read: () => Recipe): Recipe {
  try {
    return read();
  } catch (error) {
    throw new WorkloadError(`${path}: ${messageOf(error)}`, { cause: error });
  }
}
