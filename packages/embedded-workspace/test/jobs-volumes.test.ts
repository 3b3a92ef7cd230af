// A task's process sees /Volumes by its grants, and the manners of FUSE. Each program runs
// for real.
import { realpathSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { environments, type Jobs, pythonTask, startJobs } from "./jobs-fixture.ts";

const rw = "/Volumes/main/default/files";
const ro = "/Volumes/main/default/facts";
const hidden = "/Volumes/main/default/hidden";

let jobs: Jobs;
let runAs: { readonly service_principal_name: string };
beforeAll(async () => {
  jobs = await startJobs({ volumes: ["main.default.facts", "main.default.hidden"] });
  const { grants } = jobs.workspace.context;
  const { id } = jobs.workspace.other;
  runAs = { service_principal_name: id };
  grants.grant({ type: "catalog", name: "main" }, id, ["USE CATALOG"]);
  grants.grant({ type: "schema", name: "main.default" }, id, ["USE SCHEMA"]);
  grants.grant({ type: "volume", name: "main.default.files" }, id, ["READ VOLUME", "WRITE VOLUME"]);
  grants.grant({ type: "volume", name: "main.default.facts" }, id, ["READ VOLUME"]);
  await jobs.client.put(`/api/2.0/fs/files${ro}/fact.txt`, "a fact");
  await jobs.client.put(`/api/2.0/fs/files${hidden}/secret.txt`, "classified");
});
afterAll(() => jobs[Symbol.asyncDispose]());

/** Prelude of the programs: `attempt(f)` prints what became of f. */
const prelude = `
import glob, importlib, io, os, pathlib, shutil, subprocess, sys, tempfile
RW, RO, HIDDEN = "${rw}", "${ro}", "${hidden}"
def attempt(action):
    try:
        print("did:", action())
    except BaseException as error:
        print(type(error).__name__, getattr(error, "errno", None), getattr(error, "filename", None))
`;
/** Where the bytes of the volume `facts` are, as if somebody had found out. */
const real = () =>
  `REAL = "${realpathSync(jobs.workspace.context.volumes.realRoot("main", "default", "facts"))}"\n`;
const asOther = (source: string) => jobs.python(prelude + real() + source, { run_as: runAs });

const listed = async (path: string): Promise<string[]> => {
  const { json } = await jobs.client.get(`/api/2.0/fs/directories${path}`);
  return (json.contents ?? []).map((entry: { name: string }) => entry.name).toSorted();
};

describe("a principal without WRITE VOLUME", () => {
  test.each([
    ["open", `open(RO + "/new.txt", "w")`],
    ["open of what exists", `open(RO + "/fact.txt", "w")`],
    ["io.FileIO", `io.FileIO(RO + "/new.txt", "w")`],
    ["os.open", `os.open(RO + "/new.txt", os.O_WRONLY | os.O_CREAT)`],
    ["os.rename", `os.rename(RO + "/fact.txt", RO + "/other.txt")`],
    ["os.replace from elsewhere", `os.replace(__file__, RO + "/fact.txt")`],
    ["os.remove", `os.remove(RO + "/fact.txt")`],
    ["os.mkdir", `os.mkdir(RO + "/folder")`],
    ["os.truncate", `os.truncate(RO + "/fact.txt", 0)`],
    ["os.utime", `os.utime(RO + "/fact.txt")`],
    ["os.symlink", `os.symlink("/etc/passwd", RO + "/link")`],
    ["os.link", `os.link(__file__, RO + "/link")`],
    ["shutil.copy", `shutil.copy(__file__, RO + "/copy.py")`],
    ["shutil.move", `shutil.move(RO + "/fact.txt", RW + "/stolen.txt")`],
    ["pathlib.write_text", `pathlib.Path(RO, "new.txt").write_text("x")`],
    ["pathlib.touch", `pathlib.Path(RO, "new.txt").touch()`],
    ["tempfile", `tempfile.NamedTemporaryFile(dir=RO)`],
    ["a path with dots", `open(RW + "/../facts/./new.txt", "w")`],
    ["another spelling", `open("/Volumes/MAIN/default/Facts/new.txt", "w")`],
    ["the path of /dbfs", `open("/dbfs" + RO + "/new.txt", "w")`],
    ["a relative path", `(os.chdir(RO), open("new.txt", "w"))`],
    ["dots to the real folder", `open(os.path.relpath(REAL) + "/new.txt", "w")`],
    ["the real folder", `open(REAL + "/new.txt", "w")`],
    [
      "a folder's number",
      `os.open("new.txt", os.O_CREAT | os.O_WRONLY, dir_fd=os.open(RO, os.O_RDONLY))`,
    ],
  ])("cannot write by %s", async (_, action) => {
    const before = await listed(ro);
    const { logs } = await asOther(`attempt(lambda: ${action})`);
    expect(logs).toMatch(/^PermissionError 13 /);
    expect(await listed(ro)).toEqual(before);
  });

  test.each([
    ["a Python child", `[sys.executable, "-c", f"open('{RO}/new.txt', 'w')"]`],
    ["a Python child of a shell", `["sh", "-c", f"python3 -c \\"open('{RO}/new.txt', 'w')\\""]`],
    ["a shell", `["sh", "-c", f"echo x > {RO}/new.txt"]`],
    ["a shell that appends", `["sh", "-c", f"echo x >> {RO}/fact.txt"]`],
    ["cp", `["cp", __file__, RO + "/new.txt"]`],
    ["rm", `["rm", "-f", RO + "/fact.txt"]`],
    ["a shell that goes there first", `["sh", "-c", f"cd {RO} && echo x > new.txt"]`],
    ["a variable", `["sh", "-c", "echo x > $PLACE/new.txt"]`],
    ["a joined path", `["sh", "-c", "D=/Volumes/main; echo x > $D/default/facts/new.txt"]`],
  ])("cannot write by %s", async (_, command) => {
    const { logs } = await asOther(`
os.environ["PLACE"] = RO
print("status", subprocess.run(${command}).returncode != 0)
print("read", subprocess.run(["cat", RO + "/fact.txt"], capture_output=True, text=True).stdout)
`);
    expect(logs).toContain("status True");
    expect(logs).toContain("read a fact");
    expect(await listed(ro)).toEqual(["fact.txt"]);
    const kept = await jobs.client.get(`/api/2.0/fs/files${ro}/fact.txt`);
    expect(kept.text).toBe("a fact");
  });

  test("cannot write by os.system and os.exec either", async () => {
    const { logs } = await asOther(`
print("system", os.system(f"echo x > {RO}/new.txt") != 0)
pid = os.fork()
if pid == 0:
    os.execvp("sh", ["sh", "-c", f"echo x > {RO}/new.txt"])
print("exec", os.waitpid(pid, 0)[1] != 0)
os.chdir(RO)
print("folder", os.system("echo x > new.txt") != 0)
`);
    for (const word of ["system True", "exec True", "folder True"]) expect(logs).toContain(word);
    expect(await listed(ro)).toEqual(["fact.txt"]);
  });

  test("may read, in Python and in a shell", async () => {
    const { logs } = await asOther(`
print(open(RO + "/fact.txt").read(), os.listdir(RO), os.path.getsize(RO + "/fact.txt"))
print(subprocess.run(f"cat {RO}/*.txt; ls {RO}", shell=True, capture_output=True, text=True).stdout)
print(os.access(RO, os.R_OK), os.access(RO, os.W_OK), os.access(RW, os.W_OK))
`);
    expect(logs).toContain("a fact ['fact.txt'] 6");
    expect(logs).toContain("a factfact.txt");
    expect(logs).toContain("True False True");
  });
});

test("a task that is running sees new volumes and follows grants", async () => {
  const { id } = jobs.workspace.other;
  const { catalogs, grants, principals } = jobs.workspace.context;
  const path = await jobs.file(
    "watch.py",
    `import os, time
def wait(path, what):
    for _ in range(500):
        try:
            open(path, "w").close()
            found = True
        except OSError:
            found = False
        if found == what:
            return print(path, what, flush=True)
        time.sleep(0.02)
    print(path, "never", what)
wait("/Volumes/main/default/late/a.txt", True)
open("${rw}/seen", "w").close()
wait("/Volumes/main/default/late/b.txt", False)
`,
  );
  const runId = await jobs.submit({ environments, tasks: [pythonTask(path)], run_as: runAs });
  await jobs.until(runId, (run) => run.state.life_cycle_state === "RUNNING");
  catalogs.createVolume(principals.administrator, "main", "default", "late");
  const late = { type: "volume", name: "main.default.late" } as const;
  grants.grant(late, id, ["READ VOLUME", "WRITE VOLUME"]);
  while (!(await listed(rw)).includes("seen")) await delay(20);
  grants.revoke(late, id, ["WRITE VOLUME"]);
  const run = await jobs.finished(runId);
  const { logs } = await jobs.output(run.tasks[0].run_id);
  expect(logs).toMatch(/late\/a.txt True\n.*late\/b.txt False\n/);
});

test("the list of what a task may do is not the task's to change", async () => {
  const { logs } = await asOther(`
attempt(lambda: open("../mounts.json").read())
attempt(lambda: open("../mounts.json", "w"))
attempt(lambda: os.replace(__file__, os.path.abspath("../mounts.json")))
attempt(lambda: os.symlink(os.path.relpath(REAL), "link"))
`);
  expect(logs.match(/FileNotFoundError|PermissionError|OSError/g)?.length).toBe(4);
});

test("a principal without READ VOLUME reads nothing, in Python and in a shell", async () => {
  const { logs } = await asOther(`
attempt(lambda: open(HIDDEN + "/secret.txt").read())
attempt(lambda: os.listdir(HIDDEN))
attempt(lambda: os.stat(HIDDEN + "/secret.txt"))
print(os.path.exists(HIDDEN + "/secret.txt"))
print(subprocess.run(["cat", HIDDEN + "/secret.txt"], stderr=subprocess.DEVNULL).returncode != 0)
`);
  expect(logs.match(/PermissionError 13/g)).toHaveLength(3);
  expect(logs).toContain("False\nTrue");
  expect(logs).not.toContain("classified");
});

describe("the manners of FUSE", () => {
  test.each([
    ["append", `open(RW + "/old.txt", "a")`],
    ["os.open for append", `os.open(RW + "/old.txt", os.O_WRONLY | os.O_APPEND)`],
    ["open for update", `open(RW + "/old.txt", "r+")`],
    ["a symbolic link", `os.symlink(RW + "/old.txt", RW + "/link")`],
    ["a hard link", `os.link(RW + "/old.txt", RW + "/link")`],
    ["truncate", `os.truncate(RW + "/old.txt", 1)`],
    ["mkfifo", `os.mkfifo(RW + "/pipe")`],
  ])("no %s: Operation not supported", async (_, action) => {
    const { logs } = await asOther(`
open(RW + "/old.txt", "w").write("old")
attempt(lambda: ${action})
print(open(RW + "/old.txt").read())
`);
    expect(logs).toMatch(/^OSError 95 /);
    expect(logs).toContain("old");
  });

  test("no seek while writing: the write fails, and no file appears", async () => {
    const { logs } = await asOther(`
def scattered():
    with open(RW + "/scattered.bin", "wb") as file:
        file.write(b"abc")
        file.seek(0)
        file.write(b"x")
attempt(scattered)
def by_number():
    fd = os.open(RW + "/scattered.bin", os.O_WRONLY | os.O_CREAT)
    try:
        os.write(fd, b"abc")
        os.pwrite(fd, b"x", 0)
    finally:
        os.close(fd)
attempt(by_number)
print("there:", os.path.exists(RW + "/scattered.bin"))
`);
    expect(logs.match(/OSError 95/g)).toHaveLength(2);
    expect(logs).toContain("there: False");
  });

  test("a file appears when it is closed", async () => {
    const { logs } = await asOther(`
file = open(RW + "/late.txt", "w")
file.write("content")
file.flush()
print("before", os.path.exists(RW + "/late.txt"), file.name)
file.close()
print("after", open(RW + "/late.txt").read())
`);
    expect(logs).toBe(`before False ${rw}/late.txt\nafter content\n`);
  });

  test("a process that is killed leaves no half file", async () => {
    const { task } = await asOther(`
file = open(RW + "/half.txt", "w")
file.write("half")
file.flush()
os.kill(os.getpid(), 9)
`);
    expect(task.state.result_state).toBe("FAILED");
    expect(await listed(rw)).not.toContain("half.txt");
  });

  test("exclusive creation has one winner", async () => {
    const { logs } = await asOther(`
one, two = open(RW + "/once.txt", "x"), open(RW + "/once.txt", "x")
one.write("one"); two.write("two")
one.close()
attempt(two.close)
attempt(lambda: open(RW + "/once.txt", "x"))
print(open(RW + "/once.txt").read())
`);
    expect(logs.match(/FileExistsError 17/g)).toHaveLength(2);
    expect(logs).toContain("one\n");
  });

  test("a rename copies and deletes, files and folders", async () => {
    const { logs } = await asOther(`
os.makedirs(RW + "/from/deep")
open(RW + "/from/deep/a.txt", "w").write("a")
os.rename(RW + "/from", RW + "/to")
os.rename(RW + "/to/deep/a.txt", RW + "/to/b.txt")
print(sorted(glob.glob(RW + "/to/**", recursive=True)), os.path.exists(RW + "/from"))
shutil.move(RW + "/to/b.txt", "b.txt")
print(open("b.txt").read())
shutil.rmtree(RW + "/to")
print(os.path.exists(RW + "/to"))
`);
    expect(logs).toContain(`${rw}/to/b.txt`);
    expect(logs.match(/False/g)).toHaveLength(2);
  });

  test("sqlite says what is wrong", async () => {
    const { output } = await asOther(`import sqlite3; sqlite3.connect(RW + "/x.db")`);
    expect(output.error).toContain("no random writes");
  });
});

describe("programs do not notice that it is local", () => {
  test("paths, modules and tracebacks say /Volumes", async () => {
    await jobs.file("lib/helper.py", "def fail():\n    raise RuntimeError(__file__)\n");
    const { output, logs } = await asOther(`
sys.path.append(RW + "/lib")
import helper
os.chdir(RW + "/lib")
print(os.getcwd(), os.listdir(), os.path.abspath("helper.py"), pathlib.Path.cwd(), os.path.realpath("."))
print([entry.path for entry in os.scandir(RW + "/lib")], list(os.walk(RW + "/lib")))
print([str(path) for path in pathlib.Path(RW, "lib").iterdir()], os.listdir("/Volumes/main"))
print("PYTHONPATH" in os.environ, [name for name in os.environ if name.startswith("WORKSPACE")])
helper.fail()
`);
    expect(output.error).toBe(`RuntimeError: ${rw}/lib/helper.py`);
    expect(output.error_trace).toContain(`File "${rw}/lib/helper.py", line 2, in fail`);
    expect(output.error_trace).toContain("raise RuntimeError(__file__)");
    expect(output.error_trace).not.toContain("_workspace");
    expect(logs).toContain(`${rw}/lib ['helper.py'] ${rw}/lib/helper.py ${rw}/lib ${rw}/lib`);
    expect(logs).toContain("['default']");
    expect(logs).toContain("False []");
  });

  test("children see the same: Python, shells, multiprocessing, scripts on the volume", async () => {
    await jobs.file("tool.py", "import sys\nprint('tool', __file__, sys.argv[1:], __name__)\n");
    const { logs } = await asOther(`
import multiprocessing
def run(*command, **more):
    print(subprocess.run(command, capture_output=True, text=True, **more).stdout, end="")
def worker(path):
    return open(path).read()
if __name__ == "__main__":
    run(sys.executable, RW + "/tool.py", "1")
    run(sys.executable, "tool.py", "2", cwd=RW)
    run("sh", "-c", f"python3 {RW}/tool.py 3")
    run("sh", "-c", f"echo written > {RW}/by-shell.txt && cat {RW}/by-shell.txt")
    run(sys.executable, "-c", f"print(open('{RW}/by-shell.txt').read(), end='')", env={"PATH": os.environ["PATH"]})
    with multiprocessing.get_context("fork").Pool(1) as pool:
        print("pool", pool.map(worker, [RW + "/by-shell.txt"]))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print("spawned", pool.map(worker, [RW + "/by-shell.txt"]))
`);
    expect(logs).toContain(`tool ${rw}/tool.py ['1'] __main__`);
    expect(logs).toContain(`tool ${rw}/tool.py ['2'] __main__`);
    expect(logs).toContain("['3'] __main__");
    expect(logs.match(/written\n/g)?.length).toBeGreaterThanOrEqual(2);
    expect(logs).toContain("pool ['written\\n']");
    expect(logs).toContain("spawned ['written\\n']");
  });

  test("import pyspark says that it is not installed", async () => {
    const { output } = await asOther("import pyspark");
    expect(output.error).toContain("ModuleNotFoundError: pyspark is not installed");
  });
});
