import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../shared/adapters/system.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import type { RunLook } from "../../shared/ports.ts";
import { createMemoryJobs } from "../support/memory/jobs.ts";
import { type BrokenLine, startBrokenLine } from "./broken-line.ts";
import { type JobsUnderTest, jobsContract, requestOf, submitted } from "./jobs.ts";
import { type Connected, type Fixture, startFixture } from "./workspace-fixture.ts";

describe("over memory", () => {
  jobsContract(async () => {
    const { end, repair, ...memory } = createMemoryJobs(systemClock);
    return {
      ...memory,
      nowMs: systemClock.clock.nowMs,
      end: async (id, ending) => end(id, ending),
      repair: async (id) => repair(id),
    };
  });
});

describe("over the Jobs API", () => {
  let fixture: Fixture;
  let line: BrokenLine;
  let connected: Connected;
  beforeAll(async () => {
    fixture = await startFixture({ tls: false, settings: { largeIds: true } });
    line = await startBrokenLine(fixture.workspace);
    connected = fixture.connect();
    // Every run runs until somebody ends it: no Python is needed here.
    await admin("/scripts", { states: [{ state: "RUNNING", seconds: 100_000 }] });
  });
  afterEach(() => fixture.workspace.clearFaults());
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
    await line[Symbol.asyncDispose]();
  });

  const post = async (url: string, body: unknown): Promise<void> => {
    const { token } = fixture.workspace.administrator;
    const reply = await fetch(url, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    if (!reply.ok) throw new Error(`${url}: ${reply.status} ${await reply.text()}`);
  };
  const admin = (path: string, body: unknown) => post(`${fixture.workspace.adminUrl}${path}`, body);

  const open = async (): Promise<JobsUnderTest> => ({
    jobs: connected.jobs,
    nowMs: systemClock.clock.nowMs,
    end: (id, ending) =>
      admin(`/runs/${id}/end`, {
        life_cycle_state: ending.lifeCycleState,
        result_state: ending.resultState,
        termination_code: ending.terminationCode,
        message: ending.message ?? "",
      }),
    repair: (id) =>
      post(
        `${fixture.workspace.url}/api/2.2/jobs/runs/repair`,
        `{"run_id":${id},"rerun_all_failed_tasks":true}`,
      ),
  });

  jobsContract(open);

  const SUBMIT = "POST /api/2.2/jobs/runs/submit";
  const GET = "GET /api/2.2/jobs/runs/get";
  const LIST = "GET /api/2.2/jobs/runs/list";
  const answer = (status: number, error_code: unknown, message: string) => ({
    status,
    body: { error_code, message },
  });

  describe("a submission is refused by a closed list of codes", () => {
    test.each([
      [400, "INVALID_PARAMETER_VALUE"],
      [400, "MALFORMED_REQUEST"],
      [404, "RESOURCE_DOES_NOT_EXIST"],
      [404, "FEATURE_DISABLED"],
      [400, "FEATURE_DISABLED"],
    ] as const)("%i %s", async (status, code) => {
      fixture.workspace.fail({ route: SUBMIT, ...answer(status, code, "cluster x is no cluster") });
      expect(await connected.jobs.submit(requestOf())).toEqual({
        kind: "refused",
        code,
        message: "cluster x is no cluster",
      });
    });
  });

  test("where the hourly quota is spent, whoever wants one more run is told to wait", async () => {
    const message = "There were already 10000 jobs created in past 3600 seconds, exceeding it";
    fixture.workspace.fail({ route: SUBMIT, ...answer(400, "INVALID_STATE", message) });
    const submitting = connected.jobs.submit(requestOf());
    await expect(submitting).rejects.toMatchObject({ retryAfterSeconds: 20 });
  });

  describe("a submission is never refused by what may pass", () => {
    test.each([
      [400, "INVALID_STATE", "There were already 10000 jobs created in past 3600 seconds"],
      [400, "QUOTA_EXCEEDED", "too many"],
      [400, "RESOURCE_LIMIT_EXCEEDED", "too many"],
      [400, "COULD_NOT_ACQUIRE_LOCK", "busy"],
      [400, "INVALID_PARAMETER_VALUE", "Unknown worker environment x. Please try again later."],
      [400, 400, "an integer"],
      [400, "A_NEW_CODE", "that nobody knows"],
      [401, "UNAUTHENTICATED", "Credential was not sent"],
      [403, "PERMISSION_DENIED", "no"],
      [403, "INVALID_PARAMETER_VALUE", "an odd pair"],
      [404, "ENDPOINT_NOT_FOUND", "No API found"],
      [409, "RESOURCE_CONFLICT", "odd"],
      [429, "REQUEST_LIMIT_EXCEEDED", "slower"],
      [500, "INVALID_PARAMETER_VALUE", "an odd pair"],
      [503, "TEMPORARILY_UNAVAILABLE", "later"],
    ] as const)("%i %s (%s)", async (status, code, message) => {
      fixture.workspace.fail({ route: SUBMIT, ...answer(status, code, message) });
      const submitting = connected.jobs.submit(requestOf());
      await expect(submitting).rejects.toBeInstanceOf(PlatformTroubleError);
      await expect(submitting).rejects.toThrow(message);
    });

    test.each([
      { what: "a web page", fault: { kind: "html", status: 400 } },
      { what: "an empty body", fault: { status: 400, body: "" } },
      { what: "plain text", fault: { status: 404, body: "not here" } },
      { what: "success without an id", fault: { status: 200, body: {} } },
      { what: "success that is a web page", fault: { kind: "html", status: 200 } },
    ] as const)("$what", async ({ fault }) => {
      fixture.workspace.fail({ route: SUBMIT, ...fault });
      await expect(connected.jobs.submit(requestOf())).rejects.toBeInstanceOf(PlatformTroubleError);
    });
  });

  test("plain text with a code in front is read as the API's own word", async () => {
    const body = "INVALID_PARAMETER_VALUE: no such cluster";
    fixture.workspace.fail({ route: SUBMIT, status: 400, body });
    expect(await connected.jobs.submit(requestOf())).toMatchObject({
      kind: "refused",
      code: "INVALID_PARAMETER_VALUE",
      message: "no such cluster",
    });
  });

  test("a refusal in the workspace's own words is handed on in one line", async () => {
    const reply = await connected.jobs.submit(requestOf({ payload: '{"tasks":[]}' }));
    expect(reply.kind).toBe("refused");
  });

  test.each(["reset-before", "reset-after"] as const)(
    "an answer lost by %s starts no second run",
    async (breakage) => {
      const port = fixture.connect(line.url);
      const request = requestOf();
      line.breakNext(breakage, SUBMIT, 2);
      const id = await submitted(port, request);
      expect(line.broken()).toBe(2);
      const active = await connected.jobs.listActive(request.runName);
      expect(active.map((run) => run.databricksRunId)).toEqual([id]);
    },
  );

  test("a link is built without asking, and holds up nothing", async () => {
    fixture.workspace.fail({ route: GET, status: 503 });
    const reply = await connected.jobs.submit(requestOf());
    if (reply.kind !== "accepted") throw new Error(reply.message);
    expect(reply.runUrl).toBe(`${fixture.workspace.url}/jobs/runs/${reply.databricksRunId}`);
  });

  describe("a run is gone only where Databricks itself says so", () => {
    const look = () => connected.jobs.get("12345678901234567");
    const kindOf = (seen: RunLook) => seen.kind;
    test.each([
      answer(400, "INVALID_PARAMETER_VALUE", "Run 1 does not exist."),
      answer(400, "INVALID_PARAMETER_VALUE", "Run: 1 in job: 2 doesn't exist"),
      answer(404, "RESOURCE_DOES_NOT_EXIST", "Run 1 does not exist."),
      answer(404, "NOT_FOUND", "no"),
    ])("$status $body.message", async (fault) => {
      fixture.workspace.fail({ route: GET, ...fault });
      expect(kindOf(await look())).toBe("gone");
    });

    test.each([
      { what: "a proxy's 404", fault: { kind: "html", status: 404 } },
      { what: "an empty 404", fault: { status: 404, body: "" } },
      { what: "an empty 403", fault: { status: 403, body: "" } },
      { what: "an access list's 403", fault: answer(403, "ACCESS_DENIED", "Source IP is blocked") },
      { what: "a proxy's 403", fault: { kind: "html", status: 403 } },
      { what: "a wrong path", fault: answer(404, "ENDPOINT_NOT_FOUND", "No API found") },
      { what: "another 400", fault: answer(400, "INVALID_PARAMETER_VALUE", "Invalid page token") },
      { what: "another run's answer", fault: { status: 200, body: { run_id: 7 } } },
      { what: "half an answer", fault: { status: 200, body: '{"run_id": 123' } },
    ] as const)("and $what is trouble", async ({ fault }) => {
      fixture.workspace.fail({ route: GET, ...fault });
      await expect(look()).rejects.toBeInstanceOf(PlatformTroubleError);
    });
  });

  test("a run that the API says is not ours to see is no trouble to wait out", async () => {
    const sentence = "controllers does not have View permissions on run 7.";
    fixture.workspace.fail({ route: GET, ...answer(403, "PERMISSION_DENIED", sentence) });
    expect(await connected.jobs.get("7")).toEqual({ kind: "forbidden", message: sentence });
  });

  describe("the output of a task", () => {
    const OUTPUT = "GET /api/2.2/jobs/runs/get-output";
    test.each([
      { given: "logs", body: { logs: "a\nb\n" }, logs: "a\nb\n", isTruncated: false },
      {
        given: "cut logs",
        body: { logs: "b", logs_truncated: true },
        logs: "b",
        isTruncated: true,
      },
      { given: "no logs (yet)", body: { metadata: {} }, logs: undefined, isTruncated: false },
    ])("$given", async ({ body, logs, isTruncated }) => {
      fixture.workspace.fail({ route: OUTPUT, status: 200, body });
      expect(await connected.jobs.output("7")).toEqual({ kind: "output", logs, isTruncated });
    });

    test("a task that is gone has none", async () => {
      const gone = answer(400, "INVALID_PARAMETER_VALUE", "Run 7 does not exist.");
      fixture.workspace.fail({ route: OUTPUT, ...gone });
      expect((await connected.jobs.output("7")).kind).toBe("absent");
    });

    test("one that nobody should hold in memory is too large, and not trouble", async () => {
      const body = `{"logs":"${"\\u0000".repeat(3 * 1024 * 1024)}"}`;
      fixture.workspace.fail({ route: OUTPUT, status: 200, body });
      expect((await connected.jobs.output("7")).kind).toBe("too-large");
    });

    test("an answer that is none is trouble", async () => {
      fixture.workspace.fail({ route: OUTPUT, status: 200, body: { logs: 7 } });
      await expect(connected.jobs.output("7")).rejects.toBeInstanceOf(PlatformTroubleError);
    });
  });

  test("of a run with 250 tasks all pages are read, and of each task the last attempt", async () => {
    const task = (n: number) => ({
      task_key: `t${n}`,
      environment_key: "default",
      spark_python_task: { python_file: "/Volumes/main/ops/company_codebase/none.py" },
      max_retries: n === 0 ? 1 : 0,
    });
    await admin("/scripts", {
      match: { run_name: "wide*" },
      result: { result_state: "FAILED" },
    });
    const payload = JSON.stringify({
      tasks: Array.from({ length: 250 }, (_, n) => task(n)),
      environments: [{ environment_key: "default", spec: { environment_version: "4" } }],
    });
    const id = await submitted(connected, requestOf({ runName: "wide", payload }));
    const tasksOf = async () => {
      const look = await connected.jobs.get(id);
      return look.kind === "run" ? look.run.tasks : [];
    };
    await expect
      .poll(async () => (await tasksOf()).filter((seen) => seen.resultState === "FAILED").length, {
        timeout: 20_000,
      })
      .toBe(250);
    const tasks = await tasksOf();
    expect(tasks).toHaveLength(250);
    expect(new Set(tasks.map((seen) => seen.taskKey)).size).toBe(250);
    expect(tasks.find((seen) => seen.taskKey === "t0")?.attemptNumber).toBe(1);
  });

  test("a run is found behind more than a page of others", async () => {
    const request = requestOf();
    const since = Date.now();
    const id = await submitted(connected, request);
    await Promise.all(Array.from({ length: 60 }, () => submitted(connected)));
    expect(await connected.jobs.find(request.runName, since)).toMatchObject([
      { databricksRunId: id },
    ]);
  });

  test("a listing without an end is trouble: nobody can say that the run is not in it", async () => {
    const run = { run_id: 1, run_name: "another" };
    fixture.workspace.fail({
      route: LIST,
      status: 200,
      body: { runs: [run], next_page_token: "again" },
    });
    const port = fixture.connect();
    const finding = port.jobs.find("signalbox/none", 0);
    await expect(finding).rejects.toBeInstanceOf(PlatformTroubleError);
  });

  test("a state that nobody knows comes through as it is, and is not over", async () => {
    fixture.workspace.settings.unknownStates = true;
    const id = await submitted(connected);
    const look = await connected.jobs.get(id);
    fixture.workspace.settings.unknownStates = false;
    if (look.kind !== "run") throw new Error(look.message);
    expect(look.run.endedMs).toBeUndefined();
    expect(look.run.state ?? look.run.lifeCycleState).toBeTruthy();
  });
});
