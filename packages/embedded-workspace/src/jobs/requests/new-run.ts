// From a checked request to the record of a new run.
import { ApiError } from "../../route.ts";
import type { Submit } from "../../runs/job-schema.ts";
import { executableBodies, missingBodies, type Task } from "../../runs/task-schema.ts";
import { requireKnownReferences } from "./known-references.ts";
import { requireTaskParameters } from "./parameters.ts";

const runNameBytesMax = 4096;
const tasksMax = 1000;
const baseParametersBytesMax = 1024 * 1024;
export const tasksMaxIn21 = 100;
const tokenMax = 64;

const invalid = (message: string): ApiError =>
  new ApiError(400, "INVALID_PARAMETER_VALUE", message);

/** @throws ApiError 400 */
export function requireToken(token: string | undefined): void {
  if (token !== undefined && token.length > tokenMax)
    throw invalid(
      `idempotency_token has ${token.length} characters; it must have at most ${tokenMax}.`,
    );
}

/** @throws ApiError 400 */
export function requireRunName(name: string | undefined): void {
  const bytes = Buffer.byteLength(name ?? "");
  if (bytes > runNameBytesMax)
    throw invalid(`run_name has ${bytes} bytes; it must have at most ${runNameBytesMax} in UTF-8.`);
}

/** Tasks that make a graph this workspace can execute. @throws ApiError 400, 501 */
export function requireTasks(tasks: readonly Task[], version: string): void {
  if (tasks.length === 0) throw invalid("At least one task must be provided.");
  if (tasks.length > tasksMax) throw invalid(`A run has at most ${tasksMax} tasks.`);
  if (version !== "2.2" && tasks.length > tasksMaxIn21)
    throw invalid(
      `Resources with more than ${tasksMaxIn21} tasks can only be handled by API 2.2 and above.`,
    );
  const keys = new Set<string>();
  for (const { task_key } of tasks) {
    if (keys.has(task_key))
      throw invalid(`Duplicate task_key '${task_key}': task keys must be unique.`);
    keys.add(task_key);
  }
  for (const task of withNested(tasks)) requireTask(task, keys);
  requireNoCycle(tasks);
  requireKnownReferences(tasks);
}

/** With the tasks that for_each_tasks repeat. */
export const withNested = (tasks: readonly Task[]): readonly Task[] =>
  tasks.flatMap((task) => [
    task,
    ...(task.for_each_task === undefined ? [] : [task.for_each_task.task]),
  ]);

function requireTask(task: Task, keys: ReadonlySet<string>): void {
  for (const { task_key } of task.depends_on ?? [])
    if (!keys.has(task_key))
      throw invalid(
        `Task '${task.task_key}' depends on '${task_key}', which is not a task of this run.`,
      );
  const present = (name: keyof Task): boolean => task[name] !== undefined;
  const missing = missingBodies.find((name) => name in task);
  if (missing !== undefined)
    throw new ApiError(
      501,
      "NOT_IMPLEMENTED",
      `Task '${task.task_key}': ${missing} is not built in the embedded workspace; it executes ${executableBodies.join(", ")}.`,
    );
  const bodies = executableBodies.filter(present);
  if (bodies.length !== 1)
    throw invalid(
      `Task '${task.task_key}' must have exactly one task body (${executableBodies.join(", ")}, …); it has ${bodies.length}.`,
    );
  const sql = task.sql_task;
  if (sql !== undefined && sql.file === undefined)
    throw new ApiError(
      501,
      "NOT_IMPLEMENTED",
      `Task '${task.task_key}': a sql_task of the embedded workspace executes a file of SQL (sql_task.file.path); it has no saved queries, alerts and dashboards.`,
    );
  const wheel = task.python_wheel_task;
  if (wheel?.parameters !== undefined && wheel.named_parameters !== undefined)
    throw invalid(`Task '${task.task_key}': give parameters or named_parameters, not both.`);
  const bytes = Buffer.byteLength(JSON.stringify(task.notebook_task?.base_parameters ?? {}));
  if (bytes > baseParametersBytesMax)
    throw invalid(
      `Task '${task.task_key}': base_parameters has ${bytes} bytes as JSON; it must have at most ${baseParametersBytesMax}.`,
    );
  requireTaskParameters(task);
  requireCompute(task);
}

/**
 * Tasks take their files from git where they say so, or say nothing and the run has a git_source.
 * @throws ApiError 501
 */
function requireNoGit(tasks: readonly Task[], hasGitSource: boolean): void {
  for (const task of tasks) {
    const body = task.spark_python_task ?? task.notebook_task ?? task.sql_task?.file;
    if (body === undefined || (body.source ?? (hasGitSource ? "GIT" : "WORKSPACE")) !== "GIT")
      continue;
    throw new ApiError(
      501,
      "NOT_IMPLEMENTED",
      `Task '${task.task_key}': git_source is not built in the embedded workspace, which downloads nothing. Import the files (databricks workspace import-dir, or a bundle), name them by paths below /Workspace, and leave git_source out or say source: WORKSPACE.`,
    );
  }
}

function requireCompute(task: Task): void {
  const given = (
    ["existing_cluster_id", "new_cluster", "job_cluster_key", "environment_key"] as const
  ).filter((name) => task[name] !== undefined);
  if (given.length > 1)
    throw invalid(`Task '${task.task_key}' names more than one compute: ${given.join(", ")}.`);
  const needsEnvironment =
    task.spark_python_task !== undefined || task.python_wheel_task !== undefined;
  if (given.length === 0 && needsEnvironment)
    throw invalid(
      `Task '${task.task_key}' needs a compute: existing_cluster_id, new_cluster, or environment_key for serverless.`,
    );
  if (
    task.environment_key !== undefined &&
    task.libraries !== undefined &&
    task.libraries.length > 0
  )
    throw invalid(
      `Task '${task.task_key}': libraries are for classic compute; on serverless they belong into the environment's dependencies.`,
    );
}

function requireNoCycle(tasks: readonly Task[]): void {
  const left = new Map(
    tasks.map((task) => [task.task_key, new Set(task.depends_on?.map((d) => d.task_key))]),
  );
  for (;;) {
    const free = [...left].filter(([, needs]) => needs.size === 0).map(([key]) => key);
    if (free.length === 0) break;
    for (const key of free) left.delete(key);
    for (const needs of left.values()) for (const key of free) needs.delete(key);
  }
  if (left.size > 0)
    throw invalid(`The tasks ${[...left.keys()].join(", ")} depend on each other in a circle.`);
}

/** Environments and job clusters that tasks name must be there. @throws ApiError 400 */
export function requireReferences(
  tasks: readonly Task[],
  settings: Pick<Submit, "environments" | "environment_variables" | "git_source"> & {
    readonly job_clusters?: readonly { readonly job_cluster_key: string }[] | undefined;
  },
): void {
  requireNoGit(withNested(tasks), settings.git_source !== undefined);
  const environments = new Set(settings.environments?.map((each) => each.environment_key));
  const clusters = new Set(settings.job_clusters?.map((each) => each.job_cluster_key));
  const variables = new Set(
    settings.environment_variables?.map((each) => each.environment_variables_key),
  );
  for (const task of withNested(tasks)) {
    const key = task.environment_variables_key;
    if (key !== undefined && !variables.has(key))
      throw invalid(`Task '${task.task_key}': there are no environment variables '${key}'.`);
    if (task.environment_key !== undefined && !environments.has(task.environment_key))
      throw invalid(`Task '${task.task_key}': there is no environment '${task.environment_key}'.`);
    if (task.job_cluster_key !== undefined && !clusters.has(task.job_cluster_key))
      throw invalid(`Task '${task.task_key}': there is no job cluster '${task.job_cluster_key}'.`);
  }
}
