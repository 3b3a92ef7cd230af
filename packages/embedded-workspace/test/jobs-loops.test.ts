// for_each_task, and tasks that a warehouse executes.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Json } from "./client.ts";
import { environments, type Jobs, pythonTask, runIdIn, startJobs, volume } from "./jobs-fixture.ts";

let jobs: Jobs;
beforeAll(async () => {
  jobs = await startJobs();
});
afterAll(() => jobs[Symbol.asyncDispose]());

const behind = (key: string) => ({ depends_on: [{ task_key: key }] });
const loop = (inputs: string, task: Json, more: Json = {}, key = "loop") => ({
  task_key: key,
  for_each_task: { inputs, task, ...more },
});
const runOf = async (tasks: readonly Json[], more: Json = {}) =>
  jobs.finished(await jobs.submit({ environments, tasks, ...more }));
const iterationsOf = async (run: Json, key = "loop"): Promise<Json[]> => {
  const task = run.tasks.find((each: Json) => each.task_key === key);
  return (await jobs.run(task.run_id)).json.iterations;
};
const said = async (iterations: readonly Json[]) =>
  Promise.all(iterations.map(async ({ run_id }) => (await jobs.output(run_id)).logs?.trim()));
const echo = () => jobs.file("echo.py", "import sys; print(*sys.argv[1:])");

describe("for_each_task", () => {
  test("fact #for-each-task: runs its task for each element, and shows iterations and counts", async () => {
    const task = pythonTask(
      await echo(),
      ["{{input.n}}", "{{ input }}", "{{job.run_id}}"],
      "inner",
    );
    const run = await runOf([loop(`[{"n": 1}, {"n": "two"}]`, task)]);
    expect(run.state.result_state).toBe("SUCCESS");
    expect(run.tasks[0].for_each_task.stats.task_run_stats).toEqual({
      total_iterations: 2,
      scheduled_iterations: 2,
      active_iterations: 0,
      completed_iterations: 2,
      succeeded_iterations: 2,
      failed_iterations: 0,
    });
    const iterations = await iterationsOf(run);
    expect(iterations.map(({ task_key }) => task_key)).toEqual(["inner", "inner"]);
    expect(await said(iterations)).toEqual([
      `1 {"n":1} ${run.run_id}`,
      `two {"n":"two"} ${run.run_id}`,
    ]);
    const list = await jobs.client.get("/api/2.2/jobs/runs/list");
    expect(list.json.runs.map((each: Json) => each.run_id)).toContain(run.run_id);
    const own = iterations.map(({ run_id }) => run_id);
    expect((await jobs.run(own[0])).json.job_run_id).toBe(run.run_id);
    expect(list.json.runs).toHaveLength(1);
  });

  test("inputs come from a task value, a job parameter, or are made of references", async () => {
    const set = await jobs.file("set.py", `dbutils.jobs.taskValues.set("all", ["a", 2])`);
    const task = pythonTask(await echo(), ["{{input}}", "{{tasks.set.values.all}}"], "inner");
    const tasks = [
      pythonTask(set, [], "set"),
      { ...loop("{{tasks.set.values.all}}", task), ...behind("set") },
      {
        ...loop(
          "{{job.parameters.list}}",
          pythonTask(await echo(), ["{{input}}"], "inner"),
          {},
          "other",
        ),
      },
      { ...loop(`["{{job.id}}"]`, pythonTask(await echo(), ["{{input}}"], "inner"), {}, "made") },
    ];
    const parameters = [{ name: "list", default: "[7]" }];
    const made = await jobs.client.post("/api/2.2/jobs/create", {
      environments,
      parameters,
      tasks,
    });
    const started = await jobs.client.post("/api/2.2/jobs/run-now", { job_id: made.json.job_id });
    const run = await jobs.finished(runIdIn(started.text));
    expect(await said(await iterationsOf(run))).toEqual([`a ["a",2]`, `2 ["a",2]`]);
    expect(await said(await iterationsOf(run, "other"))).toEqual(["7"]);
    expect(await said(await iterationsOf(run, "made"))).toEqual([String(run.job_id)]);
  });

  test("so many run at a time", async () => {
    const source = `import os, time, glob
mine = f"${volume}/active-{os.getpid()}"
open(mine, "w").close()
time.sleep(0.4)
print(len(glob.glob("${volume}/active-*")))
time.sleep(0.2)
os.unlink(mine)`;
    const task = pythonTask(await jobs.file("active.py", source), [], "inner");
    const counts = async (concurrency: number) =>
      (await said(await iterationsOf(await runOf([loop("[1,2,3,4]", task, { concurrency })])))).map(
        Number,
      );
    expect(Math.max(...(await counts(1)))).toBe(1);
    const two = Math.max(...(await counts(2)));
    expect(two).toBe(2);
  });

  test("all iterations run, and one that fails makes the task fail with its sentence", async () => {
    const path = await jobs.file(
      "odd.py",
      "import sys\nassert sys.argv[1] != '2', 'two is bad'\nprint('ran')",
    );
    const run = await runOf([loop("[1,2,3]", pythonTask(path, ["{{input}}"], "inner"))]);
    const [task] = run.tasks;
    expect(task.state.result_state).toBe("FAILED");
    expect(task.state.state_message).toContain("1 of 3 iterations failed. Iteration 1:");
    expect(task.for_each_task.stats).toMatchObject({
      task_run_stats: { succeeded_iterations: 2, failed_iterations: 1 },
      error_message_stats: [{ count: 1, termination_category: "RUN_EXECUTION_ERROR" }],
    });
    const iterations = await iterationsOf(run);
    expect((await jobs.output(iterations[1].run_id)).error).toContain("two is bad");
  });

  test("the task of a loop retries by itself, and reads values of earlier tasks", async () => {
    const set = await jobs.file("set.py", `dbutils.jobs.taskValues.set("v", "given")`);
    const source = `import os, sys
first = not os.path.exists("${volume}/tried-" + sys.argv[1])
open("${volume}/tried-" + sys.argv[1], "w").close()
assert not first
print(dbutils.jobs.taskValues.get("set", "v"))`;
    const path = await jobs.file("retry.py", source);
    const task = { ...pythonTask(path, ["{{input}}"], "inner"), max_retries: 1 };
    const run = await runOf([
      pythonTask(set, [], "set"),
      { ...loop(`["a","b"]`, task), ...behind("set") },
    ]);
    expect(run.state.result_state).toBe("SUCCESS");
    expect(await said(await iterationsOf(run))).toEqual(["given", "given"]);
  });

  test("no inputs are a success, and what is no array fails the task", async () => {
    const task = pythonTask(await echo(), ["{{input}}"], "inner");
    const run = await runOf([
      loop("[]", task, {}, "none"),
      loop("nonsense", task, {}, "text"),
      loop(`{"a": 1}`, task, {}, "object"),
    ]);
    const results = run.tasks.map((each: Json) => [each.task_key, each.state.result_state]);
    expect(Object.fromEntries(results)).toEqual({
      none: "SUCCESS",
      text: "FAILED",
      object: "FAILED",
    });
    expect(run.tasks[1].state.state_message).toContain("inputs must be a JSON array");
  });

  test("an input without the field that is asked for fails its iteration", async () => {
    const run = await runOf([
      loop(`[{"a": 1}]`, pythonTask(await echo(), ["{{input.b}}"], "inner")),
    ]);
    expect(run.tasks[0].state.state_message).toContain('the input has no "b"');
  });

  test("cancelling the run ends its iterations", async () => {
    const path = await jobs.file("sleeps.py", "import time; time.sleep(60)");
    const runId = await jobs.submit({
      environments,
      tasks: [loop("[1,2,3]", pythonTask(path, [], "inner"), { concurrency: 2 })],
    });
    const active = (run: Json) =>
      run.tasks[0].for_each_task?.stats?.task_run_stats.active_iterations === 2;
    await jobs.until(runId, active);
    await jobs.client.post("/api/2.2/jobs/runs/cancel", { run_id: Number(runId) });
    const run = await jobs.finished(runId);
    expect(run.state.result_state).toBe("CANCELED");
    const iterations = await iterationsOf(run);
    expect(iterations.map(({ state }) => state.result_state)).toEqual(["CANCELED", "CANCELED"]);
  });

  test("iterations need no place of their own where the workspace is full", async () => {
    await using full = await startJobs();
    await full.client.admin("PATCH", "/jobs/limits", { activeRunsMax: 1 });
    const path = await full.file("one.py", "print(1)");
    const tasks = [loop("[1,2]", pythonTask(path, [], "inner"), { concurrency: 2 })];
    const run = await full.finished(
      await full.submit({ environments, tasks, queue: { enabled: true } }),
    );
    expect(run.state.result_state).toBe("SUCCESS");
  });

  test("after a restart a loop is lost as any task is, and its iterations are not tried again", async () => {
    const folder = mkdtempSync(join(tmpdir(), "loops-"));
    try {
      let runId = "";
      {
        await using first = await startJobs({ data: folder });
        const path = await first.file("slow.py", "import time; time.sleep(60)");
        const inner = { ...pythonTask(path, [], "inner"), max_retries: 3 };
        runId = await first.submit({ environments, tasks: [loop("[1]", inner)] });
        await first.until(
          runId,
          (run) => run.tasks[0].for_each_task?.stats?.task_run_stats.active_iterations === 1,
        );
      }
      await using again = await startJobs({ data: folder });
      const run = await again.finished(runId);
      expect(run.state.state_message).toContain("The driver was lost");
      const { iterations } = (await again.run(run.tasks[0].run_id)).json;
      expect(iterations).toHaveLength(1);
      expect(iterations[0].attempt_number).toBe(0);
      expect(iterations[0].state.life_cycle_state).toBe("INTERNAL_ERROR");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test.each([
    ["a loop in a loop", { for_each_task: { inputs: "[]", task: {} } }, 400, "cannot be nested"],
    ["a body that is not built", { spark_jar_task: {} }, 501, "spark_jar_task is not built"],
    ["no body", {}, 400, "exactly one task body"],
    [
      "an environment that is not there",
      { ...pythonTask("/Volumes/a/b/c/d.py"), environment_key: "x" },
      400,
      "there is no environment 'x'",
    ],
  ])("%s is refused", async (_, body, status, words) => {
    const task = { task_key: "inner", ...body };
    const answer = await jobs.client.post("/api/2.2/jobs/runs/submit", {
      environments,
      tasks: [loop("[1]", task)],
    });
    expect(answer.status).toBe(status);
    expect(answer.json.message).toContain(words);
  });
});

const importText = async (path: string, text: string, more: Json) => {
  const content = Buffer.from(text).toString("base64");
  const body = { path, overwrite: true, content, ...more };
  const answer = await jobs.client.post("/api/2.0/workspace/import", body);
  if (answer.status !== 200) throw new Error(answer.text);
};

describe("sql_task", () => {
  const sqlTask = (path: string, parameters: Json = {}) => ({
    task_key: "sql",
    sql_task: { warehouse_id: jobs.workspace.context.warehouseId, file: { path }, parameters },
  });

  test("executes the statements of a file on the warehouse, with parameters", async () => {
    const text = `-- a table; and what is in it
CREATE OR REPLACE TABLE main.default.made (city STRING, n INT);
INSERT INTO main.default.made VALUES (:city, 1), ('semi;colon', 2);
SELECT city, n FROM main.default.made ORDER BY n`;
    await importText("/Shared/made.sql", text, { format: "RAW" });
    const task = pythonTask(
      await echo(),
      ["{{tasks.sql.output.first_row.city}}", "{{tasks.sql.output.rows}}"],
      "next",
    );
    const run = await runOf([
      sqlTask("/Workspace/Shared/made.sql", { city: "Oslo" }),
      { ...task, ...behind("sql") },
    ]);
    expect(run.state.result_state).toBe("SUCCESS");
    const { logs } = await jobs.output(run.tasks[1].run_id);
    expect(logs.trim()).toBe(`Oslo [{"city":"Oslo","n":"1"},{"city":"semi;colon","n":"2"}]`);
    const { sql_output } = await jobs.output(run.tasks[0].run_id);
    expect(sql_output.query_output).toMatchObject({ query_text: text });
    expect(sql_output.query_output.sql_statements).toHaveLength(3);
  });

  test("its rows are inputs of a for_each_task", async () => {
    const path = await jobs.file(
      "rows.sql",
      "SELECT * FROM VALUES ('a', 1), ('b', 2) AS t(name, n);",
    );
    const inner = pythonTask(await echo(), ["{{input.name}}"], "inner");
    const run = await runOf([
      sqlTask(path),
      { ...loop("{{tasks.sql.output.rows}}", inner), ...behind("sql") },
    ]);
    expect(await said(await iterationsOf(run))).toEqual(["a", "b"]);
  });

  test.each([
    ["a statement that fails", "SELECT 1; SELECT nope", "UNRESOLVED_COLUMN"],
    ["text that is no SQL", "SELEC 1", "PARSE_SYNTAX_ERROR"],
    ["a parameter that was not given", "SELECT :none", "none"],
  ])("%s fails the task", async (_, text, words) => {
    const run = await runOf([sqlTask(await jobs.file("bad.sql", text))]);
    expect(run.tasks[0].state.result_state).toBe("FAILED");
    expect((await jobs.output(run.tasks[0].run_id)).error).toContain(words);
  });

  test("a file that is not there, and a warehouse that is not there", async () => {
    const none = await runOf([sqlTask("/Shared/none.sql")]);
    expect(none.status.termination_details.code).toBe("RESOURCE_NOT_FOUND");
    const task = { ...sqlTask("/Shared/made.sql") };
    const other = { ...task, sql_task: { ...task.sql_task, warehouse_id: "nowhere" } };
    expect((await runOf([other])).state.state_message).toContain(
      "SQL warehouse nowhere does not exist",
    );
  });

  test.each(["query", "alert", "dashboard"])("%s is refused with what there is", async (name) => {
    const { warehouseId: warehouse_id } = jobs.workspace.context;
    const tasks = [{ task_key: "sql", sql_task: { warehouse_id, [name]: { id: "x" } } }];
    const answer = await jobs.client.post("/api/2.2/jobs/runs/submit", { tasks });
    expect(answer.status).toBe(501);
    expect(answer.json.message).toContain("sql_task.file.path");
  });
});

describe("SQL notebooks on a warehouse", () => {
  const runNotebook = async (source: string, base_parameters: Json = {}) => {
    await importText("/Shared/report", source, { format: "SOURCE", language: "SQL" });
    const { warehouseId: warehouse_id } = jobs.workspace.context;
    const notebook_task = { notebook_path: "/Shared/report", warehouse_id, base_parameters };
    const run = await runOf([{ task_key: "main", notebook_task }]);
    return { run, output: await jobs.output(run.tasks[0].run_id) };
  };

  test("their cells are executed, with parameters as in any query", async () => {
    const { run } = await runNotebook(
      `-- Databricks notebook source
-- MAGIC %md
-- MAGIC # Title; not SQL

-- COMMAND ----------

CREATE OR REPLACE TABLE main.default.report AS SELECT :city AS city;

-- COMMAND ----------

-- DBTITLE 1,Look
SELECT * FROM main.default.report`,
      { city: "Rome" },
    );
    expect(run.state.result_state).toBe("SUCCESS");
    const statement = "SELECT city FROM main.default.report";
    const { warehouseId: warehouse_id } = jobs.workspace.context;
    const answer = await jobs.client.post("/api/2.0/sql/statements", { warehouse_id, statement });
    expect(answer.json.result.data_array).toEqual([["Rome"]]);
  });

  test("a cell in another language fails them, and Python notebooks do not go there", async () => {
    const cell =
      "-- Databricks notebook source\nSELECT 1\n\n-- COMMAND ----------\n\n-- MAGIC %python\n-- MAGIC x = 1";
    const { run } = await runNotebook(cell);
    expect(run.state.state_message).toContain("Command 2 is in %python");
    await importText("/Shared/py", "x = 1", { format: "SOURCE", language: "PYTHON" });
    const { warehouseId: warehouse_id } = jobs.workspace.context;
    const notebook_task = { notebook_path: "/Shared/py", warehouse_id };
    const other = await runOf([{ task_key: "main", notebook_task }]);
    expect(other.state.state_message).toContain("a warehouse executes SQL notebooks");
    const none = { notebook_path: "/Shared/report" };
    const without = await runOf([{ task_key: "main", notebook_task: none }]);
    expect(without.state.state_message).toContain("give its task a warehouse_id");
  });
});
