// A workload's recipe: the reviewed half of a ticket. A ticket carries data, the recipe carries
// power.
import * as z from "zod";
import {
  CodeReference,
  Gate,
  JsonObject,
  Limits,
  PlannedFile,
  SecretAddress,
  VolumePath,
} from "./contract.ts";
import { parseSchedule } from "./schedule-expression.ts";

const Name = z
  .string()
  // A scheduled ticket's id is the name and 16 characters of time, and a run's id has at most 64.
  .regex(/^[a-z0-9][a-z0-9-]{0,47}$/, "must be at most 48 lower-case letters, digits and dashes");
/** A file of the workload's folder, also in a folder below it. */
export const CodePath = PlannedFile.shape.name;

/**
 * A service principal's application id. It is lower-case from here on, so that two ids can be
 * compared.
 */
export const PrincipalId = z
  .string("must be a UUID in quotes")
  .toLowerCase()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, {
    error:
      "must be a UUID such as 3f1c9c0e-0000-4000-8000-000000000000, the application id from the service principal's page",
  });

/** EventBridge Scheduler's `rate(…)` or `cron(…)`, in UTC. */
const Schedule = z.string().superRefine((expression, { addIssue }) => {
  try {
    parseSchedule(expression);
  } catch (error) {
    addIssue(error instanceof Error ? error.message : String(error));
  }
});

/** The compute of the executor: exactly one of the three, as the Jobs API has them. */
export const Compute = z.union([
  z.strictObject({
    serverless: z.strictObject({
      environment_version: z.string(),
      dependencies: z.array(z.string()).default([]),
    }),
  }),
  z.strictObject({ existing_cluster_id: z.string().min(1) }),
  z.strictObject({ new_cluster: JsonObject }),
]);
export type Compute = z.infer<typeof Compute>;

const Task = z
  .strictObject({
    kind: z.literal("spark_python_task"),
    compute: Compute,
    /**
     * Jobs API libraries; classic compute only (serverless dependencies belong to the environment).
     */
    libraries: z.array(JsonObject).default([]),
    /**
     * Environment variables of a new cluster. Secrets must have the form `{{secrets/scope/key}}`.
     */
    env: z.record(z.string(), z.string()).default({}),
  })
  .refine((task) => Object.keys(task.env).length === 0 || "new_cluster" in task.compute, {
    path: ["env"],
    message:
      "environment variables need compute.new_cluster (spark_env_vars); elsewhere use parameters",
  })
  .refine((task) => task.libraries.length === 0 || !("serverless" in task.compute), {
    path: ["libraries"],
    message:
      "libraries are for classic compute; on serverless name them in compute.serverless.dependencies",
  });

const Planner = z
  .strictObject({
    kind: z.literal("artifact"),
    /**
     * The entry point: a file in the workload's folder. A ticket may name another one in the
     * company codebase.
     */
    artifact: CodePath,
    /**
     * The code to run, where it is not the file itself: a module (`package.module`, as `python -m`
     * does) or a function of it (`package.module:main`, as an entry point of a wheel names it).
     */
    run: CodeReference.optional(),
    /** Further files of the folder that are put beside it. None: the folder as it is. */
    files: z.array(CodePath).max(99).default([]),
    /** Whether a ticket may carry its code as text. */
    inline: z.boolean().default(false),
    /**
     * Folders below the company codebase from which a ticket may name its artifact; `.` is all of
     * it. Without any, a ticket brings data only: it must not run a maintenance script with a
     * workload's compute, identity and name.
     */
    codebase: z
      .array(
        z.string().regex(/^(\.|[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*)*)$/, {
          error: "must be a folder below the company codebase, such as reports/daily, or . for all",
        }),
      )
      .max(50)
      .default([]),
  })
  .refine(({ run, inline, codebase }) => run === undefined || (!inline && codebase.length === 0), {
    path: ["run"],
    message: "names code of this folder, so no ticket may bring its own (inline, codebase)",
  })
  .refine(({ artifact, files }) => new Set([artifact, ...files]).size === files.length + 1, {
    path: ["files"],
    message: "must name each file once, and not the artifact, which is there anyway",
  });

/**
 * Names that a program takes as orders to itself: a secret under one of them would be power that
 * nobody reviewed as such.
 */
const TAKEN = /^(PATH|HOME|TMPDIR|TRACEPARENT|PYTHON.*|LD_.*|DYLD_.*|SIGNALBOX_.*|WORKSPACE_.*)$/;

const Secrets = z
  .array(
    SecretAddress.extend({ required: z.boolean().default(true) }).refine(
      ({ env }) => env === undefined || !TAKEN.test(env),
      {
        path: ["env"],
        message: "must not be a variable that Python, the shell or the executor obeys",
      },
    ),
  )
  .max(50)
  .refine((secrets) => isDistinct(secrets.map(({ key }) => key)), {
    message: "must name each key once: code asks for a secret by its key",
  })
  .refine((secrets) => isDistinct(secrets.flatMap(({ env }) => env ?? [])), {
    message: "must name each environment variable once",
  });

/** A gate that can be asked: what its shape permits and no answer could follow from is refused. */
const RecipeGate = Gate.superRefine((gate, { addIssue }) => {
  for (const [at, { metric, op, value, baseline, margin }] of gate.entries()) {
    const refuse = (key: string, message: string) =>
      addIssue({ code: "custom", path: [at, key], message });
    if (value === undefined && baseline === undefined)
      refuse("value", "must be a number, unless the condition has a baseline");
    if (margin !== undefined && baseline === undefined)
      refuse("margin", "needs a baseline, which it is the distance to");
    if (op === "==" && baseline !== undefined)
      refuse("op", "must say what is better than the baseline: <=, <, >= or >");
    if (typeof metric !== "string" && !isDistinct(metric))
      refuse("metric", "must name each metric once");
  }
});
const isDistinct = (names: readonly string[]): boolean => new Set(names).size === names.length;

/** How a workload is planned and submitted: on which compute, as whom, within which limits. */
export const Recipe = z.strictObject({
  v: z.literal(1),
  planner: Planner,
  task: Task,
  /**
   * The application id of the service principal as which the executor runs; absent: the stage's
   * choice.
   */
  run_as: PrincipalId.optional(),
  /**
   * The name of a volume in the plane's schema, for what this workload writes; absent: the stage's
   * scratchpad, where every executor writes.
   */
  scratchpad: z
    .string("must be the name of a volume, in quotes")
    .regex(/^[a-z_][a-z0-9_]{0,63}$/, {
      error: "must be the name of a volume: lower-case letters, digits and underscores",
    })
    .optional(),
  limits: Limits,
  /** The secrets that code may ask for by `context.secret("key")`, or finds in its environment. */
  secrets: Secrets.optional(),
  /** Tables that the artifact may report as written. */
  writes: z.array(z.string()).default([]),
  /** Top-level modules beside the standard library and the company codebase; null: any. */
  allowed_modules: z.array(z.string()).nullable().default(null),
  result: z.literal("executor").default("executor"),
  allow_failures: z.boolean().default(false),
  /**
   * Parameters that a ticket may override, key by key. A value's kind is that of its default; null
   * takes every kind.
   */
  parameters: JsonObject.default({}),
  /** Whether a ticket may bring parameters that are not named here. */
  open_parameters: z.boolean().default(false),
  /** The times at which a ticket is sent by itself. */
  schedule: Schedule.optional(),
  gate: RecipeGate.default([]),
  /**
   * How long an attempt usually runs, as its authors expect. It decides when to look until the
   * workload's own durations are learned.
   */
  expected: z
    .strictObject({
      seconds: z
        .int()
        .min(1)
        .max(7 * 24 * 3600),
    })
    .optional(),
});
export type Recipe = z.infer<typeof Recipe>;

/**
 * A recipe as a ticket accepted it. It was reviewed then, and today's rules do not judge it again.
 */
export const AcceptedRecipe = Recipe.extend({
  run_as: z.string().optional(),
  schedule: z.string().optional(),
  gate: Gate.default([]),
});

export type AcceptedRecipe = z.infer<typeof AcceptedRecipe>;

export const WorkloadName = Name;

/** Whether a path of the company codebase lies in a folder that the recipe opens to tickets. */
export const mayComeFromCodebase = (
  path: string,
  codebase: string,
  folders: readonly string[],
): boolean =>
  folders.some((folder) => isWithin(path, folder === "." ? codebase : `${codebase}/${folder}`));

/** Whether a path lies below a folder: a ticket's own artifact must lie below the reviewed code. */
export const isWithin = (path: string, folder: string): boolean =>
  VolumePath.safeParse(path).success &&
  path.startsWith(`${folder}/`) &&
  !path.split("/").some((segment) => segment === "." || segment === "..");
