// `signalbox dead-letters` on a real SQS API: what it shows, what it sends, and what is left when it fails half-way.
import { execFile } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  DeleteQueueCommand,
  type Message,
  type MessageAttributeValue,
  SendMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { deadLetters } from "../../cli/commands/dead-letters.ts";
import { deadLetterQueuesOf } from "../../cli/dead-letter-queues.ts";
import { REGION } from "../../local/aws/account.ts";
import { type SqsServer, startSqs } from "../../local/aws/sqs-server.ts";
import { topology } from "../../shared/topology.ts";
import { stageText } from "../infra/support.ts";
import { clientFor, receiveAll } from "../local/aws-fixture.ts";
import { ioTo } from "./io.ts";

const STACK = "signalbox-test";
/** What the embedded SQS says of who has the key "test". */
const SENDER = "AIDATEST";
const dlqs = deadLetterQueuesOf(STACK);
const dlqOf = (name: string) => {
  const dlq = dlqs.find((each) => each.name === name);
  if (dlq === undefined) throw new Error(`there is no queue ${name}`);
  return dlq;
};

let server: SqsServer;
let sqs: SQSClient;
const stages = mkdtempSync(join(tmpdir(), "signalbox-letters-"));
writeFileSync(join(stages, "test.yaml"), stageText.replace("eu-central-1", REGION));

beforeEach(async () => {
  const named = [
    ...Object.keys(topology).map((queue) => `${STACK}-${queue}`),
    ...dlqs.map(({ queueName }) => queueName),
  ];
  // What is not put back stays away for longer than any test.
  const shape = { visibilitySeconds: 30, retentionSeconds: 600 };
  server = await startSqs(named.map((name) => ({ name, ...shape })));
  sqs = clientFor(server.endpoint);
  vi.stubEnv("AWS_ENDPOINT_URL", server.endpoint);
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  sqs.destroy();
  await server[Symbol.asyncDispose]();
});

const attributesOf = (values: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(values).map(([name, StringValue]): [string, MessageAttributeValue] => [
      name,
      { DataType: "String", StringValue },
    ]),
  );

async function put(
  dlq: string,
  body: unknown,
  attributes: Readonly<Record<string, string>> = {},
): Promise<string> {
  const reply = await sqs.send(
    new SendMessageCommand({
      QueueUrl: server.queueUrl(dlqOf(dlq).queueName),
      MessageBody: typeof body === "string" ? body : JSON.stringify(body),
      MessageAttributes: attributesOf(attributes),
    }),
  );
  return reply.MessageId ?? "";
}

async function type(...args: string[]) {
  const lines: string[] = [];
  const run = async () =>
    await deadLetters.run([...args, "--stage", "test", "--stages", stages], ioTo(lines));
  try {
    return { code: await run(), lines, error: undefined };
  } catch (error) {
    return { code: undefined, lines, error: error as Error };
  }
}

const bodiesIn = async (queue: string): Promise<readonly unknown[]> =>
  (await receiveAll(sqs, server.queueUrl(`${STACK}-${queue}`))).map(({ Body = "" }) =>
    JSON.parse(Body),
  );

/** The letters that whoever comes next can see. */
const lettersIn = async (dlq: string): Promise<readonly string[]> =>
  (await receiveAll(sqs, server.queueUrl(dlqOf(dlq).queueName))).map(
    ({ MessageId = "" }) => MessageId,
  );

const turn = (run_id: string) => ({
  v: 1,
  type: "turn",
  run_id,
  chapter: 1,
  iter_n: 1,
  attempt: 1,
  by: { ticket: true },
  tries: 1000,
});
const ticket = { ticket_id: "R-2", workload: "weather-report" };
const start = (scheduled_time: string) => ({
  schedule: "workload",
  workload: "nightly-report",
  scheduled_time,
});
const lambdaRecord = (requestPayload: unknown) => ({
  version: "1.0",
  timestamp: "2026-11-21T06:01:00.000Z",
  requestContext: { requestId: "1", functionArn: "arn", condition: "RetriesExhausted" },
  requestPayload,
  responseContext: { statusCode: 200, functionError: "Unhandled" },
  responsePayload: { errorType: "PlatformTroubleError", errorMessage: "SQS did not answer" },
});

describe("the letters of all queues", () => {
  test("are listed with their reasons, and can be seen again at once", async () => {
    await put("turns", turn("R-1"), { reason: "waited", failed_at: "2026-11-21T06:00:00.000Z" });
    await put("sweep", { schedule: "sweep" }, { ERROR_CODE: "429", ERROR_MESSAGE: "throttled" });
    await put("failed-starts", lambdaRecord({ schedule: "sweep" }));
    await put("workloads", start("2026-11-21T06:00:00Z"), { ERROR_MESSAGE: "no such function" });
    await put("example", { source: "signalbox", detail: { run_id: "R-9" } });
    const { code, lines } = await type("list", "--json");
    expect(code).toBe(0);
    const listed = JSON.parse(lines.join("")) as Record<string, string>[];
    expect(
      listed.map(({ queue, runId, errorName, reason }) => [queue, runId, errorName, reason]),
    ).toEqual([
      ["turns", "R-1", "ReceivesSpent", "waited"],
      ["sweep", "", "429", "throttled"],
      ["workloads", "nightly-report-20261121T0600Z", "StartNotDelivered", "no such function"],
      ["failed-starts", "", "PlatformTroubleError", "SQS did not answer"],
      ["example", "R-9", "ReceivesSpent", "the example's listener did not take it"],
    ]);
    for (const dlq of ["turns", "sweep", "workloads", "failed-starts", "example"])
      expect(await lettersIn(dlq)).toHaveLength(1);
  });

  test("a stage without schedules of workloads has no queue for them", async () => {
    await sqs.send(
      new DeleteQueueCommand({ QueueUrl: server.queueUrl(dlqOf("workloads").queueName) }),
    );
    expect(await type("list")).toMatchObject({ code: 0, lines: ["no dead letters"] });
    expect((await type("list", "--queue", "workloads")).error?.message).toMatch(
      /the queue signalbox-test-schedule-workloads-dead-letters cannot be found/,
    );
  });
});

describe("a replay", () => {
  test("sends what was missed, notes each letter, and leaves what would be in vain", async () => {
    await put("turns", turn("R-1"));
    await put("tickets", "{");
    await put("sweep", { schedule: "sweep" });
    await put("failed-starts", lambdaRecord(start("2026-11-21T06:00:00Z")));
    await put("workloads", start("<aws.scheduler.scheduled-time>"), {
      SCHEDULED_TIME: "2026-11-22T06:00:00Z",
    });
    const { code, lines } = await type("replay", "--all");
    expect(code).toBe(1);
    expect(lines.map((line) => line.replace(/ [0-9a-f-]{36}/, ""))).toEqual([
      expect.stringMatching(/^stays: tickets : it would come back: the message is not JSON/),
      "replayed: turns R-1",
      "stays: sweep : the next sweep does the same: discard it",
      "replayed: workloads nightly-report-20261122T0600Z",
      "replayed: failed-starts nightly-report-20261121T0600Z",
    ]);
    expect(await bodiesIn("turns")).toMatchObject([{ run_id: "R-1", tries: 0 }]);
    expect(await bodiesIn("tickets")).toEqual([
      { ticket_id: "nightly-report-20261122T0600Z", workload: "nightly-report" },
      { ticket_id: "nightly-report-20261121T0600Z", workload: "nightly-report" },
    ]);
    const notes = await bodiesIn("orders");
    expect(notes).toHaveLength(3);
    for (const note of notes) expect(note).not.toHaveProperty("by");
    for (const dlq of ["turns", "workloads", "failed-starts"])
      expect(await lettersIn(dlq)).toEqual([]);
    for (const dlq of ["tickets", "sweep"]) expect(await lettersIn(dlq)).toHaveLength(1);
  });

  test("that fails half-way says why, has noted what it did, and lets go of the rest", async () => {
    const ids = [];
    for (const [dlq, body] of [
      ["tickets", ticket],
      ["turns", turn("R-1")],
      ["turns", turn("R-3")],
    ] as const)
      ids.push(await put(dlq, body, { failed_at: `2026-11-21T06:00:0${ids.length}.000Z` }));
    await sqs.send(new DeleteQueueCommand({ QueueUrl: server.queueUrl(`${STACK}-turns`) }));
    const { error, lines } = await type("replay", "--all");
    expect(error?.message).toMatch(/the queue signalbox-test-turns cannot be found/);
    expect(lines).toEqual([`replayed: tickets ${ids[0]} R-2`]);
    expect(await bodiesIn("orders")).toMatchObject([
      { action: "dead-letter replay", run_id: "R-2", detail: { message_id: ids[0] } },
    ]);
    expect(await lettersIn("tickets")).toEqual([]);
    expect((await lettersIn("turns")).toSorted()).toEqual(ids.slice(1).toSorted());
  });

  test("that is only tried changes nothing", async () => {
    await put("turns", turn("R-1"));
    const { code, lines } = await type("replay", "--all", "--dry-run");
    expect(code).toBe(0);
    expect(lines).toEqual([expect.stringMatching(/^would replay: turns/)]);
    expect(await bodiesIn("turns")).toEqual([]);
    expect(await lettersIn("turns")).toHaveLength(1);
  });
});

describe("whose a message was", () => {
  const cancellation = { type: "cancel", run_id: "R-1", reason: "enough", early: 3, tries: 7 };

  test("is shown, by the handler's note or by SQS' own word", async () => {
    await put("orders", cancellation, { reason: "too early", first_by: "AROAON:ada" });
    await put("turns", turn("R-1"));
    await put("reports", { type: "ended" }, { sent_by: "AIDAFORGED" });
    const listed = JSON.parse((await type("list", "--json")).lines.join("")) as {
      firstBy: string;
    }[];
    expect(listed.map(({ firstBy }) => firstBy)).toEqual([
      "AROAON:ada",
      SENDER,
      `${SENDER}, for AIDAFORGED`,
    ]);
    expect((await type("list")).lines[0]).toMatch(/ SENT BY /);
  });

  test("and what it says of itself is its sender's word, where SQS itself put it aside", () => {
    const forged = {
      reason: "all is well",
      run_url: "https://evil.example",
      first_by: "AROAON:ada",
    };
    const description = dlqOf("orders").describe({
      Body: JSON.stringify(cancellation),
      Attributes: { SenderId: "AIDAEVE", DeadLetterQueueSourceArn: "arn:aws:sqs:eu-central-1:1:q" },
      MessageAttributes: Object.fromEntries(
        Object.entries({ ...forged, error_name: "Harmless", failed_at: "soon", run_id: "R-9" }).map(
          ([name, StringValue]) => [name, { DataType: "String", StringValue }],
        ),
      ),
    });
    expect(description).toMatchObject({
      reason: expect.stringMatching(/^SQS put it here/),
      errorName: "ReceivesSpent",
      failedAt: "",
      runId: "R-1",
      runUrl: "",
      firstBy: "AIDAEVE, for AROAON:ada",
    });
  });

  test("is a note on its replay, which waits anew and is its replayer's order", async () => {
    await put("orders", cancellation, {
      first_by: "AROAON:ada",
      sent_by: "AROAOWN:orchestrator",
      traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    });
    expect((await type("replay", "--run", "R-1")).code).toBe(0);
    const [message] = (await receiveAll(sqs, server.queueUrl(`${STACK}-orders`))).filter(
      ({ Body = "" }) => Body.includes('"cancel"'),
    );
    expect(JSON.parse(message?.Body ?? "")).toMatchObject({ run_id: "R-1", early: 0, tries: 0 });
    expect(message?.MessageAttributes).toMatchObject({
      first_by: { StringValue: "AROAON:ada" },
      traceparent: { StringValue: expect.stringMatching(/^00-4bf9/) },
    });
    expect(message?.MessageAttributes).not.toHaveProperty("sent_by");
  });

  test.each([
    { dlq: "tickets", body: cancellation, why: /give it yourself \(signalbox cancel\)/ },
    {
      dlq: "tickets",
      body: { type: "retry", run_id: "R-1", chapter: 2, reason: "r" },
      why: /give it yourself \(signalbox retry\)/,
    },
    {
      dlq: "records",
      body: { type: "audited", event_id: "e", action: "a", at: "2026-11-21T06:00:00Z" },
      why: /come by the queue orders, as their own: discard it/,
    },
  ])("nobody gives another's order unread: $body.type among $dlq stays", ({ dlq, body, why }) => {
    const { replay } = dlqOf(dlq).describe({ Body: JSON.stringify(body) });
    expect(replay.kind === "no" && replay.why).toMatch(why);
  });
});

test("what a letter says of itself neither moves the cursor nor forges a line", async () => {
  const hostile = "a\u009b2J\u202e\u2028replayed: tickets FORGED\u2066 b";
  await put("turns", hostile, {
    ...{ reason: hostile.repeat(30), run_id: hostile, error_name: hostile, run_url: hostile },
    ...{ first_by: hostile, failed_at: hostile },
  });
  await put("workloads", start("2026-11-21T06:00:00Z"), {
    ...{ ERROR_MESSAGE: hostile, ERROR_CODE: hostile },
  });
  for (const args of [["list"], ["show"], ["replay", "--all", "--dry-run"], ["discard", "--all"]]) {
    const { lines } = await type(...args);
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) {
      expect(line.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      expect(line).not.toMatch(/^replayed/);
    }
  }
});

describe("a discard", () => {
  test("takes the letters that are meant, and notes each", async () => {
    const gone = await put("sweep", { schedule: "sweep" }, { ERROR_CODE: "429" });
    const stays = await put("failed-starts", lambdaRecord({ schedule: "sweep" }));
    expect((await type("discard", "--error", "429")).code).toBe(0);
    expect(await lettersIn("sweep")).toEqual([]);
    expect(await lettersIn("failed-starts")).toEqual([stays]);
    expect(await bodiesIn("orders")).toMatchObject([
      { action: "dead-letter discard", detail: { queue: "sweep", message_id: gone } },
    ]);
  });

  test("that cannot be noted discards nothing", async () => {
    const id = await put("sweep", { schedule: "sweep" });
    await sqs.send(new DeleteQueueCommand({ QueueUrl: server.queueUrl(`${STACK}-orders`) }));
    expect((await type("discard", "--all")).error?.message).toMatch(/signalbox-test-orders/);
    expect(await lettersIn("sweep")).toEqual([id]);
  });
});

test("the region may have the name that CDK knows, too", async () => {
  const id = await put("sweep", { schedule: "sweep" });
  const elsewhere = mkdtempSync(join(tmpdir(), "signalbox-letters-"));
  writeFileSync(join(elsewhere, "test.yaml"), stageText.replace("region: eu-central-1", ""));
  const main = join(import.meta.dirname, "..", "..", "cli", "main.ts");
  const args = [main, "dead-letters", "list", "--stage", "test", "--stages", elsewhere];
  const { AWS_REGION: _region, ...environment } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: { ...environment, AWS_DEFAULT_REGION: REGION },
  });
  expect(stdout).toContain(id);
});

test("a queue that cannot be read hides no letter of the others", async () => {
  await put("turns", turn("R-1"));
  await sqs.send(new DeleteQueueCommand({ QueueUrl: server.queueUrl(dlqOf("sweep").queueName) }));
  expect((await type("list")).error?.message).toMatch(
    /schedule-sweep-dead-letters cannot be found/,
  );
  expect(await lettersIn("turns")).toHaveLength(1);
});

test.each([
  { given: "no JSON", body: "{", why: /not JSON/ },
  { given: "a message of another queue", body: '{"type":"watch"}', why: /not valid/ },
])("$given would only come back", ({ body, why }) => {
  const message: Message = { Body: body };
  const { replay } = dlqOf("turns").describe(message);
  expect(replay.kind === "no" && replay.why).toMatch(why);
});

test.each([
  { given: "nothing of Lambda's", body: "{" },
  { given: "a start of something else", body: JSON.stringify(lambdaRecord({ schedule: "moon" })) },
])("among failed starts, $given can be looked at, and not be replayed", ({ body }) => {
  const description = dlqOf("failed-starts").describe({ Body: body });
  expect(description.replay).toMatchObject({
    kind: "no",
    why: expect.stringMatching(/no scheduled start/),
  });
});
