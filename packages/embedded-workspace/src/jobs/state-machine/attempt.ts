// The life of one attempt: blocked, begun, played by a script or executed, over. Pure.

import { disabled, misconfigured, success, timedOut } from "../../runs/endings.ts";
import {
  type Attempt,
  type Ending,
  isOver,
  type ReferenceScope,
  type RunRecord,
  type ScriptedAttempt,
} from "../../runs/model.ts";
import { UnresolvedReferenceError } from "../../runs/references.ts";
import type { Task } from "../../runs/task-schema.ts";
import { decide } from "./condition.ts";
import { readiness } from "./dag.ts";

export type Command =
  | { readonly kind: "execute"; readonly attempt: Attempt; readonly task: Task }
  | { readonly kind: "halt"; readonly attemptId: string };

export type Surroundings = {
  readonly nowMs: number;
  /**
   * Workspace seconds in a real second: shortens scripts and their timeouts, never a real process.
   */
  readonly timeScale: number;
  readonly newId: () => string;
  readonly scriptFor: (
    run: RunRecord,
    taskKey: string,
    attempt: number,
  ) => ScriptedAttempt | undefined;
  readonly scopeOf: (run: RunRecord, attempt: Attempt) => ReferenceScope;
};

/** The run as it was when the pass began, as far as a step needs it. */
export type Pass = {
  readonly run: RunRecord;
  readonly taskOf: ReadonlyMap<string, Task>;
  /** Newest attempts that will not be followed by another, by task key. */
  readonly settled: ReadonlyMap<string, Attempt>;
  /** Keys of the tasks that this run has attempts of. */
  readonly chosen: ReadonlySet<string>;
  readonly commands: Command[];
  readonly around: Surroundings;
};

export function newAttempt(
  run: RunRecord,
  taskKey: string,
  attempt: number,
  repair: number,
  around: Surroundings,
): Attempt {
  const script = around.scriptFor(run, taskKey, attempt);
  return {
    runId: around.newId(),
    taskKey,
    attempt,
    repair,
    phase: "BLOCKED",
    createdMs: around.nowMs,
    startedMs: 0,
    runningMs: 0,
    endedMs: 0,
    executing: false,
    ...(script !== undefined && { script }),
  };
}

/** The attempt at this moment: the same object when nothing has happened. */
export function stepAttempt(attempt: Attempt, pass: Pass): Attempt {
  const task = pass.taskOf.get(attempt.taskKey);
  if (isOver(attempt) || task === undefined) return attempt;
  const { around } = pass;
  if (attempt.phase !== "TERMINATING" && around.nowMs >= attemptDeadline(attempt, task, around))
    return halted(attempt, timedOut(task.timeout_seconds ?? 0), pass.commands, around.nowMs);
  switch (attempt.phase) {
    case "BLOCKED":
      return unblocked(attempt, task, pass);
    case "WAITING_FOR_RETRY":
      return around.nowMs >= (attempt.retryAtMs ?? 0) ? begun(attempt, task, pass) : attempt;
    case "PENDING":
    case "RUNNING":
    case "TERMINATING":
      return attempt.script === undefined ? attempt : played(attempt, attempt.script, around);
    case "OVER":
      return attempt;
  }
}

/** Infinity for an attempt without a timeout, or that has not started. */
export function attemptDeadline(attempt: Attempt, task: Task, around: Surroundings): number {
  const seconds = task.timeout_seconds ?? 0;
  if (seconds === 0 || attempt.startedMs === 0) return Number.POSITIVE_INFINITY;
  const scale = attempt.script === undefined ? 1 : around.timeScale;
  return attempt.startedMs + (seconds * 1000) / scale;
}

/** Ends an attempt early: at once, or when its executor has let go of it. */
export function halted(
  attempt: Attempt,
  ending: Ending,
  commands: Command[],
  nowMs: number,
): Attempt {
  if (isOver(attempt) || attempt.phase === "TERMINATING") return attempt;
  if (!attempt.executing) return over(attempt, ending, nowMs);
  commands.push({ kind: "halt", attemptId: attempt.runId });
  return { ...attempt, phase: "TERMINATING", ending };
}

export function over(attempt: Attempt, ending: Ending, nowMs: number): Attempt {
  const { process: _, shown: __, retryAtMs: ___, ...rest } = attempt;
  return { ...rest, phase: "OVER", ending, endedMs: nowMs, executing: false };
}

function unblocked(attempt: Attempt, task: Task, pass: Pass): Attempt {
  const ready = readiness(task, pass.settled, pass.chosen);
  switch (ready.kind) {
    case "wait":
      return attempt;
    case "skip":
      return over(attempt, ready.ending, pass.around.nowMs);
    case "ready":
      if (task.disabled === true) return over(attempt, disabled, pass.around.nowMs);
      return begun(attempt, task, pass);
  }
}

/**
 * From here it counts as started: a script plays, a condition is decided, anything else is
 * executed.
 */
function begun(attempt: Attempt, task: Task, pass: Pass): Attempt {
  const { around } = pass;
  const base: Attempt = { ...attempt, phase: "PENDING", startedMs: around.nowMs };
  if (attempt.script !== undefined) return played(base, attempt.script, around);
  if (task.condition_task !== undefined) return decided(base, task.condition_task, pass);
  const executing: Attempt = { ...base, executing: true };
  pass.commands.push({ kind: "execute", attempt: executing, task });
  return executing;
}

function decided(
  attempt: Attempt,
  condition: NonNullable<Task["condition_task"]>,
  { run, around }: Pass,
): Attempt {
  try {
    const { outcome, ...operands } = decide(condition, around.scopeOf(run, attempt));
    const resolved = { ...operands, outcome: String(outcome) };
    return { ...over(attempt, success, around.nowMs), resolved };
  } catch (error) {
    if (!(error instanceof UnresolvedReferenceError)) throw error;
    return over(attempt, misconfigured("INVALID_RUN_CONFIGURATION", error.message), around.nowMs);
  }
}

/** Where a scripted attempt is at this moment. */
function played(attempt: Attempt, script: ScriptedAttempt, around: Surroundings): Attempt {
  const current = scriptSteps(attempt, script, around).find(
    ({ untilMs }) => around.nowMs < untilMs,
  );
  if (current !== undefined) return shownAs(attempt, current.state, around.nowMs);
  return { ...over(attempt, script.ending, around.nowMs), output: script.output };
}

/** The states of a script with the times at which they end. */
export function scriptSteps(
  attempt: Attempt,
  script: ScriptedAttempt,
  around: Surroundings,
): readonly { readonly state: string; readonly untilMs: number }[] {
  let untilMs = attempt.startedMs;
  return script.states.map(({ state, seconds }) => {
    untilMs += (seconds * 1000) / around.timeScale;
    return { state, untilMs };
  });
}

function shownAs(attempt: Attempt, state: string, nowMs: number): Attempt {
  if (attempt.shown === state) return attempt;
  const phase = state === "PENDING" || state === "TERMINATING" ? state : "RUNNING";
  const runningMs = phase === "PENDING" || attempt.runningMs !== 0 ? attempt.runningMs : nowMs;
  return { ...attempt, phase, shown: state, runningMs };
}
