// Saved jobs: create, get, list, update, reset, delete, run-now, queueing, repair, permissions.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Answer, Json } from "./client.ts";
import { environments, type Jobs, pythonTask, runIdIn, startJobs, volume } from "./jobs-fixture.ts";

let jobs: Jobs;
beforeAll(async () => {
  jobs = await startJobs({ timeScale: 100 });
  await jobs.script({ match: { task_key: "instant*" } });
  await jobs.script({ match: { task_key: "fails*" }, result: { result_state: "FAILED" } });
  await jobs.script({
    match: { task_key: "long*" },
    states: [{ state: "RUNNING", seconds: 3600 }],
  });
});
afterAll(() => jobs[Symbol.asyncDispose]());

const api = "/api/2.2/jobs";
const task = (key: string, more: Json = {}) => ({ ...pythonTask("/none.py", [], key), ...more });
const dependingOn = (...keys: string[]) => ({ depends_on: keys.map((task_key) => ({ task_key })) });
const create = async (settings: Json, version = "2.2"): Promise<number> => {
  const answer = await jobs.client.post(`/api/${version}/jobs/create`, {
    environments,
    ...settings,
  });
  if (answer.status !== 200) throw new Error(answer.text);
  return answer.json.job_id;
};
const runNow = (jobId: number, more: Json = {}): Promise<Answer> =>
  jobs.client.post(`${api}/run-now`, { job_id: jobId, ...more });
const started = async (jobId: number, more: Json = {}) => runIdIn((await runNow(jobId, more)).text);
const settingsOf = async (jobId: number): Promise<Json> =>
  (await jobs.client.get(`${api}/get?job_id=${jobId}`)).json.settings;
const cancel = (runId: string) => jobs.client.post(`${api}/runs/cancel`, { run_id: runId });

describe("jobs/create, get, update, reset, delete, list", () => {
  test("fact #jobs-of-2-2-queue-by-default: jobs of API 2.2 queue by default, those of 2.1 do not", async () => {
    const tasks = [task("instant")];
    expect((await settingsOf(await create({ tasks }))).queue).toEqual({ enabled: true });
    expect(await settingsOf(await create({ tasks }, "2.1"))).not.toHaveProperty("queue");
  });

  test("jobs/get answers what was saved, with the platform's defaults", async () => {
    const jobId = await create({ name: "saved", tasks: [task("instant")], tags: { team: "a" } });
    const { json } = await jobs.client.get(`${api}/get?job_id=${jobId}`);
    expect(json).toMatchObject({
      job_id: jobId,
      creator_user_name: jobs.workspace.administrator.id,
      settings: {
        name: "saved",
        max_concurrent_runs: 1,
        format: "MULTI_TASK",
        tags: { team: "a" },
        tasks: [{ task_key: "instant", run_if: "ALL_SUCCESS" }],
      },
    });
  });

  test("jobs/update changes what is given, by task key, and removes what is named", async () => {
    const tasks = [task("instant-a"), task("instant-b")];
    const jobId = await create({ name: "before", tasks, tags: { a: "1" } });
    const new_settings = { name: "after", tasks: [task("instant-b", { max_retries: 2 })] };
    await jobs.client.post(`${api}/update`, {
      job_id: jobId,
      new_settings,
      fields_to_remove: ["tags", "tasks/instant-a"],
    });
    const settings = await settingsOf(jobId);
    expect(settings).toMatchObject({
      name: "after",
      tasks: [{ task_key: "instant-b", max_retries: 2 }],
    });
    expect(settings).not.toHaveProperty("tags");
  });

  test("fact #jobs-reset-keeps-run-as: jobs/reset replaces everything, but keeps the identity when run_as is left out", async () => {
    const run_as = { service_principal_name: jobs.workspace.other.id };
    const jobId = await create({ tasks: [task("instant")], tags: { a: "1" }, run_as });
    const new_settings = { name: "reset", environments, tasks: [task("instant")] };
    await jobs.client.post(`${api}/reset`, { job_id: jobId, new_settings });
    const { json } = await jobs.client.get(`${api}/get?job_id=${jobId}`);
    expect(json.settings).not.toHaveProperty("tags");
    expect(json.settings.run_as).toEqual(run_as);
    expect(json.run_as_user_name).toBe(jobs.workspace.other.id);
  });

  test("a deleted job is missing: 400, or 404 by the switch", async () => {
    const jobId = await create({ tasks: [task("instant")] });
    await jobs.client.post(`${api}/delete`, { job_id: jobId });
    const { status, json } = await jobs.client.get(`${api}/get?job_id=${jobId}`);
    expect(status).toBe(400);
    expect(json).toMatchObject({
      error_code: "INVALID_PARAMETER_VALUE",
      message: `Job ${jobId} does not exist.`,
    });
  });

  test.each([
    "fact #permission-before-existence: jobs/get answers 403 before it says whether the job exists",
  ])("%s", async () => {
    const jobId = await create({ tasks: [task("instant")] });
    const { token } = jobs.workspace.other;
    for (const id of [jobId, 99]) {
      const { status } = await jobs.client.get(`${api}/get?job_id=${id}`, { token });
      expect(status).toBe(403);
    }
  });

  test("fact #jobs-list-has-no-has-more: 2.2 has no has_more in jobs/list, 2.1 has it", async () => {
    const name = "many of them";
    for (let count = 0; count < 3; count += 1) await create({ name, tasks: [task("instant")] });
    const query = `list?name=${encodeURIComponent(name)}&limit=2`;
    const first = (await jobs.client.get(`${api}/${query}`)).json;
    expect(first).not.toHaveProperty("has_more");
    expect(first.jobs).toHaveLength(2);
    const rest = await jobs.client.get(`${api}/${query}&page_token=${first.next_page_token}`);
    expect(rest.json.jobs).toHaveLength(1);
    expect(rest.json).not.toHaveProperty("next_page_token");
    expect((await jobs.client.get(`/api/2.1/jobs/${query}`)).json.has_more).toBe(true);
  });

  test("fact #pages-of-100-tasks: jobs/get pages its tasks by 100", async () => {
    const tasks = Array.from({ length: 101 }, (_, index) => task(`instant-${index}`));
    const jobId = await create({ tasks });
    const { json } = await jobs.client.get(`${api}/get?job_id=${jobId}`);
    expect(json.settings.tasks).toHaveLength(100);
    const query = `get?job_id=${jobId}&page_token=${json.next_page_token}`;
    expect((await jobs.client.get(`${api}/${query}`)).json.settings.tasks).toHaveLength(1);
    const old = await jobs.client.get(`/api/2.1/jobs/get?job_id=${jobId}`);
    expect(old.status).toBe(400);
  });

  test("permissions of a job can be seen and set", async () => {
    const jobId = await create({ tasks: [task("instant")] });
    const { id, token } = jobs.workspace.other;
    const path = `/api/2.0/permissions/jobs/${jobId}`;
    await jobs.client.put(path, {
      access_control_list: [{ service_principal_name: id, permission_level: "CAN_MANAGE_RUN" }],
    });
    const { json } = await jobs.client.get(path);
    expect(json.object_type).toBe("job");
    expect(json.access_control_list).toHaveLength(2);
    expect((await jobs.client.get(`${api}/get?job_id=${jobId}`, { token })).status).toBe(200);
  });
});

describe("jobs/run-now", () => {
  test("answers run_id and number_in_job, and the run is a JOB_RUN of that job", async () => {
    const jobId = await create({ name: "now", tasks: [task("instant")] });
    const { json } = await runNow(jobId);
    expect(json.number_in_job).toBe(json.run_id);
    const run = await jobs.finished(json.run_id);
    expect(run).toMatchObject({ job_id: jobId, run_type: "JOB_RUN", run_name: "now" });
  });

  test("fact #token-names-one-run: the token of run-now works as that of submit", async () => {
    const jobId = await create({ tasks: [task("fails")] });
    const token = { idempotency_token: crypto.randomUUID() };
    const first = await started(jobId, token);
    await jobs.finished(first);
    expect(await started(jobId, token)).toBe(first);
  });

  test.each([
    [{ python_params: ["ü"] }, "ASCII"],
    [{ python_params: ["x".repeat(10_001)] }, "10000"],
    [{ job_parameters: { a: "1" }, python_params: ["x"] }, "cannot be combined"],
    [{ only: ["nobody"] }, "no task 'nobody'"],
    [{ idempotency_token: "x".repeat(65) }, "at most 64"],
  ])("fact #run-now-parameters: %o is refused", async (more, words) => {
    const jobId = await create({ tasks: [task("instant")] });
    const answer = await runNow(jobId, more);
    expect(answer.status).toBe(400);
    expect(answer.json.message).toContain(words);
  });

  test("job parameters have defaults, and reach tasks by reference", async () => {
    const path = await jobs.file("parameters.py", "import sys\nprint(sys.argv[1:])");
    const parameters = [
      { name: "city", default: "Rome" },
      { name: "year", default: "2026" },
    ];
    const references = [
      "{{job.parameters.city}}-{{job.parameters.year}}",
      "{{run.id}}",
      "{{unknown}}",
    ];
    const jobId = await create({ parameters, tasks: [pythonTask(path, references, "real")] });
    const runId = await started(jobId, { job_parameters: { city: "Oslo" } });
    const run = await jobs.finished(runId);
    expect(run.job_parameters).toEqual([
      { name: "city", default: "Rome", value: "Oslo" },
      { name: "year", default: "2026", value: "2026" },
    ]);
    const { logs } = await jobs.output(run.tasks[0].run_id);
    expect(logs).toBe(`['Oslo-2026', '${runId}', '{{unknown}}']\n`);
  });

  test("only runs the chosen tasks, with what is before or after them", async () => {
    const tasks = [
      task("instant-a"),
      task("instant-b", dependingOn("instant-a")),
      task("instant-c", dependingOn("instant-b")),
    ];
    const jobId = await create({ tasks, max_concurrent_runs: 10 });
    const keysOf = async (only: string[]) =>
      (await jobs.finished(await started(jobId, { only }))).tasks.map(
        (each: Json) => each.task_key,
      );
    expect(await keysOf(["instant-b"])).toEqual(["instant-b"]);
    expect(await keysOf(["+instant-b"])).toEqual(["instant-a", "instant-b"]);
    expect(await keysOf(["instant-b+"])).toEqual(["instant-b", "instant-c"]);
  });

  test.each(["fact #max-concurrent-runs: without queueing the run is SKIPPED, without output"])(
    "%s",
    async () => {
      const jobId = await create({ tasks: [task("long")], queue: { enabled: false } });
      const first = await started(jobId);
      const run = await jobs.finished(await started(jobId));
      expect(run.state).toMatchObject({
        life_cycle_state: "SKIPPED",
        result_state: "MAXIMUM_CONCURRENT_RUNS_REACHED",
      });
      expect(run.status.termination_details.code).toBe("MAX_CONCURRENT_RUNS_EXCEEDED");
      await cancel(first);
    },
  );

  test.each(["fact #max-concurrent-runs: with queueing the run waits QUEUED"])("%s", async () => {
    const jobId = await create({ tasks: [task("long")] });
    const first = await started(jobId);
    const second = await started(jobId);
    const { json } = await jobs.run(second);
    expect(json.state).toMatchObject({ life_cycle_state: "QUEUED" });
    expect(json.state.queue_reason).toContain("maximum of 1 concurrent runs");
    expect(json.status).toMatchObject({
      state: "QUEUED",
      queue_details: { code: "MAX_CONCURRENT_RUNS_REACHED" },
    });
    expect(Object.keys(json.status.queue_details)).toEqual(["code", "message"]);
    await cancel(first);
    await jobs.until(second, (run) => run.state.life_cycle_state === "RUNNING");
    await cancel(second);
    expect((await jobs.finished(second)).queue_duration).toBeGreaterThan(0);
  });

  test("fact #queued-for-48-hours: a run waits in the queue for 48 hours at most", async () => {
    await jobs.client.admin("PATCH", "/jobs/limits", { queueSecondsMax: 10 });
    const jobId = await create({ tasks: [task("long")] });
    const first = await started(jobId);
    const run = await jobs.finished(await started(jobId));
    await jobs.client.admin("PATCH", "/jobs/limits", { queueSecondsMax: 48 * 3600 });
    expect(run.state.life_cycle_state).toBe("SKIPPED");
    await cancel(first);
  });

  test("a queued run can be cancelled, and cancel-all takes all queued runs", async () => {
    const jobId = await create({ tasks: [task("long")] });
    const first = await started(jobId);
    const second = await started(jobId);
    await jobs.client.post(`${api}/runs/cancel-all`, { all_queued_runs: true });
    expect((await jobs.finished(second)).state.result_state).toBe("CANCELED");
    await cancel(first);
  });
});

describe("runs/repair", () => {
  test.each([
    "fact #repair-keeps-the-run-id: the run id stays, it runs again, and parameters are forgotten",
    "fact #repair-forgets-parameters: repair keeps the run id and adds attempts",
  ])("%s", async () => {
    const path = await jobs.file(
      "flaky.py",
      `import os, sys
flag = "${volume}/" + sys.argv[1]
print("parameter", sys.argv[2])
if not os.path.exists(flag):
    open(flag, "w").close()
    sys.exit(1)`,
    );
    const flag = crypto.randomUUID();
    const jobId = await create({
      parameters: [{ name: "p", default: "default" }],
      tasks: [
        pythonTask(path, [flag, "{{job.parameters.p}}"], "flaky"),
        task("instant-next", dependingOn("flaky")),
      ],
    });
    const runId = await started(jobId, { job_parameters: { p: "given" } });
    const failed = await jobs.finished(runId);
    expect(failed.state.state_message).toContain(
      "This caused all downstream tasks to get skipped.",
    );
    expect(failed.tasks[1].state).toMatchObject({
      life_cycle_state: "SKIPPED",
      result_state: "UPSTREAM_FAILED",
    });
    const repair = { run_id: runId, rerun_all_failed_tasks: true };
    const { json } = await jobs.client.post(`${api}/runs/repair`, repair);
    const repaired = await jobs.finished(runId);
    expect(repaired.state.result_state).toBe("SUCCESS");
    expect(repaired.tasks).toHaveLength(4);
    expect((await jobs.output(repaired.tasks[2].run_id)).logs).toBe("parameter default\n");
    const history = (await jobs.run(runId, "&include_history=true")).json.repair_history;
    expect(history.map((each: Json) => [each.type, each.state.result_state])).toEqual([
      ["ORIGINAL", "FAILED"],
      ["REPAIR", "SUCCESS"],
    ]);
    expect(history[1].id).toBe(json.repair_id);
    expect(history[1].task_run_ids).toHaveLength(2);
  });

  test("a second repair needs latest_repair_id; a run in progress cannot be repaired", async () => {
    const jobId = await create({ tasks: [task("fails")] });
    const runId = await started(jobId);
    await jobs.finished(runId);
    const repair = (more: Json = {}) =>
      jobs.client.post(`${api}/runs/repair`, { run_id: runId, rerun_tasks: ["fails"], ...more });
    const first = await repair();
    await jobs.finished(runId);
    expect((await repair()).status).toBe(400);
    expect((await repair({ latest_repair_id: first.json.repair_id })).status).toBe(200);
    await jobs.finished(runId);
    const active = await started(await create({ tasks: [task("long")] }));
    const refused = await jobs.client.post(`${api}/runs/repair`, {
      run_id: active,
      rerun_tasks: ["long"],
    });
    expect(refused.json.message).toContain("in progress");
  });

  test("rerun_dependent_tasks takes along what depends on them", async () => {
    const tasks = [task("instant-a"), task("instant-b", dependingOn("instant-a"))];
    const runId = await started(await create({ tasks }));
    await jobs.finished(runId);
    const body = { run_id: runId, rerun_tasks: ["instant-a"], rerun_dependent_tasks: true };
    await jobs.client.post(`${api}/runs/repair`, body);
    expect((await jobs.finished(runId)).tasks).toHaveLength(4);
  });
});
