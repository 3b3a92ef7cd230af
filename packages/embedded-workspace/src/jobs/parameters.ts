// Parameters of one run: those of the job by name, or those of a task's type.
import { ApiError } from "../route.ts";
import type { RunNow } from "./job-schema.ts";
import type { TaskParameters } from "./model.ts";

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
  for (const name of present) {
    const bytes = Buffer.byteLength(JSON.stringify(given[name]));
    if (bytes > parameterBytesMax)
      throw invalid(
        `${name} has ${bytes} bytes as JSON; it must have at most ${parameterBytesMax}.`,
      );
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what is meant
  if (given.python_params?.some((text) => !/^[\x00-\x7f]*$/.test(text)) === true)
    throw invalid("python_params must be ASCII: the platform refuses other characters.");
}

export function taskParametersOf(given: Given): TaskParameters {
  return {
    ...(given.notebook_params !== undefined && { notebookParams: given.notebook_params }),
    ...(given.python_params !== undefined && { pythonParams: given.python_params }),
    ...(given.python_named_params !== undefined && {
      pythonNamedParams: given.python_named_params,
    }),
  };
}

/** What a run-now or a repair gave instead of the tasks' own parameters, as it was given. */
export function overridingOf(given: Given): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    typed.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]),
  );
}

const invalid = (message: string): ApiError =>
  new ApiError(400, "INVALID_PARAMETER_VALUE", message);
