// Pages for browsers: where the links of runs lead.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Json } from "./client.ts";
import { environments, type Jobs, pythonTask, startJobs } from "./jobs-fixture.ts";

let jobs: Jobs;
let run: Json;
const evil = `<script>alert("1")</script>`;
beforeAll(async () => {
  jobs = await startJobs();
  const path = await jobs.file("says.py", `print('''${evil}''')\nraise ValueError('''${evil}''')`);
  const runId = await jobs.submit({ run_name: evil, environments, tasks: [pythonTask(path)] });
  run = await jobs.finished(runId);
});
afterAll(() => jobs[Symbol.asyncDispose]());

/** What a browser comes to: the fragment is turned into a path by the page's own script. */
const followed = async (url: string): Promise<string> => {
  const { pathname, search, hash } = new URL(url);
  const start = await jobs.client.get(`${pathname}${search}`, { token: null });
  expect(start.status).toBe(200);
  const { text } = await jobs.client.get("/pages/run-link.js", { token: null });
  const location = {
    pathname,
    hash,
    replace: (to: string) => void Object.assign(location, { to }),
    to: "",
  };
  new Function("location", text)(location);
  return location.to;
};

test("fact #run-page-url: the link of a run and of each task leads to a page", async () => {
  for (const url of [run.run_page_url, run.tasks[0].run_page_url]) {
    const page = await jobs.client.get(await followed(url));
    expect(page.status).toBe(200);
    expect(page.headers["content-type"]).toContain("text/html");
    expect(page.text).toContain("FAILED");
    expect(page.text).toContain("<h3>Log</h3>");
  }
});

test("what a run says is text: nothing of it becomes a tag, and the policy allows no foreign script", async () => {
  for (const path of ["/jobs/runs", await followed(run.run_page_url)]) {
    const page = await jobs.client.get(path);
    expect(page.text).toContain("&lt;script&gt;alert(&quot;1&quot;)");
    expect(page.text.match(/<script[^>]*>/g)).toEqual([`<script src="/pages/run-link.js" defer>`]);
    expect(page.text).not.toMatch(/<style|\son\w+=|style=/);
    const policy = String(page.headers["content-security-policy"]);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe");
  }
});

test("who has not signed in is asked to, on pages alone", async () => {
  const path = `/jobs/${run.job_id}/runs/${run.run_id}`;
  const anonymous = await jobs.client.get(path, { token: null });
  expect(anonymous.status).toBe(401);
  expect(anonymous.headers["www-authenticate"]).toContain("Basic");
  expect(anonymous.text).not.toContain("script");
  const { token } = jobs.workspace.administrator;
  const authorization = `Basic ${Buffer.from(`token:${token}`).toString("base64")}`;
  const signedIn = await jobs.client.get(path, { token: null, headers: { authorization } });
  expect(signedIn.status).toBe(200);
  const api = await jobs.client.get("/api/2.2/jobs/list", { token: null });
  expect(api.headers).not.toHaveProperty("www-authenticate");
});

test("a page of another site cannot use what the browser has signed in with", async () => {
  for (const site of ["cross-site", "same-site"]) {
    const headers = { "sec-fetch-site": site };
    const { status } = await jobs.client.post("/api/2.2/jobs/create", { name: "x" }, { headers });
    expect(status).toBe(403);
    expect((await jobs.client.get("/jobs/runs", { headers })).status).toBe(200);
  }
  const headers = { "sec-fetch-site": "same-origin" };
  expect((await jobs.client.get("/api/2.2/jobs/list", { headers })).status).toBe(200);
});

test("a run that is not there is 404, and an active one loads itself again", async () => {
  expect((await jobs.client.get("/jobs/1/runs/2")).status).toBe(404);
  await jobs.script({ match: { run_name: "slow" }, states: [{ state: "RUNNING", seconds: 60 }] });
  const body = { run_name: "slow", environments, tasks: [pythonTask("/Volumes/a/b/c/d.py")] };
  const runId = await jobs.submit(body);
  const page = await jobs.client.get(`/jobs/1/runs/${runId}`);
  expect(page.text).toContain(`http-equiv="refresh"`);
  expect((await jobs.client.get(await followed(run.run_page_url))).text).not.toContain("refresh");
});
