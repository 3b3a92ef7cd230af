import { request as httpsRequest } from "node:https";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createRequestLog } from "../src/http/request-log.ts";
import { startWorkspace, type Workspace } from "../src/workspace.ts";
import { type Client, clientOf, type Json } from "./client.ts";

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
beforeEach(async () => {
  await client.admin("DELETE", "/faults");
  await client.admin("DELETE", "/requests");
});

const ME = "/api/2.0/preview/scim/v2/Me";
const SCOPES = "/api/2.0/secrets/scopes";
const inject = (fault: object) => client.admin("POST", "/faults", fault);
const createScope = (scope: string) => client.post(`${SCOPES}/create`, { scope });
const scopeExists = async (scope: string): Promise<boolean> => {
  const { json } = await client.get(`${SCOPES}/list`);
  return (json.scopes ?? []).some((held: Json) => held.name === scope);
};

test("fact #too-many-requests: 429 with Retry-After in seconds, for as many times as asked", async () => {
  await inject({ route: `GET ${ME}`, status: 429, headers: { "retry-after": "7" }, times: 2 });
  for (const _ of [1, 2]) {
    const answer = await client.get(ME);
    expect(answer).toMatchObject({ status: 429, json: { error_code: "REQUEST_LIMIT_EXCEEDED" } });
    expect(answer.headers["retry-after"]).toBe("7");
  }
  expect((await client.get(ME)).status).toBe(200);
});

test("fact #too-many-requests: 429 without Retry-After", async () => {
  await inject({ route: ME, status: 429, times: 1 });
  const answer = await client.get(ME);
  expect(answer.status).toBe(429);
  expect(answer.headers["retry-after"]).toBeUndefined();
});

test.each([500, 502, 503, 504])(
  "fact #failures-after-the-effect: status %i before the effect",
  async (status) => {
    await inject({ route: "POST */secrets/scopes/create", when: "before", status, times: 1 });
    const answer = await createScope(`before-${status}`);
    expect([answer.status, typeof answer.json.error_code]).toEqual([status, "string"]);
    expect(await scopeExists(`before-${status}`)).toBe(false);
  },
);

test("fact #failures-after-the-effect: a status after the effect: it happened, the client does not know", async () => {
  await inject({ route: "secrets/scopes/create", when: "after", status: 503, times: 1 });
  expect((await createScope("after-503")).status).toBe(503);
  expect(await scopeExists("after-503")).toBe(true);
});

test("fact #failures-after-the-effect: a connection reset before the effect, and one after it", async () => {
  await inject({ route: "secrets/scopes/create", when: "before", kind: "reset", times: 1 });
  await expect(createScope("reset-before")).rejects.toThrow();
  expect(await scopeExists("reset-before")).toBe(false);
  await inject({ route: "secrets/scopes/create", when: "after", kind: "reset", times: 1 });
  await expect(createScope("reset-after")).rejects.toThrow();
  expect(await scopeExists("reset-after")).toBe(true);
});

test("fact #failures-after-the-effect: a request hangs until its client gives up", async () => {
  await inject({ route: ME, kind: "hang", times: 1 });
  const gaveUp = await new Promise<string>((resolve) => {
    const sent = httpsRequest(`${workspace.url}${ME}`, {
      ca: workspace.caPem,
      headers: { authorization: `Bearer ${workspace.administrator.token}` },
      timeout: 200,
    });
    sent.on("response", () => resolve("answered"));
    sent.on("error", () => resolve("gave up"));
    sent.on("timeout", () => sent.destroy(new Error("timeout")));
    sent.end();
  });
  expect(gaveUp).toBe("gave up");
  expect((await client.get(ME)).status).toBe(200);
});

test("fact #error-bodies: an HTML body, a text body, an empty body, an integer error_code", async () => {
  await inject({ route: ME, kind: "html", times: 1 });
  const html = await client.get(ME);
  expect(html.status).toBe(503);
  expect(html.headers["content-type"]).toMatch(/^text\/html/);
  expect(html.text).toMatch(/^<!DOCTYPE html>.*<pre>/s);

  await inject({ route: ME, status: 500, body: "INTERNAL_ERROR: no JSON here", times: 1 });
  expect((await client.get(ME)).text).toBe("INTERNAL_ERROR: no JSON here");

  await inject({ route: ME, status: 502, body: "", times: 1 });
  expect(await client.get(ME)).toMatchObject({ status: 502, text: "" });

  await inject({ route: ME, kind: "integer_error_code", status: 403, times: 1 });
  expect((await client.get(ME)).json.error_code).toBe(403);
});

test("a slow drip sends the real answer, byte after byte", async () => {
  await inject({ route: "secrets/scopes/list", kind: "drip", drip_ms: 1, times: 1 });
  await createScope("dripped");
  const { json } = await client.get(`${SCOPES}/list`);
  expect(json.scopes.map(({ name }: Json) => name)).toContain("dripped");
});

test("a wrong content length breaks the client's reading", async () => {
  await inject({ route: ME, kind: "wrong_content_length", times: 1 });
  await expect(client.get(ME)).rejects.toThrow();
  expect((await client.get(ME)).status).toBe(200);
});

test("fact #token-refused-before-its-end: an expired token on demand, as 401 and as 403", async () => {
  await inject({ route: ME, kind: "expired_token", times: 1 });
  expect(await client.get(ME)).toMatchObject({ status: 401, json: { error_code: 401 } });
  await inject({ route: ME, kind: "expired_token", status: 403, times: 1 });
  expect(await client.get(ME)).toMatchObject({ status: 403, json: { error_code: 403 } });
});

test("a delay alone leaves the answer as it is", async () => {
  await inject({ route: ME, when: "before", delay_ms: 30, times: 1 });
  const startedMs = performance.now();
  expect((await client.get(ME)).status).toBe(200);
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(29);
});

test("the same seed strikes the same requests, and probability is a share of them", async () => {
  const strikes = async (seed: number): Promise<string> => {
    await client.admin("DELETE", "/faults");
    await inject({ route: ME, status: 500, probability: 0.5, seed });
    let pattern = "";
    for (let index = 0; index < 40; index += 1)
      pattern += (await client.get(ME)).status === 500 ? "x" : ".";
    return pattern;
  };
  const first = await strikes(7);
  expect(await strikes(7)).toBe(first);
  expect(await strikes(8)).not.toBe(first);
  const share = first.split("x").length - 1;
  expect(share).toBeGreaterThan(8);
  expect(share).toBeLessThan(32);
});

test("a fault may let requests pass first, is listed with what it did, and goes by its id", async () => {
  const { json } = await inject({ route: ME, status: 500, skip: 1 });
  expect((await client.get(ME)).status).toBe(200);
  expect((await client.get(ME)).status).toBe(500);
  const listed = await client.admin("GET", "/faults");
  expect(listed.json.faults).toMatchObject([{ id: json.id, seen: 2, struck: 1 }]);
  expect((await client.admin("DELETE", `/faults?id=${json.id}`)).json).toEqual({ removed: 1 });
  expect((await client.get(ME)).status).toBe(200);
});

test.each([
  { given: "an unknown field", fault: { route: ME, sometimes: true }, message: /sometimes/ },
  { given: "no route", fault: { status: 500 }, message: /route/ },
  { given: "an impossible moment", fault: { route: ME, when: "during" }, message: /when/ },
  { given: "an impossible status", fault: { route: ME, status: 42 }, message: /status/ },
])("a fault with $given is refused with its place", async ({ fault, message }) => {
  const answer = await inject(fault);
  expect(answer.status).toBe(400);
  expect(answer.json.message).toMatch(message);
});

test("faults strike the token endpoint and files as well as every other route", async () => {
  await inject({ route: "POST /oidc/v1/token", status: 503, times: 1 });
  expect((await client.post("/oidc/v1/token", "", { token: null })).status).toBe(503);
  await inject({ route: "PUT /api/2.0/fs/files*", when: "after", status: 500, times: 1 });
  const path = "/api/2.0/fs/files/Volumes/main/default/files/lost-reply";
  expect((await client.put(path, "kept")).status).toBe(500);
  expect((await client.get(path)).text).toBe("kept");
});

test("the request log tells what was asked, by route, run and status, and counts", async () => {
  await client.get(ME);
  await client.get("/api/2.0/no-such-thing");
  await client.get("/api/2.2/jobs/runs/get?run_id=9007199254740993");
  const byRoute = await client.admin("GET", `/requests?route=${encodeURIComponent(ME)}`);
  expect(byRoute.json.requests).toMatchObject([
    { method: "GET", path: ME, route: ME, status: 200, principal: "administrator" },
  ]);
  const byRun = await client.admin("GET", "/requests?run_id=9007199254740993");
  expect(byRun.json.count).toBe(1);
  const byStatus = await client.admin("GET", "/requests?status=501");
  expect(byStatus.json.requests.map(({ path }: Json) => path)).toContain("/api/2.0/no-such-thing");
  const counts = await client.admin("GET", "/requests/counts");
  expect(counts.json).toMatchObject({ total: 3, routes: { [`GET ${ME}`]: 1 } });
  const { text } = await client.admin("GET", "/requests");
  expect(text).not.toContain(workspace.administrator.token);
});

test("what is still being answered when the log is cleared does not come into it afterwards", () => {
  const log = createRequestLog();
  const asked = { at: "", method: "GET", path: ME, query: "", status: 200, duration_ms: 1 };
  const before = log.nextId();
  log.clear();
  log.record({ ...asked, id: before });
  log.record({ ...asked, id: log.nextId() });
  expect(log.counts()).toMatchObject({ total: 1 });
});

test("the admin's address needs its own token, and only that", async () => {
  const withoutToken = workspace.adminUrl.replace(/[0-9a-f]{32}$/, "0".repeat(32));
  const path = new URL(withoutToken).pathname;
  expect((await client.post(`${path}/faults`, { route: "*", status: 500 })).status).toBe(501);
  expect((await client.get(ME)).status).toBe(200);
});

test("the admin's address tells what it has", async () => {
  const { json } = await client.admin("GET", "");
  expect(json.routes).toEqual(expect.arrayContaining(["POST /faults", "GET /requests"]));
});

test("what the workspace has not answers 501 with a sentence that names it", async () => {
  const missing = await client.get("/api/2.0/serving-endpoints");
  expect(missing.status).toBe(501);
  expect(missing.json).toEqual({
    error_code: "NOT_IMPLEMENTED",
    message: expect.stringContaining("has no GET /api/2.0/serving-endpoints."),
  });
  const wrongMethod = await client.delete(ME);
  expect(wrongMethod.status).toBe(501);
  expect(wrongMethod.json.message).toContain("This path has GET.");
});
