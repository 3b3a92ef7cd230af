import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorkspace, type Workspace } from "../src/workspace.ts";
import { type Client, clientOf } from "./client.ts";

let workspace: Workspace;
let client: Client;

beforeAll(async () => {
  workspace = await startWorkspace();
  client = clientOf(workspace);
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await workspace.close();
});

test("issue 9: a request larger than its limit is refused by its announced length, before a byte of it is sent", async () => {
  const answer = await speak(
    [
      "POST /api/2.0/secrets/put HTTP/1.1",
      "Host: 127.0.0.1",
      `Authorization: Bearer ${workspace.administrator.token}`,
      "Content-Type: application/json",
      "Content-Length: 999999999999",
      "",
      "",
    ].join("\r\n"),
  );
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  expect(answer).toContain("MAX_REQUEST_SIZE_EXCEEDED");
});

test("a client that waits for 100-continue gets its refusal instead of an invitation", async () => {
  const head = (length: number) =>
    [
      "PUT /api/2.0/fs/files/Volumes/main/default/files/continued HTTP/1.1",
      "Host: 127.0.0.1",
      `Authorization: Bearer ${workspace.administrator.token}`,
      "Expect: 100-continue",
      "Connection: close",
      `Content-Length: ${length}`,
      "",
      "",
    ].join("\r\n");
  expect(await speak(head(6 * 1024 ** 3))).toMatch(/^HTTP\/1\.1 413 /);
  expect(await speak(head(5), "HTTP/1.1 100 Continue\r\n\r\n", "hello")).toMatch(/ 204 /);
  const { text } = await client.get("/api/2.0/fs/files/Volumes/main/default/files/continued");
  expect(text).toBe("hello");
});

test("an unauthenticated upload is refused before its body, and its client can read why", async () => {
  const answer = await client.put(
    "/api/2.0/fs/files/Volumes/main/default/files/x",
    Buffer.alloc(8 * 1024 ** 2),
    { token: "dapi-wrong" },
  );
  expect(answer).toMatchObject({ status: 401, json: { error_code: 401 } });
});

// So many requests that a machine would need several seconds for them before the allowance could refill enough.
test.each([
  { route: "GET /api/2.0/secrets/scopes/list", perSecond: 18, count: 120 },
  { route: "POST /api/2.2/jobs/runs/submit", perSecond: 35, count: 200 },
  { route: "GET /api/2.2/jobs/runs/get?run_id=1", perSecond: 100, count: 500 },
])(
  "fact #too-many-requests: beyond $perSecond a second $route answers 429, without Retry-After unless asked for",
  async ({ route, perSecond, count }) => {
    const [method = "", path = ""] = route.split(" ");
    const burst = async (requests: number) => {
      const body = method === "POST" ? { body: {} } : {};
      const answers = await Promise.all(
        Array.from({ length: requests }, () => client.call(method, path, body)),
      );
      return answers.filter(({ status }) => status === 429);
    };
    workspace.settings.rateLimits = true;
    workspace.settings.retryAfterSeconds = null;
    const limited = await burst(count);
    expect(limited.length).toBeGreaterThan(0);
    expect(limited.length).toBeLessThanOrEqual(count - perSecond);
    expect(limited[0]?.json.error_code).toBe("REQUEST_LIMIT_EXCEEDED");
    expect(limited[0]?.headers["retry-after"]).toBeUndefined();
    workspace.settings.retryAfterSeconds = 3;
    expect((await burst(count)).at(0)?.headers["retry-after"]).toBe("3");
    workspace.settings.rateLimits = false;
    expect(await burst(count)).toEqual([]);
  },
);

test("it listens on 127.0.0.1 and its certificate is good for localhost and 127.0.0.1", async () => {
  expect(workspace.url).toBe(`https://127.0.0.1:${workspace.port}`);
  for (const servername of ["localhost", undefined])
    await new Promise<void>((resolve, reject) => {
      const socket = connect(
        {
          host: "127.0.0.1",
          port: workspace.port,
          ca: workspace.caPem,
          ...(servername !== undefined && { servername }),
        },
        () => {
          socket.destroy();
          resolve();
        },
      );
      socket.on("error", reject);
    });
});

test("JSON that cannot be parsed answers MALFORMED_REQUEST, a wrong field INVALID_PARAMETER_VALUE with its name", async () => {
  const path = "/api/2.0/secrets/scopes/create";
  expect(await client.call("POST", path, { body: "{not json" })).toMatchObject({
    status: 400,
    json: { error_code: "MALFORMED_REQUEST" },
  });
  const wrong = await client.post(path, { scope: 7 });
  expect(wrong).toMatchObject({ status: 400, json: { error_code: "INVALID_PARAMETER_VALUE" } });
  expect(wrong.json.message).toContain("'scope'");
});

/** Writes bytes on a TLS connection, answers one prompt, and returns all that came until the end or the status line. */
function speak(head: string, prompt?: string, reply?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = "";
    const socket = connect({ host: "127.0.0.1", port: workspace.port, ca: workspace.caPem });
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      heard += chunk.toString();
      if (prompt !== undefined && reply !== undefined && heard === prompt) socket.write(reply);
      else if (heard.includes("}") || (prompt !== undefined && heard.length > prompt.length)) {
        socket.destroy();
        resolve(heard);
      }
    });
    socket.on("secureConnect", () => socket.write(head));
  });
}
