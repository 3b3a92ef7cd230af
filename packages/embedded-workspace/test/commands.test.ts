// Command Execution: contexts that keep their names, commands one after the other, and all that
// ends them.
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startWorkspace, type Workspace } from "../src/workspace.ts";
import { type Client, clientOf, type Json } from "./client.ts";

let workspace: Workspace;
let client: Client;
let clusterId: string;

beforeAll(async () => {
  workspace = await startWorkspace({ tls: false, timeScale: 20 });
  client = clientOf(workspace);
  clusterId = workspace.context.clusterId;
  await client.post("/api/2.0/secrets/scopes/create", { scope: "s" });
  await client.post("/api/2.0/secrets/put", { scope: "s", key: "k", string_value: "hush-hush" });
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await workspace.close();
});

const V = "/api/1.2";
const query = (named: Json): string => new URLSearchParams(named).toString();
const create = async (more: Json = {}): Promise<string> => {
  const { json } = await client.post(`${V}/contexts/create`, {
    clusterId,
    language: "python",
    ...more,
  });
  return json.id;
};
const statusOf = async (contextId: string) =>
  (await client.get(`${V}/contexts/status?${query({ clusterId, contextId })}`)).json.status;
const running = async (more: Json = {}): Promise<string> => {
  const contextId = await create(more);
  await expect.poll(() => statusOf(contextId), { timeout: 20_000 }).toBe("Running");
  return contextId;
};
const send = async (contextId: string, command: string): Promise<string> => {
  const body = { clusterId, contextId, language: "python", command };
  const { json, text } = await client.post(`${V}/commands/execute`, body);
  if (json.id === undefined) throw new Error(text);
  return json.id;
};
const look = async (contextId: string, commandId: string): Promise<Json> =>
  (await client.get(`${V}/commands/status?${query({ clusterId, contextId, commandId })}`)).json;
const ended = async (contextId: string, commandId: string): Promise<Json> => {
  for (let tries = 0; tries < 1500; tries += 1) {
    const command = await look(contextId, commandId);
    if (["Finished", "Cancelled", "Error"].includes(command.status)) return command;
    await delay(15);
  }
  throw new Error("the command never ended");
};
const execute = async (contextId: string, command: string): Promise<Json> =>
  ended(contextId, await send(contextId, command));
const cancel = (contextId: string, commandId: string) =>
  client.post(`${V}/commands/cancel`, { clusterId, contextId, commandId });
const untilRuns = (contextId: string, commandId: string) =>
  expect.poll(async () => (await look(contextId, commandId)).status).toBe("Running");

test("fact #command-calls: a context is made, runs commands, and is destroyed", async () => {
  const contextId = await create();
  expect(["Pending", "Running"]).toContain(await statusOf(contextId));
  const said = await execute(contextId, "print('hello')");
  expect(said).toMatchObject({
    status: "Finished",
    results: { resultType: "text", data: "hello" },
  });
  const destroyed = await client.post(`${V}/contexts/destroy`, { clusterId, contextId });
  expect(destroyed.json).toEqual({ id: contextId });
  const gone = await client.get(`${V}/contexts/status?${query({ clusterId, contextId })}`);
  expect(gone.status).toBe(404);
  expect(Object.keys(gone.json)).toEqual(["error"]);
});

test("fact #command-compute: a context keeps its names, and shares them with no other", async () => {
  const [one, other] = await Promise.all([running(), running()]);
  await execute(one, "import math\nx = 6\ndef twice(n): return 2 * n");
  expect((await execute(one, "twice(x) + math.floor(0.5)")).results.data).toBe("12");
  expect((await execute(other, "x")).results).toMatchObject({
    resultType: "error",
    summary: "NameError: name 'x' is not defined",
  });
});

describe("fact #command-results: what a command comes to", () => {
  let contextId: string;
  beforeAll(async () => {
    contextId = await create(); // commands wait until it runs
  });
  const data = async (command: string) => (await execute(contextId, command)).results.data;

  test.each<[string, string, string]>([
    ["the value of its last expression", "print(1)\n'two'", "1\n'two'"],
    ["nothing, where it says nothing", "y = 1", ""],
    ["both streams, in their order", "import sys\nprint(1)\nprint(2, file=sys.stderr)", "1\n2"],
    ["other processes' words", "import os\n_ = os.system('echo from-a-shell')", "from-a-shell"],
    ["a magic", "%sh echo cell", "cell"],
    ["an exit value", "dbutils.notebook.exit('done')", "Notebook exited: done"],
    ["a secret as its mask", "print(dbutils.secrets.get('s', 'k'))", "[REDACTED]"],
    ["its identity", "print(open('/Volumes/main/default/files/none', 'w').write('x'))", "1"],
    ["text that looks like an end", "print('\\x00 end \\x00')", "\0 end \0"],
  ])("%s", async (_what, command, expected) => {
    expect(await data(command)).toBe(expected);
  });

  test("an exception is Finished, with its trace behind what was printed", async () => {
    const { status, results } = await execute(contextId, "print('before')\n1 / 0");
    expect(status).toBe("Finished");
    expect(results).toMatchObject({
      resultType: "error",
      summary: "ZeroDivisionError: division by zero",
    });
    expect(results.cause).toMatch(/^before\nTraceback [\s\S]*1 \/ 0\n[\s\S]*division by zero$/m);
    expect(results.cause).not.toContain("_workspace");
  });

  test.each([
    ["sys.exit(3)"],
    ["raise KeyboardInterrupt"],
    ["raise BaseException('odd')"],
    ["x ="],
  ])("%s fails alone: the context goes on", async (command) => {
    await execute(contextId, "import sys\nkept = 'kept'");
    expect((await execute(contextId, command)).results.resultType).toBe("error");
    expect(await data("print(kept)")).toBe("kept");
  });

  test("more than a megabyte is cut, and said", async () => {
    const { results } = await execute(contextId, "print('é' * 3_000_000)");
    expect(results.truncated).toBe(true);
    expect(Buffer.byteLength(results.data)).toBeLessThan(1024 * 1024 + 8);
    expect(await data("print('next')")).toBe("next");
  });
});

test("commands wait for each other", async () => {
  const contextId = await running();
  const first = await send(contextId, "import time\ntime.sleep(0.4)\nn = 1");
  const second = await send(contextId, "n += 1\nprint(n)");
  expect((await look(contextId, second)).status).toBe("Queued");
  expect((await ended(contextId, second)).results.data).toBe("2");
  expect((await look(contextId, first)).status).toBe("Finished");
});

test("fact #command-order: a cancelled command is Cancelled, and its context goes on", async () => {
  const contextId = await running();
  await execute(contextId, "import time\nkept = 7");
  const endless = await send(contextId, "while True: time.sleep(0.01)");
  const queued = await send(contextId, "print('never')");
  await untilRuns(contextId, endless);
  await cancel(contextId, queued);
  await cancel(contextId, endless);
  expect(await ended(contextId, endless)).toMatchObject({ status: "Cancelled", results: null });
  expect(await ended(contextId, queued)).toMatchObject({ status: "Cancelled", results: null });
  expect((await execute(contextId, "kept")).results.data).toBe("7");
});

test("a command that cannot be interrupted loses its context", { timeout: 30_000 }, async () => {
  const contextId = await running();
  const deaf = await send(
    contextId,
    "import time\nwhile True:\n  try:\n    time.sleep(9)\n  except BaseException: pass",
  );
  const queued = await send(contextId, "1");
  await untilRuns(contextId, deaf);
  await cancel(contextId, deaf);
  expect((await ended(contextId, deaf)).status).toBe("Cancelled");
  expect((await ended(contextId, queued)).status).toBe("Error");
  expect(await statusOf(contextId)).toBe("Error");
});

test("a process that is gone is an error of its command, and the end of its context", async () => {
  const contextId = await running();
  const { status, results } = await execute(
    contextId,
    "import os\nprint('last', flush=True)\nos._exit(4)",
  );
  expect(status).toBe("Error");
  expect(results).toMatchObject({ summary: "The Python process exited with code 4." });
  expect(results.cause).toContain("last");
  expect(await statusOf(contextId)).toBe("Error");
  const refused = await client.post(`${V}/commands/execute`, {
    clusterId,
    contextId,
    language: "python",
    command: "1",
  });
  expect([refused.status, refused.json.error]).toEqual([
    400,
    expect.stringContaining("Destroy it, and make another"),
  ]);
});

test("a cluster that restarts loses its contexts", { timeout: 20_000 }, async () => {
  const made = await client.post("/api/2.1/clusters/create", {
    cluster_name: "mine",
    spark_version: "16.4.x-scala2.12",
  });
  const own = made.json.cluster_id;
  const early = await client.post(`${V}/contexts/create`, { clusterId: own, language: "python" });
  expect([early.status, early.json.error]).toEqual([
    400,
    expect.stringMatching(/^ClusterNotReadyException: .* is PENDING/),
  ]);
  const state = async () =>
    (await client.get(`/api/2.1/clusters/get?cluster_id=${own}`)).json.state;
  await expect.poll(state).toBe("RUNNING");
  const { json } = await client.post(`${V}/contexts/create`, {
    clusterId: own,
    language: "python",
  });
  await client.post("/api/2.1/clusters/restart", { cluster_id: own });
  await expect.poll(state).toBe("RUNNING");
  const named = query({ clusterId: own, contextId: json.id });
  const lost = await client.get(`${V}/contexts/status?${named}`);
  expect([lost.status, lost.json.error]).toEqual([
    404,
    expect.stringMatching(/^ContextNotFound: .*restarts loses its contexts/),
  ]);
});

test("a context is its maker's alone", async () => {
  const contextId = await running();
  const { token } = workspace.addPrincipal({ displayName: "colleague" });
  const named = query({ clusterId, contextId });
  const answer = await client.get(`${V}/contexts/status?${named}`, { token });
  expect(answer.status).toBe(404);
  expect(await statusOf(contextId)).toBe("Running");
});

test.each<[string, string, Json, number, RegExp]>([
  ["no such cluster", "contexts/create", { clusterId: "nope" }, 404, /^ClusterNotFoundException/],
  ["a language that is not here", "contexts/create", { language: "scala" }, 501, /in python/],
  ["a language that is none", "contexts/create", { language: "perl" }, 400, /language/],
  [
    "no such context",
    "commands/execute",
    { contextId: "1", command: "1" },
    404,
    /^ContextNotFound/,
  ],
  ["no command", "commands/execute", { contextId: "1" }, 400, /command/],
])("%s is refused in the form of 1.2", async (_what, name, more, status, error) => {
  const answer = await client.post(`${V}/${name}`, { clusterId, language: "python", ...more });
  expect([answer.status, Object.keys(answer.json)]).toEqual([status, ["error"]]);
  expect(answer.json.error).toMatch(error);
});
