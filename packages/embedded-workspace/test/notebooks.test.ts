// Real notebooks: their cells, their magics, those they call, and their place.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Json } from "./client.ts";
import { type Jobs, pythonTask, startJobs, volume } from "./jobs-fixture.ts";
import { hasModule } from "./python.ts";
import { wheel } from "./wheel.ts";

let jobs: Jobs;
beforeAll(async () => {
  jobs = await startJobs();
  const { client } = jobs;
  await client.post("/api/2.0/secrets/scopes/create", { scope: "s" });
  await client.post("/api/2.0/secrets/put", { scope: "s", key: "k", string_value: "hush" });
  for (const path of ["/Users/x@y.z/deep", "/Repos/r"])
    await client.post("/api/2.0/workspace/mkdirs", { path });
  await importText("/Users/x@y.z/deep/config.json", '{"kept": 7}', { format: "RAW" });
});
afterAll(() => jobs[Symbol.asyncDispose]());

const importText = async (path: string, text: string, more: Json) => {
  const content = Buffer.from(text).toString("base64");
  const body = { path, overwrite: true, content, ...more };
  const { status, text: said } = await jobs.client.post("/api/2.0/workspace/import", body);
  if (status !== 200) throw new Error(said);
  return path;
};
const notebook = (path: string, cells: readonly string[]) =>
  importText(
    path,
    `# Databricks notebook source\n${cells.join("\n\n# COMMAND ----------\n\n")}\n`,
    { format: "SOURCE", language: "PYTHON" },
  );
const runPath = async (notebook_path: string, more: Json = {}) => {
  const tasks = [{ task_key: "main", notebook_task: { notebook_path, ...more } }];
  const run = await jobs.finished(await jobs.submit({ tasks }));
  return { run, output: await jobs.output(run.tasks[0].run_id) };
};
let made = 0;
const runCells = async (cells: readonly string[], more: Json = {}) => {
  made += 1;
  return runPath(await notebook(`/Users/x@y.z/deep/n${made}`, cells), more);
};
/** The exit value, or what went wrong. */
const resultOf = async (cells: readonly string[], more: Json = {}) => {
  const { run, output } = await runCells(cells, more);
  return output.notebook_output.result ?? output.error ?? run.state.state_message;
};

const exit = (expression: string) => `dbutils.notebook.exit(str(${expression}))`;

describe.concurrent("a cell runs as on the platform", () => {
  test.each<[string, readonly string[], string]>([
    ["%pip, and the rest of its cell", [`%pip install pip\nx = 1`, exit("x")], "1"],
    ["%pip twice in a cell", ["%pip install pip\n%pip install -q pip", exit("1")], "1"],
    ["quotes and a comment", [`%pip install "pip>=20" 'pip'  # noqa`, exit("1")], "1"],
    ["a name of the notebook", ["p = 'pip'", "%pip install {p}", exit("1")], "1"],
    ["a comment below", ["%pip install pip\n# that is all", exit("1")], "1"],
    ["%pip in MAGIC lines", ["# MAGIC %pip install pip\n# MAGIC x = 2", exit("x")], "2"],
    ["extensions", ["%load_ext autoreload\n%autoreload 2\n%matplotlib inline", exit("1")], "1"],
    ["%time", ["%time y = 2", exit("y")], "2"],
    ["%%time", ["%%time\ny = 3", exit("y")], "3"],
    ["%timeit", ["%timeit -n 1 -r 1 1 + 1", exit("1")], "1"],
    [
      "! in a cell",
      [`!echo hi > ${volume}/hi.txt`, exit(`open('${volume}/hi.txt').read().strip()`)],
      "hi",
    ],
    ["! with a value", ["n = 5\nx = !echo {n} $n", exit("x")], "['5 5']"],
    ["! with a variable of the shell", ["x = !for i in a; do echo $i; done", exit("x")], "['a']"],
    ["await", ["import asyncio\nasync def f():\n    return 4", "x = await f()", exit("x")], "4"],
    [
      "async for and a last expression",
      ["async def g():\n    yield 1", "async for y in g():\n    x = y", exit("x")],
      "1",
    ],
    [
      "%%writefile and %pwd",
      [`%%writefile ${volume}/w.py\nv = 6`, exit(`open('${volume}/w.py').read().strip()`)],
      "v = 6",
    ],
    ["%%capture", ["%%capture c\nprint('in')", exit("c.stdout.strip()")], "in"],
    ["%fs", [`%fs ls ${volume}`, exit("1")], "1"],
    ["%sh, whose end says nothing", ["# MAGIC %sh\n# MAGIC exit 3", exit("1")], "1"],
    ["cells that say nothing", ["", "# a comment\n", "\n\n", exit("1")], "1"],
    ["%env", ["%env A=b", exit("__import__('os').environ['A']")], "b"],
    ["getArgument", [`dbutils.notebook.exit(getArgument("none", "a default"))`], "a default"],
    [
      "widgets.getArgument",
      [`dbutils.notebook.exit(dbutils.widgets.getArgument("none", "d"))`],
      "d",
    ],
    ["__file__ is not there", [exit("'__file__' in globals()")], "False"],
    ["__name__", [exit("__name__")], "__main__"],
  ])("%s", async (_, cells, expected) => {
    expect(await resultOf(cells)).toBe(expected);
  });

  test.each<[string, readonly string[], string]>([
    ["a line magic nobody knows", ["%surprise me"], "%surprise does not exist"],
    ["a cell magic nobody knows", ["%%surprise\nx"], "%%surprise does not exist"],
    ["a language that is not here", ["# MAGIC %scala\n# MAGIC val x = 1"], "%scala does not exist"],
    ["a package that is not here", ["%pip install surely-not-here"], "downloads nothing"],
    ["a version that is not here", ["%pip install pip>=999"], "is installed here"],
    ["a command of pip", ["%pip download x"], "install, list and freeze"],
    [
      "%run of nothing",
      ["%run ./nowhere"],
      'Unable to access the notebook "/Users/x@y.z/deep/nowhere"',
    ],
    ["%run with more in its cell", ["%run ./x\ny = 1"], "stands alone in its cell"],
  ])("%s is refused", async (_, cells, words) => {
    const { run, output } = await runCells(cells);
    expect(run.state.result_state).toBe("FAILED");
    expect(output.error).toContain(words);
  });

  test("%restart_python begins a new Python: names are gone, a newer wheel is imported, widgets stay", async () => {
    const [old, fresh] = await Promise.all(
      ["old", "new"].map((version) =>
        jobs.file(
          `${version}/tool_r-1.0-py3-none-any.whl`,
          wheel({ name: "tool_r", source: `version = '${version}'` }),
        ),
      ),
    );
    const said = await resultOf([
      `dbutils.widgets.text("w", "kept")`,
      `%pip install ${old}`,
      "import tool_r\nseen = [tool_r.version]\nx = 1",
      `# MAGIC %pip install ${fresh}\n# MAGIC %restart_python`,
      "import tool_r",
      exit("(tool_r.version, 'x' in globals(), dbutils.widgets.get('w'))"),
    ]);
    expect(said).toBe("('new', False, 'kept')");
  });

  test("what %pip installs is there for children, too", async () => {
    const path = await jobs.file(
      "tool_p-1.0-py3-none-any.whl",
      wheel({ name: "tool_p", source: "name = 'p'" }),
    );
    expect(
      await resultOf([
        `%pip install ${path}`,
        `x = !python3 -c "import tool_p; print(tool_p.name)"`,
        exit("x"),
      ]),
    ).toBe("['p']");
  });

  test.skipIf(!hasModule("IPython"))(
    "IPython itself knows the shell, and its dbutils",
    async () => {
      const cells = [
        "from IPython import get_ipython as ask",
        `ask().user_ns["dbutils"].notebook.exit(str(ask() is get_ipython()))`,
      ];
      expect(await resultOf(cells)).toBe("True");
    },
  );

  test("the trace of an error shows the line of the cell", async () => {
    const { output } = await runCells(["x = 0", "%time y = 1\nz = y / x"]);
    expect(output.error).toBe("ZeroDivisionError: division by zero");
    expect(output.error_trace).toContain("command 2");
    expect(output.error_trace).toContain("z = y / x");
  });
});

describe("notebooks that call others", () => {
  test.each([
    ["./child", "/Users/x@y.z/deep/child"],
    ["../child", "/Users/x@y.z/child"],
    ["/Users/x@y.z/child", "/Users/x@y.z/child"],
    ["/Workspace/Users/x@y.z/child", "/Users/x@y.z/child"],
    ["/Shared/child", "/Shared/child"],
    ["/Repos/r/child", "/Repos/r/child"],
    ["./child.py", "/Users/x@y.z/deep/child"],
  ])("%s is one path for %%run, dbutils.notebook.run and a task", async (path, place) => {
    await notebook(place, [
      `dbutils.widgets.dropdown("reset", "false", ["true", "false"])`,
      `reset = dbutils.widgets.get("reset")`,
      `where = dbutils.notebook.entry_point.getDbutils().notebook().getContext().notebookPath().get()`,
      `if dbutils.widgets.getArgument("leave", "no") == "yes":\n    dbutils.notebook.exit(reset + " " + where)`,
    ]);
    expect(await resultOf([`# MAGIC %run ${path} $reset="true"`, exit("reset")])).toBe("true");
    const given = `{"reset": "true", "leave": "yes"}`;
    const call = `dbutils.notebook.exit(dbutils.notebook.run("${path}", 60, ${given}))`;
    expect(await resultOf([call])).toBe(`true ${place}`);
    if (!path.startsWith("/")) return;
    const base_parameters = { reset: "x", leave: "yes" };
    const { output } = await runPath(path, { base_parameters });
    expect(output.notebook_output.result).toBe(`x ${place}`);
  });

  test("an argument of %run may be a widget of the caller", async () => {
    await notebook("/Users/x@y.z/deep/child", [`got = dbutils.widgets.get("reset")`]);
    const cells = [`dbutils.widgets.text("all", "w")`, "# MAGIC %run ./child $reset=$all"];
    expect(await resultOf([...cells, exit("got")])).toBe("w");
  });

  test("%run finds the notebooks of the notebook that it runs beside that one", async () => {
    await notebook("/Users/x@y.z/setup", ["%run ./deep/inner"]);
    await notebook("/Users/x@y.z/deep/inner", ["found = 'beside'"]);
    expect(await resultOf(["%run ../setup", exit("found")])).toBe("beside");
  });

  test("notebooks that run each other end with a sentence", async () => {
    await notebook("/Users/x@y.z/deep/circle", ["%run ./circle"]);
    expect(await resultOf(["%run ./circle"])).toContain("do they run each other?");
  });

  test("dbutils.notebook.run raises when its time is over, and takes the notebook with it", async () => {
    await notebook("/Users/x@y.z/deep/sleepy", [
      `import time\ntime.sleep(3)\nopen("${volume}/too-late.txt", "w").close()`,
    ]);
    const { output } = await runCells([`dbutils.notebook.run("./sleepy", 1)`]);
    expect(output.error).toContain("WorkflowException");
    expect(output.error).toContain("TIMEDOUT");
    const { status } = await jobs.client.get(`/api/2.0/fs/files${volume}/too-late.txt`);
    expect(status).toBe(404);
  });

  test("what the other notebook raises arrives as the platform's exception", async () => {
    await notebook("/Users/x@y.z/deep/raises", ["raise ValueError('mine')"]);
    const cells = [
      `try:\n    dbutils.notebook.run("./raises", 60)\nexcept ValueError:\n    kind = "value"\nexcept Exception as error:\n    kind = str(error)`,
    ];
    const said = await resultOf([...cells, exit("kind")]);
    expect(said).toContain("FAILED: ValueError: mine");
  });

  test("it has names and widgets of its own, also four at a time", async () => {
    await notebook("/Users/x@y.z/deep/echo", [
      `assert "secret_name" not in globals()`,
      `import time; time.sleep(0.2)`,
      `dbutils.notebook.exit(dbutils.widgets.get("i"))`,
    ]);
    const said = await resultOf([
      "secret_name = 1",
      "from concurrent.futures import ThreadPoolExecutor",
      `with ThreadPoolExecutor(4) as pool:\n    all = list(pool.map(lambda i: dbutils.notebook.run("./echo", 60, {"i": i}), range(4)))`,
      exit("all"),
    ]);
    expect(said).toBe("['0', '1', '2', '3']");
  });

  test("cancelling the run ends the notebooks that it runs", async () => {
    await notebook("/Users/x@y.z/deep/long", [
      `import time, os\nopen("${volume}/pid.txt", "w").write(str(os.getpid()))\ntime.sleep(60)`,
    ]);
    made += 1;
    const path = await notebook(`/Users/x@y.z/deep/n${made}`, [
      `dbutils.notebook.run("./long", 0)`,
    ]);
    const tasks = [{ task_key: "main", notebook_task: { notebook_path: path } }];
    const runId = await jobs.submit({ tasks });
    let pid = 0;
    while (!Number.isInteger(pid) || pid === 0)
      pid = Number((await jobs.client.get(`/api/2.0/fs/files${volume}/pid.txt`)).text);
    await jobs.client.post("/api/2.2/jobs/runs/cancel", { run_id: Number(runId) });
    await jobs.finished(runId);
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  });
});

describe("what a task sees of its place", () => {
  const context = "dbutils.notebook.entry_point.getDbutils().notebook().getContext()";

  test.each(["/Users/x@y.z/deep/here", "/Workspace/Users/x@y.z/deep/here"])(
    "fact #working-folder: submitted as %s, a notebook reads what lies beside it",
    async (path) => {
      await notebook("/Users/x@y.z/deep/here", [
        "import json, os",
        `kept = json.load(open("config.json"))["kept"]`,
        `path = ${context}.notebookPath().get()`,
        exit("(kept, os.getcwd(), path)"),
      ]);
      const { output } = await runPath(path);
      expect(output.notebook_output.result).toBe(
        "(7, '/Workspace/Users/x@y.z/deep', '/Users/x@y.z/deep/here')",
      );
    },
  );

  test("fact #working-folder: a script reads what lies beside it, in the workspace and on a volume", async () => {
    const source = `import json, os; print(json.load(open("config.json"))["kept"], os.getcwd())`;
    await importText("/Users/x@y.z/deep/reads.py", source, { format: "RAW" });
    await jobs.file("place/config.json", '{"kept": 8}');
    const paths = [
      "/Workspace/Users/x@y.z/deep/reads.py",
      await jobs.file("place/reads.py", source),
    ];
    const logs = await Promise.all(
      paths.map(async (path) => {
        const environments = [{ environment_key: "default", spec: { environment_version: "4" } }];
        const run = await jobs.finished(
          await jobs.submit({ environments, tasks: [pythonTask(path)] }),
        );
        return (await jobs.output(run.tasks[0].run_id)).logs;
      }),
    );
    expect(logs).toEqual(["7 /Workspace/Users/x@y.z/deep\n", `8 ${volume}/place\n`]);
  });

  test("fact #notebook-context: tags, extraContext, toJson and safeToJson tell the run", async () => {
    const { run, output } = await runCells([
      "import json",
      `context = ${context}`,
      `whole, safe = json.loads(context.toJson()), json.loads(context.safeToJson())["attributes"]`,
      `dbutils.notebook.exit(json.dumps({
  "job": context.tags().apply("jobId"), "task": whole["currentRunId"]["id"],
  "parent": safe["multitaskParentRunId"], "safeTask": safe["currentRunId"],
  "path": whole["extraContext"]["notebook_path"], "host": whole["tags"]["browserHostName"],
  "user": context.userName().get() == whole["tags"]["user"] == safe["user"],
  "cluster": len(safe["clusterId"]) > 0, "none": context.tags().get("nope").isEmpty(),
  "url": context.extraContext().apply("api_url") == context.apiUrl().getOrElse(None)}))`,
    ]);
    expect(JSON.parse(output.notebook_output.result)).toEqual({
      job: String(run.job_id),
      task: run.tasks[0].run_id,
      parent: String(run.run_id),
      safeTask: String(run.tasks[0].run_id),
      path: `/Users/x@y.z/deep/n${made}`,
      host: "127.0.0.1",
      user: true,
      cluster: true,
      none: true,
      url: true,
    });
  });

  test("what the job gave stays when all widgets are removed", async () => {
    const cells = [
      "dbutils.widgets.removeAll()",
      `dbutils.widgets.text("env", "dev")`,
      `dbutils.notebook.exit(dbutils.widgets.get("env"))`,
    ];
    expect(await resultOf(cells, { base_parameters: { env: "prod" } })).toBe("prod");
    expect(await resultOf(cells)).toBe("dev");
  });

  test("fact #notebooks-redact-secrets: in the exit value, the error and its trace", async () => {
    const secret = `secret = dbutils.secrets.get("s", "k")`;
    expect(await resultOf([secret, exit(`"value is " + secret`)])).toBe("value is [REDACTED]");
    const { output } = await runCells([secret, "raise ValueError(secret)"]);
    expect(output.error).toBe("ValueError: [REDACTED]");
    expect(output.error_trace).not.toContain("hush");
    await notebook("/Users/x@y.z/deep/tells", [secret, "dbutils.notebook.exit(secret)"]);
    const handed = `value = dbutils.notebook.run("./tells", 60)`;
    expect(await resultOf([handed, exit("(value == 'hush', value)")])).toBe("(True, '[REDACTED]')");
  });
});

describe("what a notebook is", () => {
  test("a source that was imported with its language, without the header line", async () => {
    const source = `print(1)\ndbutils.notebook.exit("one cell")`;
    await importText("/Shared/bare", source, { format: "SOURCE", language: "PYTHON" });
    expect((await runPath("/Shared/bare")).output.notebook_output.result).toBe("one cell");
  });

  test("a file is none, for a task and for %run", async () => {
    await importText("/Users/x@y.z/deep/plain.py", "x = 1", { format: "RAW" });
    const words = "it is a file. A notebook is imported with its language";
    const { run } = await runPath("/Users/x@y.z/deep/plain.py");
    expect(run.state.state_message).toContain(words);
    expect(await resultOf(["%run ./plain.py"])).toContain(words);
  });
});

describe("notebooks of Jupyter", () => {
  const cell = (cell_type: string, source: string | readonly string[]) => ({ cell_type, source });
  const book = JSON.stringify({
    cells: [
      cell("markdown", "# Title"),
      cell("code", ["x = 1\n", "!echo hi"]),
      cell("raw", "not to be run"),
      cell("code", "%pip install pip\ny = x + 1"),
      cell("code", "%sh\necho from the shell"),
      cell("code", "dbutils.notebook.exit(str(y))"),
    ],
    metadata: { language_info: { name: "python" } },
    nbformat: 4,
    nbformat_minor: 5,
  });
  const exported = async (path: string, format: string) => {
    const { json } = await jobs.client.get(
      `/api/2.0/workspace/export?path=${path}&format=${format}`,
    );
    return { ...json, content: Buffer.from(json.content, "base64").toString() };
  };

  test.each([
    ["JUPYTER", "/Shared/imported", { format: "JUPYTER" }],
    ["AUTO", "/Shared/book.ipynb", { format: "AUTO" }],
  ])(
    "imported as %s they run by the path without an extension, and with it",
    async (_, path, how) => {
      await importText(path, book, how);
      const plain = path.replace(".ipynb", "");
      for (const asked of [plain, `${plain}.ipynb`]) {
        const { output } = await runPath(asked);
        expect(output.notebook_output.result).toBe("2");
      }
      const status = await jobs.client.get(`/api/2.0/workspace/get-status?path=${plain}`);
      expect(status.json).toMatchObject({ object_type: "NOTEBOOK", language: "PYTHON" });
    },
  );

  test("as a bundle uploads them, too", async () => {
    const path = "/api/2.0/workspace-files/import-file/Shared%2Fsent.ipynb?overwrite=true";
    expect((await jobs.client.post(path, Buffer.from(book))).status).toBe(200);
    expect((await runPath("/Shared/sent")).output.notebook_output.result).toBe("2");
  });

  test("exported as source and as JUPYTER they say the same, and come back", async () => {
    await importText("/Shared/imported", book, { format: "JUPYTER" });
    const source = await exported("/Shared/imported", "SOURCE");
    expect(source.content.split("\n")[0]).toBe("# Databricks notebook source");
    const jupyter = await exported("/Shared/imported", "JUPYTER");
    expect(jupyter.file_type).toBe("ipynb");
    const { cells, nbformat } = JSON.parse(jupyter.content);
    expect(nbformat).toBe(4);
    expect(cells[0]).toEqual({ cell_type: "markdown", metadata: {}, source: ["# Title"] });
    expect(cells[1].source).toEqual(["x = 1\n", "!echo hi"]);
    await importText("/Shared/again", jupyter.content, { format: "JUPYTER" });
    expect((await exported("/Shared/again", "SOURCE")).content).toBe(source.content);
  });
});
