// The contract of TypeScript and Python: the manifest that an executor reads and the result that it
// leaves. services/executor/src/signalbox_executor/contract/*.json is generated from this file; a
// test fails when they differ.
import * as z from "zod";

/** The limits of a result. It is untrusted input: a result beyond one of them is not valid. */
export const resultLimits = {
  resultBytesMax: 1024 * 1024, // checked before parsing
  capsuleBytesMax: 64 * 1024, // as compact JSON
  outputBytesMax: 256 * 1024, // as compact JSON
  metricsMax: 200, // also of each baseline
  baselinesMax: 10,
  metricFailureCharsMax: 500,
  artifactsMax: 200,
  tablesMax: 200,
  summaryCharsMax: 2_000,
  traceCharsMax: 16_000,
  logTailCharsMax: 8_000,
  jsonDepthMax: 32, // levels of arrays and objects in the capsule, the output and the parameters
  // Each of stdout.log and stderr.log: head and tail are kept, the middle is cut.
  logBytesMax: 5 * 1024 * 1024,
} as const;

export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, "must be a sha256 in lower-case hex");
export const Count = z.int().min(1);
export const Instant = z.iso.datetime();
export const VolumePath = z
  .string()
  .max(1024)
  .regex(
    // No controls, ends of lines or turns of direction: who reads the path would see another one.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that no path may have
    /^\/Volumes(\/(?!\.{1,2}(\/|$))[^/\u0000-\u001F\u007F-\u009F\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]+){3,}$/,
    "must be a path below /Volumes/<catalog>/<schema>/<volume>, without ., .. and control characters in it",
  );
/**
 * JSON of a bounded depth. z.json() also guards against cycles, which a parsed value cannot have,
 * and takes ten times as long.
 */
const json = z.unknown().superRefine((value, context) => {
  const fault = jsonFault(value, resultLimits.jsonDepthMax);
  if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
});
export const JsonObject = z.record(z.string(), json);

/** A file that the attempt uses, by its content. */
export const PlannedFile = z.strictObject({
  name: z
    .string()
    .max(255)
    .regex(
      /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}(\/[A-Za-z0-9_][A-Za-z0-9._-]{0,127}){0,9}$/,
      "must be a plain file name, or a path below the workload's folder",
    ),
  path: VolumePath,
  sha256: Sha256,
  bytes: z.int().min(0),
});
export type PlannedFile = z.infer<typeof PlannedFile>;

/**
 * A secret that executed code needs. Plans and payloads carry its address, never its value: the run
 * itself reads that, as the principal that it runs as.
 */
export const SecretAddress = z.strictObject({
  scope: z
    .string()
    .regex(
      /^[A-Za-z0-9_.@ /-]{1,128}$/,
      "must be the name of a secret scope, at most 128 characters",
    ),
  key: z
    .string()
    .regex(
      /^[A-Za-z0-9_.-]{1,128}$/,
      "must be a secret's key: letters, digits, - _ ., at most 128",
    ),
  /** The environment variable that the executed code finds it in. */
  env: z
    .string()
    .regex(/^[A-Z_][A-Z0-9_]{0,127}$/, "must be an environment variable: A-Z, digits, underscores")
    .optional(),
  /** Whether the attempt fails, before its code runs, where the secret cannot be read. */
  required: z.boolean(),
});
export type SecretAddress = z.infer<typeof SecretAddress>;

/** The code that Python runs: a module, or a function of it after a colon. */
export const CodeReference = z
  .string()
  .max(255)
  .regex(
    /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*(:[A-Za-z_][A-Za-z0-9_]*)?$/,
    "must be a module such as package.module, or a function of it, package.module:main",
  );

/** The bounds within which the executor runs the entry point. */
const Policy = z.strictObject({
  timeout_seconds: z.int().min(1),
  /**
   * Top-level modules that the entry point may import beside the standard library and the company
   * codebase; null: any.
   */
  allowed_modules: z.array(z.string()).nullable(),
  /** Tables (`catalog.schema.table`) that the entry point may report as written. */
  writes: z.array(z.string()),
});

/** Upper bounds of a run; a ticket or a retry may lower them, never raise them. */
export const Limits = z.strictObject({
  /** The rounds of the loop. */
  iterations: z.int().min(1).max(99),
  /** The tries (`try`) that one iteration may have within one chapter. */
  attempts: z.int().min(1).max(99),
  /** The time of one attempt, from its start; also the platform's `timeout_seconds`. */
  timeout_seconds: z
    .int()
    .min(1)
    .max(7 * 24 * 3600),
  /**
   * The time that an attempt may take beyond that because it waits for compute (Databricks queues
   * up to 48 h).
   */
  queue_seconds: z
    .int()
    .min(0)
    .max(48 * 3600),
});
export type Limits = z.infer<typeof Limits>;

/** The name of a metric, which a person can read and a table can hold. */
const MetricName = z
  .string()
  .max(200)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that no metric may have
  .regex(/^[^\u0000-\u001F\u007F-\u009F]+$/, "must be a name without control characters");

const GateMetric = z.string().min(1).max(200);

/** A name under which code reports what another version (the one in use) scored. */
const BaselineName = z.string().regex(
  // Nothing in front that could make it __proto__.
  /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/,
  "must be a name such as production: letters, digits, - _ ., at most 64",
);

/**
 * Conditions on a result's metrics. All must hold; a metric that is missing fails. What a recipe
 * may say beyond the shape stands in recipe.ts.
 */
export const Gate = z
  .array(
    z.strictObject({
      /** Its name, or several: the first that is there is read, and two that differ refuse. */
      metric: z.union([
        GateMetric,
        z.array(GateMetric).min(1, "must have at least one name").max(10),
      ]),
      op: z.enum(["<=", "<", ">=", ">", "=="]),
      /** The number that it must reach. */
      value: z.number().optional(),
      /** It must be better than what this baseline scored in the same attempt. */
      baseline: BaselineName.optional(),
      /** By at least so much, in the metric's unit; below 0: it may be worse by so much. */
      margin: z.number().optional(),
      /** How many samples it must have been measured on, at least. */
      samples: z.int().min(1).optional(),
    }),
  )
  .max(50);
export type Gate = z.infer<typeof Gate>;

/** The plan of one attempt, as the executor reads it. */
export const ExecutorManifest = z.strictObject({
  v: z.literal(1),
  plane_id: z.string(),
  run_id: z.string(),
  workload: z.string(),
  chapter: Count,
  iter_n: Count,
  attempt: Count,
  /** 1-based number of this try within its chapter; `limits.attempts` bounds it. */
  try: Count,
  created_at: Instant,
  /** After this time, nothing is submitted any more for this attempt. */
  submit_before: Instant,
  files: z.array(PlannedFile).min(1).max(100),
  /** The file that is run. */
  entry: z.string(),
  /** The part of the files that is run, where it is not the entry's text itself. */
  run: CodeReference.optional(),
  /** Folders that go on sys.path, in order. */
  code_paths: z.array(VolumePath).max(10),
  parameters: JsonObject,
  capsule: JsonObject,
  policy: Policy,
  mode: z.enum(["PROD", "DEV"]),
  /** The limits by which the attempt will be judged; the executor ignores them. */
  limits: Limits,
  gate: Gate,
  /** True if the recipe has one iteration only: without a gate, its success is the run's. */
  single_iteration: z.boolean(),
  /** Whether SUCCESS_WITH_FAILURES counts as success (a DAG that allows failures). */
  allow_failures: z.boolean(),
  /** The folder for result.json, logs and artifacts of this attempt. */
  scratchpad: VolumePath,
  /** The folder of the run, which its attempts go on in. Absent in older plans. */
  state_path: VolumePath.optional(),
  /** Absent where the recipe names none, and in older plans. */
  secrets: z.array(SecretAddress).max(50).optional(),
  /** The principal that reads them, where it is known: a refusal names it. */
  run_as: z.string().max(200).optional(),
  traceparent: z.string(),
});
export type ExecutorManifest = z.infer<typeof ExecutorManifest>;

/** Why an attempt failed, in the words of the code that failed. */
const ResultError = z.strictObject({
  type: z.string().max(200),
  summary: z.string().max(resultLimits.summaryCharsMax),
  trace: z.string().max(resultLimits.traceCharsMax),
  /** True if the code itself says that trying again may help. */
  transient: z.boolean(),
});

const measures = {
  /** Finite numbers only: NaN and infinities are no JSON, and no metric. */
  metrics: z.record(MetricName, z.number()),
  /** Metrics that could not be measured, and why. They have no number, whatever `metrics` says. */
  failed_metrics: z
    .record(MetricName, z.string().max(resultLimits.metricFailureCharsMax))
    .optional(),
  /** How many samples a metric was measured on, where the code says it. */
  samples: z.record(MetricName, z.int().min(0)).optional(),
};

/** result.json: the executor's word on what happened. Evidence, not truth. */
export const Result = z.strictObject({
  v: z.literal(1),
  run_id: z.string().max(64),
  iter_n: Count,
  attempt: Count,
  manifest_sha256: Sha256,
  status: z.enum(["SUCCESS", "FAILED"]),
  started_at: Instant,
  ended_at: Instant,
  duration_seconds: z.number().min(0),
  error: ResultError.nullable(),
  ...measures,
  /** The scores of others in this attempt, by name; null: the code says that there is none. */
  baselines: z.record(BaselineName, z.strictObject(measures).nullable()).optional(),
  produced_artifacts: z
    .array(z.strictObject({ path: VolumePath, sha256: Sha256, bytes: z.int().min(0) }))
    .max(resultLimits.artifactsMax),
  produced_tables: z.array(z.string().max(767)).max(resultLimits.tablesMax),
  output: json,
  summary: z.string().max(resultLimits.summaryCharsMax),
  capsule: JsonObject,
  /** Why no further iteration is needed; null: go on. */
  finished: z.string().max(resultLimits.summaryCharsMax).nullable(),
  logs: z.strictObject({
    stdout: VolumePath.nullable(),
    stderr: VolumePath.nullable(),
    stdout_tail: z.string().max(resultLimits.logTailCharsMax),
    stderr_tail: z.string().max(resultLimits.logTailCharsMax),
  }),
  traceparent: z.string().max(200),
});
export type Result = z.infer<typeof Result>;

/**
 * The first fault of a value. It never goes deeper than the limit: a megabyte of `[` can be parsed,
 * but would overflow the stack of a recursive reader.
 */
function jsonFault(value: unknown, levels: number): string | undefined {
  switch (typeof value) {
    case "string":
    case "boolean":
      return undefined;
    case "number":
      return Number.isFinite(value) ? undefined : `must be JSON, which has no ${value}`;
    case "object": {
      if (value === null) return undefined;
      if (levels === 0) return `must not be nested deeper than ${resultLimits.jsonDepthMax} levels`;
      for (const inner of Object.values(value)) {
        const fault = jsonFault(inner, levels - 1);
        if (fault !== undefined) return fault;
      }
      return undefined;
    }
    default:
      return `must be JSON, which has no ${typeof value}`;
  }
}
