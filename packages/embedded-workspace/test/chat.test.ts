// Chat models: by script, by a server of this machine, and what all of it costs.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startWorkspace, type Workspace } from "../src/workspace.ts";
import { type Client, clientOf, type Json } from "./client.ts";

let workspace: Workspace;
let client: Client;
beforeAll(async () => {
  workspace = await startWorkspace({ tls: false, timeScale: 100 });
  client = clientOf(workspace);
});
afterEach(async () => {
  workspace.clearFaults();
  for (const name of ["scripts", "bills", "upstream"])
    await workspace.admin("DELETE", `/chat/${name}`);
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await workspace.close();
});

const script = (given: Json) => workspace.admin("POST", "/chat/scripts", given);
const says = (content: string): Json => ({ role: "user", content });
const ask = (content: string, more: Json = {}) =>
  client.post("/serving-endpoints/chat/completions", {
    model: "planner",
    messages: [says(content)],
    ...more,
  });
const billed = async (): Promise<number> =>
  ((await workspace.admin("GET", "/chat/bills")) as Json).bills.length;

test("fact #chat-completions: an answer has its shape, at both addresses", async () => {
  await script({ content: "a plan" });
  const { status, json } = await ask("what next?");
  expect(status).toBe(200);
  expect(json).toEqual({
    id: expect.stringMatching(/^chatcmpl-/),
    object: "chat.completion",
    created: expect.any(Number),
    model: "planner",
    choices: [
      { index: 0, message: { role: "assistant", content: "a plan" }, finish_reason: "stop" },
    ],
    usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
  });
  const invoked = await client.post("/serving-endpoints/other/invocations", {
    messages: [says("what next?")],
  });
  expect(invoked.json.model).toBe("other");
  expect(invoked.headers["served-model-name"]).toBe("other");
});

describe("the newest script that matches answers", () => {
  test("by model and prompt, parts of content too", async () => {
    await script({ content: "anything" });
    await script({ match: { prompt: "*error*" }, content: "mended" });
    await script({ match: { model: "gpt*", prompt: "*error*" }, content: "another's" });
    const content = [{ type: "text", text: "an error\nin two lines" }];
    const said = async (text: string, more?: Json) =>
      (await ask(text, more)).json.choices[0].message.content;
    expect(await said("hello")).toBe("anything");
    expect(await said("an error")).toBe("mended");
    expect(await said("", { messages: [{ role: "user", content }] })).toBe("mended");
    expect(await said("an error", { model: "gpt-9" })).toBe("another's");
  });

  test("as often as it says", async () => {
    await script({ content: "last" });
    await script({ content: "first", times: 2 });
    const said: string[] = [];
    for (let n = 0; n < 3; n++) said.push((await ask("?")).json.choices[0].message.content);
    expect(said).toEqual(["first", "first", "last"]);
  });
});

describe("fact #chat-answers-may-be-cut: what answers may lack", () => {
  test.each<[string, Json, Json, Json]>([
    [
      "cut by max_tokens, between characters",
      { content: "äöüß programme" },
      { max_tokens: 1 },
      { finish_reason: "length", content: "äö" },
    ],
    [
      "cut for no reason",
      { content: "x", finish_reason: "length" },
      {},
      { finish_reason: "length" },
    ],
    ["without usage", { content: "x", usage: null }, {}, { usage: undefined }],
    [
      "with usage as told",
      { content: "x", usage: { prompt_tokens: 7, completion_tokens: 9 } },
      {},
      { usage: { prompt_tokens: 7, completion_tokens: 9, total_tokens: 16 } },
    ],
    [
      "a tool's call and no content",
      { tool_calls: [{ id: "1", type: "function" }] },
      {},
      { finish_reason: "tool_calls", content: null },
    ],
  ])("%s", async (_what, given, asked, expected) => {
    await script(given);
    const { json } = await ask("?", asked);
    const [choice] = json.choices;
    const seen = { usage: json.usage, finish_reason: choice.finish_reason, ...choice.message };
    expect(seen).toMatchObject(expected);
  });
});

test("a stream carries the message, how it finished, and what it cost", async () => {
  await script({ content: "a plan" });
  const { text, headers } = await ask("?", { stream: true });
  expect(headers["content-type"]).toBe("text/event-stream");
  const events = text.trim().split("\n\n");
  expect(events.at(-1)).toBe("data: [DONE]");
  const [first, last] = events.slice(0, 2).map((event) => JSON.parse(event.slice(6)));
  expect(first.choices[0].delta.content).toBe("a plan");
  expect(last).toMatchObject({ choices: [{ finish_reason: "stop" }], usage: { total_tokens: 3 } });
});

test("an answer is billed also when its client never gets it", async () => {
  await script({ content: "x", seconds: 20 });
  workspace.fail({ route: "chat/completions", when: "after", kind: "reset", times: 1 });
  await expect(ask("?")).rejects.toThrow();
  expect(await billed()).toBe(1);
});

test("a refusal is not billed", async () => {
  await script({ content: "x" });
  workspace.fail({ route: "chat/completions", status: 429, times: 1 });
  expect((await ask("?")).status).toBe(429);
  expect(await billed()).toBe(0);
});

test.each<[string, Json, number, RegExp]>([
  ["a model that nothing answers for", {}, 404, /'planner' does not exist.*\/chat/],
  ["no messages", { messages: [] }, 400, /messages/],
  ["several choices", { n: 2 }, 400, /n\b/],
  ["no model", { model: undefined }, 400, /model/],
])("%s is refused", async (_what, more, status, message) => {
  const answer = await ask("?", more);
  expect(answer.status).toBe(status);
  expect(answer.json.message).toMatch(message);
});

test("only who may use the workspace may ask", async () => {
  await script({ content: "x" });
  const body = { model: "planner", messages: [says("?")] };
  const { token } = workspace.other;
  const answer = await client.post("/serving-endpoints/chat/completions", body, { token });
  expect(answer.status).toBe(403);
  expect(await billed()).toBe(0);
});

describe("a server of this machine", () => {
  test("answers for models that no script knows, and what it bills is counted", async () => {
    const asked: Json[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const { authorization } = request.headers;
        asked.push({
          authorization,
          url: request.url,
          ...JSON.parse(Buffer.concat(chunks).toString()),
        });
        response.setHeader("content-type", "application/json");
        response.end('{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/v1/`;
    await workspace.admin("PUT", "/chat/upstream", { url, model: "small", key: "hush" });
    await script({ match: { prompt: "scripted" }, content: "x" });
    expect((await ask("scripted")).json.choices).toHaveLength(1);
    expect((await ask("by the server", { temperature: 0 })).json.choices).toEqual([]);
    expect(asked).toEqual([
      expect.objectContaining({
        url: "/v1/chat/completions",
        authorization: "Bearer hush",
        model: "small",
        temperature: 0,
      }),
    ]);
    expect(await billed()).toBe(2);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    const answer = await ask("nobody is there");
    expect([answer.status, answer.json.message]).toEqual([
      502,
      expect.stringContaining("does not answer"),
    ]);
  });

  test.each(["http://example.com/v1", "file:///etc/passwd", "http://127.0.0.1.example.com"])(
    "%s is none",
    async (url) => {
      await expect(workspace.admin("PUT", "/chat/upstream", { url })).rejects.toThrow(/url/);
    },
  );
});
