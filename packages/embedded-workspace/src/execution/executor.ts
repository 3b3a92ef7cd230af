// Executes one attempt: waits for its compute and a free slot, runs its process, and says what it
// came to.
import type { WorkspaceContext } from "../context.ts";
import { ApiError } from "../route.ts";
import { failed, misconfigured, workloadFailed } from "../runs/endings.ts";
import type { JobLimits } from "../runs/limits.ts";
import type { Ending, Execution, Outcome } from "../runs/model.ts";
import { UnresolvedReferenceError } from "../runs/references.ts";
import { prepareCompute } from "./compute.ts";
import { resolvedTask } from "./resolved-task.ts";
import { createSlots } from "./slots.ts";
import { runTaskProcess } from "./task-process.ts";
import { taskSpec } from "./task-spec.ts";
import { TaskSpecError } from "./task-spec-error.ts";

export type Executor = {
  /** Never rejects for what a task does; when it resolves, no process of the attempt is left. */
  readonly execute: (execution: Execution) => Promise<Outcome>;
};

/** When the workspace closes, its tasks are killed, and the close waits for them. */
export function createExecutor(context: WorkspaceContext, limits: JobLimits): Executor {
  const slots = createSlots(() => limits.processesMax);
  const closing = new AbortController();
  const executing = new Set<Promise<Outcome>>();
  context.onClose(async () => {
    closing.abort(new Error("The workspace is closing."));
    await Promise.all(executing);
  });
  const execute = async (execution: Execution): Promise<Outcome> => {
    const signal = AbortSignal.any([execution.signal, closing.signal]);
    try {
      const { task, run, principal } = resolvedTask(context, execution);
      const compute = { context, limits, run, task, principal, signal };
      const environment = await prepareCompute(compute);
      using _slot = await slots.take(signal);
      const spec = taskSpec(context, run, task, principal);
      return await runTaskProcess({
        ...compute,
        execution,
        spec,
        environment,
        graceMs: () => (closing.signal.aborted ? 0 : limits.killGraceSeconds * 1000),
      });
    } catch (error) {
      // The abort has decided the ending already.
      return signal.aborted ? { ending: workloadFailed, output: {} } : refused(error);
    }
  };
  return {
    execute: (execution) => {
      const done = execute(execution);
      executing.add(done);
      return done.finally(() => executing.delete(done));
    },
  };
}

/** The task did not get as far as a process. */
function refused(error: unknown): Outcome {
  const message = error instanceof Error ? error.message : String(error);
  return { ending: refusal(error, message), output: { error: message } };
}

function refusal(error: unknown, message: string): Ending {
  if (error instanceof TaskSpecError) return misconfigured(error.code, message);
  if (error instanceof UnresolvedReferenceError || error instanceof ApiError)
    return misconfigured("INVALID_RUN_CONFIGURATION", message);
  return failed("INTERNAL_ERROR", "INTERNAL_ERROR", message);
}
