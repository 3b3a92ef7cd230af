// A task as it is executed: its references resolved, and the identity that it runs as.
import type { WorkspaceContext } from "../context.ts";
import type { Principal } from "../route.ts";
import type { Execution, ReferenceScope, RunRecord } from "../runs/model.ts";
import { resolveReferences } from "../runs/references.ts";
import type { Task } from "../runs/task-schema.ts";
import { TaskSpecError } from "./task-spec-error.ts";

/** @throws TaskSpecError, UnresolvedReferenceError */
export function resolvedTask(
  context: WorkspaceContext,
  execution: Execution,
): { readonly task: Task; readonly run: RunRecord; readonly principal: Principal } {
  const scope = execution.scope();
  return {
    task: resolveReferences(execution.task, scope),
    run: resolvedRun(execution.run, scope),
    principal: principalOf(context, execution.run),
  };
}

/** Parameters of the job and of run-now may have references, too. */
function resolvedRun(run: RunRecord, scope: ReferenceScope): RunRecord {
  const { parameters, taskParameters } = run;
  return {
    ...run,
    taskParameters: resolveReferences(taskParameters, scope),
    parameters: parameters.map((each) => ({
      ...each,
      value: resolveReferences(each.value, scope),
    })),
  };
}

/** The identity that code runs as. It may have been removed since the run was accepted. */
function principalOf(context: WorkspaceContext, run: RunRecord): Principal {
  const principal = context.principals.byId(run.runAs);
  if (principal === undefined)
    throw new TaskSpecError(`The run's identity ${run.runAs} does not exist.`, {
      code: "UNAUTHORIZED_ERROR",
    });
  return principal;
}
