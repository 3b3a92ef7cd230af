// Whose run it is, by what Databricks shows of it: nothing that a stranger may choose is a proof.
import { describe, expect, test } from "vitest";
import type { DatabricksRun } from "../../shared/domain/databricks-run.ts";
import { isCreatedByUs, seenOf, strangenessOf } from "../../shared/domain/ours.ts";
import { accepted, controllers, run } from "./examples.ts";

const file = "/Volumes/main/ops/company_codebase/run_executor.py";
const manifest = "/Volumes/main/ops/plans/run_ORD-1/iter_001.attempt_001.manifest.json";
const task = {
  taskKey: "main",
  taskRunId: "7",
  pythonFile: file,
  parameters: [manifest],
  attemptNumber: 0,
  lifeCycleState: "TERMINATED",
  resultState: "SUCCESS",
  terminationCode: "SUCCESS",
};
const ours: DatabricksRun = { ...run, runName: "signalbox/p/ORD-1/1.1 trace", tasks: [task] };
const expected = {
  controllers: [controllers],
  namePrefix: "signalbox/p/ORD-1/1.1 ",
  payload: accepted.payload,
};
const bob = "0b0b0b0b-0000-4000-8000-000000000000";

test.each<{ given: string; run: Partial<DatabricksRun>; why: RegExp | undefined }>([
  { given: "as it was submitted", run: {}, why: undefined },
  {
    given: "whose creator is written in capitals",
    run: { creator: controllers.toUpperCase() },
    why: undefined,
  },
  { given: "whose tasks are not shown", run: { tasks: [] }, why: undefined },
  { given: "whose kind is not shown", run: { runType: undefined }, why: undefined },
  {
    given: "whose task does not show what it runs",
    run: { tasks: [{ ...task, pythonFile: undefined, parameters: undefined }] },
    why: undefined,
  },
  {
    given: "whose file is shown by its older address",
    run: { tasks: [{ ...task, pythonFile: `dbfs:${file}` }] },
    why: undefined,
  },
  {
    given: "of another creator, with our name, file and parameters",
    run: { creator: bob },
    why: /^run [0-9]+ was created by "0b0b0b0b-.*", not by the controllers \(3f1c9c0e-.*\)$/,
  },
  { given: "of nobody", run: { creator: undefined }, why: /does not say who created run/ },
  { given: "of an empty creator", run: { creator: "" }, why: /was created by ""/ },
  {
    given: "of another name",
    run: { runName: "nightly" },
    why: /is called "nightly", the attempt "signalbox/,
  },
  { given: "of another attempt", run: { runName: "signalbox/p/ORD-1/1.11 t" }, why: /is called/ },
  { given: "of a job", run: { runType: "JOB_RUN" }, why: /is a "JOB_RUN", not a SUBMIT_RUN/ },
  {
    given: "repaired with other parameters",
    run: { isOverridden: true },
    why: /somebody repaired/,
  },
  {
    given: "that runs another file",
    run: { tasks: [{ ...task, pythonFile: "/Volumes/main/ops/scratchpad/hijack.py" }] },
    why: /task "main" of run [0-9]+ runs "\/Volumes\/main\/ops\/scratchpad\/hijack\.py", submitted was/,
  },
  {
    given: "that runs a file of DBFS proper",
    run: { tasks: [{ ...task, pythonFile: "dbfs:/tmp/run_executor.py" }] },
    why: /runs "dbfs:\/tmp\/run_executor\.py"/,
  },
  {
    given: "with another manifest",
    run: { tasks: [{ ...task, parameters: [manifest.replace("001.", "002.")] }] },
    why: /has other parameters than were submitted/,
  },
  {
    given: "with one parameter more",
    run: { tasks: [{ ...task, parameters: [manifest, "--debug"] }] },
    why: /has other parameters/,
  },
  {
    given: "without parameters",
    run: { tasks: [{ ...task, parameters: [] }] },
    why: /has other parameters/,
  },
  {
    given: "with a task that nobody submitted",
    run: { tasks: [task, { ...task, taskKey: "extra" }] },
    why: /task "extra" of run [0-9]+ was never submitted/,
  },
])("a run $given: $why", ({ run: shown, why }) => {
  const strangeness = strangenessOf({ ...ours, ...shown }, expected);
  if (why === undefined) expect(strangeness).toBeUndefined();
  else expect(strangeness).toMatch(why);
});

test("the controllers' principals of before are ours, too", () => {
  const { creator: _, ...rest } = run;
  expect(isCreatedByUs({ ...rest, creator: "of-before" }, [controllers, "of-before"])).toBe(true);
  expect(isCreatedByUs({ ...rest, creator: "of-before" }, [controllers])).toBe(false);
  expect(isCreatedByUs({ ...rest, creator: controllers }, [])).toBe(false);
});

test.each([
  { shown: [manifest, "{{job.id}}", "{{job.run_id}}", "{{task.run_id}}"], isOurs: true },
  { shown: [manifest, "11", "22", "33"], isOurs: true },
  { shown: [manifest], isOurs: true }, // submitted by the plane of before a deploy
  { shown: [manifest, "11", "--debug", "33"], isOurs: false },
  { shown: [manifest, "11", "22", "33", "44"], isOurs: false },
  { shown: ["11", "11", "22", "33"], isOurs: false },
])("a run may show its own ids in their places, and nothing else: $shown", ({ shown, isOurs }) => {
  const parameters = [manifest, "{{job.id}}", "{{job.run_id}}", "{{task.run_id}}"];
  const payload = accepted.payload.replace(JSON.stringify([manifest]), JSON.stringify(parameters));
  const strangeness = strangenessOf(
    { ...ours, tasks: [{ ...task, parameters: shown }] },
    { ...expected, payload },
  );
  expect(strangeness === undefined).toBe(isOurs);
});

describe("what is kept of a run", () => {
  test("is what was really run", () => {
    expect(seenOf(ours)).toEqual({
      creator: controllers,
      run_name: ours.runName,
      run_type: "SUBMIT_RUN",
      tasks: [{ task_key: "main", python_file: file, parameters: [manifest] }],
    });
  });

  test("is bounded, one line each, whatever a stranger wrote", () => {
    const long = `a\n\u202e${"b".repeat(100_000)}`;
    const tasks = Array.from({ length: 1_000 }, () => ({
      ...task,
      taskKey: long,
      parameters: Array.from({ length: 1_000 }, () => long),
    }));
    const seen = seenOf({ ...ours, creator: long, runName: long, tasks });
    const text = JSON.stringify(seen);
    expect(text.length).toBeLessThan(200_000);
    expect(text).not.toMatch(/\\n|\u202e/);
  });
});

describe("the executor of another deploy", () => {
  const below = (folder: string): string => `/Volumes/main/ops/company_codebase/${folder}`;
  const payload = accepted.payload.replace(
    file,
    below("executor/0123456789abcdef/run_executor.py"),
  );
  test.each([
    { path: below("executor/fedcba9876543210/run_executor.py"), ours: true },
    { path: `dbfs:${below("executor/fedcba9876543210/run_executor.py")}`, ours: true },
    { path: below("executor/fedcba9876543210/other.py"), ours: false },
    { path: below("executor/fedcba9876543210/more/run_executor.py"), ours: false },
    { path: below("executor/run_executor.py"), ours: false },
    { path: below("executor/fedcba987654321/run_executor.py"), ours: false },
    { path: below("executor/FEDCBA9876543210/run_executor.py"), ours: false },
    { path: below("executor/../fedcba9876543210/run_executor.py"), ours: false },
    { path: below("old/executor/fedcba9876543210/run_executor.py"), ours: false },
    {
      path: "/Volumes/main/ops/scratchpad/executor/fedcba9876543210/run_executor.py",
      ours: false,
    },
  ])("at $path is ours: $ours", ({ path, ours: isOurs }) => {
    const shown = { ...ours, tasks: [{ ...task, pythonFile: path }] };
    const strangeness = strangenessOf(shown, { ...expected, payload });
    if (isOurs) expect(strangeness).toBeUndefined();
    else expect(strangeness).toContain(`runs "${path}"`.slice(0, 100));
  });
});
