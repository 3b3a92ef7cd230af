// What a person reads of a message that cannot be handled: one sentence that says what is wrong,
// where, and what to do.
import type { Context, SQSEvent } from "aws-lambda";
import { expect, test } from "vitest";
import { createIngester } from "../../services/ingester/ingester.ts";
import { createOrchestrator } from "../../services/orchestrator/orchestrator.ts";
import { createRunPoller } from "../../services/run-poller/run-poller.ts";
import { endedOf, recordOf, turnOf } from "../../shared/domain/messages.ts";
import { first } from "../support/facts.ts";
import { createPlane, type Plane } from "../support/plane.ts";
import { watch } from "../support/under-way.ts";

const handlersOf = ({ ports }: Plane) => ({
  ...createOrchestrator(ports),
  ...createRunPoller(ports),
  ...createIngester(ports),
});
type HandledQueue = Exclude<keyof ReturnType<typeof handlersOf>, "scheduled">;

const eventOf = (body: string): SQSEvent => ({
  Records: [
    {
      messageId: "m-1",
      receiptHandle: "r",
      body,
      attributes: {
        ApproximateReceiveCount: "1",
        SentTimestamp: "0",
        SenderId: "s",
        ApproximateFirstReceiveTimestamp: "0",
      },
      messageAttributes: {},
      md5OfBody: "",
      eventSource: "aws:sqs",
      eventSourceARN: "arn:aws:sqs:eu-west-1:1:signalbox",
      awsRegion: "eu-west-1",
    },
  ],
});
const context = { getRemainingTimeInMillis: () => 60_000 } as Context;

/** What becomes of a body that a queue delivers. */
async function received(queue: HandledQueue, body: string | object) {
  const plane = createPlane();
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const answer = await handlersOf(plane)[queue](eventOf(text), context);
  expect(answer).toEqual({ batchItemFailures: [] });
  return plane;
}
const ticket = { ticket_id: "ORD-1", workload: "weather-model" };
const artifact = { path: "/Volumes/main/ops/company_codebase/a.py", sha256: "a".repeat(64) };

test.each<{ given: string; body: string | object; id?: string; reason: string }>([
  {
    given: "65,537 bytes",
    id: "ORD-1",
    body: JSON.stringify({ ...ticket, parameters: { x: "" } }).padEnd(65_537),
    reason:
      "the message has 65537 bytes; at most 65536 are read: put large data on a Volume and send its path",
  },
  {
    given: "33 levels",
    id: "ORD-1",
    body: `{"ticket_id":"ORD-1","workload":"w","parameters":{"x":${"[".repeat(31)}${"]".repeat(31)}}}`,
    reason: "the message nests 33 levels deep; at most 32 are read",
  },
  {
    given: "a key that is none of data's",
    id: "ORD-1",
    body: '{"ticket_id":"ORD-1","workload":"weather-model","parameters":{"__proto__":{"admin":true}}}',
    reason: 'the message has a key "__proto__", which is refused',
  },
  {
    given: "half a character",
    id: "ORD-1",
    body: '{"ticket_id":"ORD-1","workload":"weather-model","parameters":{"city":"\\ud83d"}}',
    reason: 'the message has half a surrogate pair at "city", which is no character',
  },
  {
    given: "a number that JavaScript cannot hold",
    id: "ORD-1",
    body: '{"ticket_id":"ORD-1","workload":"weather-model","parameters":{"run":9007199254740993}}',
    reason:
      'the message has the number 9007199254740993 at "run", which cannot be held exactly: send it as text',
  },
  {
    given: "a key that comes twice",
    id: "ORD-1",
    body: '{"ticket_id":"ORD-1","workload":"weather-model","parameters":{"year":2015,"year":1999}}',
    reason:
      'the message has the key "year" twice in one object: which of the two is meant, nobody can say; send it once',
  },
  {
    given: "no workload",
    id: "ORD-1",
    body: { ticket_id: "ORD-1" },
    reason:
      "the message is not valid: workload: Invalid input: expected string, received undefined",
  },
  {
    given: "an id that is no file's name",
    id: "../etc",
    body: { ...ticket, ticket_id: "../etc" },
    reason:
      "the message is not valid: ticket_id: must begin with a letter or digit and have at most 64 letters, digits, dots, dashes and underscores",
  },
  {
    given: "a workload that is no folder's name",
    id: "ORD-1",
    body: { ...ticket, workload: "Weather" },
    reason:
      "the message is not valid: workload: must be at most 48 lower-case letters, digits and dashes",
  },
  {
    given: "a key that nobody reads",
    id: "ORD-1",
    body: { ...ticket, run_as: "root" },
    reason: 'the message is not valid: Unrecognized key: "run_as"',
  },
  {
    given: "an artifact outside of any volume",
    id: "ORD-1",
    body: {
      ...ticket,
      artifact: { ...artifact, path: "/Volumes/main/ops/company_codebase/../x.py" },
    },
    reason:
      "the message is not valid: artifact.path: must be a path below /Volumes/<catalog>/<schema>/<volume>, without ., .. and control characters in it",
  },
  {
    given: "an artifact with another digest",
    id: "ORD-1",
    body: { ...ticket, artifact: { ...artifact, sha256: "A".repeat(64) } },
    reason: "the message is not valid: artifact.sha256: must be a sha256 in lower-case hex",
  },
  {
    given: "a limit of nothing",
    id: "ORD-1",
    body: { ...ticket, limits: { attempts: 0 } },
    reason: "the message is not valid: limits.attempts: Too small: expected number to be >=1",
  },
  {
    given: "more than three faults",
    body: { ticket_id: 7, workload: 7, mode: "TEST", limits: 7, parameters: 7 },
    reason: expect.stringMatching(/^the message is not valid: ticket_id: .*; and 2 more$/),
  },
  {
    given: "a list",
    body: [ticket],
    reason: "the message is not valid: Invalid input: expected object, received array",
  },
  {
    given: "a workload that nobody knows",
    id: "ORD-1",
    body: { ...ticket, workload: "weather-forcast" },
    reason: 'there is no workload "weather-forcast"; there are: weather-model',
  },
])("a ticket with $given is a dead letter, and its sender hears the same: $reason", async (row) => {
  const plane = await received("tickets", row.body);
  expect(plane.letters).toMatchObject([{ queue: "tickets", reason: row.reason }]);
  expect(plane.rejected).toEqual([
    { v: 1, ticket_id: row.id ?? null, message_id: "m-1", reason: row.reason },
  ]);
  expect(plane.effects().map((effect) => effect.split(" ")[0])).toEqual(["reject", "dead"]);
});

test.each([
  {
    given: "a ticket that also names a run",
    body: { ...ticket, run_id: "ORD-2" },
    rejected: [{ ticket_id: "ORD-1" }],
  },
  {
    given: "a stop with a number that JavaScript cannot hold",
    body: '{"type":"cancel","run_id":"ORD-1","reason":"r","by":"ada","chapter":9007199254740993}',
    rejected: [],
  },
  {
    given: "an id that ends in half a character",
    body: { ...ticket, ticket_id: `${"x".repeat(127)}\u{1f600}` },
    rejected: [{ ticket_id: `${"x".repeat(127)}\ufffd` }],
  },
])("of $given, the bus hears: $rejected", async ({ body, rejected }) => {
  const plane = await received("tickets", body);
  expect(plane.rejected).toMatchObject(rejected);
  expect([plane.rejected.length, plane.letters.length]).toEqual([rejected.length, 1]);
});

test("what is no JSON at all is announced without an id", async () => {
  const plane = await received("tickets", "make it so");
  expect(plane.letters[0]?.reason).toMatch(/^the message is not JSON: Unexpected token/);
  expect(plane.rejected).toMatchObject([{ ticket_id: null }]);
});

test.each<{ queue: HandledQueue; given: string; body: object; reason: string }>([
  {
    queue: "orders",
    given: "a cancellation without a reason",
    body: { type: "cancel", run_id: "ORD-1", by: "ada" },
    reason: "the message is not valid: reason: Invalid input: expected string, received undefined",
  },
  {
    queue: "orders",
    given: "a retry of the first chapter",
    body: { type: "retry", run_id: "ORD-1", chapter: 1, reason: "r", by: "ada" },
    reason: "the message is not valid: chapter: Too small: expected number to be >=2",
  },
  {
    queue: "turns",
    given: "a turn that nobody asked for",
    body: turnOf(first, { ticket: true }),
    reason: "nobody asked for attempt 1.1 of run ORD-1: the run has no ticket",
  },
  {
    queue: "turns",
    given: "a turn that names no fact",
    body: { ...turnOf(first, { ticket: true }), by: {} },
    reason: expect.stringMatching(/^the message is not valid: by\./),
  },
  {
    queue: "watches",
    given: "a watch of nothing",
    body: watch,
    reason: `attempt 1.1 of run ORD-1 has no submission in chapter 1 with the Databricks run ${watch.databricks_run_id}, so there is nothing to watch`,
  },
  {
    queue: "watches",
    given: "a watch that looked too often",
    body: { ...watch, looks: 10_001 },
    reason: "the message is not valid: looks: Too big: expected number to be <=10000",
  },
  {
    queue: "reports",
    given: "a report on nothing",
    body: endedOf(first),
    reason: "attempt 1.1 of run ORD-1 was never planned, so it cannot be over",
  },
  {
    queue: "records",
    given: "a record of nothing",
    body: recordOf(first, "decision"),
    reason: "attempt 1.1 of run ORD-1 has no decision that could be recorded",
  },
  {
    queue: "records",
    given: "somebody else's message",
    body: endedOf(first),
    reason:
      "the message is not valid: type: Invalid discriminator value. Expected 'record' | 'audited'",
  },
])("$given is a dead letter of its queue, and nobody is told on the bus: $reason", async (row) => {
  const plane = await received(row.queue, row.body);
  expect(plane.letters).toMatchObject([
    { queue: row.queue, runId: "ORD-1", reason: row.reason, errorName: "PoisonMessageError" },
  ]);
  expect(plane.rejected).toEqual([]);
  expect(plane.effects()).toHaveLength(1);
});

test.each<{ queue: HandledQueue; message: object; begins: string }>([
  { queue: "tickets", message: ticket, begins: "put main.py" },
  {
    queue: "tickets",
    message: { type: "cancel", run_id: "ORD-1", reason: "r", by: "ada" },
    begins:
      "dead letter of tickets: a message of type cancel does not come by the queue tickets, to whose senders other people's runs are none of their business: send it to the queue orders",
  },
  {
    queue: "tickets",
    message: { type: "retry", run_id: "ORD-1", chapter: 2, reason: "r", by: "ada" },
    begins:
      "dead letter of tickets: a message of type retry does not come by the queue tickets, to whose senders other people's runs are none of their business: send it to the queue orders",
  },
  {
    queue: "orders",
    message: { type: "cancel", run_id: "ORD-1", reason: "r" },
    begins: "send orders in 300 s",
  },
  {
    queue: "orders",
    message: { type: "retry", run_id: "ORD-1", chapter: 2, reason: "r" },
    begins: "send orders in 300 s",
  },
  {
    queue: "orders",
    message: { type: "audited", event_id: "e", action: "a", at: "2026-11-21T06:00:00Z" },
    begins: "send records",
  },
  {
    queue: "records",
    message: {
      type: "audited",
      event_id: "e",
      by: "the CEO",
      action: "a",
      at: "2026-11-21T06:00:00Z",
    },
    begins:
      "dead letter of records: a message of type audited does not come by the queue records, to whose senders other people's runs are none of their business: send it to the queue orders",
  },
])("a message of $queue is handled by its type, and begins with: $begins", async (row) => {
  const plane = await received(row.queue, row.message);
  expect(plane.effects()[0]).toBe(row.begins);
});
