// The process of one attempt, from its folder to its log.
import { join } from "node:path";
import type { WorkspaceContext } from "../context.ts";
import type { Principal } from "../route.ts";
import { misconfigured, success, timedOut, workloadFailed } from "../runs/endings.ts";
import type { JobLimits } from "../runs/limits.ts";
import type { Execution, Outcome } from "../runs/model.ts";
import type { Task } from "../runs/task-schema.ts";
import { createLogTail } from "./log-tail.ts";
import { type Exit, type GroupProcess, startGroup } from "./process-group.ts";
import { findPython } from "./python-runtime.ts";
import { listenToTask, type TaskQuestions, type TaskReport } from "./task-channel.ts";
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
  /** What its compute brings. */
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: () => number;
};

/** The folder that PYTHONPATH names: sitecustomize.py and its package. */
const siteFolder = join(import.meta.dirname, "python");

/** Resolves when no process of the attempt is left. @throws Error when it cannot be started */
export async function runTaskProcess(given: TaskProcess): Promise<Outcome> {
  const { context, limits, execution, spec } = given;
  const python = await findPython();
  const folder = createTaskFolder(context, given.principal, execution.attempt.runId);
  const log = createLogTail();
  try {
    const process = await startGroup({
      executable: python.executable,
      arguments: [
        "-u",
        join(siteFolder, "launcher.py"),
        folder.writeSpec({ ...spec, packages: folder.packages }),
      ],
      folder: folder.working,
      label: folder.path,
      environment: environmentOf(given, folder),
      onOutput: log.add,
    });
    const channel = listenToTask(process.channel, questionsOf(given));
    execution.onRunning({ process: process.mark, resolved: resolvedValues(given.task) });
    const tooLong = AbortSignal.timeout(limits.processSecondsMax * 1000);
    const signal = AbortSignal.any([given.signal, tooLong]);
    const { code } = await supervise(process, signal, given.graceMs);
    const outcome = outcomeOf(code, channel.report());
    const taskValues = channel.taskValues();
    if (!tooLong.aborted) return { ...outcome, taskValues };
    return { ...outcome, taskValues, ending: timedOut(limits.processSecondsMax) };
  } finally {
    keepLog(context, execution.attempt.runId, log.bytes(), log.truncated());
    folder.remove();
  }
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

/** The host's own variables stay with the host. */
function environmentOf(given: TaskProcess, folder: TaskFolder): Record<string, string> {
  const { caFile } = folder;
  const serverless = given.task.environment_key !== undefined;
  return {
    PATH: process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
    LANG: "C.UTF-8",
    HOME: folder.home,
    TMPDIR: folder.temporary,
    DATABRICKS_RUNTIME_VERSION: serverless ? "client.4.0" : "16.4",
    ...(caFile !== undefined && {
      SSL_CERT_FILE: caFile,
      REQUESTS_CA_BUNDLE: caFile,
      NODE_EXTRA_CA_CERTS: caFile,
    }),
    ...chosenVariables(given),
    ...given.environment,
    PYTHONPATH: siteFolder,
    WORKSPACE_MOUNTS: folder.mountsFile,
    WORKSPACE_PACKAGES: folder.packages,
  };
}

/** The set of variables that the task names. Those of its compute override them. */
function chosenVariables({ execution, task }: TaskProcess): Readonly<Record<string, string>> {
  const chosen = execution.run.environmentVariables.find(
    (each) => each.environment_variables_key === task.environment_variables_key,
  );
  return chosen?.spec?.variables ?? {};
}

function questionsOf({ context, execution, principal }: TaskProcess): TaskQuestions {
  return {
    taskValue: (taskKey, key) => execution.scope().run.taskValues[taskKey]?.[key],
    secret: (scope, key) => context.secrets.get(scope, key, principal),
    secretKeys: (scope) => context.secrets.keys(scope, principal),
    secretScopes: () => context.secrets.readableScopes(principal),
    credentials: () => ({ host: context.url, token: context.principals.issueToken(principal) }),
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
