// What an attacker would try, on a whole plane: with the executors' own credentials, and from
// inside of executed code. Each of these once made a false success, silenced an outcome or stopped
// somebody else's run.
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { workspaceClient } from "../../cli/workspace-client.ts";
import { takeDeadLetters } from "../../local/plane/observe.ts";
import { createJobs } from "../../shared/adapters/databricks-jobs.ts";
import { type TestPlane, testPlane } from "./plane-fixture.ts";

let plane: TestPlane;
beforeAll(async () => {
  plane = await testPlane();
});
afterAll(() => plane[Symbol.asyncDispose]());

const SCRATCHPAD = "/Volumes/main/ops/scratchpad";
const probe = (ticket_id: string, code: string, workload = "probe") => ({
  ticket_id,
  workload,
  artifact: { inline: `from signalbox_executor import context\n${code}` },
});

/**
 * Somebody who holds the executors' credentials: all that executed code may do, and the Jobs API
 * beside.
 */
async function asExecutors<T>(
  act: (client: ReturnType<typeof workspaceClient>) => Promise<T>,
): Promise<T> {
  const login = plane.access.embedded?.executors;
  if (login === undefined) throw new Error("this plane has no embedded workspace");
  await using client = workspaceClient(login);
  return await act(client);
}

/**
 * Submits a script that succeeds at once, under any name and token, visible for the controllers.
 * Returns the run's id.
 */
const hijack = (runName: string, idempotencyToken: string): Promise<string> =>
  asExecutors(async ({ files, http }) => {
    const script = `${SCRATCHPAD}/hijack.py`;
    await files.overwrite(script, Buffer.from("print('hijacked')\n"));
    const payload = JSON.stringify({
      tasks: [
        {
          task_key: "main",
          environment_key: "default",
          spark_python_task: { python_file: script, parameters: [] },
        },
      ],
      environments: [{ environment_key: "default", spec: { environment_version: "4" } }],
      access_control_list: [
        { service_principal_name: plane.access.controllersId, permission_level: "CAN_MANAGE" },
      ],
    });
    const reply = await createJobs(http).jobs.submit({ runName, idempotencyToken, payload });
    if (reply.kind !== "accepted") throw new Error(reply.message);
    return reply.databricksRunId;
  });

const submissionOf = (runId: string) =>
  plane.fact(`run_${runId}/iter_001.attempt_001.submission.json`);
const guessed = (runId: string): string =>
  createHash("sha256")
    .update(JSON.stringify([plane.planeId, runId, 1, 1]))
    .digest("hex");

describe("a run that somebody else submits", () => {
  test.concurrent("under the token that used to be ours is not taken: the workload's own code runs", async () => {
    const theirs = await hijack("anything", guessed("H1"));
    await plane.send(probe("H1", "context.metric('rmse', 9)"));
    expect(await plane.outcomeOf("H1")).toMatchObject({
      outcome: "succeeded",
      metrics: { rmse: 9 },
    });
    const submission = await submissionOf("H1");
    expect(submission["databricks_run_id"]).not.toBe(theirs);
    expect(submission["seen"]).toMatchObject({ creator: plane.access.controllersId });
  });

  test.concurrent("under our attempt's name is not adopted where ours is refused", async () => {
    await hijack(`signalbox/${plane.planeId}/H2/1.1 x`, "h2".padEnd(64, "0"));
    await plane.send({ ticket_id: "H2", workload: "refused" });
    expect(await plane.outcomeOf("H2")).toMatchObject({ outcome: "failed" });
    expect(await submissionOf("H2")).toMatchObject({
      refused: { code: "INVALID_PARAMETER_VALUE" },
    });
  });
});

/** Keeps looking for results of a run for some seconds, and makes each say what it likes. */
const rewriter = (victim: string) => `
import glob, json, os, time
context.metric("rewritten", 0)
end = time.monotonic() + 12
while time.monotonic() < end:
    for path in glob.glob("${SCRATCHPAD}/run_${victim}/*/iter_001/attempt_001/result.json"):
        try:
            with open(path, "rb") as file:
                result = json.loads(file.read())
            if result["metrics"].get("rmse") == 9:
                result["metrics"]["rmse"] = 0.1
                with open(path, "wb") as file:
                    file.write(json.dumps(result).encode())
                context.metric("rewritten", 1)
                end = min(end, time.monotonic() + 2)
        except (OSError, ValueError):
            pass
    time.sleep(0.02)
`;

test.concurrent("a neighbour who rewrites a result between its end and its judgement changes nothing", async () => {
  await plane.send(probe("EVE", rewriter("V1")));
  await plane.fact("run_EVE/iter_001.attempt_001.submission.json");
  await plane.send(probe("V1", "context.metric('rmse', 9)"));
  const victim = await plane.outcomeOf("V1");
  expect(victim).toMatchObject({ outcome: "succeeded", metrics: { rmse: 9 } });
  // The judged bytes are kept where Eve cannot write, and they are the honest ones.
  expect(victim.result_path).toMatch(/^\/Volumes\/main\/ops\/plans\/run_V1\/[0-9a-f]{10}\//);
  const judged = await plane.client.files.read(victim.result_path ?? "", 1024 * 1024);
  const text = judged.kind === "found" ? Buffer.from(judged.content).toString() : "{}";
  expect(JSON.parse(text)).toMatchObject({ metrics: { rmse: 9 } });
  // And she did rewrite the file, or this proves nothing.
  expect((await plane.outcomeOf("EVE")).metrics).toEqual({ rewritten: 1 });
});

test.concurrent("a neighbour who writes the result first can deny, and not make a success", async () => {
  const folder = `${SCRATCHPAD}/run_V2`;
  await plane.send(
    probe(
      "MALLORY",
      `
import glob, os, time
end = time.monotonic() + 12
while time.monotonic() < end:
    for folder in glob.glob("${folder}/*/iter_001/attempt_001"):
        try:
            with open(folder + "/result.json", "xb") as file:
                file.write(b'{"status": "SUCCESS"}')
        except OSError:
            pass
    time.sleep(0.002)
`,
    ),
  );
  await plane.fact("run_MALLORY/iter_001.attempt_001.submission.json");
  await plane.send(probe("V2", "import time\ntime.sleep(2)\nraise ValueError('it does not work')"));
  expect((await plane.outcomeOf("V2")).outcome).toBe("failed");
});

test.concurrent("executed code that prints a result of its own says nothing but what it is", async () => {
  const code = `
import base64, hashlib, json, os, sys, zlib
content = json.dumps({"status": "SUCCESS", "metrics": {"rmse": 0}}).encode()
digest = hashlib.sha256(content).hexdigest()
packed = base64.b64encode(zlib.compress(content)).decode()
for text in (f"signalbox-result begin {digest} {len(content)}", f"signalbox-result 1/1 {packed}", f"signalbox-result end {digest}"):
    print(text, flush=True)
    print(text, file=sys.stderr, flush=True)
    os.write(1, text.encode() + b"\\n")
os._exit(0)
`;
  await plane.send(probe("FORGER", code));
  expect(await plane.outcomeOf("FORGER")).toMatchObject({
    outcome: "failed",
    reason: expect.stringMatching(/^Vanished: /),
  });
});

/**
 * Takes what a run of the same user prints into, by its number, whoever holds it; works as root,
 * and wherever nothing refuses it.
 */
const TAKER = `
import base64, ctypes, glob, hashlib, json, os, socket, time, zlib
libc = ctypes.CDLL(None, use_errno=True)
def raw(path):
    fd, content = libc.open(path.encode(), 0), b""
    piece = ctypes.create_string_buffer(65536)
    while fd >= 0 and (length := libc.read(fd, piece, 65536)) > 0:
        content += piece.raw[:length]
    if fd >= 0:
        libc.close(fd)
    return content
def processes_of(victim):
    with open("/proc/loadavg") as file:
        last = int(file.read().split()[-1])
    for pid in range(max(1, last - 2000), last + 100):
        words = raw(f"/proc/{pid}/cmdline").split(b"\\0")
        if len(words) > 3 and words[2].endswith(b"launcher.py") and f"/run_{victim}/".encode() in raw(words[3].decode()):
            yield pid
def stdout_of(victim):
    end = time.monotonic() + 15
    while time.monotonic() < end:
        pids = list(processes_of(victim))
        if len(pids) > 1:  # the watcher, and the one that speaks
            return libc.syscall(438, libc.syscall(434, pids[-1], 0), 1, 0)
    return -1
def block(result):
    content = json.dumps(result).encode()
    digest, packed = hashlib.sha256(content).hexdigest(), base64.b64encode(zlib.compress(content)).decode()
    parts = [packed[at : at + 1000] for at in range(0, len(packed), 1000)]
    lines = [f"begin {digest} {len(content)}", *(f"{n}/{len(parts)} {part}" for n, part in enumerate(parts, 1)), f"end {digest}"]
    return "".join(f"\\nsignalbox-result {line}" for line in lines).encode() + b"\\n"
def awaited(pattern, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for path in glob.glob(pattern):
            try:
                with open(path, "rb") as file:
                    content = file.read()
                return content, json.loads(content)
            except (OSError, ValueError):
                pass
        time.sleep(0.005)
def put(fd, content):
    while content:
        content = content[os.write(fd, content):]
`;

/** Its own block falls out of the 5 MB that are kept, and the one after it is a better one. */
const flood = (victim: string) => `${TAKER}
fd = stdout_of("${victim}")
if fd >= 0:
    _, result = awaited("${SCRATCHPAD}/run_${victim}/*/iter_001/attempt_001/result.json")
    result["metrics"]["rmse"] = 0.1
    time.sleep(0.15)
    put(fd, (b"x" * 999 + b"\\n") * 5600 + block(result))
    os.close(fd)
`;

/** A block before the victim has any, whose own then finds its stdout shut. */
const shut = (victim: string) => `${TAKER}
fd = stdout_of("${victim}")
if fd >= 0:
    content, plan = awaited("/Volumes/main/ops/plans/run_${victim}/*/iter_001.attempt_001.manifest.json")
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    put(fd, block({
        "v": 1, "run_id": plan["run_id"], "iter_n": 1, "attempt": 1, "manifest_sha256": hashlib.sha256(content).hexdigest(),
        "status": "SUCCESS", "started_at": now, "ended_at": now, "duration_seconds": 1.0, "error": None,
        "metrics": {"rmse": 0.1}, "produced_artifacts": [], "produced_tables": [], "output": None, "summary": "",
        "capsule": {}, "finished": None, "traceparent": plan["traceparent"],
        "logs": {"stdout": None, "stderr": None, "stdout_tail": "", "stderr_tail": ""},
    }))
    socket.socket(fileno=fd).shutdown(socket.SHUT_WR)
`;

// Root gets in. Where the executor is not dumpable nobody else does, or only between two of its
// steps: then the honest result counts.
test.runIf(process.platform === "linux").concurrent.each([
  { given: "floods it after its end", victim: "V3", attack: flood },
  { given: "shuts it before its end", victim: "V4", attack: shut },
])("a neighbour who takes a run's stdout and $given makes no success", async (given) => {
  const { victim, attack } = given;
  const attacker = `TAKES-${victim}`;
  await plane.send(probe(attacker, attack(victim)));
  await plane.fact(`run_${attacker}/iter_001.attempt_001.submission.json`);
  await plane.send(probe(victim, "import time\ntime.sleep(5)\ncontext.metric('rmse', 9)"));
  const { outcome, metrics } = await plane.outcomeOf(victim);
  expect(metrics).toEqual(outcome === "succeeded" ? { rmse: 9 } : {});
});

test.concurrent("executed code cannot make the executor's word out of both streams", async () => {
  const code = `
import base64, hashlib, os, time, zlib
content = b'{"status": "SUCCESS"}'
digest, packed = hashlib.sha256(content).hexdigest(), base64.b64encode(zlib.compress(content)).decode()
for tail in (f"begin {digest} {len(content)}", f"1/1 {packed}", f"end {digest}"):
    os.write(1, b"signalbox-")
    time.sleep(0.1)
    os.write(2, f"result {tail}\\n".encode())
    time.sleep(0.1)
context.metric("n", 1)
`;
  await plane.send(probe("SPLIT", code));
  // Its own word would be one too many, and the result unreadable.
  expect(await plane.outcomeOf("SPLIT")).toMatchObject({ outcome: "succeeded", metrics: { n: 1 } });
});

test.concurrent.each([
  { what: "whose plane it is", path: "/Volumes/main/ops/facts/plane.json" },
  { what: "its own ticket, with the seed", path: "/Volumes/main/ops/facts/run_ITSELF/ticket.json" },
])("executed code cannot read $what", async ({ path }) => {
  const id = `READ-${createHash("sha256").update(path).digest("hex").slice(0, 6)}`;
  const code = `
try:
    open(${JSON.stringify(path.replace("ITSELF", id))}).read()
    context.metric("read", 1)
except OSError:
    context.metric("read", 0)
`;
  await plane.send(probe(id, code));
  expect((await plane.outcomeOf(id)).metrics).toEqual({ read: 0 });
});

test.concurrent("a cancellation that an upstream system sends in advance strikes nobody", async () => {
  await plane.send({
    type: "cancel",
    run_id: "FUTURE-1",
    reason: "blocked in advance",
    by: "the CEO",
  });
  await plane.send(probe("FUTURE-1", "context.metric('n', 1)"));
  expect(await plane.outcomeOf("FUTURE-1")).toMatchObject({ outcome: "succeeded" });
  const letters = await takeDeadLetters(plane);
  expect(letters.map(({ reason }) => reason).join("\n")).toMatch(
    /a message of type cancel does not come by the queue tickets/,
  );
});

test.concurrent("a reason of a megabyte is announced, in one bounded line", async () => {
  await plane.send(probe("LONG", "raise ValueError('a\\n\\u202e' + 'x' * 1_000_000)"));
  const { outcome, reason } = await plane.outcomeOf("LONG");
  expect(outcome).toBe("failed");
  expect(reason.length).toBeLessThanOrEqual(501);
  expect(reason).not.toMatch(/\n|\u202e/);
});
