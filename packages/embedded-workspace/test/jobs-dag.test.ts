// Graphs of tasks: run_if, conditions, task values, jobs that run jobs, retries.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Json } from "./client.ts";
import { environments, type Jobs, pythonTask, scriptedSubmit, startJobs } from "./jobs-fixture.ts";

let jobs: Jobs;
beforeAll(async () => {
  jobs = await startJobs({ timeScale: 100 });
  await jobs.script({ match: { task_key: "good*" } });
  await jobs.script({ match: { task_key: "bad*" }, result: { result_state: "FAILED" } });
});
afterAll(() => jobs[Symbol.asyncDispose]());

const task = (key: string, more: Json = {}) => ({ ...pythonTask("/none.py", [], key), ...more });
const dependingOn = (...keys: string[]) => ({ depends_on: keys.map((task_key) => ({ task_key })) });
const runOf = async (tasks: readonly Json[]): Promise<Json> =>
  jobs.finished(await jobs.submit(scriptedSubmit("graph", { tasks })));
const resultOf = (run: Json, key: string): string =>
  run.tasks.findLast((each: Json) => each.task_key === key).state.result_state;

describe("run_if", () => {
  test.each([
    ["ALL_SUCCESS", ["good-a", "good-b"], "SUCCESS"],
    ["ALL_SUCCESS", ["good-a", "bad-b"], "UPSTREAM_FAILED"],
    ["ALL_DONE", ["bad-a", "bad-b"], "SUCCESS"],
    ["NONE_FAILED", ["good-a", "good-b"], "SUCCESS"],
    ["NONE_FAILED", ["good-a", "bad-b"], "EXCLUDED"],
    ["AT_LEAST_ONE_SUCCESS", ["good-a", "bad-b"], "SUCCESS"],
    ["AT_LEAST_ONE_SUCCESS", ["bad-a", "bad-b"], "EXCLUDED"],
    ["ALL_FAILED", ["bad-a", "bad-b"], "SUCCESS"],
    ["ALL_FAILED", ["good-a", "bad-b"], "EXCLUDED"],
    ["AT_LEAST_ONE_FAILED", ["good-a", "bad-b"], "SUCCESS"],
    ["AT_LEAST_ONE_FAILED", ["good-a", "good-b"], "EXCLUDED"],
  ])("%s after %j is %s", async (run_if, upstream, result) => {
    const last = task("good-last", { ...dependingOn(...upstream), run_if });
    const run = await runOf([...upstream.map((key) => task(key)), last]);
    expect(resultOf(run, "good-last")).toBe(result);
  });
});

describe("what the run comes to", () => {
  test("a failure that a leaf overcomes is SUCCESS_WITH_FAILURES", async () => {
    const run = await runOf([
      task("bad"),
      task("good", { ...dependingOn("bad"), run_if: "ALL_DONE" }),
    ]);
    expect(run.state.result_state).toBe("SUCCESS_WITH_FAILURES");
    expect(run.status.termination_details).toMatchObject({
      code: "SUCCESS_WITH_FAILURES",
      type: "SUCCESS",
    });
  });

  test("a failed leaf names the task that failed first", async () => {
    const run = await runOf([task("good"), task("bad"), task("good-next", dependingOn("bad"))]);
    expect(run.state.state_message).toBe(
      "Task bad failed with message: Workload failed, see run output for details. This caused all downstream tasks to get skipped.",
    );
  });

  test("a disabled task does not run, and does not stop the others", async () => {
    const run = await runOf([
      task("good-off", { disabled: true }),
      task("good", dependingOn("good-off")),
    ]);
    expect(resultOf(run, "good-off")).toBe("DISABLED");
    expect(run.state.result_state).toBe("SUCCESS");
  });

  test("retries give up after max_retries, and upstream waits for them", async () => {
    const run = await runOf([task("bad", { max_retries: 2 }), task("good", dependingOn("bad"))]);
    expect(run.tasks.filter((each: Json) => each.task_key === "bad")).toHaveLength(3);
    expect(resultOf(run, "good")).toBe("UPSTREAM_FAILED");
  });
});

describe("conditions, values, references", () => {
  test.each([
    ["EQUAL_TO", "a", "a", "true"],
    ["NOT_EQUAL", "a", "a", "false"],
    ["GREATER_THAN", "10", "9", "true"],
    ["LESS_THAN_OR_EQUAL", "10", "9", "false"],
  ])("%s %s %s is %s, and chooses the branch", async (op, left, right, outcome) => {
    const branch = (key: string, wanted: string) =>
      task(key, { depends_on: [{ task_key: "check", outcome: wanted }] });
    const check = { task_key: "check", condition_task: { op, left, right } };
    const run = await runOf([check, branch("good-yes", "true"), branch("good-no", "false")]);
    const [first] = run.tasks;
    expect(first.condition_task.outcome).toBe(outcome);
    expect(resultOf(run, "good-yes")).toBe(outcome === "true" ? "SUCCESS" : "EXCLUDED");
    expect(resultOf(run, "good-no")).toBe(outcome === "true" ? "EXCLUDED" : "SUCCESS");
    expect(run.state.result_state).toBe("SUCCESS");
  });

  test("task values travel from task to task: by dbutils, by reference, into a condition", async () => {
    const set = await jobs.file(
      "set.py",
      `dbutils.jobs.taskValues.set("rmse", 1.5)\ndbutils.jobs.taskValues.set("big", [2**53 + 1])\ndbutils.jobs.taskValues.set("name", "modèle")`,
    );
    const get = await jobs.file(
      "get.py",
      `import sys
print(sys.argv[1:], dbutils.jobs.taskValues.get("set", "rmse"), dbutils.jobs.taskValues.get("set", "no", default=7), dbutils.jobs.taskValues.get("set", "big"))`,
    );
    const references = ["{{tasks.set.values.name}}", "{{tasks.set.result_state}}", "{{task.name}}"];
    const condition = { op: "LESS_THAN", left: "{{tasks.set.values.rmse}}", right: "2" };
    const run = await runOf([
      pythonTask(set, [], "set"),
      { ...pythonTask(get, references, "get"), ...dependingOn("set") },
      { task_key: "check", ...dependingOn("set"), condition_task: condition },
    ]);
    const output = await jobs.output(run.tasks[1].run_id);
    expect(output.logs).toBe("['modèle', 'success', 'get'] 1.5 7 [9007199254740993]\n");
    expect(run.tasks[2].condition_task).toMatchObject({ left: "1.5", outcome: "true" });
  });

  test("a reference to a value that was not set fails the task", async () => {
    const path = await jobs.file("x.py", "print(1)");
    const run = await runOf([
      task("good"),
      { ...pythonTask(path, ["{{tasks.good.values.x}}"], "next"), ...dependingOn("good") },
    ]);
    expect(run.status.termination_details.code).toBe("INVALID_RUN_CONFIGURATION");
    expect(run.state.state_message).toContain("has not set a value");
  });
});

describe("run_job_task", () => {
  const jobWith = async (settings: Json): Promise<number> =>
    (await jobs.client.post("/api/2.2/jobs/create", { environments, ...settings })).json.job_id;

  test("runs the other job with parameters, and comes to what that run comes to", async () => {
    const path = await jobs.file(
      "child.py",
      "import sys\nprint(sys.argv[1])\nsys.exit(int(sys.argv[1]))",
    );
    const parameters = [{ name: "code", default: "0" }];
    const job_id = await jobWith({
      parameters,
      tasks: [pythonTask(path, ["{{job.parameters.code}}"], "child")],
    });
    const call = (code: string) => [
      { task_key: "call", run_job_task: { job_id, job_parameters: { code } } },
    ];
    const good = await runOf(call("0"));
    expect(good.state.result_state).toBe("SUCCESS");
    const output = await jobs.output(good.tasks[0].run_id);
    const child = await jobs.finished(output.run_job_output.run_id);
    expect(child).toMatchObject({ job_id, trigger: "RUN_JOB_TASK" });
    expect((await runOf(call("1"))).state.result_state).toBe("FAILED");
  });

  test("a cancel takes the other run along", async () => {
    await jobs.script({
      match: { task_key: "slow" },
      states: [{ state: "RUNNING", seconds: 3600 }],
    });
    const job_id = await jobWith({ tasks: [task("slow")] });
    const runId = await jobs.submit({ tasks: [{ task_key: "call", run_job_task: { job_id } }] });
    const childId = async () => {
      const { json } = await jobs.client.get(`/api/2.2/jobs/runs/list?job_id=${job_id}`);
      return json.runs[0].run_id;
    };
    await jobs.until(runId, (run) => run.tasks[0].state.life_cycle_state === "RUNNING");
    await jobs.client.post("/api/2.2/jobs/runs/cancel", { run_id: runId });
    expect((await jobs.finished(runId)).state.result_state).toBe("CANCELED");
    expect((await jobs.finished(await childId())).state.result_state).toBe("CANCELED");
  });
});
