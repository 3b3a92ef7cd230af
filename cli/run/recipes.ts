// The recipes of a folder, for whoever judges tickets by them.
import { readWorkloads } from "../../infra/workloads.ts";
import type { Recipes } from "../check/ticket-faults.ts";

/** @throws WorkloadError */
export function recipesIn(folder: string): Recipes {
  const workloads = new Map(
    readWorkloads(folder).map(({ workload, recipe }) => [workload, recipe]),
  );
  return { names: [...workloads.keys()], recipeOf: (name) => workloads.get(name) };
}
