// After a restart: what was executing is dead, and ends as the platform ends a run whose driver was
// lost.
import { join } from "node:path";
import type { WorkspaceContext } from "../context.ts";
import { killLeftovers } from "../execution/process-group.ts";
import { removeFolder, taskFolderPath } from "../execution/task-folder.ts";
import { lostDriver } from "../runs/endings.ts";
import type { Attempt, RunRecord } from "../runs/model.ts";
import type { RunStore } from "./run-store.ts";
import { requestStop } from "./state-machine/advance.ts";

/** The platform forgets runs, and answers for them as if they had never been. */
const retentionMs = 60 * 24 * 3_600_000;

/**
 * Kills what the last process of the workspace left behind, settles its attempts, and forgets
 * expired runs.
 */
export function recoverRuns(context: WorkspaceContext, store: RunStore): void {
  const nowMs = context.clock.nowMs();
  for (const run of store.runs())
    if (run.ending !== undefined && run.endedMs < nowMs - retentionMs) store.removeRun(run.runId);
  const interrupted = store
    .activeRuns()
    .flatMap((run) => run.attempts)
    .filter(isExecuting);
  if (interrupted.length === 0) return;
  killLeftovers(
    interrupted.flatMap((attempt) => attempt.process ?? []),
    interrupted.map((attempt) => taskFolderPath(context, attempt.runId)),
  );
  for (const folder of [context.tasksFolder, join(context.folder, "staging")])
    try {
      removeFolder(folder);
    } catch {
      // somebody is still dying in there; the next restart removes it
    }
  for (const run of store.activeRuns()) store.putRun(settled(run, nowMs));
  // No one waits for iterations any more: their loop was executing, and is lost.
  const stop = { ending: lostDriver, why: "platform", lingerMs: 0 } as const;
  for (const run of store.activeRuns())
    if (run.loop !== undefined) store.putRun(requestStop(run, stop, nowMs));
}

const isExecuting = (attempt: Attempt): boolean => attempt.executing;

function settled(run: RunRecord, nowMs: number): RunRecord {
  if (!run.attempts.some(isExecuting)) return run;
  const attempts = run.attempts.map((attempt): Attempt => {
    if (!attempt.executing) return attempt;
    const { process: _, ...rest } = attempt;
    const ending = attempt.ending ?? lostDriver;
    return { ...rest, phase: "OVER", executing: false, endedMs: nowMs, ending };
  });
  return { ...run, attempts };
}
