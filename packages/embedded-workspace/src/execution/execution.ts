// What is to be executed: one attempt of a task of a run.
import type { Attempt, RunRecord } from "../jobs/model.ts";
import type { ReferenceScope } from "../jobs/references.ts";
import type { Task } from "../jobs/task-schema.ts";

export type Execution = {
  readonly run: RunRecord;
  readonly attempt: Attempt;
  readonly task: Task;
  /** What references mean at this moment. */
  readonly scope: () => ReferenceScope;
  /** Aborted when the attempt is cancelled or has run out of time. */
  readonly signal: AbortSignal;
  readonly onRunning: (patch: Partial<Attempt>) => void;
};
