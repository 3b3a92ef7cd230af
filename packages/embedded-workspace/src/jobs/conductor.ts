// Performs what the state machine decides: keeps runs, timers and the queue, and starts and halts
// executions.
import type { WorkspaceContext } from "../context.ts";
import type { Executor } from "../execution/executor.ts";
import { cancelledByUser, failed, queuedTooLong, tooManyConcurrentRuns } from "../runs/endings.ts";
import type { JobLimits } from "../runs/limits.ts";
import { type Attempt, type Ending, isOver, type Outcome, type RunRecord } from "../runs/model.ts";
import { maxConcurrentRuns, placeOf } from "./queue.ts";
import type { RunStore } from "./run-store.ts";
import type { Scripts } from "./scripts.ts";
import {
  advance,
  onOutcome,
  onRunning,
  requestStop,
  stopAttempt,
} from "./state-machine/advance.ts";
import { type Command, newAttempt, type Surroundings } from "./state-machine/attempt.ts";

type Deps = {
  readonly context: WorkspaceContext;
  readonly runs: RunStore;
  readonly limits: JobLimits;
  readonly scripts: Scripts;
  readonly executor: Executor;
};

/** Longest delay that setTimeout takes; a longer wait wakes up in between. */
const timerMsMax = 2 ** 31 - 1;

/**
 * The shell around `advance`: it decides nothing about a run, and is the only one that writes runs.
 */
export class Conductor {
  readonly #deps: Deps;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #halts = new Map<string, AbortController>();
  readonly #waiters = new Map<string, Set<(run: RunRecord) => void>>();
  #closed = false;

  constructor(deps: Deps) {
    this.#deps = deps;
    deps.context.onClose(() => {
      this.#closed = true;
      for (const timer of this.#timers.values()) clearTimeout(timer);
    });
  }

  /** Takes a new run: starts it, queues it or skips it. Returns it as it then is. */
  begin(run: RunRecord): RunRecord {
    const { runs, limits, context } = this.#deps;
    const place = placeOf(run, runs, limits);
    if (place === "start") return this.drive(run);
    if (!run.queueing)
      return this.#endWith(run, tooManyConcurrentRuns(maxConcurrentRuns(run, runs)));
    const queued = { ...run, queued: { sinceMs: context.clock.nowMs(), ...place } };
    runs.putRun(queued);
    this.#wakeInQueue(queued.runId, queued.queued.sinceMs);
    return queued;
  }

  /**
   * Goes as far as the run can at this moment. Also for a run whose record somebody has changed (a
   * repair).
   */
  drive(given: RunRecord): RunRecord {
    if (this.#closed) return given;
    this.#clearTimer(given.runId);
    const { run, commands, wakeAtMs } = advance(given, this.#surroundings());
    this.#deps.runs.putRun(run);
    for (const command of commands) this.#perform(run, command);
    if (wakeAtMs !== undefined) this.#wakeAt(run.runId, wakeAtMs, () => this.#again(run.runId));
    if (run.ending !== undefined && given.ending === undefined) this.#settle(run);
    return run;
  }

  /** Asks for the end of a run or, by a task-run id, of one attempt. What is over is left alone. */
  cancel(id: string): void {
    const { runs, limits, context } = this.#deps;
    const nowMs = context.clock.nowMs();
    const run = runs.run(id);
    if (run !== undefined) {
      const lingerMs = (limits.cancelSeconds * 1000) / context.clock.timeScale;
      this.drive(requestStop(run, { ending: cancelledByUser, why: "user", lingerMs }, nowMs));
      return;
    }
    const found = runs.attempt(id);
    if (found === undefined || isOver(found.attempt)) return;
    const stopped = stopAttempt(found.run, id, cancelledByUser, nowMs);
    for (const command of stopped.commands) this.#perform(found.run, command);
    this.drive(stopped.run);
  }

  /** Ends a run in the given way, as the platform might. */
  end(runId: string, ending: Ending): void {
    const run = this.#deps.runs.run(runId);
    if (run !== undefined) this.#endWith(run, ending);
  }

  /** An attempt for a run that is being made or repaired. */
  newAttempt(run: RunRecord, taskKey: string, attempt: number, repair: number): Attempt {
    return newAttempt(run, taskKey, attempt, repair, this.#surroundings());
  }

  /** After a restart: goes on with what was waiting. */
  resume(): void {
    for (const run of this.#deps.runs.activeRuns())
      if (run.queued === undefined) this.drive(run);
      else this.#wakeInQueue(run.runId, run.queued.sinceMs);
    this.#dequeue();
  }

  /** Resolves when the run is over. */
  ended(runId: string): Promise<RunRecord> {
    const run = this.#deps.runs.run(runId);
    if (run?.ending !== undefined) return Promise.resolve(run);
    const { promise, resolve } = Promise.withResolvers<RunRecord>();
    this.#waiters.set(runId, (this.#waiters.get(runId) ?? new Set()).add(resolve));
    return promise;
  }

  #surroundings(): Surroundings {
    const { context, runs, scripts } = this.#deps;
    return {
      nowMs: context.clock.nowMs(),
      timeScale: context.clock.timeScale,
      newId: runs.newId,
      scriptFor: scripts.scriptFor,
      scopeOf: (given, attempt) => {
        // An iteration's references mean the run that it belongs to.
        const run = given.loop === undefined ? given : (runs.run(given.loop.runId) ?? given);
        return {
          run,
          attempt,
          jobName: runs.job(run.jobId)?.settings.name ?? run.name,
          workspaceId: context.workspaceId,
          workspaceUrl: context.url,
          ...(given.loop !== undefined && { input: { value: given.loop.input } }),
        };
      },
    };
  }

  #perform(run: RunRecord, command: Command): void {
    switch (command.kind) {
      case "execute":
        void this.#execute(run, command);
        return;
      case "halt":
        this.#halts.get(command.attemptId)?.abort(new Error("The attempt was halted."));
    }
  }

  async #execute(run: RunRecord, command: Command & { readonly kind: "execute" }): Promise<void> {
    const { attempt, task } = command;
    const { runs, context, executor } = this.#deps;
    const halt = new AbortController();
    this.#halts.set(attempt.runId, halt);
    const update = (change: (current: RunRecord) => RunRecord): void => {
      const current = runs.run(run.runId);
      if (current !== undefined) this.drive(change(current));
    };
    const outcome = await executor
      .execute({
        run,
        attempt,
        task,
        scope: () => this.#surroundings().scopeOf(runs.run(run.runId) ?? run, attempt),
        signal: halt.signal,
        onRunning: (patch) =>
          update((current) => onRunning(current, attempt.runId, patch, context.clock.nowMs())),
      })
      .catch((error: unknown) => workspaceFailed(error));
    this.#halts.delete(attempt.runId);
    update((current) => onOutcome(current, attempt.runId, outcome, context.clock.nowMs()));
  }

  #endWith(given: RunRecord, ending: Ending): RunRecord {
    const { stop: _, ...unstopped } = given;
    const nowMs = this.#deps.context.clock.nowMs();
    return this.drive(requestStop(unstopped, { ending, why: "platform", lingerMs: 0 }, nowMs));
  }

  #settle(run: RunRecord): void {
    for (const tell of this.#waiters.get(run.runId) ?? []) tell(run);
    this.#waiters.delete(run.runId);
    this.#dequeue();
  }

  #dequeue(): void {
    const { runs, limits, context } = this.#deps;
    for (const run of runs.queuedRuns()) {
      if (placeOf(run, runs, limits) !== "start") continue;
      const { queued, ...released } = run;
      const queuedMs = context.clock.nowMs() - (queued?.sinceMs ?? run.createdMs);
      this.drive({ ...released, queuedMs });
    }
  }

  #wakeInQueue(runId: string, sinceMs: number): void {
    const { limits, context, runs } = this.#deps;
    const untilMs = sinceMs + (limits.queueSecondsMax * 1000) / context.clock.timeScale;
    this.#wakeAt(runId, untilMs, () => {
      const run = runs.run(runId);
      if (run?.queued === undefined) return;
      if (context.clock.nowMs() < untilMs) this.#wakeInQueue(runId, sinceMs);
      else this.#endWith(run, queuedTooLong);
    });
  }

  #wakeAt(runId: string, atMs: number, action: () => void): void {
    const delayMs = Math.min(Math.max(1, atMs - this.#deps.context.clock.nowMs()), timerMsMax);
    this.#clearTimer(runId);
    this.#timers.set(runId, setTimeout(action, delayMs));
  }

  #clearTimer(runId: string): void {
    clearTimeout(this.#timers.get(runId));
    this.#timers.delete(runId);
  }

  #again(runId: string): void {
    const run = this.#deps.runs.run(runId);
    if (run !== undefined) this.drive(run);
  }
}

/** A fault of ours, not of the task: it must not hang the run. */
function workspaceFailed(error: unknown): Outcome {
  const message = `The workspace failed: ${error instanceof Error ? error.message : String(error)}`;
  return { ending: failed("INTERNAL_ERROR", "INTERNAL_ERROR", message), output: {} };
}
