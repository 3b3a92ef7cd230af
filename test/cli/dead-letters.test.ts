// `signalbox dead-letters` on a real SQS API: what it shows, what it sends, and what is left when
// it fails half-way.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  type Message,
  type MessageAttributeValue,
  SendMessageBatchCommand,
  SendMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { deadLetters } from "../../cli/commands/dead-letters.ts";
import { deadLetterQueuesOf } from "../../cli/letters/queues.ts";
import { REGION } from "../../local/aws/queue-shape.ts";
import { type SqsServer, startSqs } from "../../local/aws/sqs-server.ts";
import { topology } from "../../shared/topology.ts";
import { stageText } from "../infra/support.ts";
import { clientFor, receiveAll, until } from "../local/aws-fixture.ts";
import { ioTo, typed } from "./io.ts";

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
const workloads = mkdtempSync(join(tmpdir(), "signalbox-recipes-"));
mkdirSync(join(workloads, "nightly-report"));
writeFileSync(join(workloads, "nightly-report", "main.py"), "");
writeFileSync(
  join(workloads, "nightly-report", "recipe.yaml"),
  `v: 1
planner: { kind: artifact, artifact: main.py }
task: { kind: spark_python_task, compute: { serverless: { environment_version: "4" } } }
limits: { iterations: 1, attempts: 3, timeout_seconds: 600, queue_seconds: 600 }
parameters: { year: null }
`,
);
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

/** The letters are judged by messages and recipes; by facts, see letters-by-facts.test.ts. */
async function type(...args: string[]) {
  const lines: string[] = [];
  const complaints: string[] = [];
  const facts = args[0] === "replay" ? ["--no-facts", "--workloads", workloads] : [];
  const words = [...args, ...facts, "--stage", "test", "--stages", stages];
  const io = ioTo(lines, {}, { complain: (line) => complaints.push(line), interrupts });
  const run = () => typed(deadLetters, words, io);
  try {
    return { code: await run(), lines, complaints, error: undefined };
  } catch (error) {
    return { code: undefined, lines, complaints, error: error as Error };
  }
}
let ctrlC = new AbortController();
const interrupts = () => ({ signal: ctrlC.signal, [Symbol.dispose]: () => {} });
beforeEach(() => {
  ctrlC = new AbortController();
});

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
const ticket = { ticket_id: "R-2", workload: "nightly-report" };
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
    expect(await type("list")).toMatchObject({ code: 3, lines: ["no dead letters"] });
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
    const { code, lines } = await type("replay", "--all", "--yes");
    expect(code).toBe(1);
    const shown = lines.map((line) => line.replace(/ [0-9a-f-]{36}/, ""));
    expect(shown.slice(0, 5).toSorted()).toEqual([
      expect.stringMatching(/^replayed: failed-starts nightly-report-20261121T0600Z: starts a run/),
      expect.stringMatching(/^replayed: turns R-1: is handled again/),
      expect.stringMatching(/^replayed: workloads nightly-report-20261122T0600Z: starts a run/),
      "stays: sweep : the next sweep does the same: discard it",
      expect.stringMatching(/^stays: tickets : it would come back: the message is not JSON/),
    ]);
    expect(shown[5]).toBe(
      "2 start a run: each at most 3 attempts of 10 min in each iteration; 1 goes on where it was; 1 has nothing to do; 1 would come straight back",
    );
    expect(await bodiesIn("turns")).toMatchObject([{ run_id: "R-1", tries: 0 }]);
    expect(await bodiesIn("tickets")).toEqual(
      expect.arrayContaining([
        { ticket_id: "nightly-report-20261122T0600Z", workload: "nightly-report" },
        { ticket_id: "nightly-report-20261121T0600Z", workload: "nightly-report" },
      ]),
    );
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
    const { error } = await type("replay", "--all", "--yes");
    expect(error?.message).toMatch(/the queue signalbox-test-turns cannot be found/);
    // Queues are worked through at once: the ticket was either replayed and noted, or is still
    // there.
    const left = await lettersIn("tickets");
    const notes = await bodiesIn("orders");
    expect([left, notes]).toEqual(
      left.length === 1
        ? [[ids[0]], []]
        : [
            [],
            [
              expect.objectContaining({
                ...{ action: "dead-letter replay", run_id: "R-2" },
                detail: expect.objectContaining({ message_id: ids[0] }),
              }),
            ],
          ],
    );
    expect((await lettersIn("turns")).toSorted()).toEqual(ids.slice(1).toSorted());
  });

  test.each([[], ["--dry-run"], ["--yes", "--dry-run"]])(
    "that is only tried (%s) changes nothing",
    async (...more) => {
      await put("turns", turn("R-1"));
      const { code, lines } = await type("replay", "--all", ...more);
      expect(code).toBe(0);
      expect(lines).toEqual([
        expect.stringMatching(/^would replay: turns/),
        "1 goes on where it was",
        expect.stringMatching(/^judged by the facts: none/),
        expect.stringMatching(/^nothing was changed; say the same with --yes to do it/),
      ]);
      expect(await bodiesIn("orders")).toEqual([]);
      expect(await bodiesIn("turns")).toEqual([]);
      expect(await lettersIn("turns")).toHaveLength(1);
    },
  );
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
    expect((await type("replay", "--run", "R-1", "--yes")).code).toBe(0);
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
  for (const args of [["list"], ["show"], ["replay", "--all"], ["discard", "--all", "--yes"]]) {
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
    expect((await type("discard", "--error", "429", "--yes")).code).toBe(0);
    expect(await lettersIn("sweep")).toEqual([]);
    expect(await lettersIn("failed-starts")).toEqual([stays]);
    expect(await bodiesIn("orders")).toMatchObject([
      { action: "dead-letter discard", detail: { queue: "sweep", message_id: gone } },
    ]);
  });

  test("keeps the whole body with its note", async () => {
    await put("tickets", { ...ticket, priority: 1 });
    expect((await type("discard", "--all")).lines.at(-1)).toBe(
      "would discard 1 letter; say the same with --yes to do it",
    );
    expect((await type("discard", "--all", "--yes")).code).toBe(0);
    expect(await bodiesIn("orders")).toMatchObject([
      { detail: { body: JSON.stringify({ ...ticket, priority: 1 }) } },
    ]);
  });

  test("of what a note cannot keep asks for a file", async () => {
    const body = JSON.stringify({ ...ticket, parameters: { year: '"'.repeat(30_000) } });
    const id = await put("tickets", body);
    const refused = await type("discard", "--all", "--yes");
    expect(refused.code).toBe(1);
    expect(refused.lines[0]).toMatch(/^stays: .*too large for the note: name a file \(--export\)$/);
    const file = join(stages, "large.jsonl");
    expect((await type("discard", "--all", "--yes", "--export", file)).code).toBe(0);
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ messageId: id, body });
    expect(await bodiesIn("orders")).toMatchObject([{ detail: { message_id: id, body: null } }]);
  });

  test("that cannot be noted discards nothing", async () => {
    const id = await put("sweep", { schedule: "sweep" });
    await sqs.send(new DeleteQueueCommand({ QueueUrl: server.queueUrl(`${STACK}-orders`) }));
    expect((await type("discard", "--all", "--yes")).error?.message).toMatch(
      /signalbox-test-orders/,
    );
    expect(await lettersIn("sweep")).toEqual([id]);
  });
});

describe("a letter is meant by", () => {
  const at = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
  const put2 = async () => {
    const young = { failed_at: at(5), error_name: "PoisonMessageError", run_id: "R-1" };
    const old = { failed_at: at(300), error_name: "PlatformTroubleError", run_id: "R-2" };
    return [
      await put("turns", turn("R-1"), { ...young, reason: 'there is no workload "x"' }),
      await put("turns", turn("R-2"), { ...old, reason: "waited 1000 times" }),
    ] as const;
  };
  const meant = async (...args: string[]) => {
    const { lines } = await type("list", "--json", ...args);
    return (JSON.parse(lines.join("")) as { runId: string }[]).map(({ runId }) => runId);
  };

  test("its run, error, reason, time or message", async () => {
    const [first] = await put2();
    for (const args of [
      ["--run", "R-1"],
      ["--error", "PoisonMessageError"],
      ["--reason", "NO WORKLOAD"],
      ["--since", "1h"],
      ["--message", first.slice(0, 8)],
      ["--queue", "turns", "--since", "1h", "--reason", "no"],
    ])
      expect(await meant(...args)).toEqual(["R-1"]);
    expect(await meant("--until", "1h")).toEqual(["R-2"]);
    expect((await meant("--run", "R-1", "--run", "R-2")).toSorted()).toEqual(["R-1", "R-2"]);
    expect(await meant("--limit", "1")).toHaveLength(1);
  });

  test("nothing that is there: that is no success, for whatever is asked", async () => {
    await put2();
    for (const action of ["list", "show", "replay", "discard"])
      expect((await type(action, "--run", "NOPE")).code).toBe(3);
    expect((await type("discard", "--run", "NOPE", "--yes")).code).toBe(3);
  });
});

test("what others hold is said, instead of saying that there is nothing", async () => {
  await put("turns", turn("R-1"));
  await receiveAll(sqs, server.queueUrl(dlqOf("turns").queueName));
  const { lines, complaints } = await type("list");
  expect(lines).toEqual(["no dead letters"]);
  expect(complaints).toEqual([
    "about 1 more is in somebody else's hands at this moment: look again in a minute",
  ]);
});

describe("a mended letter", () => {
  const tooMuch = { ...ticket, limits: { attempts: 9 } };

  test("is judged as it is sent, and the old body is kept with the new one", async () => {
    await put("tickets", tooMuch, { reason: "too many" });
    const before = await type("replay", "--run", "R-2", "--yes");
    expect(before.code).toBe(1);
    expect(before.lines[0]).toMatch(
      /^stays: .*limits.attempts is 9, but the recipe allows at most 3/,
    );
    const mended = await type("replay", "--run", "R-2", "--set", "limits.attempts=2", "--yes");
    expect(mended.code).toBe(0);
    expect(await bodiesIn("tickets")).toMatchObject([{ ...ticket, limits: { attempts: 2 } }]);
    const [note] = (await bodiesIn("orders")) as { detail: { body: string; after: string } }[];
    expect(JSON.parse(note?.detail.body ?? "")).toEqual(tooMuch);
    expect(JSON.parse(note?.detail.after ?? "")).toMatchObject({ limits: { attempts: 2 } });
  });

  test("may be one that nobody could read, if a person writes it anew", async () => {
    await put("tickets", { ...ticket, priority: 1 });
    expect((await type("replay", "--run", "R-2", "--set", "priority=", "--yes")).code).toBe(0);
    expect(await bodiesIn("tickets")).toMatchObject([ticket]);
  });

  test("with a slip of the hand is told what was meant", async () => {
    await put("tickets", { ...ticket, parameters: { yaer: 2015 } });
    await put("tickets", { ...ticket, ticket_id: "R-3", workload: "nightly-reprot" });
    const { lines } = await type("replay", "--all");
    expect(lines.join("\n")).toMatch(/parameters\.yaer is no parameter.*did you mean year\?/);
    expect(lines.join("\n")).toMatch(/no workload "nightly-reprot": did you mean nightly-report\?/);
  });
});

test("Ctrl-C lets go of what is in hand, and says that the rest is where it was", async () => {
  for (let i = 0; i < 30; i++) await put("turns", turn(`R-${i}`));
  const acting = type("replay", "--all", "--yes", "--rate", "20");
  await until("the first are replayed", async () => (await bodiesIn("turns")).length > 0);
  ctrlC.abort();
  const { code, complaints, lines } = await acting;
  expect(code).toBe(130);
  expect(complaints.at(-1)).toMatch(/^interrupted: .* all other letters are where they were$/);
  const done = lines.filter((line) => line.startsWith("replayed")).length;
  expect(done).toBeGreaterThan(0);
  ctrlC = new AbortController();
  expect((await type("list", "--json")).lines.filter((line) => line.startsWith("{"))).toHaveLength(
    30 - done,
  );
  // The same words again do the rest.
  ctrlC = new AbortController();
  expect((await type("replay", "--all", "--yes")).code).toBe(0);
  expect(await lettersIn("turns")).toEqual([]);
});

describe("a mess of 200 letters in five kinds", () => {
  const many = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);
  const spill = async () => {
    const send = (i: number, body: unknown, reason: string, error_name: string) =>
      put("tickets", body, { reason, error_name, run_id: `M-${i}` });
    const of = (i: number, more: object = {}) => ({
      ticket_id: `M-${i}`,
      workload: "nightly-report",
      ...more,
    });
    for (const i of many(0, 60))
      await send(
        i,
        of(i, { workload: "nightly" }),
        'there is no workload "nightly"',
        "PoisonMessageError",
      );
    for (const i of many(60, 40))
      await send(
        i,
        of(i, { limits: { attempts: 5 } }),
        `limits.attempts is 5, but the recipe allows at most 3`,
        "PoisonMessageError",
      );
    for (const i of many(100, 40))
      await send(
        i,
        of(i, { tries: 1000 }),
        `waited 1000 times for the platform: ${i}`,
        "PoisonMessageError",
      );
    for (const i of many(140, 40))
      await send(
        i,
        `{"ticket_id": "M-${i}"`,
        `the message is not JSON: Unterminated ${i}`,
        "PoisonMessageError",
      );
    for (const i of many(180, 20)) await put("turns", turn(`M-${i}`));
  };

  test("is told apart by one command, and away after five more", async () => {
    await spill();
    const grouped = await type("list", "--group");
    expect(grouped.lines).toHaveLength(1 + 5);
    expect(grouped.lines[1]).toMatch(/^60 +tickets +PoisonMessageError .*there is no workload/);
    const commands = [
      ["replay", "--reason", "no workload", "--set", "workload=nightly-report", "--yes"],
      ["replay", "--reason", "limits.attempts", "--set", "limits.attempts=3", "--yes"],
      ["replay", "--reason", "waited", "--yes"],
      ["discard", "--reason", "not JSON", "--yes"],
      ["replay", "--error", "ReceivesSpent", "--yes"],
    ];
    expect(1 + commands.length).toBeLessThanOrEqual(8);
    for (const words of commands) expect((await type(...words)).code).toBe(0);
    expect((await type("list")).lines).toEqual(["no dead letters"]);
    expect(await countIn("tickets")).toBe(140);
    expect(await countIn("turns")).toBe(20);
    expect(await countIn("orders")).toBe(200);
  }, 120_000);
});

describe("many letters", () => {
  test("are all seen, and their number does not decide what is kept of them", async () => {
    const count = 6_000;
    const QueueUrl = server.queueUrl(dlqOf("turns").queueName);
    for (let at = 0; at < count; at += 10)
      await sqs.send(
        new SendMessageBatchCommand({
          QueueUrl,
          Entries: Array.from({ length: 10 }, (_, i) => ({
            ...{
              Id: String(i),
              MessageBody: JSON.stringify({ ...turn(`R-${at + i}`), said: "x".repeat(4_000) }),
            },
          })),
        }),
      );
    const grouped = await type("list", "--group", "--json");
    expect(JSON.parse(grouped.lines.join(""))).toMatchObject([{ queue: "turns", count }]);
    expect((await type("list")).lines.at(-1)).toBe(
      `and ${count - 200} more: --group shows the kinds, --limit more lines`,
    );
    expect(await countIn("turns-dead-letters")).toBe(count);
  }, 120_000);
});

/** About how many are visible. */
async function countIn(queue: string): Promise<number> {
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl: server.queueUrl(`${STACK}-${queue}`),
      AttributeNames: ["ApproximateNumberOfMessages"],
    }),
  );
  return Number(Attributes?.ApproximateNumberOfMessages);
}

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
