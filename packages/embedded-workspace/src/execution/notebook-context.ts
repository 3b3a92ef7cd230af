// A notebook's context: its tags and its place (docs/facts/databricks.md#notebook-context).
import type { WorkspaceContext } from "../context.ts";
import type { Principal } from "../route.ts";
import type { Execution } from "../runs/model.ts";
import type { Task } from "../runs/task-schema.ts";

type Asked = {
  readonly context: WorkspaceContext;
  readonly execution: Execution;
  /** With its references resolved. */
  readonly task: Task;
  readonly principal: Principal;
};

/** `tags()` and `extraContext()`: all values are text. */
type NotebookFacts = {
  readonly tags: Record<string, string>;
  readonly extra: Record<string, string>;
};

export function contextOf(
  { context, execution, task, principal }: Asked,
  path: string | undefined,
): NotebookFacts {
  const { attempt } = execution;
  const { run, jobName } = execution.scope();
  const clusterId = task.existing_cluster_id ?? clusterIdOf(attempt.runId);
  const { tags, extra } = placeOf({ context, principal, clusterId }, path);
  return {
    tags: {
      ...tags,
      jobId: run.jobId,
      jobName,
      jobType: "NORMAL",
      jobTriggerType: "manual",
      runId: attempt.runId,
      multitaskParentRunId: run.runId,
      taskKey: attempt.taskKey,
      jobGroup: `job-${run.jobId}-run-${attempt.runId}`,
    },
    extra,
  };
}

type Place = Pick<Asked, "context" | "principal"> & { readonly clusterId: string };

/** The part that code in no run has, too. */
export function placeOf(
  { context, principal, clusterId }: Place,
  path: string | undefined,
): NotebookFacts {
  const notebook = path === undefined ? undefined : context.workspaceFiles.resolve(path);
  const notebookId = notebook === undefined ? {} : { notebookId: String(notebook.objectId) };
  return {
    tags: {
      user: principal.id,
      orgId: context.workspaceId,
      browserHostName: new URL(context.url).hostname,
      clusterId,
      ...notebookId,
    },
    extra: {
      api_url: context.url,
      ...(path !== undefined && { notebook_path: path }),
      ...("notebookId" in notebookId && { notebook_id: notebookId.notebookId }),
    },
  };
}

/** Compute that is made for a task has an id in the platform's form. */
const clusterIdOf = (attemptId: string): string => `0101-000000-${attemptId.slice(-8)}`;
