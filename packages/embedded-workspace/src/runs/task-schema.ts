// The fields that a client may send in a task: the field lists of databricks-sdk-go
// `service/jobs/model.go`. The platform refuses a field of a task that it does not know, so these
// objects are strict.
import * as z from "zod";

const idTextMax = 19; // digits of 2^63 - 1

/**
 * An int64: a number, or text where it is beyond 2^53 (`ApiRequest.json` hands those over as text).
 */
export const Id = z.union([z.int(), z.string().regex(/^\d+$/).max(idTextMax)]).transform(String);

const TaskKey = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[\w-]+$/, "may only contain alphanumeric characters, - and _");
export const Texts = z.record(z.string(), z.string());
/**
 * Some clients write null for what they leave out, and the platform's JSON takes that as absent.
 */
export const withoutNulls = <T extends z.ZodType>(schema: T) => z.preprocess(dropNulls, schema);

function dropNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(dropNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, each]) => (each === null ? [] : [[key, dropNulls(each)]])),
  );
}

export const Anything = z.record(z.string(), z.unknown());
export const Seconds = z.int().min(0);

export const runIfs = [
  "ALL_SUCCESS",
  "ALL_DONE",
  "NONE_FAILED",
  "AT_LEAST_ONE_SUCCESS",
  "ALL_FAILED",
  "AT_LEAST_ONE_FAILED",
] as const;
export type RunIf = (typeof runIfs)[number];

export const NewCluster = z.looseObject({
  spark_conf: Texts.optional(),
  spark_env_vars: Texts.optional(),
});

const SparkPythonTask = z.strictObject({
  python_file: z.string().min(1),
  parameters: z.array(z.string()).optional(),
  source: z.enum(["WORKSPACE", "GIT"]).optional(),
});
const PythonWheelTask = z.strictObject({
  package_name: z.string().min(1),
  entry_point: z.string().min(1),
  parameters: z.array(z.string()).optional(),
  named_parameters: Texts.optional(),
});
const NotebookTask = z.strictObject({
  notebook_path: z.string().min(1),
  base_parameters: Texts.optional(),
  source: z.enum(["WORKSPACE", "GIT"]).optional(),
  warehouse_id: z.string().optional(),
});
const ConditionTask = z.strictObject({
  op: z.enum([
    "EQUAL_TO",
    "NOT_EQUAL",
    "GREATER_THAN",
    "GREATER_THAN_OR_EQUAL",
    "LESS_THAN",
    "LESS_THAN_OR_EQUAL",
  ]),
  left: z.string(),
  right: z.string(),
});
export type ConditionTask = z.infer<typeof ConditionTask>;
const SqlTask = z.strictObject({
  warehouse_id: z.string().min(1),
  parameters: Texts.optional(),
  file: z
    .strictObject({
      path: z.string().min(1),
      source: z.enum(["WORKSPACE", "GIT"]).optional(),
    })
    .optional(),
  query: Anything.optional(),
  alert: Anything.optional(),
  dashboard: Anything.optional(),
});
const RunJobTask = z.looseObject({ job_id: Id, job_parameters: Texts.optional() });

/** Bodies that this workspace executes. */
export const executableBodies = [
  "spark_python_task",
  "python_wheel_task",
  "notebook_task",
  "condition_task",
  "run_job_task",
  "for_each_task",
  "sql_task",
] as const;

/** Bodies that the platform has and this workspace has not: they answer 501. */
export const missingBodies = [
  "ai_runtime_task",
  "alert_task",
  "clean_rooms_notebook_task",
  "dashboard_task",
  "dbt_cloud_task",
  "dbt_platform_task",
  "dbt_task",
  "gen_ai_compute_task",
  "pipeline_task",
  "power_bi_task",
  "python_operator_task",
  "spark_jar_task",
  "spark_submit_task",
] as const;

const missingBodyFields = Object.fromEntries(
  missingBodies.map((name) => [name, z.unknown().optional()]),
);

const taskFields = {
  task_key: TaskKey,
  depends_on: z
    .array(z.strictObject({ task_key: TaskKey, outcome: z.string().optional() }))
    .optional(),
  run_if: z.enum(runIfs).optional(),
  existing_cluster_id: z.string().optional(),
  new_cluster: NewCluster.optional(),
  job_cluster_key: z.string().optional(),
  environment_key: z.string().optional(),
  environment_variables_key: z.string().optional(),
  compute: Anything.optional(),
  libraries: z.array(Anything).optional(),
  timeout_seconds: Seconds.optional(),
  max_retries: z.int().min(-1).max(5000).optional(), // 5000: MicrosoftDocs/azure-docs#114136
  min_retry_interval_millis: z.int().min(0).optional(),
  retry_on_timeout: z.boolean().optional(),
  disable_auto_optimization: z.boolean().optional(),
  disabled: z.boolean().optional(),
  description: z.string().optional(),
  health: Anything.optional(),
  email_notifications: Anything.optional(),
  webhook_notifications: Anything.optional(),
  notification_settings: Anything.optional(),
  spark_python_task: SparkPythonTask.optional(),
  python_wheel_task: PythonWheelTask.optional(),
  notebook_task: NotebookTask.optional(),
  condition_task: ConditionTask.optional(),
  run_job_task: RunJobTask.optional(),
  sql_task: SqlTask.optional(),
  ...missingBodyFields,
};

const ForEachTask = z.strictObject({
  /** JSON text of an array, or references that make one. */
  inputs: z.string().max(10_000),
  concurrency: z.int().min(1).max(100).optional(),
  task: z.strictObject({
    ...taskFields,
    for_each_task: z.undefined("a for_each_task cannot be nested").optional(),
  }),
});
export type ForEachTask = z.infer<typeof ForEachTask>;

export const Task = z.strictObject({ ...taskFields, for_each_task: ForEachTask.optional() });
export type Task = z.infer<typeof Task>;
