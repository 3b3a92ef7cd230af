// Tasks that really run: Python files, wheels, notebooks, what they are given, and how their
// processes end.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Json } from "./client.ts";
import {
  environments,
  type Jobs,
  pythonTask,
  scriptedSubmit,
  startJobs,
  volume,
} from "./jobs-fixture.ts";

let jobs: Jobs;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "jobs-execution-"));
  jobs = await startJobs({ timeScale: 10 });
  await jobs.client.post("/api/2.0/secrets/scopes/create", { scope: "s" });
  await jobs.client.post("/api/2.0/secrets/put", { scope: "s", key: "k", string_value: "hush" });
});
afterAll(async () => {
  await jobs[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

describe("spark_python_task", () => {
  test("runs as __main__ with its parameters, and its output is kept", async () => {
    const { run, logs } = await jobs.python(
      `import sys\nprint(__name__, sys.argv[1:])\nprint("oh", file=sys.stderr)\nprint("end")`,
      { parameters: ["a", "$ b"] },
    );
    expect(run.state.result_state).toBe("SUCCESS");
    expect(logs).toBe("__main__ ['a', '$ b']\noh\nend\n");
  });

  test.each([
    [`raise ValueError("bad")`, "ValueError: bad"],
    ["import sys; sys.exit(3)", "SystemExit: 3"],
    ["import sys; sys.exit('no good')", "SystemExit: no good"],
    ["1 +", "SyntaxError"],
    ["import os; os._exit(9)", "exited with code 9"],
    ["import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "exited with code 139"],
    ["import does_not_exist", "ModuleNotFoundError: No module named 'does_not_exist'"],
  ])(
    "fact #failed-output-has-error-and-trace: %s fails the task, and get-output splits error and error_trace",
    async (source, error) => {
      const { task, output } = await jobs.python(source);
      expect(task.state).toMatchObject({
        life_cycle_state: "TERMINATED",
        result_state: "FAILED",
        state_message: "Workload failed, see run output for details.",
      });
      expect(output.error).toContain(error);
    },
  );

  test.each(["import sys; sys.exit(0)", "import sys; sys.exit()"])(
    "%s is a success",
    async (source) => {
      expect((await jobs.python(source)).run.state.result_state).toBe("SUCCESS");
    },
  );

  test.each([
    ["a volume path with dbfs:", (path: string) => `dbfs:${path}`],
    ["a volume path", (path: string) => path],
  ])("takes %s", async (_, spelt) => {
    const path = await jobs.file("spelt.py", "print(__file__)");
    const run = await jobs.finished(
      await jobs.submit({ environments, tasks: [pythonTask(spelt(path))] }),
    );
    expect((await jobs.output(run.tasks[0].run_id)).logs).toBe(`${volume}/spelt.py\n`);
  });

  test("takes a workspace file", async () => {
    await jobs.client.post("/api/2.0/workspace/import", {
      path: "/Shared/job.py",
      format: "AUTO",
      overwrite: true,
      content: Buffer.from("print('from', __file__)").toString("base64"),
    });
    const run = await jobs.finished(
      await jobs.submit({ environments, tasks: [pythonTask("/Workspace/Shared/job.py")] }),
    );
    expect((await jobs.output(run.tasks[0].run_id)).logs).toContain("from /Workspace/Shared/job");
  });

  test.each([
    [`${volume}/missing.py`, "RESOURCE_NOT_FOUND"],
    ["/Workspace/missing.py", "RESOURCE_NOT_FOUND"],
    ["s3://bucket/x.py", "FEATURE_DISABLED"],
  ])("a file that cannot be read fails the run with a code: %s", async (path, code) => {
    const run = await jobs.finished(await jobs.submit({ environments, tasks: [pythonTask(path)] }));
    expect(run.tasks[0].state.life_cycle_state).toBe("INTERNAL_ERROR");
    expect(run.status.termination_details.code).toBe(code);
    expect(run.state.state_message).toContain("Cannot read the python file");
  });

  test("fact #logs-keep-the-last-5-mb: of its output the last 5 MB are kept", async () => {
    const { output } = await jobs.python(
      `import sys\nfor _ in range(600): sys.stdout.write("x" * 9999 + "\\n")\nprint("END")`,
    );
    expect(output.logs_truncated).toBe(true);
    expect(output.logs).toHaveLength(5 * 1024 * 1024);
    expect(output.logs.endsWith("END\n")).toBe(true);
  });

  test("include_resolved_values shows parameters as the process got them", async () => {
    const { run } = await jobs.python("print(1)", { parameters: ["{{task.name}}"] });
    const { json } = await jobs.run(String(run.run_id), "&include_resolved_values=true");
    expect(json.tasks[0].resolved_values).toEqual({ spark_python_task: { parameters: ["main"] } });
  });

  test("each attempt has a process, an output and an id of its own", async () => {
    const { run, logs } = await jobs.python(
      `import os
flag = "${volume}/second"
print("again" if os.path.exists(flag) else "first")
if not os.path.exists(flag):
    open(flag, "w").close()
    raise RuntimeError("try again")`,
      { task: { max_retries: 3 } },
    );
    expect(run.state.result_state).toBe("SUCCESS");
    expect(run.tasks).toHaveLength(2);
    expect((await jobs.output(run.tasks[0].run_id)).error).toBe("RuntimeError: try again");
    expect(logs).toBe("again\n");
  });

  test("so many processes at a time; the others stay PENDING", async () => {
    await jobs.client.admin("PATCH", "/jobs/limits", { processesMax: 1 });
    const path = await jobs.file("nap.py", "import time; time.sleep(60)");
    const body = { environments, tasks: [pythonTask(path)] };
    const first = await jobs.submit(body);
    await jobs.until(first, (run) => run.state.life_cycle_state === "RUNNING");
    const second = await jobs.submit(body);
    const third = await jobs.submit(body);
    expect((await jobs.run(second)).json.state.life_cycle_state).toBe("PENDING");
    const cancel = (runId: string) =>
      jobs.client.post("/api/2.2/jobs/runs/cancel", { run_id: runId });
    await cancel(second);
    await jobs.finished(second);
    await cancel(first);
    await jobs.until(third, (run) => run.state.life_cycle_state === "RUNNING");
    await cancel(third);
    await jobs.finished(third);
    await jobs.client.admin("PATCH", "/jobs/limits", { processesMax: 32 });
  });

  test("code inside of a task calls the workspace as the run's identity", async () => {
    const { logs } = await jobs.python(
      `import json, urllib.request
from dbruntime.sdk_credential_provider import init_runtime_native_auth
host, headers = init_runtime_native_auth()
request = urllib.request.Request(host + "/api/2.0/preview/scim/v2/Me", headers=headers())
print(json.load(urllib.request.urlopen(request))["displayName"])`,
    );
    expect(logs).toBe(`${jobs.workspace.administrator.displayName}\n`);
  });

  test("the workspace's own environment is not the task's", async () => {
    process.env["SECRET_OF_THE_HOST"] = "x";
    const { logs } = await jobs.python("import os; print(sorted(os.environ))");
    expect(logs).not.toContain("SECRET_OF_THE_HOST");
    expect(logs).not.toContain("WORKSPACE_");
    expect(logs).toContain("DATABRICKS_RUNTIME_VERSION");
  });
});

describe("compute", () => {
  test("a task takes one of the sets of environment variables", async () => {
    const { logs } = await jobs.python("import os; print(os.environ['CITY'])", {
      environment_variables: [
        { environment_variables_key: "v", spec: { variables: { CITY: "Oslo" } } },
      ],
      task: { environment_variables_key: "v", libraries: null },
    });
    expect(logs).toBe("Oslo\n");
  });

  test("fact #secrets-in-tasks: secrets are resolved in spark_env_vars of a cluster, and literal elsewhere", async () => {
    const path = await jobs.file(
      "env.py",
      "import os, sys\nprint(os.environ['TOKEN'], sys.argv[1])",
    );
    const task = {
      task_key: "main",
      new_cluster: { spark_version: "16.4.x", spark_env_vars: { TOKEN: "{{secrets/s/k}}" } },
      spark_python_task: { python_file: path, parameters: ["{{secrets/s/k}}"] },
    };
    const run = await jobs.finished(await jobs.submit({ tasks: [task] }));
    expect((await jobs.output(run.tasks[0].run_id)).logs).toBe("hush {{secrets/s/k}}\n");
  });

  test("fact #run-starts-its-cluster: a terminated cluster is started by the run", async () => {
    const { clusterId } = jobs.workspace.context;
    await jobs.client.post("/api/2.1/clusters/delete", { cluster_id: clusterId });
    const path = await jobs.file("cluster.py", "print('ran')");
    const task = {
      task_key: "main",
      existing_cluster_id: clusterId,
      spark_python_task: { python_file: path },
    };
    const runId = await jobs.submit({ tasks: [task] });
    await jobs.until(runId, (run) => run.state.life_cycle_state === "PENDING");
    const run = await jobs.finished(runId);
    expect(run.state.result_state).toBe("SUCCESS");
    expect(run.tasks[0].cluster_instance.cluster_id).toBe(clusterId);
  });

  test("a secret that the run's identity may not read fails the run", async () => {
    const path = await jobs.file("env.py", "print(1)");
    const task = {
      task_key: "main",
      new_cluster: { spark_env_vars: { TOKEN: "{{secrets/s/k}}" } },
      spark_python_task: { python_file: path },
    };
    const run_as = { service_principal_name: jobs.workspace.other.id };
    const run = await jobs.finished(await jobs.submit({ tasks: [task], run_as }));
    expect(run.status.termination_details.code).toBe("INVALID_RUN_CONFIGURATION");
  });
});

describe("processes", () => {
  const alive = (pid: number): boolean => {
    try {
      process.kill(pid, 0);
      return !readFileSync(`/proc/${pid}/stat`, "latin1").includes(") Z ");
    } catch {
      return false;
    }
  };
  /** A killed process needs a moment to be gone. */
  const expectGone = async (pids: readonly number[]): Promise<void> => {
    for (let tries = 0; pids.some(alive) && tries < 250; tries += 1) await delay(20);
    expect(pids.map(alive)).toEqual([false, false, false]);
  };
  /**
   * A program that starts a child and one that leaves the group, writes the pids down, and waits.
   */
  const family = (file: string, more = "") => `
import os, subprocess, sys, time
child = subprocess.Popen(["sleep", "600"])
away = subprocess.Popen(["sleep", "600"], start_new_session=True)
${more}
with open("${file}.part", "w") as file: file.write(f"{os.getpid()} {child.pid} {away.pid}")
os.rename("${file}.part", "${file}")
time.sleep(600)
`;
  const pidsIn = async (file: string): Promise<number[]> => {
    for (let tries = 0; !existsSync(file); tries += 1) {
      if (tries > 500) throw new Error("the program did not start");
      await delay(20);
    }
    return readFileSync(file, "utf8").split(" ").map(Number);
  };
  const startFamily = async (where: Jobs, name: string, more = "", extra: Json = {}) => {
    const file = join(folder, name);
    const path = await where.file(`${name}.py`, family(file, more));
    const runId = await where.submit({ environments, tasks: [pythonTask(path)], ...extra });
    return { runId, pids: await pidsIn(file) };
  };

  test("a cancel ends the whole group, also who has left it", async () => {
    const { runId, pids } = await startFamily(jobs, "cancelled");
    expect(pids.map(alive)).toEqual([true, true, true]);
    await jobs.client.post("/api/2.2/jobs/runs/cancel", { run_id: runId });
    const run = await jobs.finished(runId);
    expect(run.state).toMatchObject({ life_cycle_state: "TERMINATED", result_state: "CANCELED" });
    await expectGone(pids);
  });

  test("who ignores SIGTERM is killed after the grace", async () => {
    await jobs.client.admin("PATCH", "/jobs/limits", { killGraceSeconds: 0.2 });
    const more = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)";
    const { runId, pids } = await startFamily(jobs, "stubborn", more);
    await jobs.client.post("/api/2.2/jobs/runs/cancel", { run_id: runId });
    await jobs.finished(runId);
    await expectGone(pids);
  });

  test("a timeout ends a process", async () => {
    const { runId, pids } = await startFamily(jobs, "slow", "", { timeout_seconds: 2 });
    const run = await jobs.finished(runId);
    expect(run.state.result_state).toBe("TIMEDOUT");
    await expectGone(pids);
  });

  test("what a program leaves in the background ends with it", async () => {
    const file = join(folder, "background");
    const { task } = await jobs.python(family(file).replace("time.sleep(600)", "print('done')"));
    expect(task.state.result_state).toBe("SUCCESS");
    await expectGone(await pidsIn(file));
  });

  test("closing the workspace ends its processes", async () => {
    const own = await startJobs();
    const { pids } = await startFamily(own, "closed");
    await own[Symbol.asyncDispose]();
    await expectGone(pids);
  });

  test("after SIGKILL of the workspace no process lives on, and its run ends INTERNAL_ERROR", async () => {
    const data = mkdtempSync(join(tmpdir(), "jobs-data-"));
    const program = `
      const { startJobs } = await import(${JSON.stringify(join(import.meta.dirname, "jobs-fixture.ts"))});
      const jobs = await startJobs({ data: ${JSON.stringify(data)} });
      const path = await jobs.file("k.py", ${JSON.stringify(family(join(folder, "killed")))});
      const runId = await jobs.submit({ environments: ${JSON.stringify(environments)}, tasks: [${JSON.stringify(pythonTask("PATH"))}].map(t => ({ ...t, spark_python_task: { python_file: path } })) });
      await jobs.script({ match: {}, states: [{ state: "RUNNING", seconds: 1 }] });
      const later = await jobs.submit({ run_name: "later", idempotency_token: "kept", environments: ${JSON.stringify(environments)}, tasks: [${JSON.stringify(pythonTask("/x.py"))}] });
      const { existsSync } = await import("node:fs");
      while (!existsSync(${JSON.stringify(join(folder, "killed"))})) await new Promise((done) => setTimeout(done, 20));
      console.log(runId, later);
      process.kill(process.pid, "SIGKILL");
    `;
    let said = "";
    try {
      execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
    } catch (error) {
      said = (error as { stdout: string }).stdout;
    }
    const [killed = "", later = ""] = said.trim().split(" ");
    const pids = await pidsIn(join(folder, "killed"));
    await expectGone(pids); // before anybody starts again
    const again = await startJobs({ data });
    try {
      const run = await again.finished(killed);
      expect(run.state.life_cycle_state).toBe("INTERNAL_ERROR");
      expect(run.status.termination_details.code).toBe("INTERNAL_ERROR");
      await expectGone(pids);
      expect((await again.finished(later)).state.result_state).toBe("SUCCESS");
      const same = scriptedSubmit("later", { idempotency_token: "kept" });
      expect(await again.submit(same)).toBe(later);
    } finally {
      await again[Symbol.asyncDispose]();
      rmSync(data, { recursive: true, force: true });
    }
  });
});
