// What runs say of who made them and what was run, who may see it, and what no document says: both ways.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Json } from "./client.ts";
import { environments, type Jobs, pythonTask, scriptedSubmit, startJobs } from "./jobs-fixture.ts";

let jobs: Jobs;
let other: { readonly id: string; readonly token: string };
beforeAll(async () => {
  jobs = await startJobs({ timeScale: 100 });
  other = jobs.workspace.addPrincipal({ displayName: "executors" });
  await jobs.script({ match: { run_name: "scripted*" }, logs: "said\n" });
  await jobs.script({
    match: { run_name: "failing*" },
    logs: "said before it failed\n",
    error: "boom",
    result: { result_state: "FAILED", termination_code: "RUN_EXECUTION_ERROR" },
  });
});
afterAll(() => jobs[Symbol.asyncDispose]());

const get = (path: string, token?: string) =>
  jobs.client.get(`/api/2.2/jobs/${path}`, { ...(token !== undefined && { token }) });
const post = (path: string, body: Json, token?: string) =>
  jobs.client.post(`/api/2.2/jobs/${path}`, body, { ...(token !== undefined && { token }) });
const asExecutors = { run_as: { service_principal_name: "executors" } };

const once = "cleanup_duration end_time execution_duration run_duration setup_duration start_time";
const said = `${once} queue_duration run_id run_page_url state status`;
/** Fields of databricks-sdk 0.162.0 `service/jobs.py`, as far as this workspace has them. */
const known: Readonly<Record<string, string>> = {
  run: `${said} attempt_number cluster_instance cluster_spec creator_user_name description
    effective_performance_target git_source has_more job_clusters job_id job_parameters job_run_id next_page_token
    number_in_job original_attempt_run_id overriding_parameters repair_history run_name run_type tasks trigger`,
  task: `${said} attempt_number cluster_instance compute condition_task depends_on description
    disable_auto_optimization disabled email_notifications environment_key environment_variables_key
    existing_cluster_id job_cluster_key libraries max_retries min_retry_interval_millis new_cluster notebook_task
    notification_settings python_wheel_task resolved_values retry_on_timeout run_if run_job_task spark_python_task
    task_key timeout_seconds webhook_notifications`,
  state: "life_cycle_state queue_reason result_state state_message user_cancelled_or_timedout",
  status: "queue_details state termination_details",
  repair: "effective_performance_target end_time id start_time state status task_run_ids type",
  output: "error error_trace info logs logs_truncated metadata notebook_output run_job_output",
};

function unknown(kind: string, view: Json): string[] {
  const names = new Set((known[kind] ?? "").split(/\s+/));
  return Object.keys(view).filter((name) => !names.has(name));
}

function unknownOfRun(run: Json): string[] {
  return [
    ...unknown("run", run),
    ...unknown("state", run.state),
    ...unknown("status", run.status),
    ...(run.tasks ?? []).flatMap((task: Json) => unknown("task", task)),
    ...(run.repair_history ?? []).flatMap((repair: Json) => unknown("repair", repair)),
  ];
}

describe("no answer has a field that the platform has not", () => {
  test("runs/get, of the run and of its task, runs/list, get-output", async () => {
    const tasks = [
      { ...pythonTask("/Volumes/main/default/files/none.py", ["a"], "one"), health: {} },
      {
        ...pythonTask("/Volumes/main/default/files/none.py", ["b", "c"], "two"),
        depends_on: [{ task_key: "one" }],
        max_retries: 1,
      },
    ];
    const body = { ...scriptedSubmit("scripted fields"), tasks, ...asExecutors };
    const runId = await jobs.submit({ ...body, performance_target: "STANDARD" });
    const run = await jobs.finished(runId);
    const history = (await jobs.run(runId, "&include_history=true")).json;
    const [first] = run.tasks;
    const task = (await jobs.run(first.run_id)).json;
    const listed = (await get("runs/list?expand_tasks=true")).json.runs;
    const output = await jobs.output(first.run_id);
    const all = [run, history, task, output.metadata, ...listed];
    expect(all.flatMap(unknownOfRun)).toEqual([]);
    expect(unknown("output", output)).toEqual([]);
    expect(JSON.stringify(all)).not.toContain("run_as");
  });

  test("jobs/get has the identity", async () => {
    const made = await post("create", { name: "j", tasks: [], ...asExecutors });
    const { json } = await get(`get?job_id=${made.json.job_id}`);
    expect(json.run_as_user_name).toBe(other.id);
  });
});

describe("who made a run, and what was run", () => {
  test("the creator is the submitter, whoever it runs as, also in each element of runs/list", async () => {
    const runId = await jobs.submit({ ...scriptedSubmit("scripted creator"), ...asExecutors });
    const run = await jobs.finished(runId);
    const creator = jobs.workspace.administrator.id;
    expect(run.creator_user_name).toBe(creator);
    const { json } = await get("runs/list");
    const listed = json.runs.find((each: Json) => String(each.run_id) === runId);
    expect(listed.creator_user_name).toBe(creator);
    expect((await jobs.output(run.tasks[0].run_id)).metadata.creator_user_name).toBe(creator);
  });

  test("each task shows its own run id, file and parameters", async () => {
    const file = "/Volumes/main/default/files/none.py";
    const tasks = [pythonTask(file, ["a", "{{x}}"], "one"), pythonTask(file, [], "two")];
    const run = await jobs.finished(
      await jobs.submit({ run_name: "scripted tasks", environments, tasks }),
    );
    expect(run.tasks.map((task: Json) => task.spark_python_task)).toEqual([
      { python_file: file, parameters: ["a", "{{x}}"] },
      { python_file: file, parameters: [] },
    ]);
    const ids = [run.run_id, ...run.tasks.map((task: Json) => task.run_id)];
    expect(new Set(ids).size).toBe(3);
  });

  test("a repair's parameters show, also after a repair without any", async () => {
    const runId = await jobs.submit(scriptedSubmit("scripted repair"));
    const first = await jobs.finished(runId);
    expect(first.overriding_parameters).toBeUndefined();
    const repair = (more: Json) =>
      post("runs/repair", { run_id: Number(runId), rerun_tasks: ["main"], ...more });
    const { json } = await repair({ python_params: ["other"] });
    expect((await jobs.finished(runId)).overriding_parameters).toEqual({
      python_params: ["other"],
    });
    await repair({ latest_repair_id: json.repair_id });
    const last = await jobs.finished(runId);
    expect(last.overriding_parameters).toEqual({ python_params: ["other"] });
    expect([last.run_id, last.run_name, last.creator_user_name]).toEqual([
      first.run_id,
      first.run_name,
      first.creator_user_name,
    ]);
    expect(last.tasks).toHaveLength(3);
  });
});

describe("logs of get-output", () => {
  test("stdout and stderr in their order, of a task that fails too, by the task's own id", async () => {
    const source = `
import sys
print("out", flush=True)
print("err", file=sys.stderr, flush=True)
print("last words", flush=True)
`;
    for (const [end, state] of [
      ["", "SUCCESS"],
      ["raise SystemExit(3)", "FAILED"],
      ["import os; os._exit(4)", "FAILED"],
    ]) {
      const { run, task, output } = await jobs.python(source + end);
      expect(run.state.result_state).toBe(state);
      expect(output.logs).toMatch(/^out\nerr\nlast words\n/);
      expect(output.logs_truncated).toBe(false);
      expect(task.run_id).not.toBe(run.run_id);
      const parent = await get(`runs/get-output?run_id=${run.run_id}`);
      expect([parent.status, parent.json.error_code]).toEqual([400, "INVALID_PARAMETER_VALUE"]);
      expect(parent.json.message).toMatch(/multiple tasks is not supported/);
    }
  });

  test("the last 5 MB of a failed task, too", async () => {
    const { output } = await jobs.python(`
for index in range(70_000): print(index, "x" * 100)
raise SystemExit("the end")`);
    expect(output.logs_truncated).toBe(true);
    expect(Buffer.byteLength(output.logs)).toBeGreaterThan(4.9e6);
    expect(output.logs).toMatch(/69999 x+\n[\s\S]*the end\s*$/);
  });

  test.each([
    { level: "CAN_VIEW", sees: 200, cancels: 403 },
    { level: "CAN_MANAGE_RUN", sees: 200, cancels: 200 },
    { level: "CAN_MANAGE", sees: 200, cancels: 200 },
    { level: undefined, sees: 403, cancels: 403 },
  ])("with $level", async ({ level, sees, cancels }) => {
    const { id, token } = jobs.workspace.addPrincipal({ displayName: `with ${level}` });
    const access_control_list =
      level === undefined ? [] : [{ service_principal_name: id, permission_level: level }];
    const submit = { ...scriptedSubmit("scripted access"), access_control_list };
    const runId = await jobs.submit(submit);
    const run = await jobs.finished(runId);
    expect((await get(`runs/get?run_id=${runId}`, token)).status).toBe(sees);
    const output = await get(`runs/get-output?run_id=${run.tasks[0].run_id}`, token);
    expect([output.status, output.json.logs]).toEqual([sees, sees === 200 ? "said\n" : undefined]);
    const body = { run_id: Number(runId) };
    expect((await post("runs/cancel", body, token)).status).toBe(cancels);
  });
});

const sets = (change: Json) => jobs.client.admin("PATCH", "/settings", change);

describe("what no document says: may the run's identity see it, may it cancel and repair it", () => {
  test.each([
    { view: undefined, manage: undefined, sees: false, acts: false },
    { view: true, manage: false, sees: true, acts: false },
    { view: false, manage: true, sees: true, acts: true },
    { view: true, manage: true, sees: true, acts: true },
    { view: false, manage: false, sees: false, acts: false },
  ])("runAsMayView $view, runAsMayManage $manage", async ({ view, manage, sees, acts }) => {
    if (view !== undefined) await sets({ runAsMayView: view, runAsMayManage: manage });
    const runId = await jobs.submit({ ...scriptedSubmit("scripted identity"), ...asExecutors });
    const run = await jobs.finished(runId);
    const status = async (answer: Promise<{ readonly status: number }>) => (await answer).status;
    const yes = (may: boolean) => (may ? 200 : 403);
    const { token } = other;
    expect(await status(get(`runs/get?run_id=${runId}`, token))).toBe(yes(sees));
    const output = get(`runs/get-output?run_id=${run.tasks[0].run_id}`, token);
    expect(await status(output)).toBe(yes(sees));
    const { json } = await get("runs/list", token);
    expect((json.runs ?? []).some((each: Json) => String(each.run_id) === runId)).toBe(sees);
    const body = { run_id: Number(runId) };
    expect(await status(post("runs/cancel", body, token))).toBe(yes(acts));
    const repair = post("runs/repair", { ...body, rerun_tasks: ["main"] }, token);
    expect(await status(repair)).toBe(yes(acts));
    await jobs.finished(runId);
    expect(await status(post("runs/delete", body, token))).toBe(yes(acts));
  });
});

describe("what no document says: whose an idempotency token is", () => {
  const submitted = (token: string, by?: string) =>
    jobs.submit({ ...scriptedSubmit("scripted token"), idempotency_token: token }, by);

  test("workspace: another's submit gets the run that he may not see; for ever", async () => {
    const mine = await submitted("shared");
    expect(await submitted("shared", other.token)).toBe(mine);
    expect((await get(`runs/get?run_id=${mine}`, other.token)).status).toBe(403);
    await jobs.finished(mine);
    expect(await submitted("shared")).toBe(mine);
    await post("runs/delete", { run_id: Number(mine) });
    await expect(submitted("shared")).rejects.toThrow(/400 .*has been deleted/);
    await expect(submitted("shared", other.token)).rejects.toThrow(/400 .*has been deleted/);
  });

  test("user: each has a run of his own; for ever", async () => {
    await sets({ tokenScope: "user" });
    const mine = await submitted("own");
    const theirs = await submitted("own", other.token);
    expect(theirs).not.toBe(mine);
    expect([await submitted("own"), await submitted("own", other.token)]).toEqual([mine, theirs]);
    await jobs.finished(mine);
    await post("runs/delete", { run_id: Number(mine) });
    await expect(submitted("own")).rejects.toThrow(/400 .*has been deleted/);
    expect(await submitted("own", other.token)).toBe(theirs);
    await sets({ tokenScope: "workspace" });
    await expect(submitted("own", other.token)).rejects.toThrow(/400 .*has been deleted/);
  });
});

describe("what no document says: when the logs are there", () => {
  const logsOf = async (name: string) => {
    const run = await jobs.finished(await jobs.submit(scriptedSubmit(name)));
    const id = run.tasks[0].run_id;
    return { id, output: await jobs.output(id) };
  };

  test.each([
    { output: "present", ofSuccess: "said\n", ofFailure: "said before it failed\n" },
    { output: "absent", ofSuccess: undefined, ofFailure: undefined },
    { output: "absent_on_failure", ofSuccess: "said\n", ofFailure: undefined },
  ])("$output", async ({ output, ofSuccess, ofFailure }) => {
    await sets({ output });
    const good = await logsOf("scripted output");
    expect([good.output.logs, "logs_truncated" in good.output]).toEqual([
      ofSuccess,
      ofSuccess !== undefined,
    ]);
    const bad = await logsOf("failing output");
    expect([bad.output.logs, bad.output.error]).toEqual([ofFailure, "boom"]);
  });

  test("late, by so many seconds of the workspace", async () => {
    await sets({ output: "late", outputLateSeconds: 60 });
    const { id, output } = await logsOf("scripted late");
    expect(output.logs).toBeUndefined();
    await expect
      .poll(async () => (await jobs.output(id)).logs, { timeout: 10_000, interval: 20 })
      .toBe("said\n");
  });

  test.each([{ output: "never" }, { tokenScope: "account" }, { runAsMayView: 1 }])(
    "a setting that is none is refused: %j",
    async (change) => {
      expect((await sets(change)).status).toBe(400);
    },
  );

  test("they are options of the start, too", async () => {
    await using started = await startJobs({
      settings: { runAsMayView: true, tokenScope: "user", output: "late", outputLateSeconds: 5 },
    });
    expect(started.workspace.settings).toMatchObject({
      runAsMayView: true,
      runAsMayManage: false,
      tokenScope: "user",
      output: "late",
      outputLateSeconds: 5,
    });
  });
});
