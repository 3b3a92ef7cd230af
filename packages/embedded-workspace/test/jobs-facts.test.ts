// Facts of docs/facts/databricks.md about jobs that have no better place: states, limits, filters.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Json } from "./client.ts";
import {
  environments,
  type Jobs,
  pythonTask,
  runIdIn,
  scriptedSubmit,
  startJobs,
} from "./jobs-fixture.ts";

let jobs: Jobs;
beforeAll(async () => {
  jobs = await startJobs({ timeScale: 100 });
  await jobs.script({ match: { run_name: "instant*" } });
  await jobs.script({
    match: { task_key: "long*" },
    states: [{ state: "RUNNING", seconds: 3600 }],
  });
});
afterAll(() => jobs[Symbol.asyncDispose]());

const api = "/api/2.2/jobs";
const submitAnswer = (body: Json) => jobs.client.post(`${api}/runs/submit`, body);
const endedAs = async (result: Json): Promise<Json> => {
  const name = `ends-${crypto.randomUUID()}`;
  await jobs.script({ match: { run_name: name }, result });
  return jobs.finished(await jobs.submit(scriptedSubmit(name)));
};

describe("states", () => {
  test.each([
    ["TERMINATED", "SUCCESS", "SUCCESS"],
    ["INTERNAL_ERROR", "FAILED", "RUN_EXECUTION_ERROR"],
    ["TERMINATED", "CANCELED", "USER_CANCELED"],
    ["TERMINATED", "TIMEDOUT", "CANCELED"],
    ["SKIPPED", "MAXIMUM_CONCURRENT_RUNS_REACHED", "MAX_CONCURRENT_RUNS_EXCEEDED"],
  ])(
    "fact #old-and-new-states-pair: %s/%s is TERMINATED in the new words, with the code %s",
    async (life, result, code) => {
      const run = await endedAs({
        life_cycle_state: life,
        result_state: result,
        termination_code: code,
      });
      expect(run.state).toMatchObject({ life_cycle_state: life, result_state: result });
      expect(run.status).toMatchObject({ state: "TERMINATED", termination_details: { code } });
    },
  );

  test.each(["QUEUED", "PENDING", "BLOCKED", "RUNNING", "TERMINATING"])(
    "fact #old-states: %s has the same name in both, and no result yet",
    async (state) => {
      const name = `stays-${state}`;
      await jobs.script({ match: { run_name: name }, states: [{ state, seconds: 3600 }] });
      const { json } = await jobs.run(await jobs.submit(scriptedSubmit(name)));
      expect(json.state.life_cycle_state).toBe(state);
      expect(json.status.state).toBe(state);
      expect(json.state).not.toHaveProperty("result_state");
      expect(json.status).not.toHaveProperty("termination_details");
      expect(json.end_time).toBe(0);
    },
  );

  test("fact #old-states: a task that waits for another is BLOCKED", async () => {
    const tasks = [
      pythonTask("/none.py", [], "long"),
      { ...pythonTask("/none.py", [], "next"), depends_on: [{ task_key: "long" }] },
    ];
    const { json } = await jobs.run(await jobs.submit(scriptedSubmit("blocked", { tasks })));
    const states = json.tasks.map((task: Json) => task.state.life_cycle_state);
    expect(states).toEqual(["RUNNING", "BLOCKED"]);
    expect(json.state.life_cycle_state).toBe("RUNNING");
  });

  test.each([
    ["CLUSTER_ERROR", "CLOUD_FAILURE"],
    ["DRIVER_ERROR", "INTERNAL_ERROR"],
    ["STORAGE_ACCESS_ERROR", "CLIENT_ERROR"],
    ["BREAKING_CHANGE", "CLIENT_ERROR"],
  ])("fact #termination-types: a run may end with %s (%s)", async (code, type) => {
    const result = { life_cycle_state: "INTERNAL_ERROR", termination_code: code };
    const run = await endedAs({ ...result, termination_type: type });
    expect(run.status.termination_details).toMatchObject({ code, type });
  });
});

describe("limits", () => {
  const tasksOf = (count: number) =>
    Array.from({ length: count }, (_, index) => pythonTask("/none.py", [], `t${index}`));
  const notebook = (base_parameters: Json) => ({
    tasks: [{ task_key: "main", notebook_task: { notebook_path: "/x", base_parameters } }],
  });

  test.each([
    ["fact #limits-of-jobs: 1000 tasks a run", { tasks: tasksOf(1000) }, 200],
    ["fact #limits-of-jobs: not 1001 tasks a run", { tasks: tasksOf(1001) }, 400],
    [
      "fact #limits-of-jobs: 5000 retries of a task",
      { tasks: [{ ...pythonTask("/x"), max_retries: 5000 }] },
      200,
    ],
    [
      "fact #limits-of-jobs: not 5001 retries",
      { tasks: [{ ...pythonTask("/x"), max_retries: 5001 }] },
      400,
    ],
    [
      "fact #limits-of-jobs: base_parameters of a notebook up to 1 MB",
      notebook({ a: "x".repeat(1e6) }),
      200,
    ],
    [
      "fact #limits-of-jobs: base_parameters not beyond",
      notebook({ a: "x".repeat(1_100_000) }),
      400,
    ],
    [
      "fact #limits-of-jobs: a run_name of 4096 bytes",
      { run_name: `instant${"x".repeat(4089)}` },
      200,
    ],
    [
      "fact #wheel-has-one-kind-of-parameters: a wheel has parameters or named parameters, not both",
      { tasks: [wheelTask({ parameters: [], named_parameters: {} })] },
      400,
    ],
    [
      "fact #libraries-are-for-classic-compute: libraries are for classic compute",
      { tasks: [{ ...pythonTask("/x"), libraries: [{ whl: "/x.whl" }] }] },
      400,
    ],
    [
      "fact #task-run-if: an unknown run_if is refused",
      { tasks: [{ ...pythonTask("/x"), run_if: "SOMETIMES" }] },
      400,
    ],
  ])("%s", async (_, more, status) => {
    const answer = await submitAnswer(scriptedSubmit("instant", more));
    expect(answer.status).toBe(status);
    if (status === 400) expect(answer.json.error_code).toBe("INVALID_PARAMETER_VALUE");
  });

  test("fact #limits-of-jobs: max_concurrent_runs of a job is 1000 at most", async () => {
    const settings = { environments, tasks: [pythonTask("/x")], max_concurrent_runs: 1001 };
    expect((await jobs.client.post(`${api}/create`, settings)).status).toBe(400);
  });

  test("fact #limits-of-jobs: jobs count as created within the hour", async () => {
    await jobs.client.admin("PATCH", "/jobs/limits", { createdPerHourMax: 0 });
    const answer = await jobs.client.post(`${api}/create`, { name: "x" });
    await jobs.client.admin("PATCH", "/jobs/limits", { createdPerHourMax: null });
    expect(answer.json.error_code).toBe("INVALID_STATE");
  });

  test.each([
    ["GET", `${api}/runs/get?run_id=1`, 100],
    ["POST", `${api}/run-now`, 20],
    ["POST", `${api}/create`, 20],
  ])("fact #request-rates: %s %s is limited to %i requests a second", async (method, path, max) => {
    await jobs.client.admin("PATCH", "/settings", { rateLimits: true });
    const call = () => jobs.client.call(method, path, method === "POST" ? { body: {} } : {});
    const answers = await Promise.all(Array.from({ length: max * 3 }, call));
    await jobs.client.admin("PATCH", "/settings", { rateLimits: false });
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(max * 3);
  });
});

describe("times and filters", () => {
  test("fact #timeout-counts-from-the-start: timeout_seconds counts from the start, not from the submission", async () => {
    const tasks = [pythonTask("/none.py", [], "long")];
    const settings = { environments, tasks, timeout_seconds: 30 };
    const { json } = await jobs.client.post(`${api}/create`, settings);
    const start = async () =>
      runIdIn((await jobs.client.post(`${api}/run-now`, { job_id: json.job_id })).text);
    const [first, second] = [await start(), await start()];
    expect((await jobs.finished(first)).state.result_state).toBe("TIMEDOUT");
    // It waited for as long as its timeout, and has all of it left.
    const run = await jobs.finished(second);
    expect(run.state.result_state).toBe("TIMEDOUT");
    expect(run.queue_duration).toBeGreaterThanOrEqual(250);
    expect(run.run_duration).toBeGreaterThanOrEqual(300);
  });

  test("fact #runs-list-filters: runs/list filters by type, job and start time", async () => {
    const runId = await jobs.submit(scriptedSubmit("instant filtered"));
    const run = await jobs.finished(runId);
    const idsOf = async (query: string) =>
      ((await jobs.client.get(`${api}/runs/list?limit=25&${query}`)).json.runs ?? []).map(
        (each: Json) => String(each.run_id),
      );
    expect(await idsOf(`job_id=${run.job_id}`)).toEqual([runId]);
    expect(await idsOf("run_type=JOB_RUN")).not.toContain(runId);
    expect(await idsOf(`start_time_from=${run.start_time}`)).toContain(runId);
    expect(await idsOf(`start_time_to=${run.start_time - 1}`)).not.toContain(runId);
  });

  test("fact #run-name-is-untitled-by-default: run_name is Untitled by default", async () => {
    const tasks = [pythonTask("/none.py", [], "long")];
    const { json } = await jobs.run(await jobs.submit({ environments, tasks }));
    expect(json.run_name).toBe("Untitled");
  });

  test("fact #run-task-fields: an attempt tells its own times", async () => {
    const name = "timed";
    await jobs.script({
      match: { run_name: name },
      states: [
        { state: "PENDING", seconds: 10 },
        { state: "RUNNING", seconds: 20 },
      ],
    });
    const [task] = (await jobs.finished(await jobs.submit(scriptedSubmit(name)))).tasks;
    expect(task.setup_duration).toBeGreaterThan(0);
    expect(task.execution_duration).toBeGreaterThan(0);
    expect(task.end_time - task.start_time).toBe(task.setup_duration + task.execution_duration);
  });
});

function wheelTask(body: Json) {
  const python_wheel_task = { package_name: "p", entry_point: "e", ...body };
  return { task_key: "main", environment_key: "default", python_wheel_task };
}
