// runs/submit, get, list, get-output, cancel, delete: where the platform is odd.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Jobs,
  pythonTask,
  runIdIn,
  scriptedSubmit,
  startJobs,
  volume,
} from "./jobs-fixture.ts";

let jobs: Jobs;
beforeAll(async () => {
  jobs = await startJobs({ timeScale: 100 });
  await jobs.script({ match: { run_name: "instant*" } });
  await jobs.script({
    match: { run_name: "fails*" },
    result: { result_state: "FAILED" },
    error: "ValueError: no",
    error_trace: "Traceback (most recent call last):\nValueError: no\n",
    logs: "started\n",
  });
  await jobs.script({
    match: { run_name: "long*" },
    states: [{ state: "RUNNING", seconds: 3600 }],
  });
});
afterAll(() => jobs[Symbol.asyncDispose]());

const submitAnswer = (body: unknown, version = "2.2") =>
  jobs.client.post(`/api/${version}/jobs/runs/submit`, body);

describe("runs/submit", () => {
  test("fact #submit-answers-the-run-id: answers the run id and nothing else", async () => {
    const answer = await submitAnswer(scriptedSubmit("instant"));
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.json)).toEqual(["run_id"]);
  });

  test.each([
    ["no task", { tasks: [] }, "At least one task"],
    [
      "two tasks with one key",
      { tasks: [pythonTask("/a.py"), pythonTask("/b.py")] },
      "must be unique",
    ],
    ["a circle", { tasks: circle() }, "in a circle"],
    [
      "an unknown upstream task",
      { tasks: [{ ...pythonTask("/a.py"), depends_on: [{ task_key: "x" }] }] },
      "not a task of this run",
    ],
    ["an unknown environment", { environments: [] }, "no environment 'default'"],
    [
      "no body",
      { tasks: [{ task_key: "main", environment_key: "default" }] },
      "exactly one task body",
    ],
    [
      "no compute",
      { tasks: [{ task_key: "main", spark_python_task: { python_file: "/a.py" } }] },
      "needs a compute",
    ],
    [
      "two computes",
      { tasks: [{ ...pythonTask("/a.py"), existing_cluster_id: "x" }] },
      "more than one compute",
    ],
    [
      "an unknown cluster",
      {
        tasks: [
          { task_key: "m", existing_cluster_id: "x", spark_python_task: { python_file: "/a" } },
        ],
      },
      "Cluster x does not exist",
    ],
    ["an unknown field of a task", { tasks: [{ ...pythonTask("/a.py"), retries: 3 }] }, "retries"],
    ["an unknown field at the top", { max_concurrent_runs: 1 }, "max_concurrent_runs"],
    ["a run_name of more than 4096 bytes", { run_name: "ü".repeat(2049) }, "4096"],
  ])(
    "fact #submit-validates-its-tasks: %s is refused with 400 INVALID_PARAMETER_VALUE",
    async (_, more, words) => {
      const answer = await submitAnswer(scriptedSubmit("refused", more));
      expect(answer.status).toBe(400);
      expect(answer.json.error_code).toBe("INVALID_PARAMETER_VALUE");
      expect(answer.json.message).toContain(words);
    },
  );

  test.each([
    ["job_clusters", [], "Shared job cluster feature is not supported in runs/submit API"],
    ["tags", { team: "a" }, "tags"],
    ["parameters", [], "parameters"],
    ["schedule", {}, "schedule"],
  ])("fact #submit-refuses-fields-of-jobs: %s are not for submits", async (field, value, words) => {
    const answer = await submitAnswer(scriptedSubmit("refused", { [field]: value }));
    expect(answer.status).toBe(400);
    expect(answer.json.message).toContain(words);
  });

  test("fact #submitted-run-is-no-saved-job: a submitted run has a job id, but no job in the list", async () => {
    const run = await jobs.finished(await jobs.submit(scriptedSubmit("instant")));
    const listed = await jobs.client.get("/api/2.2/jobs/list");
    expect(run.job_id).toBeGreaterThan(0);
    expect(listed.text).not.toContain(String(run.job_id));
    expect(run.run_type).toBe("SUBMIT_RUN");
  });

  test("a task that this workspace cannot execute answers 501", async () => {
    const tasks = [{ task_key: "main", dbt_task: { commands: ["dbt run"] } }];
    const answer = await submitAnswer({ tasks });
    expect(answer.status).toBe(501);
    expect(answer.json.message).toContain("dbt_task");
  });

  test("the form without tasks[] is still taken, and its output is asked for by the run id", async () => {
    const { json } = await submitAnswer({
      run_name: "instant single",
      new_cluster: { num_workers: 0 },
      notebook_task: { notebook_path: "/Shared/x" },
    });
    await jobs.finished(json.run_id);
    expect((await jobs.output(json.run_id)).metadata.run_id).toBeGreaterThan(json.run_id);
  });

  test("queue and performance_target travel", async () => {
    const more = { queue: { enabled: true }, performance_target: "STANDARD" };
    const run = await jobs.finished(await jobs.submit(scriptedSubmit("instant", more)));
    expect(run.effective_performance_target).toBe("STANDARD");
  });
});

describe("idempotency tokens", () => {
  test.each(["fact #token-names-one-run: the same token is the same run"])("%s", async () => {
    const token = crypto.randomUUID();
    const body = scriptedSubmit("instant", { idempotency_token: token });
    const [one, two, three] = await Promise.all([1, 2, 3].map(() => jobs.submit(body)));
    expect(two).toBe(one);
    expect(three).toBe(one);
  });

  test("fact #token-of-a-failed-run: a failed run keeps its token: the same dead run comes back", async () => {
    const body = scriptedSubmit("fails", { idempotency_token: crypto.randomUUID() });
    const first = await jobs.submit(body);
    await jobs.finished(first);
    expect(await jobs.submit(body)).toBe(first);
  });

  test("fact #token-of-a-deleted-run: the token of a deleted run is an error for ever", async () => {
    const body = scriptedSubmit("instant", { idempotency_token: crypto.randomUUID() });
    const runId = await jobs.submit(body);
    await jobs.finished(runId);
    expect((await jobs.client.post("/api/2.2/jobs/runs/delete", { run_id: runId })).status).toBe(
      200,
    );
    const again = await submitAnswer(body);
    expect(again.status).toBe(400);
    expect(again.json.message).toContain("deleted");
  });

  test.each([
    [64, 200],
    [65, 400],
  ])(
    "fact #token-has-64-characters: a token of %i characters answers %i",
    async (length, status) => {
      const token = crypto.randomUUID().repeat(2).slice(0, 64).padEnd(length, "x");
      const answer = await submitAnswer(scriptedSubmit("instant", { idempotency_token: token }));
      expect(answer.status).toBe(status);
      if (status === 400) expect(answer.json.error_code).toBe("INVALID_PARAMETER_VALUE");
    },
  );

  test("another body under the same token is not noticed", async () => {
    const token = { idempotency_token: crypto.randomUUID() };
    const first = await jobs.submit(scriptedSubmit("instant a", token));
    expect(await jobs.submit(scriptedSubmit("fails b", token))).toBe(first);
  });
});

describe("how a failure looks", () => {
  test.each([
    "fact #task-failure-is-internal-error: a plain task failure is INTERNAL_ERROR and FAILED at the run",
  ])("%s", async () => {
    const run = await jobs.finished(await jobs.submit(scriptedSubmit("fails")));
    expect(run.state).toMatchObject({
      life_cycle_state: "INTERNAL_ERROR",
      result_state: "FAILED",
      state_message: "Task main failed with message: Workload failed, see run output for details.",
    });
    expect(run.status).toMatchObject({
      state: "TERMINATED",
      termination_details: { code: "RUN_EXECUTION_ERROR", type: "CLIENT_ERROR" },
    });
    const [task] = run.tasks;
    expect(task.state).toMatchObject({ life_cycle_state: "TERMINATED", result_state: "FAILED" });
    expect(task.status.termination_details.code).toBe("RUN_EXECUTION_ERROR");
    const output = await jobs.output(task.run_id);
    expect(output.error).toBe("ValueError: no");
    expect(output.error_trace).toContain("Traceback");
    expect(output.logs).toBe("started\n");
  });

  test("fact #terminated-is-not-success: TERMINATED is not success", async () => {
    await jobs.script({
      match: { run_name: "terminated but failed" },
      result: { life_cycle_state: "TERMINATED", result_state: "FAILED" },
    });
    const run = await jobs.finished(await jobs.submit(scriptedSubmit("terminated but failed")));
    expect(run.tasks[0].state).toMatchObject({
      life_cycle_state: "TERMINATED",
      result_state: "FAILED",
    });
  });

  test("fact #platform-fault-has-its-own-code: a platform fault is INTERNAL_ERROR with a code of its own", async () => {
    await jobs.script({
      match: { run_name: "cluster lost" },
      result: {
        life_cycle_state: "INTERNAL_ERROR",
        termination_code: "CLUSTER_ERROR",
        termination_type: "CLOUD_FAILURE",
        message: "Cluster terminated unexpectedly",
      },
    });
    const run = await jobs.finished(await jobs.submit(scriptedSubmit("cluster lost")));
    expect(run.state.life_cycle_state).toBe("INTERNAL_ERROR");
    expect(run.status.termination_details).toMatchObject({
      code: "CLUSTER_ERROR",
      type: "CLOUD_FAILURE",
    });
  });

  test("fact #unknown-states: states that nobody knows are shown as scripted", async () => {
    await jobs.script({
      match: { run_name: "from the future" },
      states: [{ state: "HIBERNATING", seconds: 30 }],
      result: { result_state: "MOSTLY_HARMLESS", termination_code: "CLUSTER_TERMINATED_BY_USER" },
    });
    const runId = await jobs.submit(scriptedSubmit("from the future"));
    expect((await jobs.run(runId)).json.state.life_cycle_state).toBe("HIBERNATING");
    const over = await jobs.finished(runId);
    expect(over.state.result_state).toBe("MOSTLY_HARMLESS");
    expect(over.status.termination_details.code).toBe("CLUSTER_TERMINATED_BY_USER");
  });

  test("fact #unknown-states: a switch makes every run in progress report an unknown state", async () => {
    const runId = await jobs.submit(scriptedSubmit("long"));
    await jobs.client.admin("PATCH", "/settings", { unknownStates: true });
    const { json } = await jobs.run(runId);
    await jobs.client.admin("PATCH", "/settings", { unknownStates: false });
    expect(json.state.life_cycle_state).toBe("REBALANCING");
    expect(json.status.state).toBe("REBALANCING");
  });

  test("fact #states-are-not-monotone: states may go back from RUNNING to PENDING", async () => {
    await jobs.script({
      match: { run_name: "flicker" },
      states: [
        { state: "PENDING", seconds: 8 },
        { state: "RUNNING", seconds: 8 },
        { state: "PENDING", seconds: 8 },
      ],
    });
    const runId = await jobs.submit(scriptedSubmit("flicker"));
    const seen: string[] = [];
    await jobs.until(runId, (run) => {
      const state = run.state.life_cycle_state;
      if (seen.at(-1) !== state) seen.push(state);
      return run.status.state === "TERMINATED";
    });
    expect(seen).toEqual(["PENDING", "RUNNING", "PENDING", "TERMINATED"]);
  });
});

describe("runs/get", () => {
  test("fact #new-status: tells the old state and the new status, and zeros for the parts of its duration", async () => {
    const run = await jobs.finished(await jobs.submit(scriptedSubmit("instant")));
    expect(run.state).toMatchObject({ life_cycle_state: "TERMINATED", result_state: "SUCCESS" });
    expect(run.status.termination_details).toMatchObject({ code: "SUCCESS", type: "SUCCESS" });
    expect([run.setup_duration, run.execution_duration, run.cleanup_duration]).toEqual([0, 0, 0]);
    expect(run.end_time).toBeGreaterThan(0);
    expect(run.run_page_url).toContain(`#job/${run.job_id}/run/${run.run_id}`);
  });

  test.each([
    "fact #run-durations-are-zero: tasks[] has one entry for each attempt, and the run's durations are 0",
    "fact #one-entry-for-each-attempt: tasks[] has one entry for each attempt",
  ])("%s", async () => {
    await jobs.script({
      match: { run_name: "third time" },
      attempts: [0, 1],
      result: { result_state: "FAILED" },
    });
    await jobs.script({ match: { run_name: "third time" }, attempts: [2] });
    const tasks = [{ ...pythonTask("/none.py"), max_retries: 5, min_retry_interval_millis: 10 }];
    const run = await jobs.finished(await jobs.submit(scriptedSubmit("third time", { tasks })));
    expect(run.tasks.map((task: { attempt_number: number }) => task.attempt_number)).toEqual([
      0, 1, 2,
    ]);
    expect(run.state.result_state).toBe("SUCCESS");
    expect(run.execution_duration).toBe(0);
  });

  test("between two attempts it is WAITING_FOR_RETRY, and WAITING in the new words", async () => {
    const tasks = [
      { ...pythonTask("/none.py"), max_retries: 1, min_retry_interval_millis: 3_600_000 },
    ];
    const runId = await jobs.submit(scriptedSubmit("fails and waits", { tasks }));
    const run = await jobs.until(runId, (seen) => seen.tasks.length === 2);
    expect(run.tasks[1].state.life_cycle_state).toBe("WAITING_FOR_RETRY");
    expect(run.tasks[1].status.state).toBe("WAITING");
  });

  test.each(["fact #pages-of-100-tasks: 100 tasks in an answer, the others by page token"])(
    "%s",
    async () => {
      const tasks = Array.from({ length: 230 }, (_, index) =>
        pythonTask("/none.py", [], `t${index}`),
      );
      const runId = await jobs.submit(scriptedSubmit("instant wide", { tasks }));
      await jobs.finished(runId);
      const keys: string[] = [];
      const sizes: number[] = [];
      for (let token: string | undefined = ""; token !== undefined; ) {
        const { json } = await jobs.run(runId, token === "" ? "" : `&page_token=${token}`);
        sizes.push(json.tasks.length);
        keys.push(...json.tasks.map((task: { task_key: string }) => task.task_key));
        token = json.next_page_token;
      }
      expect(sizes).toEqual([100, 100, 30]);
      expect(new Set(keys).size).toBe(230);
    },
  );

  test("fact #more-than-100-tasks-need-2-2: more than 100 tasks are for API 2.2 and above", async () => {
    const tasks = Array.from({ length: 101 }, (_, index) =>
      pythonTask("/none.py", [], `t${index}`),
    );
    const answer = await submitAnswer(scriptedSubmit("instant", { tasks }), "2.1");
    expect(answer.status).toBe(400);
    expect(answer.json.message).toBe(
      "Resources with more than 100 tasks can only be handled by API 2.2 and above.",
    );
  });

  test.each(["fact #missing-run-is-400-or-404: a missing run is 400 INVALID_PARAMETER_VALUE"])(
    "%s",
    async () => {
      const { status, json } = await jobs.run("987654");
      expect(status).toBe(400);
      expect(json).toMatchObject({
        error_code: "INVALID_PARAMETER_VALUE",
        message: "Run 987654 does not exist.",
      });
    },
  );

  test("fact #missing-run-is-400-or-404: or 404 RESOURCE_DOES_NOT_EXIST, by a switch", async () => {
    await jobs.client.admin("PATCH", "/settings", { missingRunStatus: 404 });
    const { status, json } = await jobs.run("987654");
    await jobs.client.admin("PATCH", "/settings", { missingRunStatus: 400 });
    expect(status).toBe(404);
    expect(json.error_code).toBe("RESOURCE_DOES_NOT_EXIST");
  });

  test("fact #missing-run-is-400-or-404: a run may be lost while it is watched", async () => {
    const runId = await jobs.submit(scriptedSubmit("long"));
    await jobs.client.admin("POST", `/runs/${runId}/forget`, {});
    expect((await jobs.run(runId)).status).toBe(400);
  });

  test("a task's own run id answers that task", async () => {
    const run = await jobs.finished(await jobs.submit(scriptedSubmit("instant")));
    const { json } = await jobs.run(String(run.tasks[0].run_id));
    expect(json).toMatchObject({ job_run_id: run.run_id, run_id: run.tasks[0].run_id });
    expect(json.tasks).toHaveLength(1);
  });

  test("fact #ids-exceed-javascript-numbers: ids may lie beyond what a JavaScript number holds", async () => {
    await jobs.client.admin("PATCH", "/settings", { largeIds: true });
    const { text } = await submitAnswer(scriptedSubmit("instant large"));
    await jobs.client.admin("PATCH", "/settings", { largeIds: false });
    const runId = runIdIn(text);
    expect(BigInt(runId)).toBeGreaterThan(2n ** 53n);
    expect(String(Number(runId)) === runId && Number.isSafeInteger(Number(runId))).toBe(false);
    expect((await jobs.run(runId)).text).toContain(`"run_id":${runId}`);
    const cancelled = await jobs.client.call("POST", "/api/2.2/jobs/runs/cancel", {
      body: `{"run_id":${runId}}`,
    });
    expect(cancelled.status).toBe(200);
  });
});

describe("runs/get-output", () => {
  test.each(["fact #get-output-wants-a-task-run: the id of the parent run is refused with 400"])(
    "%s",
    async () => {
      const run = await jobs.finished(await jobs.submit(scriptedSubmit("instant")));
      const answer = await jobs.client.get(`/api/2.2/jobs/runs/get-output?run_id=${run.run_id}`);
      expect(answer.status).toBe(400);
      expect(answer.json.message).toBe(
        "Retrieving the output of runs with multiple tasks is not supported. Please retrieve the output of each individual task run instead.",
      );
      expect((await jobs.output(run.tasks[0].run_id)).metadata.job_run_id).toBe(run.run_id);
    },
  );

  test("fact #logs-keep-the-last-5-mb: of logs the last 5 MB are kept, and it says so", async () => {
    await jobs.script({ match: { run_name: "talks" }, logs: `${"x".repeat(6 * 1024 * 1024)}END` });
    const run = await jobs.finished(await jobs.submit(scriptedSubmit("talks")));
    const output = await jobs.output(run.tasks[0].run_id);
    expect(output.logs).toHaveLength(5 * 1024 * 1024);
    expect(output.logs.endsWith("END")).toBe(true);
    expect(output.logs_truncated).toBe(true);
  });

  test.each(["fact #unknown-output-is-400: an id that does not exist (any more) is 400"])(
    "%s",
    async () => {
      const answer = await jobs.client.get("/api/2.2/jobs/runs/get-output?run_id=42");
      expect(answer.status).toBe(400);
    },
  );
});

describe("runs/list", () => {
  test("fact #runs-list-is-absent-when-empty: no runs key when there is nothing", async () => {
    const { json } = await jobs.client.get("/api/2.2/jobs/runs/list?job_id=1");
    expect(json).not.toHaveProperty("runs");
  });

  test.each([
    "fact #runs-list-filters: 25 at most, and no filter by name or token",
    "fact #runs-list-order: newest first, 25 at most, page tokens",
    "fact #runs-list-pages: newest end time first, limit 25, page tokens",
  ])("%s", async () => {
    await Promise.all(
      Array.from({ length: 30 }, () => jobs.submit(scriptedSubmit("instant listed"))),
    );
    const refused = await jobs.client.get("/api/2.2/jobs/runs/list?limit=26");
    expect(refused.status).toBe(400);
    const ends: number[] = [];
    const ids = new Set<number>();
    let pages = 0;
    for (let token: string | undefined = ""; token !== undefined; pages += 1) {
      const query = `completed_only=true&limit=25&page_token=${token}`;
      const { json } = await jobs.client.get(`/api/2.2/jobs/runs/list?${query}`);
      expect(json.runs.length).toBeLessThanOrEqual(25);
      for (const run of json.runs) {
        ends.push(run.end_time);
        ids.add(run.run_id);
      }
      token = json.next_page_token;
    }
    expect(pages).toBeGreaterThan(1);
    expect(ids.size).toBe(ends.length);
    expect(ends).toEqual(ends.toSorted((a, b) => b - a));
  });

  test("fact #runs-list-pages: limit 0 is the maximum, 20 is the default", async () => {
    const zero = await jobs.client.get("/api/2.2/jobs/runs/list?limit=0");
    const usual = await jobs.client.get("/api/2.2/jobs/runs/list");
    expect([zero.json.runs.length, usual.json.runs.length]).toEqual([25, 20]);
  });

  test("active_only and completed_only exclude each other", async () => {
    const query = "active_only=true&completed_only=true";
    const { status } = await jobs.client.get(`/api/2.2/jobs/runs/list?${query}`);
    expect(status).toBe(400);
  });

  test("active_only shows what is not over", async () => {
    const runId = await jobs.submit(scriptedSubmit("long"));
    const { json } = await jobs.client.get("/api/2.2/jobs/runs/list?active_only=true&limit=25");
    expect(json.runs.map((run: { run_id: number }) => String(run.run_id))).toContain(runId);
    for (const run of json.runs) expect(run.status.state).not.toBe("TERMINATED");
  });

  test("fact #runs-list-expands-100-tasks: expand_tasks shows the first 100 tasks only", async () => {
    const tasks = Array.from({ length: 101 }, (_, index) =>
      pythonTask("/none.py", [], `t${index}`),
    );
    const runId = await jobs.submit(scriptedSubmit("instant wide", { tasks }));
    const { json } = await jobs.client.get("/api/2.2/jobs/runs/list?expand_tasks=true&limit=5");
    const found = json.runs.find((run: { run_id: number }) => String(run.run_id) === runId);
    expect(found.tasks).toHaveLength(100);
    expect(found.has_more).toBe(true);
    const plain = await jobs.client.get("/api/2.2/jobs/runs/list?limit=5");
    expect(plain.json.runs[0]).not.toHaveProperty("tasks");
  });
});

describe("cancel, timeouts, delete", () => {
  test.each([
    "fact #cancel-is-asynchronous: cancel is asynchronous: TERMINATING for a while, then CANCELED",
  ])("%s", async () => {
    await jobs.client.admin("PATCH", "/jobs/limits", { cancelSeconds: 20 });
    const runId = await jobs.submit(scriptedSubmit("long"));
    const answer = await jobs.client.post("/api/2.2/jobs/runs/cancel", { run_id: runId });
    expect(answer.json).toEqual({});
    expect((await jobs.run(runId)).json.state.life_cycle_state).toBe("TERMINATING");
    await jobs.client.admin("PATCH", "/jobs/limits", { cancelSeconds: 1 });
    const over = await jobs.finished(runId);
    expect(over.state).toMatchObject({ life_cycle_state: "TERMINATED", result_state: "CANCELED" });
  });

  test("fact #cancel-codes: a person's cancel reports USER_CANCELED", async () => {
    const runId = await jobs.submit(scriptedSubmit("long"));
    await jobs.client.post("/api/2.2/jobs/runs/cancel", { run_id: runId });
    const over = await jobs.finished(runId);
    expect(over.status.termination_details.code).toBe("USER_CANCELED");
    expect(over.state.user_cancelled_or_timedout).toBe(true);
  });

  test.each([
    ["run", { timeout_seconds: 30 }],
    ["task", { tasks: [{ ...pythonTask("/none.py"), timeout_seconds: 30 }] }],
  ])(
    "fact #cancel-codes: the maximum duration of a %s reports CANCELED and TIMEDOUT",
    async (_, more) => {
      const over = await jobs.finished(await jobs.submit(scriptedSubmit("long", more)));
      expect(over.state.result_state).toBe("TIMEDOUT");
      expect(over.status.termination_details.code).toBe("CANCELED");
    },
  );

  test("fact #late-cancel: a late cancel is accepted and changes nothing", async () => {
    const runId = await jobs.submit(scriptedSubmit("instant"));
    const before = await jobs.finished(runId);
    const answer = await jobs.client.post("/api/2.2/jobs/runs/cancel", { run_id: runId });
    expect(answer.status).toBe(200);
    expect((await jobs.run(runId)).json).toEqual(before);
  });

  test("fact #late-cancel: a cancel may lose the race with success", async () => {
    await jobs.script({
      match: { run_name: "wins the race" },
      states: [{ state: "RUNNING", seconds: 20 }],
      ignores_cancel: true,
    });
    const runId = await jobs.submit(scriptedSubmit("wins the race"));
    await jobs.client.post("/api/2.2/jobs/runs/cancel", { run_id: runId });
    expect((await jobs.finished(runId)).state.result_state).toBe("SUCCESS");
  });

  test("cancel takes a task's run id too", async () => {
    const runId = await jobs.submit(scriptedSubmit("long"));
    const { json } = await jobs.run(runId);
    await jobs.client.post("/api/2.2/jobs/runs/cancel", { run_id: json.tasks[0].run_id });
    expect((await jobs.finished(runId)).state.result_state).toBe("CANCELED");
  });

  test("a run that is active cannot be deleted", async () => {
    const runId = await jobs.submit(scriptedSubmit("long"));
    const answer = await jobs.client.post("/api/2.2/jobs/runs/delete", { run_id: runId });
    expect(answer.status).toBe(400);
  });

  test("cancel-all ends the runs of a job", async () => {
    const runId = await jobs.submit(scriptedSubmit("long"));
    const { json } = await jobs.run(runId);
    await jobs.client.post("/api/2.2/jobs/runs/cancel-all", { job_id: json.job_id });
    expect((await jobs.finished(runId)).state.result_state).toBe("CANCELED");
  });

  test.each([
    [{ life_cycle_state: "SKIPPED", result_state: null, termination_code: "SKIPPED" }, "SKIPPED"],
    [{ life_cycle_state: "TERMINATED", result_state: "CANCELED" }, "TERMINATED"],
    [{ life_cycle_state: "INTERNAL_ERROR", termination_code: "DRIVER_ERROR" }, "INTERNAL_ERROR"],
  ])("a test may end a run as the platform would: %o", async (wish, state) => {
    const runId = await jobs.submit(scriptedSubmit("long"));
    await jobs.client.admin("POST", `/runs/${runId}/end`, wish);
    const over = await jobs.finished(runId);
    expect(over.state.life_cycle_state).toBe(state);
    if ("result_state" in wish && wish.result_state === null)
      expect(over.state).not.toHaveProperty("result_state");
  });
});

describe("quotas and rights", () => {
  test("fact #hourly-quota-is-invalid-state: the hourly quota arrives as INVALID_STATE, not as 429", async () => {
    await jobs.client.admin("PATCH", "/jobs/limits", { createdPerHourMax: 0 });
    const answer = await submitAnswer(scriptedSubmit("instant"));
    await jobs.client.admin("PATCH", "/jobs/limits", { createdPerHourMax: null });
    expect(answer.status).toBe(400);
    expect(answer.json.error_code).toBe("INVALID_STATE");
    expect(answer.json.message).toContain("created in past 3600 seconds, exceeding rate limit");
  });

  test("fact #concurrent-task-runs: beyond the active runs of a workspace, 429, or QUEUED where queueing is on", async () => {
    await jobs.client.admin("PATCH", "/jobs/limits", { activeRunsMax: 0 });
    const refused = await submitAnswer(scriptedSubmit("instant"));
    const queued = await jobs.submit(scriptedSubmit("instant", { queue: { enabled: true } }));
    const { json } = await jobs.run(queued);
    await jobs.client.admin("PATCH", "/jobs/limits", { activeRunsMax: 2000 });
    expect(refused.status).toBe(429);
    expect(json.state.life_cycle_state).toBe("QUEUED");
    expect(json.status.queue_details.code).toBe("ACTIVE_RUNS_LIMIT_REACHED");
    // Its end lets the queue move.
    await jobs.finished(await jobs.submit(scriptedSubmit("instant")));
    expect((await jobs.finished(queued)).state.result_state).toBe("SUCCESS");
  });

  test.each([
    ["fact #request-rates: 35 submits a second", "submit", 36],
    ["fact #too-many-requests: 35 submits a second, then 429 without Retry-After", "submit", 36],
  ])("%s", async (_, __, count) => {
    await jobs.client.admin("PATCH", "/settings", { rateLimits: true });
    const answers = await Promise.all(
      Array.from({ length: count * 2 }, () => submitAnswer(scriptedSubmit("instant"))),
    );
    await jobs.client.admin("PATCH", "/settings", { rateLimits: false });
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]?.headers["retry-after"]).toBeUndefined();
  });

  test.each([
    "fact #somebody-elses-run-is-403: somebody else's run is 403",
    "fact #permission-before-existence: permission before existence: 403 for somebody else's run",
  ])("%s", async () => {
    const runId = await jobs.submit(scriptedSubmit("instant"));
    const { status, json } = await jobs.client.get(`/api/2.2/jobs/runs/get?run_id=${runId}`, {
      token: jobs.workspace.other.token,
    });
    expect(status).toBe(403);
    expect(json.error_code).toBe("PERMISSION_DENIED");
  });

  test("access_control_list lets somebody else look", async () => {
    const { other } = jobs.workspace;
    const access_control_list = [
      { service_principal_name: other.id, permission_level: "CAN_VIEW" },
    ];
    const runId = await jobs.submit(scriptedSubmit("instant", { access_control_list }));
    const token = other.token;
    const seen = await jobs.client.get(`/api/2.2/jobs/runs/get?run_id=${runId}`, { token });
    const cancelled = await jobs.client.post(
      "/api/2.2/jobs/runs/cancel",
      { run_id: runId },
      { token },
    );
    expect([seen.status, cancelled.status]).toEqual([200, 403]);
  });

  test("run_as must exist", async () => {
    const run_as = { service_principal_name: "nobody" };
    const answer = await submitAnswer(scriptedSubmit("instant", { run_as }));
    expect(answer.status).toBe(400);
    expect(answer.json.message).toContain("'nobody' does not exist");
  });

  test("runs/export answers 501", async () => {
    const { status } = await jobs.client.get("/api/2.2/jobs/runs/export?run_id=1");
    expect(status).toBe(501);
  });
});

function circle() {
  return ["a", "b"].map((key, index, keys) => ({
    ...pythonTask(`${volume}/x.py`, [], key),
    depends_on: [{ task_key: keys[1 - index] }],
  }));
}
