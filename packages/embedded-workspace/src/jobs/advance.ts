// The state machine of a run: given what is remembered and the time, what comes next. Pure; the
// conductor performs it.
import {
  attemptDeadline,
  type Command,
  halted,
  newAttempt,
  over,
  type Pass,
  type Surroundings,
  scriptSteps,
  stepAttempt,
} from "./attempt.ts";
import { runEnding } from "./dag.ts";
import { timedOut } from "./endings.ts";
import {
  type Attempt,
  type Ending,
  isOver,
  latestAttempts,
  type Outcome,
  type RunRecord,
  type StopRequest,
  succeeded,
} from "./model.ts";
import type { Task } from "./task-schema.ts";

export type Advanced = {
  readonly run: RunRecord;
  readonly commands: readonly Command[];
  /** When to look again, if nothing happens before. */
  readonly wakeAtMs?: number;
};

/** As far as the run can go at this moment. Calling it twice does nothing the second time. */
export function advance(given: RunRecord, around: Surroundings): Advanced {
  if (given.ending !== undefined || given.queued !== undefined) return { run: given, commands: [] };
  const commands: Command[] = [];
  const taskOf = new Map(given.tasks.map((task) => [task.task_key, task]));
  let run = given.startedMs === 0 ? { ...given, startedMs: around.nowMs } : given;
  // Each pass settles at least one task that others wait for, so there are at most as many passes
  // as tasks.
  for (let previous: RunRecord | undefined; previous !== run; ) {
    previous = run;
    run = expired(run, around);
    if (run.stop !== undefined) run = stopped(run, run.stop, commands, around.nowMs);
    const pass = passOver(run, taskOf, commands, around);
    run = changed(run, (attempt) => stepAttempt(attempt, pass));
    if (run.stop === undefined) run = retried(run, taskOf, around);
  }
  run = finished(run, around);
  const wakeAtMs = run.ending === undefined ? nextWake(run, taskOf, around) : undefined;
  return { run, commands, ...(wakeAtMs !== undefined && { wakeAtMs }) };
}

/** The executor says that the attempt's process runs. */
export function onRunning(
  run: RunRecord,
  attemptId: string,
  patch: Partial<Attempt>,
  nowMs: number,
): RunRecord {
  return changed(run, (attempt) => {
    if (attempt.runId !== attemptId) return attempt;
    const running = { phase: "RUNNING", runningMs: nowMs } as const;
    return { ...attempt, ...patch, ...(attempt.phase === "PENDING" && running) };
  });
}

/** The executor is done with the attempt. What was decided before (a cancel, a timeout) stands. */
export function onOutcome(
  run: RunRecord,
  attemptId: string,
  outcome: Outcome,
  nowMs: number,
): RunRecord {
  const attempt = run.attempts.find((each) => each.runId === attemptId);
  if (attempt === undefined || isOver(attempt)) return run;
  const ended = over(attempt, attempt.ending ?? outcome.ending, nowMs);
  const next: Attempt = { ...ended, output: outcome.output };
  const values = { ...run.taskValues[attempt.taskKey], ...outcome.taskValues };
  const known = { ...run, taskValues: { ...run.taskValues, [attempt.taskKey]: values } };
  return changed(known, (each) => (each.runId === attemptId ? next : each));
}

/** Ends the whole run early, because somebody asked. Over is over, and the first request counts. */
export function requestStop(
  run: RunRecord,
  stop: {
    readonly ending: Ending;
    readonly why: StopRequest["why"];
    /** The run is seen TERMINATING for at least so long, in real milliseconds. */
    readonly lingerMs: number;
  },
  nowMs: number,
): RunRecord {
  if (run.ending !== undefined || run.stop !== undefined) return run;
  const { queued: _, ...rest } = run;
  const untilMs = nowMs + stop.lingerMs;
  return { ...rest, stop: { atMs: nowMs, why: stop.why, ending: stop.ending, untilMs } };
}

/** Ends one attempt early. */
export function stopAttempt(
  run: RunRecord,
  attemptId: string,
  ending: Ending,
  nowMs: number,
): Advanced {
  const commands: Command[] = [];
  const next = changed(run, (attempt) =>
    attempt.runId === attemptId ? halted(attempt, ending, commands, nowMs) : attempt,
  );
  return { run: next, commands };
}

function passOver(
  run: RunRecord,
  taskOf: Pass["taskOf"],
  commands: Command[],
  around: Surroundings,
): Pass {
  const latest = [...latestAttempts(run.attempts)];
  const settled = latest.filter(([, each]) => isOver(each) && !willRetry(run, taskOf, each));
  return {
    run,
    taskOf,
    settled: new Map(settled),
    chosen: new Set(latest.map(([key]) => key)),
    commands,
    around,
  };
}

function stopped(run: RunRecord, stop: StopRequest, commands: Command[], nowMs: number): RunRecord {
  return changed(run, (attempt) =>
    attempt.script?.ignoresCancel === true && stop.why === "user"
      ? attempt
      : halted(attempt, stop.ending, commands, nowMs),
  );
}

function expired(run: RunRecord, around: Surroundings): RunRecord {
  if (run.stop !== undefined || around.nowMs < runDeadline(run, around)) return run;
  const ending = timedOut(run.timeoutSeconds);
  return requestStop(run, { ending, why: "timeout", lingerMs: 0 }, around.nowMs);
}

/** Counted from the start, not from the submission: time in the queue is free. */
function runDeadline(run: RunRecord, around: Surroundings): number {
  if (run.timeoutSeconds === 0) return Number.POSITIVE_INFINITY;
  const repair = run.repairs.at(-1);
  const startMs = repair === undefined || repair.repairId === "" ? run.startedMs : repair.startedMs;
  // A run of scripts lives in scaled time, a real process does not.
  const scripted = run.attempts.every((attempt) => attempt.script !== undefined);
  return startMs + (run.timeoutSeconds * 1000) / (scripted ? around.timeScale : 1);
}

/** A failed attempt with retries left is followed by another entry of `tasks[]`. */
function retried(run: RunRecord, taskOf: Pass["taskOf"], around: Surroundings): RunRecord {
  const added = [...latestAttempts(run.attempts).values()]
    .filter((attempt) => willRetry(run, taskOf, attempt))
    .map((attempt): Attempt => {
      const next = newAttempt(run, attempt.taskKey, attempt.attempt + 1, attempt.repair, around);
      const scale = attempt.script === undefined ? 1 : around.timeScale;
      const intervalMs = taskOf.get(attempt.taskKey)?.min_retry_interval_millis ?? 0;
      return {
        ...next,
        phase: "WAITING_FOR_RETRY",
        retryAtMs: around.nowMs + intervalMs / scale,
      };
    });
  return added.length === 0 ? run : { ...run, attempts: [...run.attempts, ...added] };
}

function willRetry(run: RunRecord, taskOf: Pass["taskOf"], attempt: Attempt): boolean {
  if (!isOver(attempt) || run.stop !== undefined || succeeded(attempt.ending)) return false;
  const task: Task | undefined = taskOf.get(attempt.taskKey);
  const retries = task?.max_retries ?? 0;
  const result = attempt.ending?.resultState;
  if (retries === 0 || attempt.ending?.lifeCycleState === "SKIPPED" || result === "CANCELED")
    return false;
  if (result === "TIMEDOUT" && task?.retry_on_timeout !== true) return false;
  const first = run.attempts.find(
    (each) => each.taskKey === attempt.taskKey && each.repair === attempt.repair,
  );
  return retries === -1 || attempt.attempt - (first?.attempt ?? 0) < retries;
}

function finished(run: RunRecord, around: Surroundings): RunRecord {
  if (!run.attempts.every(isOver)) return run;
  if (run.stop !== undefined && around.nowMs < run.stop.untilMs) return run;
  const cancelLost =
    run.stop?.why === "user" &&
    run.attempts.some((attempt) => attempt.script?.ignoresCancel === true);
  const { stop: _, ...unstopped } = run;
  const ending = runEnding(cancelLost ? unstopped : run);
  const last = run.repairs.length - 1;
  const repairs = run.repairs.map((repair, index) =>
    index === last ? { ...repair, endedMs: around.nowMs, ending } : repair,
  );
  return { ...unstopped, ending, endedMs: around.nowMs, repairs };
}

function nextWake(
  run: RunRecord,
  taskOf: Pass["taskOf"],
  around: Surroundings,
): number | undefined {
  const times = run.attempts
    .filter((attempt) => !isOver(attempt))
    .flatMap((attempt) => wakesOf(attempt, taskOf.get(attempt.taskKey), around));
  times.push(run.stop === undefined ? runDeadline(run, around) : run.stop.untilMs);
  const next = times.reduce(
    (soonest, time) => (time > around.nowMs && time < soonest ? time : soonest),
    Number.POSITIVE_INFINITY,
  );
  return Number.isFinite(next) ? next : undefined;
}

function wakesOf(attempt: Attempt, task: Task | undefined, around: Surroundings): number[] {
  const deadline = task === undefined ? [] : [attemptDeadline(attempt, task, around)];
  const retry = attempt.retryAtMs === undefined ? [] : [attempt.retryAtMs];
  if (attempt.script === undefined || attempt.startedMs === 0) return [...deadline, ...retry];
  const steps = scriptSteps(attempt, attempt.script, around).map(({ untilMs }) => untilMs);
  return [...deadline, ...retry, ...steps];
}

/** The run with changed attempts: the same object when none has changed. */
function changed(run: RunRecord, change: (attempt: Attempt) => Attempt): RunRecord {
  const attempts = run.attempts.map(change);
  return attempts.every((attempt, index) => attempt === run.attempts[index])
    ? run
    : { ...run, attempts };
}
