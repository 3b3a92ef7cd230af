// The fields that a client may send around tasks: submits, jobs, run-now, repairs
// (databricks-sdk-go `service/jobs/model.go`).
import * as z from "zod";
import { Anything, Id, NewCluster, Seconds, Task, Texts } from "./task-schema.ts";

export const Environment = z.strictObject({
  environment_key: z.string().min(1),
  spec: z
    .looseObject({
      environment_version: z.string().optional(),
      client: z.string().optional(),
      dependencies: z.array(z.string()).optional(),
    })
    .optional(),
});
export type Environment = z.infer<typeof Environment>;

const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Named sets of environment variables, of which a task takes one. */
const EnvironmentVariables = z.strictObject({
  environment_variables_key: z.string().min(1),
  spec: z
    .strictObject({
      variables: z.record(z.string().max(256).regex(variableName), z.string()).optional(),
      files: z.array(z.string()).max(0, "files are not built in the embedded workspace").optional(),
    })
    .optional(),
});
export type EnvironmentVariables = z.infer<typeof EnvironmentVariables>;

export const AccessControl = z.strictObject({
  user_name: z.string().optional(),
  group_name: z.string().optional(),
  service_principal_name: z.string().optional(),
  permission_level: z.string(),
});
export type AccessControl = z.infer<typeof AccessControl>;

export const RunAs = z.strictObject({
  user_name: z.string().optional(),
  service_principal_name: z.string().optional(),
  group_name: z.string().optional(),
});
export type RunAs = z.infer<typeof RunAs>;

const Queue = z.strictObject({ enabled: z.boolean() });
export const JobCluster = z.strictObject({
  job_cluster_key: z.string(),
  new_cluster: NewCluster.optional(),
  serverless_compute_id: z.string().optional(),
});
export type JobCluster = z.infer<typeof JobCluster>;
const JobParameter = z.strictObject({ name: z.string().min(1), default: z.string() });
/** ≤ 64 characters; checked apart, because its refusal has words of its own. */
const IdempotencyToken = z.string();

/** The common fields of `runs/submit` and `jobs/create`. */
const shared = {
  access_control_list: z.array(AccessControl).optional(),
  budget_policy_id: z.string().optional(),
  usage_policy_id: z.string().optional(),
  duration_target: z.string().optional(),
  email_notifications: Anything.optional(),
  environment_variables: z.array(EnvironmentVariables).max(10).optional(),
  environments: z.array(Environment).optional(),
  git_source: Anything.optional(),
  health: Anything.optional(),
  notification_settings: Anything.optional(),
  performance_target: z.enum(["STANDARD", "PERFORMANCE_OPTIMIZED"]).optional(),
  queue: Queue.optional(),
  run_as: RunAs.optional(),
  tasks: z.array(Task).optional(),
  timeout_seconds: Seconds.optional(),
  webhook_notifications: Anything.optional(),
};

/**
 * No tags, no job_clusters, no parameters, no schedule: absent on purpose (databricks-sdk-go
 * `SubmitRun`).
 */
export const Submit = z.strictObject({
  ...shared,
  idempotency_token: IdempotencyToken.optional(),
  run_name: z.string().optional(),
});
export type Submit = z.infer<typeof Submit>;

/** The settings of a saved job. */
export const JobSettings = z.strictObject({
  ...shared,
  continuous: Anything.optional(),
  deployment: Anything.optional(),
  description: z.string().optional(),
  edit_mode: z.string().optional(),
  format: z.string().optional(),
  job_clusters: z.array(JobCluster).optional(),
  max_concurrent_runs: z.int().min(0).max(1000).optional(),
  name: z.string().optional(),
  parameters: z.array(JobParameter).optional(),
  parent_path: z.string().optional(),
  schedule: Anything.optional(),
  tags: Texts.optional(),
  trigger: Anything.optional(),
  triggers: z.array(Anything).optional(),
});
export type JobSettings = z.infer<typeof JobSettings>;

const Parameters = {
  job_parameters: Texts.optional(),
  notebook_params: Texts.optional(),
  python_params: z.array(z.string()).optional(),
  python_named_params: Texts.optional(),
  jar_params: z.array(z.string()).optional(),
  spark_submit_params: z.array(z.string()).optional(),
  sql_params: Texts.optional(),
  dbt_commands: z.array(z.string()).optional(),
  pipeline_params: Anything.optional(),
};

export const RunNow = z.strictObject({
  job_id: Id,
  idempotency_token: IdempotencyToken.optional(),
  only: z.array(z.string()).optional(),
  queue: Queue.optional(),
  duration_target: z.string().optional(),
  performance_target: z.string().optional(),
  ...Parameters,
});
export type RunNow = z.infer<typeof RunNow>;

export const Repair = z.strictObject({
  run_id: Id,
  latest_repair_id: Id.optional(),
  rerun_tasks: z.array(z.string()).optional(),
  rerun_all_failed_tasks: z.boolean().optional(),
  rerun_dependent_tasks: z.boolean().optional(),
  duration_target: z.string().optional(),
  performance_target: z.string().optional(),
  ...Parameters,
});
export type Repair = z.infer<typeof Repair>;
