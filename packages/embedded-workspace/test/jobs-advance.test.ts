// The state machine of a run against any graph, any outcomes and any cancel: it ends, once, and
// leaves nothing behind.
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { advance, onOutcome, requestStop } from "../src/jobs/advance.ts";
import { newAttempt, type Surroundings } from "../src/jobs/attempt.ts";
import { cancelledByUser, success, workloadFailed } from "../src/jobs/endings.ts";
import { isOver, type RunRecord } from "../src/jobs/model.ts";
import { runIfs, type Task } from "../src/jobs/task-schema.ts";

const around = (nowMs: number, ids: { next: number }): Surroundings => ({
  nowMs,
  timeScale: 1,
  newId: () => String(ids.next++),
  scriptFor: () => undefined,
  scopeOf: () => {
    throw new Error("no conditions here");
  },
});

const emptyRun = (tasks: readonly Task[]): RunRecord => ({
  runId: "1",
  jobId: "2",
  type: "SUBMIT_RUN",
  trigger: "ONE_TIME",
  name: "any",
  creator: "me",
  runAs: "me",
  createdMs: 0,
  singleTask: false,
  tasks,
  environments: [],
  environmentVariables: [],
  jobClusters: [],
  access: [],
  parameters: [],
  taskParameters: {},
  timeoutSeconds: 0,
  queueing: false,
  startedMs: 0,
  endedMs: 0,
  attempts: [],
  taskValues: {},
  repairs: [{ repairId: "", startedMs: 0, endedMs: 0 }],
});

/** Tasks that depend on earlier ones only: never a circle. */
const graphs = fc
  .array(
    fc.record({
      upstream: fc.array(fc.nat(), { maxLength: 3 }),
      runIf: fc.constantFrom(...runIfs),
      retries: fc.constantFrom(0, 0, 1, 2),
      disabled: fc.constantFrom(false, false, true),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((drawn) =>
    drawn.map(({ upstream, runIf, retries, disabled }, index): Task => {
      const keys = index === 0 ? [] : [...new Set(upstream.map((each) => `t${each % index}`))];
      return {
        task_key: `t${index}`,
        environment_key: "e",
        spark_python_task: { python_file: "/x.py" },
        depends_on: keys.map((task_key) => ({ task_key })),
        run_if: runIf,
        max_retries: retries,
        disabled,
      };
    }),
  );

/**
 * Plays a run to its end: each execution is answered, in any order, and perhaps the run is
 * cancelled on the way.
 */
function play(tasks: readonly Task[], succeeds: readonly boolean[], cancelAt: number | undefined) {
  const ids = { next: 100 };
  let nowMs = 1;
  let run = emptyRun(tasks);
  const attempts = tasks.map(({ task_key }) => newAttempt(run, task_key, 0, 0, around(0, ids)));
  run = { ...run, attempts };
  const open: string[] = [];
  const executed: string[] = [];
  const step = () => {
    const advanced = advance(run, around(nowMs, ids));
    expect(advance(advanced.run, around(nowMs, ids))).toMatchObject({
      run: advanced.run,
      commands: [],
    });
    run = advanced.run;
    for (const command of advanced.commands)
      if (command.kind === "execute") {
        open.push(command.attempt.runId);
        executed.push(command.attempt.runId);
      }
  };
  step();
  for (let count = 0; run.ending === undefined && count < 500; count += 1) {
    nowMs += 1;
    if (count === cancelAt)
      run = requestStop(run, { ending: cancelledByUser, why: "user", lingerMs: 3 }, nowMs);
    const next = open.splice(count % Math.max(1, open.length), 1)[0];
    const ending = succeeds[count % succeeds.length] === true ? success : workloadFailed;
    if (next !== undefined) run = onOutcome(run, next, { ending, output: {} }, nowMs);
    step();
  }
  return { run, open, executed };
}

const outcomes = fc.array(fc.boolean(), { minLength: 1, maxLength: 20 });
const cancels = fc.option(fc.nat({ max: 10 }), { nil: undefined });

describe("any run", () => {
  test("ends, with each attempt over, nothing still executing, and no attempt executed twice", async () => {
    await fc.assert(
      fc.property(graphs, outcomes, cancels, (tasks, succeeds, cancelAt) => {
        const { run, open, executed } = play(tasks, succeeds, cancelAt);
        expect(run.ending).toBeDefined();
        expect(run.attempts.every(isOver)).toBe(true);
        expect(open).toEqual([]);
        expect(new Set(executed).size).toBe(executed.length);
      }),
    );
  });

  test("is SUCCESS only if no leaf has failed", async () => {
    await fc.assert(
      fc.property(graphs, outcomes, (tasks, succeeds) => {
        const { run } = play(tasks, succeeds, undefined);
        const needed = new Set(
          tasks.flatMap((task) => (task.depends_on ?? []).map((d) => d.task_key)),
        );
        const last = new Map(
          run.attempts.map((attempt) => [attempt.taskKey, attempt.ending?.resultState]),
        );
        const leafFailed = tasks
          .filter(({ task_key }) => !needed.has(task_key))
          .some(({ task_key }) => ["FAILED", "UPSTREAM_FAILED"].includes(last.get(task_key) ?? ""));
        expect(run.ending?.resultState?.startsWith("SUCCESS")).toBe(!leafFailed);
      }),
    );
  });

  test("that is cancelled before it ends is CANCELED", async () => {
    await fc.assert(
      fc.property(graphs, outcomes, (tasks, succeeds) => {
        const { run, executed } = play(tasks, succeeds, 0);
        if (executed.length > 0) expect(run.ending?.resultState).toBe("CANCELED");
      }),
    );
  });
});
