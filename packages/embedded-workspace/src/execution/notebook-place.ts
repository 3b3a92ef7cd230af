// Notebooks by their paths: the one rule for tasks, %run and dbutils.notebook.run.
import type { WorkspaceContext, WorkspaceObject } from "../context.ts";
import { TaskSpecError } from "./task-spec-error.ts";

export type NotebookPlace = {
  /** As `open` takes it. */
  readonly file: string;
  /** As `notebookPath()` says it: without `/Workspace`. */
  readonly notebook_path: string;
  readonly language: "PYTHON" | "SQL";
};

/**
 * With `/Workspace` in front of its path or without, with the extension of its source or without.
 * @throws TaskSpecError when there is none, or it is in a language that is not executed
 */
export function notebookAt(context: WorkspaceContext, path: string): NotebookPlace {
  const object = objectAt(context, path);
  if (object === undefined || object.objectType === "DIRECTORY")
    throw new TaskSpecError(`Unable to access the notebook "${path}": it does not exist.`, {
      code: "RESOURCE_NOT_FOUND",
    });
  const { language } = object;
  if (language === undefined)
    throw new TaskSpecError(
      `Unable to access the notebook "${path}": it is a file. A notebook is imported with its language, or begins with the line "# Databricks notebook source".`,
      { code: "RESOURCE_NOT_FOUND" },
    );
  if (language !== "PYTHON" && language !== "SQL")
    throw new TaskSpecError(
      `The notebook "${path}" is in ${language}: the embedded workspace executes Python and SQL notebooks.`,
      { code: "FEATURE_DISABLED" },
    );
  return {
    file: object.path,
    notebook_path: object.path.replace(/^\/Workspace(?=\/)/, ""),
    language,
  };
}

function objectAt(context: WorkspaceContext, path: string): WorkspaceObject | undefined {
  try {
    return context.workspaceFiles.resolve(path);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new TaskSpecError(message, { cause: error, code: "RESOURCE_NOT_FOUND" });
  }
}
