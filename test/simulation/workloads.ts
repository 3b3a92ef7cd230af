// The reviewed workloads of the simulated plane, and what of the company codebase its tickets may name.
import { Recipe } from "../../shared/domain/recipe.ts";
import type { WorkloadsPort } from "../../shared/ports.ts";
import { sha256Of } from "./digest.ts";
import { deepFreeze } from "./files.ts";

const text = (content: string): Uint8Array => new TextEncoder().encode(content);

const recipeOf = (more: object, limits: object): Recipe =>
  deepFreeze(
    Recipe.parse({
      v: 1,
      planner: { kind: "artifact", artifact: "main.py", files: ["helper.py"], inline: true },
      task: { kind: "spark_python_task", compute: { serverless: { environment_version: "4" } } },
      limits: { iterations: 3, attempts: 2, timeout_seconds: 1_800, queue_seconds: 600, ...limits },
      ...more,
    }),
  );

/** What the gate of fit-model asks for. */
export const gateError = 0.35;

const recipes: Readonly<Record<string, Recipe>> = {
  /** Iterates until its gate passes. */
  "fit-model": recipeOf({ gate: [{ metric: "error", op: "<=", value: gateError }] }, {}),
  /** Long attempts, no gate: over when the code says that it is finished. */
  "train-slowly": recipeOf({}, { timeout_seconds: 16_200, queue_seconds: 1_200 }),
  "report-once": recipeOf({ allow_failures: true }, { iterations: 1, attempts: 3 }),
};

export const workloadNames = Object.keys(recipes);
export const recipeByName = (workload: string): Recipe | undefined =>
  Object.hasOwn(recipes, workload) ? recipes[workload] : undefined;

export const workloads: WorkloadsPort["workloads"] = {
  names: () => workloadNames,
  recipe: recipeByName,
  file: (_workload, name) => (name.endsWith(".py") ? text(`# ${name}\n`) : undefined),
};

export const settings = Object.freeze({
  factsVolume: "/Volumes/main/ops/facts",
  scratchpadVolume: "/Volumes/main/ops/scratchpad",
  codebaseVolume: "/Volumes/main/ops/company_codebase",
  executorPath: "/Volumes/main/ops/executor/run_executor.py",
  runAs: "00000000-0000-4000-8000-000000000002",
  timeScale: 1,
});

const reviewed = text("# reviewed code\n");
/** Reviewed code that a ticket may name instead of the recipe's own. */
export const reviewedArtifact = {
  path: `${settings.codebaseVolume}/reviewed.py`,
  sha256: sha256Of(reviewed),
  content: reviewed,
};
