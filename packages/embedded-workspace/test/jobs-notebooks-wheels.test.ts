// notebook_task, python_wheel_task and libraries: unpacked and executed for real, without pip and
// without a network.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Json } from "./client.ts";
import { type Jobs, pythonTask, startJobs, volume } from "./jobs-fixture.ts";
import { wheel, zip } from "./wheel.ts";

let jobs: Jobs;
beforeAll(async () => {
  jobs = await startJobs();
  const { client } = jobs;
  await client.post("/api/2.0/secrets/scopes/create", { scope: "s" });
  await client.post("/api/2.0/secrets/put", { scope: "s", key: "k", string_value: "hush" });
});
afterAll(() => jobs[Symbol.asyncDispose]());

const importNotebook = async (name: string, cells: readonly string[]): Promise<string> => {
  const source = `# Databricks notebook source\n${cells.join("\n\n# COMMAND ----------\n\n")}\n`;
  const { status, text } = await jobs.client.post("/api/2.0/workspace/import", {
    path: `/Shared/${name}`,
    format: "SOURCE",
    language: "PYTHON",
    overwrite: true,
    content: Buffer.from(source).toString("base64"),
  });
  if (status !== 200) throw new Error(text);
  return `/Workspace/Shared/${name}`;
};
const runNotebook = async (cells: readonly string[], more: Json = {}) => {
  const notebook_path = await importNotebook("notebook", cells);
  const tasks = [{ task_key: "main", notebook_task: { notebook_path, ...more } }];
  const run = await jobs.finished(await jobs.submit({ tasks }));
  return { run, output: await jobs.output(run.tasks[0].run_id) };
};

describe("notebook_task", () => {
  test("fact #exit-value-says-nothing: the exit value arrives in notebook_output.result with truncated", async () => {
    const { run, output } = await runNotebook([
      "x = 1",
      `dbutils.notebook.exit(f"value {x}")`,
      "1/0",
    ]);
    expect(run.state.result_state).toBe("SUCCESS");
    expect(output.notebook_output).toEqual({ result: "value 1", truncated: false });
    expect(output).not.toHaveProperty("logs");
  });

  test("fact #exit-value-says-nothing: the run is SUCCESS whatever the exit value says", async () => {
    const { run } = await runNotebook([`dbutils.notebook.exit("FAILED: no")`]);
    expect(run.state.result_state).toBe("SUCCESS");
  });

  test("fact #notebook-output-keeps-the-first-5-mb: of the exit value the first 5 MB are kept", async () => {
    const { output } = await runNotebook([`dbutils.notebook.exit("A" + "x" * (6 << 20))`]);
    expect(output.notebook_output.truncated).toBe(true);
    expect(output.notebook_output.result).toHaveLength(5 << 20);
    expect(output.notebook_output.result.startsWith("A")).toBe(true);
  });

  test("widgets: parameters of the task, and defaults", async () => {
    const { output } = await runNotebook(
      [
        `dbutils.widgets.text("city", "Rome")\ndbutils.widgets.text("year", "2026")`,
        `dbutils.notebook.exit(dbutils.widgets.get("city") + dbutils.widgets.get("year"))`,
      ],
      { base_parameters: { city: "Oslo" } },
    );
    expect(output.notebook_output.result).toBe("Oslo2026");
  });

  test("a widget that is not there is an error with the platform's name", async () => {
    const { output } = await runNotebook([`dbutils.widgets.get("nothing")`]);
    expect(output.error).toContain("InputWidgetNotDefined");
  });

  test("secrets and files by dbutils", async () => {
    const { output } = await runNotebook([
      `dbutils.fs.put("dbfs:${volume}/by-dbutils.txt", dbutils.secrets.get("s", "k"), True)`,
      `names = [each.name for each in dbutils.fs.ls("${volume}")]`,
      `held = dbutils.fs.head('${volume}/by-dbutils.txt') == "hush"`,
      `dbutils.notebook.exit(f"{'by-dbutils.txt' in names} {held} {[s.key for s in dbutils.secrets.list('s')]}")`,
    ]);
    expect(output.notebook_output.result).toBe("True True ['k']");
  });

  test("the notebook's context has the host and a token", async () => {
    const { output } = await runNotebook([
      "context = dbutils.notebook.entry_point.getDbutils().notebook().getContext()",
      "import urllib.request",
      "headers = {'Authorization': 'Bearer ' + context.apiToken().get()}",
      "request = urllib.request.Request(context.apiUrl().get() + '/api/2.2/jobs/list', headers=headers)",
      "dbutils.notebook.exit(urllib.request.urlopen(request).status)",
    ]);
    expect(output.notebook_output.result).toBe("200");
  });

  test("dbutils.notebook.run runs another notebook with widgets of its own", async () => {
    await importNotebook("called", [
      `dbutils.notebook.exit("hello " + dbutils.widgets.get("who"))`,
    ]);
    const { output } = await runNotebook([
      `dbutils.notebook.exit(dbutils.notebook.run("./called", 60, {"who": "you"}))`,
    ]);
    expect(output.notebook_output.result).toBe("hello you");
  });

  test("a secret that may not be read is an error", async () => {
    const { output } = await runNotebook([`dbutils.secrets.get("s", "none")`]);
    expect(output.error).toMatch(/WorkspaceError: .*none/);
  });

  test("magic: markdown is skipped, %python and %sh run, %run shares its names", async () => {
    await importNotebook("shared_part", ["shared = 'from the other'"]);
    const { output } = await runNotebook([
      "# MAGIC %md\n# MAGIC # A title",
      "# MAGIC %python\n# MAGIC y = 2",
      "# MAGIC %run ./shared_part",
      `# MAGIC %sh echo by shell > ${volume}/by-sh.txt`,
      `dbutils.notebook.exit(f"{y} {shared} {open('${volume}/by-sh.txt').read().strip()}")`,
    ]);
    expect(output.notebook_output.result).toBe("2 from the other by shell");
  });

  test.each([
    ["# MAGIC %sql SELECT 1", "pyspark is not installed"],
    ["# MAGIC %scala val x = 1", "%scala does not exist"],
  ])("%s says what is missing", async (cell, words) => {
    const { run, output } = await runNotebook([cell]);
    expect(run.state.result_state).toBe("FAILED");
    expect(output.error).toContain(words);
  });

  test("an error names the cell and shows its line", async () => {
    const { output } = await runNotebook(["x = 0", "y = 1\nz = y / x"]);
    expect(output.error).toBe("ZeroDivisionError: division by zero");
    expect(output.error_trace).toContain("command 2");
    expect(output.error_trace).toContain("z = y / x");
  });

  test("a notebook that does not exist fails with a code", async () => {
    const tasks = [{ task_key: "main", notebook_task: { notebook_path: "/Shared/none" } }];
    const run = await jobs.finished(await jobs.submit({ tasks }));
    expect(run.status.termination_details.code).toBe("RESOURCE_NOT_FOUND");
  });
});

const runTask = async (task: Json, dependencies: readonly string[] = []) => {
  const spec = { environment_version: "4", dependencies };
  const environments = [{ environment_key: "default", spec }];
  const run = await jobs.finished(await jobs.submit({ environments, tasks: [task] }));
  return { run, output: await jobs.output(run.tasks[0].run_id) };
};
const wheelTask = (body: Json) => ({
  task_key: "main",
  environment_key: "default",
  python_wheel_task: { package_name: "my-tool", ...body },
});
const source = `
import sys
def main():
    print("main", sys.argv[1:], __file__.endswith("my_tool/__init__.py"))
    return 7
def plain():
    print("plain")
`;

describe("python_wheel_task", () => {
  const upload = (requires: readonly string[] = []) =>
    jobs.file(
      "my_tool-1.0-py3-none-any.whl",
      wheel({ name: "my_tool", source, entryPoints: { run: "my_tool:main" }, requires }),
    );

  test("calls the console entry point with its parameters", async () => {
    const task = wheelTask({ entry_point: "run", parameters: ["a", "b"] });
    const { run, output } = await runTask(task, [await upload()]);
    expect(run.state.result_state).toBe("SUCCESS");
    expect(output.logs).toBe("main ['a', 'b'] True\n");
  });

  test("named parameters become --name=value", async () => {
    const task = wheelTask({ entry_point: "run", named_parameters: { city: "Oslo" } });
    const { output } = await runTask(task, [await upload()]);
    expect(output.logs).toBe("main ['--city=Oslo'] True\n");
  });

  test("without such an entry point, the function of that name in the package", async () => {
    const { output } = await runTask(wheelTask({ entry_point: "plain" }), [await upload()]);
    expect(output.logs).toBe("plain\n");
  });

  test("takes the wheel from libraries on a cluster", async () => {
    const { environment_key: _, ...task } = wheelTask({ entry_point: "plain" });
    const { clusterId } = jobs.workspace.context;
    const libraries = [{ whl: `dbfs:${await upload()}` }];
    const { output } = await runTask({ ...task, existing_cluster_id: clusterId, libraries });
    expect(output.logs).toBe("plain\n");
  });

  test("a script may import a package of its environment", async () => {
    const path = await jobs.file("uses.py", "import my_tool\nmy_tool.plain()");
    const { output } = await runTask(pythonTask(path), [await upload()]);
    expect(output.logs).toBe("plain\n");
  });

  test.each([
    [
      "a package that is not there",
      [],
      "Python wheel with name my-tool could not be found",
      "RESOURCE_NOT_FOUND",
    ],
    [
      "a wheel that is missing",
      [`${volume}/none.whl`],
      "No such file",
      "LIBRARY_INSTALLATION_ERROR",
    ],
    [
      "a package index",
      ["surely-not-installed==1.0"],
      "downloads nothing",
      "LIBRARY_INSTALLATION_ERROR",
    ],
  ])("%s is said, with its code", async (_, dependencies, words, code) => {
    const { run } = await runTask(wheelTask({ entry_point: "run" }), dependencies);
    expect(run.state.state_message).toContain(words);
    expect(run.status.termination_details.code).toBe(code);
  });

  test("a wheel's own requirements must be there", async () => {
    const { run } = await runTask(wheelTask({ entry_point: "run" }), [
      await upload(["nowhere>=2"]),
    ]);
    expect(run.state.state_message).toContain("nowhere");
  });

  test("a wheel with a path that leaves it is refused", async () => {
    const evil = zip([
      { name: "../../evil.py", content: "x" },
      { name: "evil-1.0.dist-info/METADATA", content: "Name: evil\nVersion: 1.0\n\n" },
    ]);
    const path = await jobs.file("evil-1.0-py3-none-any.whl", evil);
    const { run } = await runTask(wheelTask({ entry_point: "run" }), [path]);
    expect(run.state.state_message).toContain("outside of itself");
  });
});
