// A task does not reach with Python's own means: the workspace's files, other processes, its
// own end.
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { environments, type Jobs, pythonTask, startJobs } from "./jobs-fixture.ts";

const data = mkdtempSync(join(tmpdir(), "isolated data "));
let jobs: Jobs;
beforeAll(async () => {
  jobs = await startJobs({ data, tls: true });
  await jobs.file("seen.txt", "seen");
});
afterAll(async () => {
  await jobs[Symbol.asyncDispose]();
  rmSync(data, { recursive: true, force: true });
});

/**
 * Runs the lines with `data` and `tasks` known to them, as if somebody had found out; what they
 * print.
 */
async function says(source: string): Promise<string> {
  const known = `data = ${JSON.stringify(realpathSync(data))}\ntasks = ${JSON.stringify(jobs.workspace.context.tasksFolder)}\n`;
  return (await jobs.python(`${known}${source}`)).logs.trim();
}

const attempt = (body: string) => `
import os
try:
    ${body}
    print("REACHED")
except OSError as error:
    print(type(error).__name__)
`;

describe("the workspace's files", () => {
  test("nothing that a task is given names the data folder", async () => {
    const logs = await says(`
import os, sys, tempfile
words = [*os.environ.values(), *sys.argv, *sys.path, os.getcwd(), tempfile.gettempdir(), os.path.expanduser("~")]
print([word for word in words if data in word])
print(os.environ["HOME"].startswith(tasks), os.environ["TMPDIR"].startswith(tasks))`);
    expect(logs).toBe("[]\nTrue True");
  });

  test.each([
    'open(data + "/workspace.sqlite", "rb").read(1)',
    'open(data + "/workspace.sqlite-wal", "rb")',
    'open(data + "//./workspace.sqlite")',
    'open(os.fsencode(data) + b"/workspace.sqlite")',
    'open(os.path.relpath(data) + "/workspace.sqlite")',
    'open("/proc/self/root" + data + "/workspace.sqlite")',
    'open(f"/proc/{os.getpid()}/root" + data + "/workspace.sqlite")',
    'open("/proc/self/task/" + os.listdir("/proc/self/task")[0] + "/root" + data + "/workspace.sqlite")',
    'open("/proc/self/root/proc/self/root" + data + "/workspace.sqlite")',
    'os.chdir(os.path.dirname(data)); open(os.path.basename(data) + "/workspace.sqlite")',
    'os.chdir("/"); open(data[1:] + "/workspace.sqlite")',
    'os.chdir(os.path.dirname(data)); open("/proc/self/cwd/" + os.path.basename(data) + "/workspace.sqlite")',
    "os.chdir(data)",
    "os.listdir(data)",
    "list(os.scandir(data))",
    "os.stat(data)",
    'os.open(data + "/workspace.sqlite", os.O_RDONLY)',
    'os.open("workspace.sqlite", os.O_RDONLY, dir_fd=os.open(data, os.O_RDONLY))',
    'os.open(os.path.basename(data) + "/workspace.sqlite", os.O_RDONLY, dir_fd=os.open(os.path.dirname(data), os.O_RDONLY))',
    'fd = os.open(os.path.dirname(data), os.O_RDONLY); open(f"/proc/self/fd/{fd}/{os.path.basename(data)}/workspace.sqlite")',
    'fd = os.open(os.path.dirname(data), os.O_RDONLY); open(f"/dev/fd/{fd}/{os.path.basename(data)}/workspace.sqlite")',
    'os.symlink(data, "link")',
    'os.link(data + "/workspace.sqlite", "link")',
    'os.rename(data + "/workspace.sqlite", "mine")',
    'os.remove(data + "/workspace.sqlite")',
    'os.truncate(data + "/workspace.sqlite", 0)',
    'open(data + "/new", "w")',
    'os.mkdir(data + "/new")',
    "os.chmod(data, 0o777)",
    'import shutil; shutil.copyfile(data + "/workspace.sqlite", "copy")',
    'import shutil; shutil.copytree(data, "copy")',
    'import subprocess; subprocess.run(["cat", data + "/workspace.sqlite"], check=True)',
    "import subprocess; subprocess.run(f\"cat '{data}/workspace.sqlite'\", shell=True, check=True)",
    'os.system(f"cat \'{data}/workspace.sqlite\'") and open("none")',
    'os.posix_spawn("/bin/cat", ["cat", data + "/workspace.sqlite"], os.environ)',
    'open(os.path.dirname(os.environ["HOME"]) + "/mounts.json")',
    'os.chdir(".."); open("mounts.json")',
    "os.listdir(tasks)",
    'open(tasks + "/1/work/x")',
  ])("%s", async (body) => {
    expect(await says(attempt(body))).toMatch(/^(FileNotFoundError|PermissionError|OSError)$/);
  });

  test.each([
    'data + "/workspace.sqlite"',
    'f"file:{data}/workspace.sqlite?mode=ro"',
    "f\"file://{data.replace(' ', '%20')}/workspace.sqlite?mode=ro\"",
  ])("sqlite3.connect(%s)", async (database) => {
    const logs = await says(`
import sqlite3
try:
    print(sqlite3.connect(${database}, uri=True).execute("select * from entries").fetchall())
except sqlite3.OperationalError as error:
    print(error)`);
    expect(logs).toBe("unable to open database file");
  });

  test("what is the task's stays open: volumes, its folders, links, its own authorities, TLS", async () => {
    const volume = jobs.workspace.context.volumes.realRoot("main", "default", "files");
    const logs = await says(`
import os, sqlite3, ssl, subprocess, tempfile, urllib.request
print(open("/Volumes/main/default/files/seen.txt").read())
print(os.path.exists("${volume}/seen.txt"))
os.chdir(tempfile.mkdtemp()) # a Volume, where the program lies, knows no links
open("work.txt", "w").write("x"); os.symlink("work.txt", "link"); print(open("link").read())
print(len(tempfile.NamedTemporaryFile("w", delete=False).name) > 0, os.path.isdir(os.environ["HOME"]))
sqlite3.connect("own.db").execute("create table t (a)")
print(subprocess.check_output(["cat", os.path.abspath("work.txt")], text=True))
print(subprocess.check_output("cat /Volumes/main/default/files/seen.txt", shell=True, text=True))
open("/Volumes/main/default/files/made.txt", "w").write("made")
`);
    expect(logs.split("\n")).toEqual(["seen", "True", "x", "True True", "x", "seen"]);
    expect(
      (await jobs.client.get("/api/2.0/fs/files/Volumes/main/default/files/made.txt")).text,
    ).toBe("made");
    const { url } = jobs.workspace;
    const secure = await says(`
import urllib.request
print(urllib.request.urlopen("${url}/.well-known/databricks-config").status)`);
    expect(secure).toBe("200");
  });
});

describe("/proc", () => {
  test.each(["environ", "cmdline", "status", "fd", "maps", "mem", "cwd", "root", "task"])(
    "%s of another process is closed, of oneself and one's children open",
    async (what) => {
      const logs = await says(`
import os, subprocess, sys
child = subprocess.Popen(["sleep", "20"])
stray = subprocess.run(["sh", "-c", "setsid env -i sleep 20 >/dev/null 2>&1 & echo $!"], capture_output=True, text=True).stdout.strip()
def look(pid):
    path = f"/proc/{pid}/${what}"
    try:
        (os.stat if "${what}" in ("fd", "task", "cwd", "root") else open)(path)
        return "open"
    except OSError as error:
        return type(error).__name__
print(look("self"), look(os.getpid()), look(child.pid), look(stray), look(os.getppid()), look(${process.pid}), look(1))
print(look(f"self/root/proc/${process.pid}"), look(f"self/../${process.pid}"))
child.kill()`);
      expect(logs).toBe(
        `open open open open ${"FileNotFoundError ".repeat(3).trim()}\nFileNotFoundError FileNotFoundError`,
      );
    },
  );

  test("a child does not see who began it, whichever of its threads, but its siblings", async () => {
    const logs = await says(`
import os, subprocess, sys, threading
stop = threading.Event()
threading.Thread(target=stop.wait, daemon=True).start()
tids = os.listdir("/proc/self/task")
sibling = subprocess.Popen(["sleep", "20"])
code = """
import sys
for pid in sys.argv[1:]:
    try:
        open(f"/proc/{pid}/environ").close(); print("open")
    except OSError as error: print(type(error).__name__)
"""
print(subprocess.check_output([sys.executable, "-c", code, *tids, str(sibling.pid)], text=True).split())
sibling.kill()`);
    expect(logs).toBe("['FileNotFoundError', 'FileNotFoundError', 'open']");
  });

  test.runIf(process.platform === "linux")(
    "what watches a task holds none of its output",
    async () => {
      const logs = await says(`
import ctypes, os
libc, found = ctypes.CDLL(None, use_errno=True), ctypes.create_string_buffer(100)
for fd in (1, 2):
    length = libc.readlink(f"/proc/{os.getppid()}/fd/{fd}".encode(), found, 100)
    print(os.strerror(ctypes.get_errno()) if length < 0 else found.raw[:length].decode())`);
      // Only root may look at all.
      const seen = process.getuid?.() === 0 ? "/dev/null" : "Permission denied";
      expect(logs).toBe(`${seen}\n${seen}`);
    },
  );

  test("what a tool asks of the system stays open", async () => {
    expect(
      await says(
        `print(len(open("/proc/cpuinfo").read()) > 0, open("/proc/self/stat").read()[:1] != "")`,
      ),
    ).toBe("True True");
  });
});

/**
 * Processes of this machine that sleep for so many seconds, an odd number that nobody else takes.
 */
function sleepers(seconds: string): string[] {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    return commandOf(name) === `sleep\0${seconds}\0`;
  });
}

function commandOf(name: string): string {
  try {
    return readFileSync(`/proc/${name}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

describe("with a run its processes end, whatever they have become", () => {
  const ways: readonly (readonly [string, string])[] = [
    ["in the background", "sleep N &"],
    ["in a session of its own", "setsid sleep N &"],
    ["without its environment", "env -i sleep N &"],
    ["with neither", "setsid env -i sleep N &"],
    ["begun twice over", "(setsid env -i sh -c 'setsid env -i sleep N & ' &)"],
  ];
  const begin = (command: string, seconds: string) =>
    `import os\nos.system(${JSON.stringify(`${command.replace("N", seconds)} >/dev/null 2>&1`.replace("& >/dev/null 2>&1", ">/dev/null 2>&1 &"))})\n`;

  test.each(ways.map((way, index) => [...way, `4711.${index}`] as const))(
    "%s, when the task ends by itself",
    async (_name, command, seconds) => {
      await says(`${begin(command, seconds)}import time; time.sleep(0.3)`);
      expect(sleepers(seconds)).toEqual([]);
    },
  );

  test.each(ways.map((way, index) => [...way, `4712.${index}`] as const))(
    "%s, when the run is cancelled and nobody listens",
    async (_name, command, seconds) => {
      await jobs.client.admin("PATCH", "/jobs/limits", { killGraceSeconds: 0 });
      const deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n";
      const file = await jobs.file(
        `deaf-${seconds}.py`,
        `${deaf}${begin(command, seconds)}time.sleep(60)`,
      );
      const runId = await jobs.submit({
        run_name: "deaf",
        environments,
        tasks: [pythonTask(file)],
      });
      await expect.poll(() => sleepers(seconds).length, { timeout: 10_000 }).toBe(1);
      await jobs.client.post("/api/2.2/jobs/runs/cancel", { run_id: Number(runId) });
      await jobs.finished(runId);
      await delay(100);
      expect(sleepers(seconds)).toEqual([]);
    },
  );
});
