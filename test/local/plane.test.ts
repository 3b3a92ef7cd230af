// The loop end to end: real handlers in environments of their own, real SQS events, a real Python
// process for each attempt.
import { GetQueueAttributesCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { workspaceClient } from "../../cli/workspace-client.ts";
import {
  databricksRunsOf,
  openMarkersOf,
  outcomesIn,
  takeDeadLetters,
} from "../../local/plane/observe.ts";
import { createJobs } from "../../shared/adapters/databricks-jobs.ts";
import type { QueueName } from "../../shared/topology.ts";
import { until } from "./aws-fixture.ts";
import { type TestPlane, testPlane } from "./plane-fixture.ts";

/** Who gives the orders of these tests, as SQS says it. */
const ON_CALL = "AROALOCALONCALL000000:local";
let plane: TestPlane;
beforeAll(async () => {
  plane = await testPlane();
});
afterAll(() => plane[Symbol.asyncDispose]());

const probe = (ticket_id: string, inline: string, more: object = {}) => ({
  ticket_id,
  workload: "probe",
  artifact: { inline: `from signalbox_executor import context\n${inline}` },
  ...more,
});
const put = (queue: QueueName, message: object) =>
  plane.aws.sqs.send(
    new SendMessageCommand({
      QueueUrl: plane.aws.queueUrl(queue),
      MessageBody: JSON.stringify(message),
    }),
  );
const runsOf = async (runId: string): Promise<readonly string[]> =>
  (await databricksRunsOf(plane)).filter((name) => name.includes(`/${runId}/`));
const isEmpty = async (queue: QueueName): Promise<boolean> => {
  const names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"] as const;
  const command = new GetQueueAttributesCommand({
    QueueUrl: plane.aws.queueUrl(queue),
    AttributeNames: [...names],
  });
  const { Attributes = {} } = await plane.aws.sqs.send(command);
  return names.every((name) => Attributes[name] === "0");
};
const rowOf = async (runId: string) => {
  const rows = await plane.query("SELECT * FROM run_state");
  return rows.find((row) => row["run_id"] === runId);
};

test.concurrent("a ticket is run to its outcome, and facts, ledger and announcement say the same", async () => {
  await plane.send({
    ticket_id: "REPORT",
    workload: "weather-report",
    parameters: { city: "Seattle", year: 2015 },
  });
  const announced = await plane.outcomeOf("REPORT");
  expect(announced).toMatchObject({ outcome: "succeeded", iter_n: 1, attempt: 1 });
  expect(announced.metrics).toMatchObject({ days: 365, months: 12 });
  const fact = await plane.fact("run_REPORT/outcome_1.json");
  for (const key of ["outcome", "reason", "metrics", "ended_at", "run_url", "result_path"] as const)
    expect(fact[key]).toEqual(announced[key]);
  expect(await rowOf("REPORT")).toMatchObject({
    outcome: "succeeded",
    fsm_state: "over",
    reason: announced.reason,
    chapter: 1,
  });
  await until("the marker's end", async () => !(await openMarkersOf(plane)).includes("REPORT.1"));
});

test.concurrent("one trace goes from the ticket through facts, run name, result, log and telemetry", async () => {
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;
  await plane.aws.sqs.send(
    new SendMessageCommand({
      QueueUrl: plane.aws.queueUrl("tickets"),
      MessageBody: JSON.stringify(probe("TRACE", "context.metric('n', 1)")),
      MessageAttributes: { traceparent: { DataType: "String", StringValue: traceparent } },
    }),
  );
  const { result_path } = await plane.outcomeOf("TRACE");
  const attempt = ["manifest", "submission", "decision"].map(
    (kind) => `iter_001.attempt_001.${kind}`,
  );
  for (const name of ["ticket", ...attempt, "outcome_1"])
    expect(await plane.fact(`run_TRACE/${name}.json`), name).toMatchObject({ traceparent });
  const submission = await plane.fact("run_TRACE/iter_001.attempt_001.submission.json");
  const look = await createJobs(plane.client.http).jobs.get(
    String(submission["databricks_run_id"]),
  );
  expect(look.kind === "run" && /\/TRACE\/[0-9a-f]{10}\/1\.1 /.test(look.run.runName)).toBe(true);
  const result = await plane.client.files.read(result_path ?? "", 1024 * 1024);
  const text = result.kind === "found" ? Buffer.from(result.content).toString("utf8") : "{}";
  expect(JSON.parse(text)).toMatchObject({ traceparent });
  await until("its marker's end", async () => !(await openMarkersOf(plane)).includes("TRACE.1"));
  const rows = await plane.query("SELECT run_id, event_type, trace_id FROM telemetry");
  const traced = rows.filter((row) => row["run_id"] === "TRACE" && row["trace_id"] === traceId);
  expect(new Set(traced.map((row) => row["event_type"]))).toEqual(
    new Set(["attempt.submitted", "attempt.decided", "chapter.over"]),
  );
  const lines = plane.log.filter(({ run_id }) => run_id === "TRACE");
  expect(lines.length).toBeGreaterThan(5);
  expect(lines.filter(({ trace_id }) => trace_id !== traceId)).toEqual([]);
});

test.concurrent("a ticket that comes again and again is one run, and says its outcome again", async () => {
  const ticket = probe("AGAIN", "context.metric('n', 1)");
  await Promise.all([plane.send(ticket), plane.send(ticket), plane.send(ticket)]);
  await plane.outcomeOf("AGAIN");
  await until("its marker's end", async () => !(await openMarkersOf(plane)).includes("AGAIN.1"));
  const before = outcomesIn(plane.events).filter(({ run_id }) => run_id === "AGAIN");
  await plane.send(ticket);
  const again = () => outcomesIn(plane.events).filter(({ run_id }) => run_id === "AGAIN");
  await until("another announcement", () => again().length > before.length);
  expect(new Set(again().map(({ id }) => id)).size).toBe(1);
  expect(await runsOf("AGAIN")).toHaveLength(1);
});

test.concurrent("messages that come twice, early or late change nothing", async () => {
  const key = { v: 1, run_id: "TWICE", chapter: 1, iter_n: 1, attempt: 1 };
  await plane.send(probe("TWICE", "import time; time.sleep(1); context.metric('n', 2)"));
  const { databricks_run_id, submitted_at, deadline } = await plane.fact(
    "run_TWICE/iter_001.attempt_001.submission.json",
  );
  const watch = { databricks_run_id, submitted_at, deadline, looks: 0, number: 0 };
  for (let i = 0; i < 2; i++) {
    await put("turns", { ...key, type: "turn", by: { ticket: true } });
    await put("watches", { ...key, type: "watch", ...watch });
    await put("reports", { ...key, type: "ended" });
    await put("records", { ...key, type: "record", of: "submission" });
  }
  const announced = await plane.outcomeOf("TWICE");
  expect(announced.outcome).toBe("succeeded");
  for (let i = 0; i < 2; i++) {
    await put("turns", { ...key, type: "turn", by: { ticket: true } });
    await put("reports", { ...key, type: "ended" });
    await put("records", { ...key, type: "record", of: "outcome" });
  }
  for (const queue of ["turns", "reports", "records"] as const)
    await until(`the end of ${queue}`, () => isEmpty(queue));
  const ids = outcomesIn(plane.events).filter(({ run_id }) => run_id === "TWICE");
  expect(new Set(ids.map(({ id }) => id))).toEqual(new Set([announced.id]));
  expect(await runsOf("TWICE")).toHaveLength(1);
  const results = await plane.query("SELECT run_id FROM execution_results");
  expect(results.filter((row) => row["run_id"] === "TWICE")).toHaveLength(1);
});

test.concurrent("a person's retry opens the next chapter, with an attempt of its own", async () => {
  const path = `/Volumes/${plane.access.catalog}/${plane.access.schema}/company_codebase/switch.txt`;
  await plane.client.files.overwrite(path, Buffer.from("broken"));
  const code = `if open(${JSON.stringify(path)}).read() == "broken": raise RuntimeError("out of order")`;
  await plane.send(probe("RETRY", code));
  expect(await plane.outcomeOf("RETRY")).toMatchObject({
    outcome: "failed",
    reason: expect.stringContaining("out of order"),
  });
  await plane.client.files.overwrite(path, Buffer.from("mended"));
  const retry = { type: "retry", run_id: "RETRY", chapter: 2, reason: "mended" };
  await plane.order(retry);
  expect(await plane.outcomeOf("RETRY", 2)).toMatchObject({
    outcome: "succeeded",
    iter_n: 1,
    attempt: 2,
  });
  expect(await rowOf("RETRY")).toMatchObject({ chapter: 2, attempt: 2, outcome: "succeeded" });
  // Replayed, it opens nothing twice.
  await plane.order(retry);
  await until("an empty queue", () => isEmpty("orders"));
  expect(await runsOf("RETRY")).toHaveLength(2);
  expect(await plane.fact("run_RETRY/retry_2.json")).toMatchObject({ by: ON_CALL });
});

test.concurrent("a run that is cancelled while it runs is ended in Databricks, and then announced", async () => {
  await plane.send(probe("CANCEL", "import time\ntime.sleep(100)"));
  await until("it runs", () =>
    plane.log.some(({ event, run_id }) => event === "attempt.looked" && run_id === "CANCEL"),
  );
  // Whoever may send tickets orders nobody about, whatever they call themselves.
  const cancel = { type: "cancel", run_id: "CANCEL", reason: "enough", by: "the CEO" };
  await plane.send(cancel);
  await until("its letter", () =>
    plane.log.some(({ event, run_id }) => event === "message.rejected" && run_id === "CANCEL"),
  );
  await plane.order({ ...cancel, by: "AROALOCALORCHESTRATOR:orchestrator" });
  expect(await plane.outcomeOf("CANCEL")).toMatchObject({ outcome: "cancelled" });
  expect(await plane.fact("run_CANCEL/stop_1.json")).toMatchObject({ by: ON_CALL });
  const { databricks_run_id } = await plane.fact("run_CANCEL/iter_001.attempt_001.submission.json");
  const look = await createJobs(plane.client.http).jobs.get(String(databricks_run_id));
  expect(look).toMatchObject({
    kind: "run",
    run: { state: "TERMINATED", resultState: "CANCELED" },
  });
});

test.concurrent("a schedule that ticks twice is one run", async () => {
  const start = {
    schedule: "workload",
    workload: "weather-report",
    scheduled_time: "2026-11-21T06:00:00Z",
  };
  await plane.aws.invoke("orchestrator", start);
  await plane.aws.invoke("orchestrator", start);
  const id = "weather-report-20261121T0600Z";
  expect(await plane.outcomeOf(id)).toMatchObject({ outcome: "succeeded" });
  expect(await runsOf(id)).toHaveLength(1);
});

describe("the principal that executes", () => {
  test.concurrent("cannot touch the facts, whichever way its code tries", async () => {
    const facts = `/Volumes/${plane.access.catalog}/${plane.access.schema}/facts`;
    const code = `
import os, shutil, subprocess
facts, own = ${JSON.stringify(facts)}, "/tmp/own.txt"
open("own.txt", "w").write("forged")
target = facts + "/run_FORGER/outcome_1.json"
def os_open():
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT))
ways = {
    "open": lambda: open(target, "w").close(),
    "os_open": os_open,
    "rename": lambda: os.rename("own.txt", target),
    "copy": lambda: shutil.copy("own.txt", target),
    "remove": lambda: os.remove(facts + "/plane.json"),
    "read": lambda: open(facts + "/plane.json").read(),
    "shell": lambda: subprocess.run(["sh", "-c", "echo forged > " + target], check=True, capture_output=True),
}
for name, way in ways.items():
    try:
        way()
        context.metric(name, 1)
    except (OSError, subprocess.CalledProcessError):
        context.metric(name, 0)
`;
    await plane.send(probe("FORGER", code));
    const announced = await plane.outcomeOf("FORGER");
    expect(announced.outcome).toBe("succeeded");
    expect(announced.metrics).toEqual({
      open: 0,
      os_open: 0,
      rename: 0,
      copy: 0,
      remove: 0,
      read: 0,
      shell: 0,
    });
    expect(await plane.fact("plane.json")).toMatchObject({ plane_id: plane.planeId });
  });

  test("is refused by the Files API as well", async () => {
    const login = plane.access.embedded?.executors;
    if (login === undefined) throw new Error("the embedded workspace has executors");
    await using executors = workspaceClient(login);
    const { catalog, schema } = plane.access;
    const path = `/Volumes/${catalog}/${schema}/facts/run_FORGER/stop_1.json`;
    await expect(executors.files.create(path, Buffer.from("{}"))).rejects.toThrow(
      /403 PERMISSION_DENIED/,
    );
    const ticket = `/Volumes/${catalog}/${schema}/facts/plane.json`;
    await expect(executors.files.read(ticket, 1_000)).rejects.toThrow(/403 PERMISSION_DENIED/);
    await executors.files.create(
      `/Volumes/${catalog}/${schema}/scratchpad/own.txt`,
      Buffer.from("own"),
    );
  });
});

test("an outage of the workspace is waited out", async () => {
  const workspace = plane.access.embedded?.workspace;
  workspace?.fail({ route: "runs/submit", status: 503, times: 6 });
  await plane.send(probe("OUTAGE", "context.metric('n', 3)"));
  expect(await plane.outcomeOf("OUTAGE")).toMatchObject({ outcome: "succeeded", attempt: 1 });
  expect(
    plane.log.some(({ event, run_id }) => event === "message.waited" && run_id === "OUTAGE"),
  ).toBe(true);
  expect(await runsOf("OUTAGE")).toHaveLength(1);
});

test("after all that, nothing is open, and only what was forged is a dead letter", async () => {
  const forged = { v: 1, type: "record", run_id: "GHOST", chapter: 1, iter_n: 1, attempt: 1 };
  await put("records", { ...forged, of: "outcome" });
  await until("no marker is left", async () => (await openMarkersOf(plane)).length === 0);
  await until("the forged record's end", () => isEmpty("records"));
  expect(await takeDeadLetters(plane)).toEqual([
    {
      queue: "tickets",
      body: expect.stringContaining('"by":"the CEO"'),
      reason: expect.stringMatching(/^a message of type cancel does not come by the queue tickets/),
    },
    {
      queue: "records",
      body: JSON.stringify({ ...forged, of: "outcome" }),
      reason: expect.stringMatching(/GHOST has no outcome that/),
    },
  ]);
});
