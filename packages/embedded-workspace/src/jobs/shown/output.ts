// The answer of runs/get-output for one task.
import type { WorkspaceContext } from "../../context.ts";
import { logBytesMax } from "../../execution/log-tail.ts";
import { type KeptLog, keptLog } from "../../execution/task-logs.ts";
import { type Attempt, type RunRecord, succeeded, type TaskOutput } from "../../runs/model.ts";
import { taskRunView } from "./views.ts";

/** Logs exist for programs; a notebook has its exit value instead. */
export function outputView(
  context: WorkspaceContext,
  run: RunRecord,
  attempt: Attempt,
): Record<string, unknown> {
  const task = run.tasks.find(({ task_key }) => task_key === attempt.taskKey);
  const isProgram = task?.spark_python_task !== undefined || task?.python_wheel_task !== undefined;
  const output = attempt.output ?? {};
  const log = isProgram && hasLogs(context, attempt) ? logOf(context, attempt) : undefined;
  return {
    metadata: taskRunView(context, run, attempt),
    ...(output.error !== undefined && { error: output.error }),
    ...(output.errorTrace !== undefined && { error_trace: output.errorTrace }),
    ...(log !== undefined && { logs: log.bytes.toString("utf8"), logs_truncated: log.truncated }),
    ...(task?.notebook_task !== undefined && { notebook_output: notebookOutput(output) }),
    ...(output.sqlQuery !== undefined && { sql_output: sqlOutput(output.sqlQuery) }),
    ...(output.runJobRunId !== undefined && {
      run_job_output: { run_id: BigInt(output.runJobRunId) },
    }),
  };
}

const sqlOutput = ({ warehouseId, text, statementKeys }: NonNullable<TaskOutput["sqlQuery"]>) => ({
  query_output: {
    query_text: text,
    warehouse_id: warehouseId,
    sql_statements: statementKeys.map((lookup_key) => ({ lookup_key })),
  },
});

function notebookOutput(output: TaskOutput): Record<string, unknown> {
  return {
    ...(output.notebookResult !== undefined && { result: output.notebookResult }),
    truncated: output.notebookTruncated ?? false,
  };
}

/** No document says when they are there: the settings do. */
function hasLogs({ settings, clock }: WorkspaceContext, attempt: Attempt): boolean {
  switch (settings.output) {
    case "present":
      return true;
    case "absent":
      return false;
    case "absent_on_failure":
      return succeeded(attempt.ending);
    case "late": {
      const sinceMs = (clock.nowMs() - attempt.endedMs) * clock.timeScale;
      return attempt.endedMs !== 0 && sinceMs >= settings.outputLateSeconds * 1000;
    }
  }
}

function logOf(context: WorkspaceContext, attempt: Attempt): KeptLog | undefined {
  const scripted = attempt.script?.logs;
  if (scripted === undefined) return keptLog(context, attempt.runId);
  const bytes = Buffer.from(scripted);
  return {
    bytes: bytes.subarray(Math.max(0, bytes.length - logBytesMax)),
    truncated: bytes.length > logBytesMax,
  };
}
