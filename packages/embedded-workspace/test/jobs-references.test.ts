// Text that is not understood passes nowhere as data: references, conditions, bounds of parameters.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Json } from "./client.ts";
import { environments, type Jobs, pythonTask, runIdIn, startJobs, volume } from "./jobs-fixture.ts";

let jobs: Jobs;
let echo: string;
let setter: string;
beforeAll(async () => {
  jobs = await startJobs();
  echo = await jobs.file("echo.py", "import json, sys; print(json.dumps(sys.argv[1:]))");
  setter = await jobs.file(
    "setter.py",
    `set = dbutils.jobs.taskValues.set
set("text", "a{{job.id}}"); set("list", [1, 2, 3]); set("none", None); set("big", 9007199254740993)
set("float", 1.5); set("yes", True); set("with.dot", "d")`,
  );
});
afterAll(() => jobs[Symbol.asyncDispose]());

const create = (settings: Json) =>
  jobs.client.post("/api/2.2/jobs/create", { name: "j", environments, ...settings });
const submit = (tasks: readonly Json[]) =>
  jobs.client.post("/api/2.2/jobs/runs/submit", { environments, tasks });
const behind = (key: string) => ({ depends_on: [{ task_key: key }] });

/** Runs a job with one echo of these arguments, behind the task `set-er`. */
const echoed = async (args: readonly string[], parameters: Json = []) => {
  const tasks = [
    pythonTask(setter, [], "set-er"),
    { ...pythonTask(echo, args, "echo"), ...behind("set-er") },
  ];
  const made = await create({ parameters, tasks });
  if (made.status !== 200) throw new Error(made.text);
  const body = { job_id: made.json.job_id };
  const { text } = await jobs.client.post("/api/2.2/jobs/run-now", body);
  const run = await jobs.finished(runIdIn(text));
  const task = run.tasks.find((each: Json) => each.task_key === "echo");
  return { run, task, logs: (await jobs.output(task.run_id)).logs };
};

describe("a reference resolves in each form that is documented", () => {
  test("fact #dynamic-value-references: spaces, brackets, backticks, values with their own text", async () => {
    const parameters = [
      { name: "input", default: "leaf" },
      { name: "my-p.x", default: "odd" },
      { name: "about", default: "job {{job.id}}" },
    ];
    const forms: readonly (readonly [string, (run: Json, task: Json) => string])[] = [
      ["{{job.parameters.input}}", () => "leaf"],
      ["{{ job.parameters.[input] }}", () => "leaf"],
      ["{{job.parameters.`my-p.x`}}", () => "odd"],
      ["{{job.parameters.about}}", (run) => `job ${run.job_id}`],
      ["x{{job.id}}y", (run) => `x${run.job_id}y`],
      ["{{job.run_id}}", (run) => String(run.run_id)],
      ["{{task.run_id}}", (_, task) => String(task.run_id)],
      ["{{job.trigger.type}}", () => "one_time"],
      [
        "{{job.trigger.time.iso_date}}",
        (run) => new Date(run.start_time).toISOString().slice(0, 10),
      ],
      ["{{job.start_time.year}}", (run) => new Date(run.start_time).toISOString().slice(0, 4)],
      ["{{tasks.set-er.result_state}}", () => "success"],
      ["{{tasks.`set-er`.values.list}}", () => "[1,2,3]"],
      ["{{tasks.set-er.values.float}}", () => "1.5"],
      ["{{tasks.set-er.values.big}}", () => "9007199254740993"],
      ["{{tasks.set-er.values.`with.dot`}}", () => "d"],
      // What a value says is not read once more.
      ["{{tasks.set-er.values.text}}", () => "a{{job.id}}"],
      // No known namespace, or no reference: text, as on the platform.
      ["{{not.a.ref}}", () => "{{not.a.ref}}"],
      ["{{secrets/a/b}}", () => "{{secrets/a/b}}"],
      ["{{job.id}", () => "{{job.id}"],
      ["{{ jobs }}", () => "{{ jobs }}"],
    ];
    const { run, task, logs } = await echoed(
      forms.map(([form]) => form),
      parameters,
    );
    expect(JSON.parse(logs)).toEqual(forms.map(([, expected]) => expected(run, task)));
  });

  test("in what run-now gives, and in widgets of a notebook", async () => {
    const made = await create({ tasks: [pythonTask(echo, ["default"])] });
    const body = { job_id: made.json.job_id, python_params: ["{{job.id}}"] };
    const { text } = await jobs.client.post("/api/2.2/jobs/run-now", body);
    const run = await jobs.finished(runIdIn(text));
    const { logs } = await jobs.output(run.tasks[0].run_id);
    expect(JSON.parse(logs)).toEqual([String(made.json.job_id)]);
  });
});

describe("a reference that can have no value is refused where it is given", () => {
  test.each([
    ["{{job.naem}}", 'the namespace "job" has no such value'],
    ["{{ job }}", 'the namespace "job" has no such value'],
    ["{{job.start_time.iso_dat}}", "no such value"],
    ["{{job.trigger.time}}", "no such value"],
    ["{{task.values.x}}", "no such value"],
    ["{{tasks.set-er.valeus.x}}", "no such value"],
    ["{{tasks.set-er.values.}}", "no such value"],
    ["{{job.parameters.`open}}", "no such value"],
    ["{{workspace.name}}", "no such value"],
    ["{{input}}", "only the task of a for_each_task has an input"],
    ["{{tasks.nope.values.v}}", "there is no task 'nope'"],
    ["{{tasks.beside.values.v}}", "'beside' is not upstream of it"],
    ["{{tasks.echo.values.v}}", "'echo' is not upstream of it"],
  ])("%s", async (reference, words) => {
    const tasks = [
      pythonTask(setter, [], "set-er"),
      pythonTask(setter, [], "beside"),
      { ...pythonTask(echo, [reference], "echo"), ...behind("set-er") },
    ];
    for (const answer of [await submit(tasks), await create({ tasks })]) {
      expect(answer.status).toBe(400);
      expect(answer.json.error_code).toBe("INVALID_PARAMETER_VALUE");
      expect(answer.json.message).toContain(`Task 'echo': ${reference}`);
      expect(answer.json.message).toContain(words);
    }
  });

  test("also in the default of a parameter, and when a job is changed", async () => {
    const parameters = [{ name: "p", default: "{{job.naem}}" }];
    expect((await create({ parameters })).json.message).toContain("Parameter 'p': {{job.naem}}");
    const { job_id } = (await create({ tasks: [pythonTask(echo)] })).json;
    const new_settings = { tasks: [pythonTask(echo, ["{{job.naem}}"])] };
    for (const call of ["update", "reset"]) {
      const { status } = await jobs.client.post(`/api/2.2/jobs/${call}`, { job_id, new_settings });
      expect(status).toBe(400);
    }
  });

  test("what only the run can know fails the task before it begins", async () => {
    const { run, logs } = await echoed([
      "{{job.parameters.none}}",
      "{{tasks.set-er.values.none-such}}",
    ]);
    expect(run.status.termination_details.code).toBe("INVALID_RUN_CONFIGURATION");
    expect(run.state.state_message).toContain(
      '{{job.parameters.none}}: the job has no parameter "none"',
    );
    expect(logs).toBeUndefined();
  });
});

describe("fact #conditions-compare-text-or-numbers: a condition compares what can be compared", () => {
  const value = (name: string) => `{{tasks.set-er.values.${name}}}`;
  test.each([
    ["EQUAL_TO", "12.0", "12", "false"],
    ["NOT_EQUAL", "a", "b", "true"],
    ["EQUAL_TO", value("yes"), "true", "true"],
    ["EQUAL_TO", value("float"), "1.5", "true"],
    ["GREATER_THAN", "9007199254740993", "9007199254740992", "true"],
    ["GREATER_THAN", value("big"), "9007199254740992", "true"],
    ["GREATER_THAN_OR_EQUAL", "12.0", "12", "true"],
    ["LESS_THAN", "-1e3", "-999.5", "true"],
    ["LESS_THAN_OR_EQUAL", ".5", "0.50", "true"],
    ["GREATER_THAN", "0x10", "10", "is no number"],
    ["GREATER_THAN_OR_EQUAL", "", "0", "is no number"],
    ["LESS_THAN", "Infinity", "1", "is no number"],
    ["GREATER_THAN", "true", "0", "is no number"],
    ["GREATER_THAN", value("list"), "0", "is a list"],
    ["EQUAL_TO", value("list"), "[1,2,3]", "is a list"],
    ["EQUAL_TO", value("none"), "null", "is null"],
  ])("%s %s %s: %s", async (op, left, right, expected) => {
    const condition = {
      task_key: "check",
      ...behind("set-er"),
      condition_task: { op, left, right },
    };
    const tasks = [pythonTask(setter, [], "set-er"), condition];
    const run = await jobs.finished(await jobs.submit({ environments, tasks }));
    const { state, condition_task } = run.tasks[1];
    if (expected === "true" || expected === "false") expect(condition_task.outcome).toBe(expected);
    else {
      expect(state.result_state).toBe("FAILED");
      expect(state.state_message).toContain(expected);
      expect(condition_task.outcome).toBeUndefined();
    }
  });

  test("a task value that is no JSON is refused where it is set", async () => {
    const { output } = await jobs.python(`dbutils.jobs.taskValues.set("x", float("nan"))`);
    expect(output.error).toContain("ValueError");
  });
});

describe("fact #run-now-parameters: bounds hold at each door", () => {
  const long = ["x".repeat(20_000)];
  const odd = ["ü"];
  const script = (parameters: readonly string[]) => pythonTask(echo, parameters);
  const wheelWith = (more: Json) => ({
    task_key: "main",
    environment_key: "default",
    python_wheel_task: { package_name: "p", entry_point: "e", ...more },
  });
  const bodies: readonly (readonly [string, Json])[] = [
    ["a script's parameters that are long", script(long)],
    ["a script's parameters that are not ASCII", script(odd)],
    ["a wheel's parameters that are long", wheelWith({ parameters: long })],
    ["a wheel's named parameters that are long", wheelWith({ named_parameters: { a: long[0] } })],
    [
      "those of the task of a loop",
      { task_key: "loop", for_each_task: { inputs: "[1]", task: script(long) } },
    ],
  ];

  test.each(bodies)("submit, create, update and reset refuse %s", async (_, task) => {
    const { job_id } = (await create({ tasks: [pythonTask(echo)] })).json;
    const change = { job_id, new_settings: { environments, tasks: [task] } };
    const answers = await Promise.all([
      submit([task]),
      create({ tasks: [task] }),
      jobs.client.post("/api/2.2/jobs/update", change),
      jobs.client.post("/api/2.2/jobs/reset", change),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400]);
  });

  test("run-now and repair refuse the same of python_params", async () => {
    const { job_id } = (await create({ tasks: [pythonTask(`${volume}/none.py`)] })).json;
    const first = await jobs.client.post("/api/2.2/jobs/run-now", { job_id });
    const run_id = first.json.run_id;
    await jobs.finished(runIdIn(first.text));
    for (const python_params of [long, odd]) {
      const now = await jobs.client.post("/api/2.2/jobs/run-now", { job_id, python_params });
      const body = { run_id, rerun_all_failed_tasks: true, python_params };
      const repair = await jobs.client.post("/api/2.2/jobs/runs/repair", body);
      expect([now.status, repair.status]).toEqual([400, 400]);
    }
  });
});

describe("git_source", () => {
  const git_source = {
    git_url: "https://example.com/r.git",
    git_provider: "gitHub",
    git_branch: "main",
  };
  const notebook = (more: Json = {}) => ({
    task_key: "main",
    notebook_task: { notebook_path: "src/n", ...more },
  });
  test.each([
    ["named by the task", {}, notebook({ source: "GIT" })],
    ["by default, where the run has one", { git_source }, notebook()],
  ])("is refused with the remedy: %s", async (_, more, task) => {
    for (const path of ["runs/submit", "create"]) {
      const body = { environments, tasks: [task], ...more };
      const { status, json } = await jobs.client.post(`/api/2.2/jobs/${path}`, body);
      expect(status).toBe(501);
      expect(json.message).toContain("Import the files");
    }
  });
  test("is kept where no task takes its files from it", async () => {
    const tasks = [notebook({ notebook_path: "/Shared/n", source: "WORKSPACE" })];
    expect((await create({ git_source, tasks })).status).toBe(200);
  });
});
