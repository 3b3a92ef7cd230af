// Libraries of tasks: what is asked for is understood or refused, and every Python process of the
// task has them.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Json } from "./client.ts";
import { type Jobs, pythonTask, startJobs } from "./jobs-fixture.ts";
import { python } from "./python.ts";
import { wheel } from "./wheel.ts";

let jobs: Jobs;
beforeAll(async () => {
  jobs = await startJobs();
});
afterAll(() => jobs[Symbol.asyncDispose]());

const upload = (name: string, source: string, requires: readonly string[] = []) =>
  jobs.file(`${name}-1.0-py3-none-any.whl`, wheel({ name, source, requires }));

const runWith = async (source: string, dependencies: readonly string[], task: Json = {}) => {
  const path = await jobs.file("uses.py", source);
  const spec = { environment_version: "4", dependencies };
  const environments = [{ environment_key: "default", spec }];
  const run = await jobs.finished(
    await jobs.submit({ environments, tasks: [{ ...pythonTask(path), ...task }] }),
  );
  return { run, output: await jobs.output(run.tasks[0].run_id) };
};

const children = `
import multiprocessing, subprocess, sys
def work(_):
    import tool_a, tool_b
    return tool_a.name + tool_b.name
if __name__ == "__main__":
    import tool_a, tool_b
    program = "import tool_a, tool_b; print(tool_a.name + tool_b.name)"
    print(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip())
    print(subprocess.run([sys.executable, "-c", program], env={}, capture_output=True, text=True).stdout.strip())
    print(subprocess.run(f"python3 -c '{program}'", shell=True, capture_output=True, text=True).stdout.strip())
    with multiprocessing.get_context("fork").Pool(1) as pool:
        print(pool.map(work, [1])[0])
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {program!r}])"
    print(subprocess.run([sys.executable, "-c", outer], capture_output=True, text=True).stdout.strip())
`;

describe("every Python process of a task has its libraries", () => {
  test("those of a serverless environment: children, children of children, a shell's, a pool's", async () => {
    const dependencies = [
      await upload("tool_a", "name = 'a'"),
      await upload("tool_b", "name = 'b'"),
    ];
    const { output } = await runWith(children, dependencies);
    expect(output.logs).toBe("ab\n".repeat(5));
  });

  test("libraries of classic compute, from a volume and from the workspace's files", async () => {
    const one = await upload("tool_a", "name = 'a'");
    const content = wheel({ name: "tool_b", source: "name = 'b'" }).toString("base64");
    const two = "/Workspace/Shared/tool_b-1.0-py3-none-any.whl";
    const options = { path: two, format: "RAW", overwrite: true, content };
    await jobs.client.post("/api/2.0/workspace/import", options);
    const libraries = [{ whl: `dbfs:${one}` }, { whl: two }];
    const { clusterId } = jobs.workspace.context;
    const path = await jobs.file("classic.py", children);
    const task = {
      task_key: "main",
      existing_cluster_id: clusterId,
      libraries,
      spark_python_task: { python_file: path },
    };
    const run = await jobs.finished(await jobs.submit({ tasks: [task] }));
    const { logs } = await jobs.output(run.tasks[0].run_id);
    expect(logs).toBe("ab\n".repeat(5));
  });

  test("of two versions the one that was asked for last counts, also in children", async () => {
    const old = await jobs.file(
      "old/tool_c-1.0-py3-none-any.whl",
      wheel({ name: "tool_c", source: "name = 'old'" }),
    );
    const fresh = await jobs.file(
      "new/tool_c-1.0-py3-none-any.whl",
      wheel({ name: "tool_c", source: "name = 'new'" }),
    );
    const program = `import subprocess, sys, tool_c
print(tool_c.name, flush=True)
subprocess.run([sys.executable, "-c", "import tool_c; print(tool_c.name)"])`;
    const { output } = await runWith(program, [old, fresh]);
    expect(output.logs).toBe("new\nnew\n");
  });

  test("a requirements file names wheels beside it, options and comments", async () => {
    await upload("tool_a", "name = 'a'");
    const lines = [
      "# what we need",
      "--extra-index-url https://example.com/simple",
      "",
      "./tool_a-1.0-py3-none-any.whl  # beside",
      'surely-not-installed; python_version < "3"',
    ];
    const path = await jobs.file("requirements.txt", lines.join("\n"));
    const { output } = await runWith("import tool_a\nprint(tool_a.name)", [`-r ${path}`]);
    expect(output.logs).toBe("a\n");
  });
});

describe("what is asked for is understood, or refused", () => {
  // pip is not asked for: these are of this machine's Python.
  const rows: readonly (readonly [given: string, installed: string, expected: string])[] = [
    ["pkg", "1.0", "ok"],
    ["pkg>=1,<2", "1.5", "ok"],
    ["pkg>=999", "1.5", "version 1.5 is installed here"],
    ["pkg>1.5", "1.5.post1", "version 1.5.post1 is installed here"],
    ["pkg<2", "2.0rc1", "version 2.0rc1 is installed here"],
    ["pkg~=1.4.2", "1.4.9", "ok"],
    ["pkg~=1.4.2", "1.5.0", "version 1.5.0 is installed here"],
    ["pkg==1.*", "1.5.0", "ok"],
    ["pkg!=1.5.*", "1.5.3", "version 1.5.3 is installed here"],
    ["pkg===1.0", "1.0.0", "version 1.0.0 is installed here"],
    ["pkg==1.0", "1.0.0+cpu", "ok"],
    ["pkg[extra] (>=1)", "1.0", "ok"],
    ["pkg => 1", "1.0", "not a version specifier"],
    ["pkg>=one", "1.0", "is not a version"],
    ["pkg ~= 1", "1.0", "needs two parts"],
    ["pkg 1.0", "1.0", "not a version specifier"],
    ["pkg; python_version >= '3.8'", "1.0", "ok"],
    ["pkg>=9; sys_platform == 'nowhere' and (os_name == 'posix' or extra == 'x')", "1.0", "ok"],
    ["pkg; nonsense == '1'", "1.0", "not a marker"],
    ["pkg @ https://example.com/pkg.whl", "1.0", "builds and downloads nothing"],
    ["git+https://example.com/pkg.git", "1.0", "builds and downloads nothing"],
    ["/Workspace/Shared/project", "1.0", "builds and downloads nothing"],
    ["--surprising pkg", "1.0", "does not know this option"],
    ["-q -U --index-url https://example.com pkg>=1", "1.0", "ok"],
    ["--index-url=https://example.com pkg>=2", "1.0", "version 1.0 is installed here"],
  ];
  const program = `
import shlex
from _workspace import requirements
def ask(row):
    given, installed, _ = row
    try:
        words = shlex.split(given) if given.startswith("-") else [given]
        for each in requirements.of_words(words)[0]:
            if each.name is not None:
                requirements.check(each, installed)
        return "ok"
    except requirements.RequirementError as error:
        return str(error)
answer = [ask(row) for row in rows]`;
  const answers = python(program, rows);
  test.each(rows.map((row, at) => [...row, answers[at]] as const))(
    "%s, where %s is installed: %s",
    (_, __, expected, answer) => {
      expect(answer).toContain(expected);
    },
  );

  test("a file of a wheel by its URL is a wheel", async () => {
    const path = await upload("tool_a", "name = 'a'");
    const { output } = await runWith("import tool_a\nprint(tool_a.name)", [
      `tool-a @ file://${path}`,
    ]);
    expect(output.logs).toBe("a\n");
  });

  test.each([
    ["pip>=999", "is installed here"],
    ["-r /Volumes/main/default/files/none.txt", "No such file"],
    ["surely-not-installed>=1", "downloads nothing"],
  ])("%s ends the run with LIBRARY_INSTALLATION_ERROR", async (dependency, words) => {
    const { run } = await runWith("print('never')", [dependency]);
    expect(run.status.termination_details.code).toBe("LIBRARY_INSTALLATION_ERROR");
    expect(run.state.state_message).toContain(words);
  });
});
