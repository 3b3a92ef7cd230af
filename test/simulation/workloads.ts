// The reviewed workloads of the simulated plane, before and after a deploy, and what of the company
// codebase tickets may name.
import { Recipe } from "../../shared/domain/recipe.ts";
import type { WorkloadsPort } from "../../shared/ports.ts";
import { sha256Of } from "./digest.ts";
import { deepFreeze } from "./freeze.ts";
import { ownRoles } from "./senders.ts";

const recipeOf = (more: object, limits: object): Recipe =>
  deepFreeze(
    Recipe.parse({
      v: 1,
      planner: {
        kind: "artifact",
        artifact: "main.py",
        files: ["helper.py"],
        inline: true,
        codebase: ["models"],
      },
      task: { kind: "spark_python_task", compute: { serverless: { environment_version: "4" } } },
      limits: { iterations: 3, attempts: 2, timeout_seconds: 1_800, queue_seconds: 600, ...limits },
      open_parameters: true,
      ...more,
    }),
  );

/** The conditions of fit-model's gate: all must hold. */
export const goal = { error: 0.35, rows: 100 } as const;
const gate = [
  { metric: "error", op: "<=", value: goal.error },
  { metric: "rows", op: ">=", value: goal.rows },
];

type Recipes = Readonly<Record<string, Recipe>>;
const recipes: Recipes = {
  /** Iterates until its gate passes. */
  "fit-model": recipeOf(
    {
      gate,
      run_as: "00000000-0000-4000-8000-000000000003",
      parameters: { city: "nowhere", year: 2015 },
      allowed_modules: ["numpy"],
      writes: ["main.ops.forecast"],
    },
    {},
  ),
  /** Long attempts, no gate: over when the code says that it is finished. */
  "train-slowly": recipeOf(
    {
      planner: { kind: "artifact", artifact: "main.py", codebase: ["models"] },
      parameters: { city: "nowhere" },
      open_parameters: false,
    },
    { timeout_seconds: 16_200, queue_seconds: 1_200 },
  ),
  "report-once": recipeOf({ allow_failures: true }, { iterations: 1, attempts: 3 }),
};

/** A deploy changes them all; a run that is under way must not notice. */
const recipesAfterDeploy: Recipes = {
  "fit-model": recipeOf({ gate }, { iterations: 2, attempts: 1, timeout_seconds: 900 }),
  "train-slowly": recipeOf(
    {
      planner: { kind: "artifact", artifact: "main.py", codebase: ["models"] },
      parameters: { city: "nowhere" },
      open_parameters: false,
    },
    { iterations: 1, attempts: 3, timeout_seconds: 3_600 },
  ),
  "report-once": recipeOf({}, { iterations: 1, attempts: 1, timeout_seconds: 1_200 }),
};

export const workloadNames = Object.keys(recipes);
/** A workload whose tickets may bring no code of their own, and no parameters but its own. */
export const reviewedOnly = "train-slowly";
/** The workload that the scheduler starts. */
export const scheduledWorkload = "report-once";

const text = (content: string): Uint8Array => new TextEncoder().encode(content);

export const bundledWorkloads = (isDeployed: boolean): WorkloadsPort["workloads"] => {
  const bundle = isDeployed ? recipesAfterDeploy : recipes;
  return {
    names: () => workloadNames,
    recipe: (workload) => (Object.hasOwn(bundle, workload) ? bundle[workload] : undefined),
    file: (_workload, name) => (name.endsWith(".py") ? text(`# ${name}\n`) : undefined),
  };
};

export const settings = Object.freeze({
  factsVolume: "/Volumes/main/ops/facts",
  plansVolume: "/Volumes/main/ops/plans",
  scratchpadVolume: "/Volumes/main/ops/scratchpad",
  codebaseVolume: "/Volumes/main/ops/company_codebase",
  executorPath: "/Volumes/main/ops/company_codebase/executor/0123456789abcdef/run_executor.py",
  runAs: "00000000-0000-4000-8000-000000000002",
  ownSenders: ownRoles,
  worker: "orchestrator",
  retentionDays: 90,
  announceAfter: "fact" as "fact" | "ledger",
  ledgerWindowSeconds: 0,
  timeScale: 1,
});

/** Of the executor that comes with a deploy: it lies below the digest of its sources. */
export const executorAfterDeploy = settings.executorPath.replace(
  "0123456789abcdef",
  "f".repeat(16),
);

const reviewed = text("# reviewed code\n");
/** Reviewed code that a ticket may name instead of the recipe's own. */
export const reviewedArtifact = {
  path: `${settings.codebaseVolume}/models/reviewed.py`,
  sha256: sha256Of(reviewed),
  content: reviewed,
};
/** Reviewed code that no recipe lets a ticket name. */
export const maintenanceArtifact = {
  path: `${settings.codebaseVolume}/admin/drop_everything.py`,
  sha256: sha256Of(reviewed),
  content: reviewed,
};

/** Code that lies where anybody may write. */
const anybodys = text("# anybody's code\n");
export const foreignArtifact = {
  path: "/Volumes/x/y/z/a.py",
  sha256: sha256Of(anybodys),
  content: anybodys,
};
