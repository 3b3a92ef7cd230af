// The process of one attempt, from its folder to its log.
import { randomUUID } from "node:crypto";
import type { WorkspaceContext } from "../context.ts";
import type { Principal } from "../route.ts";
import { misconfigured, success, timedOut, workloadFailed } from "../runs/endings.ts";
import type { JobLimits } from "../runs/limits.ts";
import { type Execution, type Outcome, type ProcessMark, succeeded } from "../runs/model.ts";
import type { Task } from "../runs/task-schema.ts";
import { createLogTail } from "./log-tail.ts";
import { contextOf } from "./notebook-context.ts";
import { notebookAt } from "./notebook-place.ts";
import { questionsOfPrincipal, withoutSecrets } from "./principal-questions.ts";
import { classicRuntime, launching, processEnvironment } from "./process-environment.ts";
import { type Exit, type GroupProcess, startGroup } from "./process-group.ts";
import { findPython } from "./python-runtime.ts";
import {
  listenToTask,
  type TaskQuestions,
  type TaskReport,
  type WantedNotebook,
} from "./task-channel.ts";
import { createTaskFolder, type TaskFolder } from "./task-folder.ts";
import { keepLog } from "./task-logs.ts";
import type { TaskSpec } from "./task-spec.ts";

export type TaskProcess = {
  readonly context: WorkspaceContext;
  readonly limits: JobLimits;
  readonly execution: Execution;
  /** With its references resolved. */
  readonly task: Task;
  readonly spec: TaskSpec;
  readonly principal: Principal;
  /** The packages and variables of its compute. */
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: () => number;
};

/** Resolves when no process of the attempt is left. @throws Error when it cannot be started */
export async function runTaskProcess(given: TaskProcess): Promise<Outcome> {
  const { context, limits, execution } = given;
  const log = createLogTail();
  const tooLong = AbortSignal.timeout(limits.processSecondsMax * 1000);
  try {
    const outcome = await runProcess({
      ...given,
      id: execution.attempt.runId,
      depth: 0,
      signal: AbortSignal.any([given.signal, tooLong]),
      onStart: (process) => execution.onRunning({ process, resolved: resolvedValues(given.task) }),
      onOutput: log.add,
      secrets: new Set(),
    });
    return tooLong.aborted ? { ...outcome, ending: timedOut(limits.processSecondsMax) } : outcome;
  } finally {
    keepLog(context, execution.attempt.runId, log.bytes(), log.truncated());
  }
}

/** A process of an attempt: the task's own, or that of a notebook that it runs. */
type OneProcess = TaskProcess & {
  /** Names its folder on this machine. */
  readonly id: string;
  /** How many notebooks run each other above this one. */
  readonly depth: number;
  readonly onStart: (process: ProcessMark) => void;
  readonly onOutput: (chunk: Buffer) => void;
  /** The secrets that the attempt has read: notebooks do not show them. */
  readonly secrets: Set<string>;
};

async function runProcess(given: OneProcess): Promise<Outcome> {
  const { context, spec } = given;
  const python = await findPython();
  const folder = createTaskFolder(context, given.principal, given.id);
  try {
    const process = await startGroup({
      executable: python.executable,
      arguments: launching(folder, spec),
      folder: folder.working,
      label: folder.path,
      environment: environmentOf(given, folder),
      onOutput: given.onOutput,
    });
    const ended = new AbortController();
    const signal = AbortSignal.any([given.signal, ended.signal]);
    const others = new Set<Promise<unknown>>();
    const channel = listenToTask(process.channel, {
      ...questionsOf(given),
      runNotebook: (wanted) => {
        const other = runNotebook({ ...given, signal }, wanted);
        others.add(other);
        return other.finally(() => others.delete(other));
      },
    });
    given.onStart(process.mark);
    const { code } = await supervise(process, given.signal, given.graceMs);
    ended.abort(); // notebooks that it ran end with it
    await Promise.allSettled(others);
    const outcome = { ...outcomeOf(code, channel.report()), taskValues: channel.taskValues() };
    return spec.kind === "notebook" && given.depth === 0
      ? redacted(outcome, given.secrets)
      : outcome;
  } finally {
    folder.remove();
  }
}

const notebooksDeepMax = 16;

/**
 * dbutils.notebook.run: a process of its own, as the platform makes a run of its own. It has the
 * libraries of the task, and neither its names nor its task values.
 */
async function runNotebook(
  given: OneProcess,
  { path, arguments: widgets, timeoutSeconds }: WantedNotebook,
): Promise<{ readonly result: string }> {
  if (given.depth === notebooksDeepMax)
    throw new Error(`dbutils.notebook.run goes ${notebooksDeepMax} notebooks deep.`);
  const place = notebookAt(given.context, path);
  if (place.language !== "PYTHON")
    throw new Error(`dbutils.notebook.run executes Python notebooks; "${path}" is in SQL.`);
  const timeout = timeoutSeconds === 0 ? [] : [AbortSignal.timeout(timeoutSeconds * 1000)];
  const outcome = await runProcess({
    ...given,
    id: `${given.id}-${randomUUID()}`,
    depth: given.depth + 1,
    spec: { kind: "notebook", ...place, widgets, libraries: given.spec.libraries },
    signal: AbortSignal.any([given.signal, ...timeout]),
    onStart: () => undefined,
  });
  const { error, notebookResult = "" } = outcome.output;
  if (timeout.some((signal) => signal.aborted))
    throw new Error(`${failedNotebook}: TIMEDOUT: "${path}" took more than ${timeoutSeconds} s`);
  if (!succeeded(outcome.ending))
    throw new Error(`${failedNotebook}: FAILED: ${error ?? outcome.ending.message}`);
  return { result: notebookResult };
}

const failedNotebook = "com.databricks.NotebookExecutionException";

/** A notebook shows no secret that its attempt has read. */
function redacted(outcome: Outcome, secrets: ReadonlySet<string>): Outcome {
  const hidden = (text: string): string => withoutSecrets(text, secrets);
  const { ending, output } = outcome;
  const { error, errorTrace, notebookResult } = output;
  return {
    ...outcome,
    ending: { ...ending, message: hidden(ending.message) },
    output: {
      ...output,
      ...(error !== undefined && { error: hidden(error) }),
      ...(errorTrace !== undefined && { errorTrace: hidden(errorTrace) }),
      ...(notebookResult !== undefined && { notebookResult: hidden(notebookResult) }),
    },
  };
}

async function supervise(
  process: GroupProcess,
  signal: AbortSignal,
  graceMs: () => number,
): Promise<Exit> {
  const end = () => void process.terminate(graceMs());
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  return await process.exited.finally(() => signal.removeEventListener("abort", end));
}

function environmentOf(given: TaskProcess, folder: TaskFolder): Record<string, string> {
  const runtime = given.task.environment_key === undefined ? classicRuntime : "client.4.0";
  return processEnvironment(folder, runtime, { ...chosenVariables(given), ...given.environment });
}

/** The set of variables that the task names. Those of its compute override them. */
function chosenVariables({ execution, task }: TaskProcess): Readonly<Record<string, string>> {
  const chosen = execution.run.environmentVariables.find(
    (each) => each.environment_variables_key === task.environment_variables_key,
  );
  return chosen?.spec?.variables ?? {};
}

function questionsOf(given: OneProcess): Omit<TaskQuestions, "runNotebook"> {
  const { context, execution, principal, secrets } = given;
  return {
    ...questionsOfPrincipal(context, principal, secrets),
    taskValue: (taskKey, key) => execution.scope().run.taskValues[taskKey]?.[key],
    context: (path) => contextOf(given, path),
  };
}

/** `resolved_values` of a task: its parameters as the process got them. */
function resolvedValues(task: Task): Readonly<Record<string, unknown>> {
  const { spark_python_task, python_wheel_task, notebook_task } = task;
  if (spark_python_task !== undefined)
    return { spark_python_task: { parameters: spark_python_task.parameters ?? [] } };
  if (notebook_task !== undefined)
    return { notebook_task: { base_parameters: notebook_task.base_parameters ?? {} } };
  const { parameters, named_parameters } = python_wheel_task ?? {};
  return { python_wheel_task: { parameters, named_parameters } };
}

/**
 * The process's own words, and its exit code where it had none left (killed, or gone by os._exit).
 */
function outcomeOf(code: number | null, report: TaskReport | undefined): Outcome {
  if (report?.refused !== undefined) {
    const error = report.error ?? report.refused;
    return { ending: misconfigured(report.refused, error), output: { error } };
  }
  if (report?.error !== undefined) {
    const { error, error_trace: errorTrace } = report;
    return {
      ending: workloadFailed,
      output: { error, ...(errorTrace !== undefined && { errorTrace }) },
    };
  }
  if (code !== 0)
    return {
      ending: workloadFailed,
      output: { error: `The Python process exited with code ${code}.` },
    };
  return {
    ending: success,
    output: {
      ...(typeof report?.result === "string" && { notebookResult: report.result }),
      ...(report?.truncated === true && { notebookTruncated: true }),
    },
  };
}
