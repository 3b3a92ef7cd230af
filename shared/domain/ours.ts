// Decides whether a Databricks run is ours. Anybody in the workspace may submit a run under any
// name and any token that they know, so the one proof is its creator. Name, kind, file and
// parameters only find slips, and repairs by hand with other parameters.
import * as z from "zod";
import type { DatabricksRun } from "./databricks-run.ts";
import type { Seen } from "./facts.ts";
import { oneLine } from "./text.ts";

/** The submission of the controllers, and their identity. */
export type Expected = {
  /** The controllers' principals: the present one and earlier ones. Never empty. */
  readonly controllers: readonly string[];
  /** The beginning of the run's name. */
  readonly namePrefix: string;
  /** The body of runs/submit, as text. */
  readonly payload: string;
};

/** The code of a refusal, and the first word of a reason. */
export const NOT_OURS = "NOT_OURS";

/**
 * How long the controllers wait for a run under their token that they may not see: permissions may
 * show late.
 */
export const FORBIDDEN_SECONDS_MAX = 600;

/** This one comparison is the security. A run without a creator belongs to nobody we know. */
export const isCreatedByUs = (
  { creator }: Pick<DatabricksRun, "creator">,
  controllers: readonly string[],
): boolean =>
  creator !== undefined && controllers.some((own) => own.toLowerCase() === creator.toLowerCase());

/** Why a run is not the submitted one, in one sentence; undefined: it is ours. */
export function strangenessOf(run: DatabricksRun, expected: Expected): string | undefined {
  const id = `run ${run.databricksRunId}`;
  if (!isCreatedByUs(run, expected.controllers))
    return run.creator === undefined
      ? `Databricks does not say who created ${id}`
      : `${id} was created by ${quoted(run.creator)}, not by the controllers (${expected.controllers.join(", ")})`;
  if (!run.runName.startsWith(expected.namePrefix))
    return `${id} is called ${quoted(run.runName)}, the attempt ${quoted(expected.namePrefix)}`;
  if (run.runType !== undefined && run.runType !== "SUBMIT_RUN")
    return `${id} is a ${quoted(run.runType)}, not a SUBMIT_RUN`;
  if (run.isOverridden) return `somebody repaired ${id} with other parameters`;
  return otherTask(run, expected.payload);
}

/**
 * Compares the tasks that the run shows with the submitted ones. A field that it does not show
 * proves nothing.
 */
function otherTask(run: DatabricksRun, payload: string): string | undefined {
  const planned = new Map(tasksIn(payload).map((task) => [task.task_key, task]));
  for (const task of run.tasks) {
    const id = `task ${quoted(task.taskKey)} of run ${run.databricksRunId}`;
    const plan = planned.get(task.taskKey);
    if (plan === undefined) return `${id} was never submitted`;
    const { python_file, parameters } = plan.spark_python_task ?? {};
    if (task.pythonFile !== undefined && !isSameExecutor(task.pythonFile, python_file ?? ""))
      return `${id} runs ${quoted(task.pythonFile)}, submitted was ${quoted(python_file ?? "")}`;
    if (task.parameters !== undefined && !isSame(task.parameters, parameters ?? []))
      return `${id} has other parameters than were submitted`;
  }
  return undefined;
}

/**
 * A deploy may bring another executor between a submission and its fact. The run that the token
 * then leads to has the earlier executor, below another digest of the same folder. The older form
 * of the address is the same file.
 */
const isSameExecutor = (shown: string, submitted: string): boolean =>
  withoutDigest(shown.replace(/^dbfs:(?=\/Volumes\/)/, "")) === withoutDigest(submitted);
const withoutDigest = (path: string): string =>
  path.replace(/\/executor\/[0-9a-f]{16}\/(?=[^/]+$)/, "/executor/…/");

/**
 * A reference to the run's own ids is shown as it was submitted, or as the number in its place. A
 * run that was submitted by the plane of before a deploy lacks it.
 */
const isSame = (shown: readonly string[], submitted: readonly string[]): boolean =>
  shown.length <= submitted.length &&
  submitted.every((value, i) => value === shown[i] || isOwnId(value, shown[i] ?? "0"));
const isOwnId = (submitted: string, shown: string): boolean =>
  OWN_ID.test(submitted) && /^[0-9]{1,20}$/.test(shown);
const OWN_ID = /^\{\{(job\.id|job\.run_id|task\.run_id)\}\}$/;

const Payload = z.object({
  tasks: z
    .array(
      z.object({
        task_key: z.string(),
        spark_python_task: z
          .object({ python_file: z.string(), parameters: z.array(z.string()) })
          .optional(),
      }),
    )
    .default([]),
});

const tasksIn = (payload: string) => Payload.parse(JSON.parse(payload)).tasks;

const SHOWN_CHARS_MAX = 300;
const SHOWN_MAX = 20;

/**
 * The part of a run that is kept, in bounds: its words are those of its submitter, whoever that is.
 */
export const seenOf = (run: DatabricksRun): Seen => ({
  creator: run.creator === undefined ? null : shown(run.creator),
  run_name: shown(run.runName),
  run_type: run.runType === undefined ? null : shown(run.runType),
  tasks: run.tasks.slice(0, SHOWN_MAX).map((task) => ({
    task_key: shown(task.taskKey),
    python_file: task.pythonFile === undefined ? null : shown(task.pythonFile),
    parameters: task.parameters?.slice(0, SHOWN_MAX).map(shown) ?? null,
  })),
});

const shown = (text: string): string => oneLine(text, SHOWN_CHARS_MAX);
const quoted = (text: string): string => JSON.stringify(oneLine(text, 100));
