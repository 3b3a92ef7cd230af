// Parameters of one run: those of the job by name, or those of a task's type.
import { ApiError } from "../../route.ts";
import type { RunNow } from "../../runs/job-schema.ts";
import type { TaskParameters } from "../../runs/model.ts";
import type { Task } from "../../runs/task-schema.ts";

const parameterBytesMax = 10_000;
const typed = [
  "notebook_params",
  "python_params",
  "python_named_params",
  "jar_params",
  "spark_submit_params",
  "sql_params",
  "dbt_commands",
] as const;

type Given = Pick<RunNow, (typeof typed)[number] | "job_parameters">;

/** @throws ApiError 400 */
export function requireParameters(given: Given): void {
  const present = typed.filter((name) => given[name] !== undefined);
  if (given.job_parameters !== undefined && present.length > 0)
    throw invalid(`job_parameters cannot be combined with ${present.join(", ")}.`);
  for (const name of present) requireSmall(name, given[name]);
  requireAscii("python_params", given.python_params);
}

/**
 * The same bounds for what a task says itself (docs/facts/databricks.md#run-now-parameters).
 * @throws ApiError 400
 */
export function requireTaskParameters(task: Task): void {
  const { spark_python_task: script, python_wheel_task: wheel, sql_task: sql } = task;
  const lists = [script?.parameters, wheel?.parameters];
  for (const given of [...lists, wheel?.named_parameters, sql?.parameters])
    if (given !== undefined) requireSmall(`Task '${task.task_key}': parameters`, given);
  for (const given of lists) requireAscii(`Task '${task.task_key}': parameters`, given);
}

function requireSmall(name: string, value: unknown): void {
  const bytes = Buffer.byteLength(JSON.stringify(value));
  if (bytes > parameterBytesMax)
    throw invalid(`${name} has ${bytes} bytes as JSON; it must have at most ${parameterBytesMax}.`);
}

function requireAscii(name: string, texts: readonly string[] | undefined): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what is meant
  if (texts?.some((text) => !/^[\x00-\x7f]*$/.test(text)) === true)
    throw invalid(`${name} must be ASCII: the platform refuses other characters.`);
}

export function taskParametersOf(given: Given): TaskParameters {
  return {
    ...(given.notebook_params !== undefined && { notebookParams: given.notebook_params }),
    ...(given.python_params !== undefined && { pythonParams: given.python_params }),
    ...(given.python_named_params !== undefined && {
      pythonNamedParams: given.python_named_params,
    }),
    ...(given.sql_params !== undefined && { sqlParams: given.sql_params }),
  };
}

/** The parameters that a run-now or a repair gave instead of the tasks' own, unchanged. */
export function overridingOf(given: Given): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    typed.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]),
  );
}

const invalid = (message: string): ApiError =>
  new ApiError(400, "INVALID_PARAMETER_VALUE", message);
