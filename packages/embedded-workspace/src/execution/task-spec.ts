// From a task of a run to what the launcher executes: its kind, file, arguments and libraries.
import type { WorkspaceContext } from "../context.ts";
import { ApiError, type Principal } from "../route.ts";
import type { RunRecord } from "../runs/model.ts";
import type { Task } from "../runs/task-schema.ts";
import { type NotebookPlace, notebookAt } from "./notebook-place.ts";
import { TaskSpecError } from "./task-spec-error.ts";

/** The specification that python/launcher.py reads. */
export type TaskSpec = {
  readonly kind: "python" | "wheel" | "notebook";
  /** As `open` takes it. */
  readonly file?: string;
  /** As the client wrote it. */
  readonly shown_file?: string;
  readonly parameters?: readonly string[];
  readonly package_name?: string;
  readonly entry_point?: string;
  readonly named_parameters?: Readonly<Record<string, string>>;
  readonly notebook_path?: string;
  readonly language?: NotebookPlace["language"];
  readonly widgets?: Readonly<Record<string, string>>;
  /** Requirement lines and paths of wheels. */
  readonly libraries: readonly string[];
};

/** `task` has its references resolved. @throws TaskSpecError */
export function taskSpec(
  context: WorkspaceContext,
  run: RunRecord,
  task: Task,
  principal: Principal,
): TaskSpec {
  const libraries = [...taskLibraries(task), ...environmentLibraries(run, task)].map(plainPath);
  if (task.spark_python_task !== undefined) {
    const { python_file, parameters = [] } = task.spark_python_task;
    return {
      kind: "python",
      file: pythonFile(context, python_file, principal),
      shown_file: python_file,
      parameters: run.taskParameters.pythonParams ?? parameters,
      libraries,
    };
  }
  if (task.python_wheel_task !== undefined)
    return wheelSpec(run, task.python_wheel_task, libraries);
  if (task.notebook_task !== undefined)
    return notebookSpec(context, run, task.notebook_task, libraries);
  throw new TaskSpecError(`Task ${task.task_key} has no body.`);
}

function wheelSpec(
  run: RunRecord,
  wheel: NonNullable<Task["python_wheel_task"]>,
  libraries: readonly string[],
): TaskSpec {
  // Job parameters reach a wheel as keyword arguments, where it takes such (docs: "push down job
  // parameters").
  const named =
    wheel.named_parameters === undefined
      ? undefined
      : {
          ...wheel.named_parameters,
          ...jobParameters(run),
          ...run.taskParameters.pythonNamedParams,
        };
  return {
    kind: "wheel",
    package_name: wheel.package_name,
    entry_point: wheel.entry_point,
    parameters: run.taskParameters.pythonParams ?? wheel.parameters ?? [],
    ...(named !== undefined && { named_parameters: named }),
    libraries,
  };
}

function notebookSpec(
  context: WorkspaceContext,
  run: RunRecord,
  notebook: NonNullable<Task["notebook_task"]>,
  libraries: readonly string[],
): TaskSpec {
  return {
    kind: "notebook",
    ...pythonNotebook(context, notebook.notebook_path),
    widgets: {
      ...notebook.base_parameters,
      ...jobParameters(run),
      ...run.taskParameters.notebookParams,
    },
    libraries,
  };
}

const jobParameters = (run: RunRecord): Record<string, string> =>
  Object.fromEntries(run.parameters.map(({ name, value }) => [name, value]));

/**
 * Checks that the file is there, so that its absence is said in the platform's words and not in
 * Python's.
 */
function pythonFile(context: WorkspaceContext, given: string, principal: Principal): string {
  const path = plainPath(given);
  const unreadable = (cause?: unknown) =>
    new TaskSpecError(
      `Cannot read the python file ${given}. Please check driver logs for more details.`,
      { cause, code: "RESOURCE_NOT_FOUND" },
    );
  if (/^[a-z][a-z0-9+.-]*:/i.test(path))
    throw new TaskSpecError(
      `Cannot read the python file ${given}: the embedded workspace has volumes and workspace files only.`,
      { code: "FEATURE_DISABLED" },
    );
  if (path.startsWith("/Volumes/"))
    try {
      return context.volumes.resolve(path, principal, "READ VOLUME").path;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 403)
        throw new TaskSpecError(error.message, { cause: error, code: "UNAUTHORIZED_ERROR" });
      throw unreadable(error);
    }
  const object = context.workspaceFiles.resolve(path);
  if (object === undefined || object.objectType === "DIRECTORY") throw unreadable();
  return object.path;
}

function pythonNotebook(context: WorkspaceContext, path: string): NotebookPlace {
  const place = notebookAt(context, path);
  if (place.language === "PYTHON") return place;
  throw new TaskSpecError(
    `The notebook "${path}" is in SQL: give its task a warehouse_id, by which it is executed.`,
    { code: "FEATURE_DISABLED" },
  );
}

function taskLibraries(task: Task): string[] {
  return (task.libraries ?? []).map((library) => {
    const { whl, pypi, requirements } = library;
    if (typeof whl === "string") return whl;
    if (typeof requirements === "string") return `-r ${plainPath(requirements)}`;
    if (typeof pypi === "object" && pypi !== null && "package" in pypi) return String(pypi.package);
    throw new TaskSpecError(
      `Library installation failed for ${JSON.stringify(library)}: the embedded workspace has wheels only.`,
      { code: "LIBRARY_INSTALLATION_ERROR" },
    );
  });
}

function environmentLibraries(run: RunRecord, task: Task): readonly string[] {
  if (task.environment_key === undefined) return [];
  const found = run.environments.find(
    ({ environment_key }) => environment_key === task.environment_key,
  );
  return found?.spec?.dependencies ?? [];
}

const plainPath = (path: string): string => path.replace(/^dbfs:(?=\/)/, "");
