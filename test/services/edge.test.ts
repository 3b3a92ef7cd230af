// The edge: what becomes of a message that is good, bad, early, late, or a surprise.
import type { Context, SQSEvent, SQSRecord } from "aws-lambda";
import { expect, test } from "vitest";
import { PlatformTroubleError, PoisonMessageError } from "../../shared/domain/errors.ts";
import { messageLimits } from "../../shared/domain/messages.ts";
import { oneByOne } from "../../shared/edge/delivery.ts";
import { queueHandler } from "../../shared/edge/queue-handler.ts";
import { routeByQueue } from "../../shared/edge/route-by-queue.ts";
import type { DeadLetter, SendOptions } from "../../shared/ports.ts";
import type { QueueName } from "../../shared/topology.ts";
import { settings } from "../support/plane.ts";

const ticket = { ticket_id: "ORD-1", workload: "weather-report" };

type EdgeOptions = {
  readonly timeScale?: number;
  readonly sendFails?: boolean;
  readonly busFails?: boolean;
};

function createEdge(options: EdgeOptions = {}) {
  const sent: { queue: string; message: unknown; options: SendOptions | undefined }[] = [];
  const letters: { queue: QueueName; letter: DeadLetter }[] = [];
  const rejected: unknown[] = [];
  const logged: string[] = [];
  const rings = new Set<() => void>();
  return {
    sent,
    letters,
    rejected,
    logged,
    /** Time passes: whatever timer is set rings. */
    ring: () => {
      for (const ring of rings) ring();
    },
    deps: {
      queues: {
        send: async (queue: string, message: unknown, sendOptions?: SendOptions) => {
          if (options.sendFails) throw new PlatformTroubleError("SQS is down");
          sent.push({ queue, message, options: sendOptions });
        },
      },
      deadLetters: {
        send: async (queue: QueueName, letter: DeadLetter) => {
          letters.push({ queue, letter });
        },
      },
      events: {
        announce: async () => {},
        reject: async (event: unknown) => {
          if (options.busFails) throw new PlatformTroubleError("the bus is down");
          rejected.push(event);
        },
      },
      clock: {
        nowMs: () => 1_000,
        sleep: async () => {},
        timer: (_ms: number, ring: () => void) => {
          rings.add(ring);
          return () => rings.delete(ring);
        },
      },
      log: (event: string) => logged.push(event),
      settings: { ...settings, timeScale: options.timeScale ?? 1 },
    },
  };
}

const recordOf = (
  body: unknown,
  messageId = "m1",
  traceparent?: string,
  sender = "AIDAUPSTREAM",
  attributes: Readonly<Record<string, string>> = {},
): SQSRecord => ({
  messageId,
  receiptHandle: "r",
  body: typeof body === "string" ? body : JSON.stringify(body),
  attributes: {
    ApproximateReceiveCount: "2",
    SentTimestamp: "0",
    SenderId: sender,
    ApproximateFirstReceiveTimestamp: "0",
  },
  messageAttributes: Object.fromEntries(
    Object.entries({ ...(traceparent !== undefined && { traceparent }), ...attributes }).map(
      ([name, stringValue]) => [name, { stringValue, dataType: "String" }],
    ),
  ),
  md5OfBody: "",
  eventSource: "aws:sqs",
  eventSourceARN: "arn:aws:sqs:eu-west-1:1:signalbox-tickets",
  awsRegion: "eu-west-1",
});
const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const eventOf = (...records: SQSRecord[]): SQSEvent => ({ Records: records });
const context = { getRemainingTimeInMillis: () => 60_000 } as Context;

test("a message that is handled is reported as nothing", async () => {
  const { deps, sent, letters } = createEdge();
  const seen: unknown[] = [];
  const handler = queueHandler(
    "tickets",
    deps,
    oneByOne(async (message, delivery) => {
      seen.push([message, delivery.messageId, delivery.traceparent]);
    }),
  );
  expect(await handler(eventOf(recordOf(ticket, "m7", TRACEPARENT)), context)).toEqual({
    batchItemFailures: [],
  });
  expect(seen).toEqual([
    [expect.objectContaining({ type: "ticket", ticket_id: "ORD-1", tries: 0 }), "m7", TRACEPARENT],
  ]);
  expect([sent, letters]).toEqual([[], []]);
});

test("poison goes to the dead letters at once, with its reason, and its neighbours are handled", async () => {
  const { deps, letters, rejected } = createEdge();
  const handled: string[] = [];
  const handler = queueHandler(
    "tickets",
    deps,
    oneByOne(async (message) => {
      if (message.type !== "ticket") return;
      if (message.ticket_id === "BAD") throw new PoisonMessageError("there is no such workload");
      handled.push(message.ticket_id);
    }),
  );
  const event = eventOf(
    recordOf("make it so", "m1", "no trace"),
    recordOf({ ...ticket, ticket_id: "BAD" }, "m2", TRACEPARENT),
    recordOf(ticket, "m3"),
    recordOf({ ...ticket, hack: 1 }, "m4"),
  );
  expect(await handler(event, context)).toEqual({ batchItemFailures: [] });
  expect(handled).toEqual(["ORD-1"]);
  expect(letters.map(({ letter }) => [letter.runId, letter.reason])).toEqual(
    [
      [undefined, expect.stringMatching(/^the message is not JSON: /)],
      ["BAD", "there is no such workload"],
      ["ORD-1", expect.stringMatching(/Unrecognized key: "hack"/)],
    ].toSorted(byLetterOrder(letters)),
  );
  expect(
    letters.map(({ letter }) => [letter.runId, letter.traceparent]),
    "a replay goes on in the same trace",
  ).toEqual(
    expect.arrayContaining([
      ["BAD", TRACEPARENT],
      [undefined, undefined],
    ]),
  );
  expect(letters[0]?.letter).toMatchObject({
    errorName: "PoisonMessageError",
    failedAtMs: 1_000,
    receiveCount: 2,
  });
  expect(rejected).toHaveLength(3);
  expect(rejected).toContainEqual({
    v: 1,
    ticket_id: "BAD",
    message_id: "m2",
    reason: "there is no such workload",
  });
});

/** Records settle side by side: the order of their letters is not promised. */
const byLetterOrder =
  (letters: readonly { letter: DeadLetter }[]) =>
  ([a]: readonly unknown[], [b]: readonly unknown[]) =>
    letters.findIndex(({ letter }) => letter.runId === a) -
    letters.findIndex(({ letter }) => letter.runId === b);

test("only a rejected ticket is announced as rejected", async () => {
  const { deps, rejected, letters } = createEdge();
  const refuse = oneByOne(async () => {
    throw new PoisonMessageError("no");
  });
  const retry = { type: "retry", run_id: "ORD-1", chapter: 2, reason: "r", by: "ada" };
  await queueHandler("tickets", deps, refuse)(eventOf(recordOf(retry)), context);
  const ended = { type: "ended", run_id: "ORD-1", chapter: 1, iter_n: 1, attempt: 1 };
  await queueHandler("reports", deps, refuse)(eventOf(recordOf(ended)), context);
  expect(letters.map(({ queue }) => queue)).toEqual(["tickets", "reports"]);
  expect(rejected).toEqual([]);
});

test.each([
  { tries: 0, retryAfterSeconds: undefined, timeScale: 1, expected: 14 },
  { tries: 3, retryAfterSeconds: undefined, timeScale: 1, expected: 107 },
  { tries: 0, retryAfterSeconds: 90, timeScale: 1, expected: 90 },
  { tries: 0, retryAfterSeconds: 90, timeScale: 0.1, expected: 90 },
  { tries: 3, retryAfterSeconds: undefined, timeScale: 0.1, expected: 11 },
])(
  "platform trouble is waited out: after $tries tries, $expected s",
  async ({ tries, retryAfterSeconds, timeScale, expected }) => {
    const { deps, sent, letters } = createEdge({ timeScale });
    const handler = queueHandler(
      "tickets",
      deps,
      oneByOne(async () => {
        throw new PlatformTroubleError(
          "503",
          retryAfterSeconds === undefined ? {} : { retryAfterSeconds },
        );
      }),
    );
    expect(await handler(eventOf(recordOf({ ...ticket, tries })), context)).toEqual({
      batchItemFailures: [],
    });
    expect(sent).toEqual([
      {
        queue: "tickets",
        message: expect.objectContaining({ ticket_id: "ORD-1", tries: tries + 1 }),
        options: { delaySeconds: expected, by: "AIDAUPSTREAM" },
      },
    ]);
    expect(letters).toEqual([]);
  },
);

test("what waits keeps its trace", async () => {
  const { deps, sent } = createEdge();
  const handler = queueHandler(
    "tickets",
    deps,
    oneByOne(async () => {
      throw new PlatformTroubleError("503");
    }),
  );
  await handler(eventOf(recordOf(ticket, "m1", TRACEPARENT)), context);
  expect(sent[0]?.options).toEqual({
    delaySeconds: 14,
    traceparent: TRACEPARENT,
    by: "AIDAUPSTREAM",
  });
});

test("a ticket that is to be rejected while the bus is down waits for the bus, and leaves no letter twice", async () => {
  const { deps, sent, letters } = createEdge({ busFails: true });
  const handler = queueHandler(
    "tickets",
    deps,
    oneByOne(async () => {
      throw new PoisonMessageError("no such workload");
    }),
  );
  expect(await handler(eventOf(recordOf(ticket)), context)).toEqual({ batchItemFailures: [] });
  expect([sent.length, letters.length]).toEqual([1, 0]);
  expect(await handler(eventOf(recordOf("no JSON")), context)).toEqual({
    batchItemFailures: [{ itemIdentifier: "m1" }],
  });
  expect([sent.length, letters.length]).toEqual([1, 0]);
});

test("a message that has waited for more than ten days is a person's", async () => {
  const { deps, sent, letters } = createEdge();
  const handler = queueHandler(
    "tickets",
    deps,
    oneByOne(async () => {
      throw new PlatformTroubleError("503 from Databricks");
    }),
  );
  await handler(eventOf(recordOf({ ...ticket, tries: messageLimits.triesMax })), context);
  expect(sent).toEqual([]);
  expect(letters[0]?.letter.reason).toBe(
    "waited 1000 times for the platform, the last time because: 503 from Databricks",
  );
});

test("a surprise is left to SQS, alone", async () => {
  const { deps, letters } = createEdge();
  const handler = queueHandler(
    "tickets",
    deps,
    oneByOne(async (message) => {
      if (message.type === "ticket" && message.ticket_id === "ORD-2")
        throw new TypeError("undefined is not a function");
    }),
  );
  const event = eventOf(recordOf(ticket, "m1"), recordOf({ ...ticket, ticket_id: "ORD-2" }, "m2"));
  expect(await handler(event, context)).toEqual({ batchItemFailures: [{ itemIdentifier: "m2" }] });
  expect(letters).toEqual([]);
});

test("a message that can neither be handled nor sent again is left to SQS", async () => {
  const { deps } = createEdge({ sendFails: true });
  const handler = queueHandler(
    "tickets",
    deps,
    oneByOne(async () => {
      throw new PlatformTroubleError("503");
    }),
  );
  expect(await handler(eventOf(recordOf(ticket)), context)).toEqual({
    batchItemFailures: [{ itemIdentifier: "m1" }],
  });
});

test("shortly before the timeout, what is unfinished is reported, and what is finished is not", async () => {
  const { deps, ring } = createEdge();
  const handler = queueHandler(
    "tickets",
    deps,
    oneByOne((message) =>
      message.type === "ticket" && message.ticket_id === "SLOW"
        ? new Promise(() => {})
        : Promise.resolve(),
    ),
  );
  const answer = handler(
    eventOf(recordOf({ ...ticket, ticket_id: "SLOW" }, "m1"), recordOf(ticket, "m2")),
    context,
  );
  await new Promise(setImmediate);
  ring();
  expect(await answer).toEqual({ batchItemFailures: [{ itemIdentifier: "m1" }] });
});

test("what is unfinished is reported two seconds before the function is cut off", async () => {
  const { deps } = createEdge();
  const timers: number[] = [];
  const clock = {
    ...deps.clock,
    timer: (ms: number) => {
      timers.push(ms);
      return () => {};
    },
  };
  await queueHandler(
    "tickets",
    { ...deps, clock },
    oneByOne(async () => {}),
  )(eventOf(recordOf(ticket)), context);
  expect(timers).toEqual([58_000]);
});

test("a wait that is slow itself is reported in time, and costs its neighbours nothing", async () => {
  const { deps, ring, logged } = createEdge();
  const handler = queueHandler(
    "tickets",
    { ...deps, queues: { send: () => new Promise<never>(() => {}) } },
    oneByOne(async (message) => {
      if (message.type === "ticket" && message.ticket_id === "BAD")
        throw new PlatformTroubleError("Databricks is down");
    }),
  );
  const event = eventOf(recordOf({ ...ticket, ticket_id: "BAD" }, "m1"), recordOf(ticket, "m2"));
  const answer = handler(event, context);
  await new Promise(setImmediate);
  ring();
  expect(await answer).toEqual({ batchItemFailures: [{ itemIdentifier: "m1" }] });
  expect(logged).toEqual(["message.failed"]);
});

test("a batch handler that forgets a message does not lose it", async () => {
  const { deps } = createEdge();
  const handler = queueHandler("tickets", deps, () => [Promise.resolve()]);
  const event = eventOf(recordOf(ticket, "m1"), recordOf(ticket, "m2"));
  expect(await handler(event, context)).toEqual({ batchItemFailures: [{ itemIdentifier: "m2" }] });
});

test("a function of several queues calls the right handler, and no other", async () => {
  const handlerOf = (name: string) => async () => ({
    batchItemFailures: [{ itemIdentifier: name }],
  });
  const starts: unknown[] = [];
  const route = routeByQueue(
    {
      "https://sqs/1/signalbox-tickets": handlerOf("tickets"),
      "https://sqs/1/signalbox-turns": handlerOf("turns"),
    },
    {
      scheduled: async (input) => {
        starts.push(input);
        return { waited: "503" };
      },
      finish: () => void starts.push("finished"),
    },
  );
  expect(await route(eventOf(recordOf(ticket)), context)).toEqual({
    batchItemFailures: [{ itemIdentifier: "tickets" }],
  });
  expect(await route({ schedule: "sweep" }, context)).toEqual({ waited: "503" });
  expect(starts).toEqual(["finished", { schedule: "sweep" }, "finished"]);
  const stray = { ...recordOf(ticket), eventSourceARN: "arn:aws:sqs:eu-west-1:1:other" };
  await expect(route(eventOf(stray), context)).rejects.toThrow(
    "no queue of this function is called other: signalbox-tickets, signalbox-turns",
  );
  await expect(routeByQueue({})({ schedule: "sweep" }, context)).rejects.toThrow(
    "started by its queues only",
  );
});

const OWN = "AROAOWN:signalbox-orchestrator";
const cancellation = { type: "cancel", run_id: "ORD-1", reason: "r" };
test.each<{
  given: string;
  sender: string;
  attributes?: Readonly<Record<string, string>>;
  body?: object;
  expected: object;
}>([
  {
    given: "a person",
    sender: "AROAONCALL:ada",
    expected: { by: "AROAONCALL:ada", isOwn: false },
  },
  {
    given: "a person whose message names somebody else",
    sender: "AROAONCALL:ada",
    body: { by: "the CEO" },
    expected: { by: "AROAONCALL:ada", firstBy: "the CEO", isOwn: false },
  },
  {
    given: "a person whose attribute names somebody else",
    sender: "AIDAEVE",
    attributes: { sent_by: "AROAONCALL:ada" },
    expected: { by: "AIDAEVE", firstBy: "AROAONCALL:ada", isOwn: false },
  },
  {
    given: "a person who calls their session like our role's id",
    sender: "AROAEVE:AROAOWN",
    attributes: { sent_by: "AROAONCALL:ada" },
    expected: { by: "AROAEVE:AROAOWN", firstBy: "AROAONCALL:ada", isOwn: false },
  },
  {
    given: "one of ours, again",
    sender: OWN,
    attributes: { sent_by: "AROAONCALL:ada" },
    expected: { by: "AROAONCALL:ada", isOwn: true },
  },
  {
    given: "one of ours, of before there were attributes",
    sender: OWN,
    body: { by: "ada" },
    expected: { by: "ada", isOwn: true },
  },
  {
    given: "one of ours of its own accord",
    sender: OWN,
    expected: { by: OWN, isOwn: true },
  },
  {
    given: "whoever puts a dead letter back",
    sender: "AROAONCALL:grace",
    attributes: { first_by: "AROAONCALL:ada" },
    expected: { by: "AROAONCALL:grace", firstBy: "AROAONCALL:ada", isOwn: false },
  },
  {
    given: "SQS, which moves a letter that we had put aside: its first sender is a note",
    sender: OWN,
    attributes: { first_by: "AROAONCALL:ada" },
    expected: { by: OWN, firstBy: "AROAONCALL:ada", isOwn: false },
  },
  {
    given: "SQS, which moves a letter of ours of before that names no sender but in its body",
    sender: OWN,
    attributes: { error_name: "PoisonMessageError" },
    body: { by: "the CEO" },
    expected: { by: OWN, firstBy: "the CEO", isOwn: false },
  },
  {
    given: "somebody whose role's id begins like ours",
    sender: "AROAOWNER:signalbox-orchestrator",
    attributes: { sent_by: "AROAONCALL:ada" },
    expected: {
      by: "AROAOWNER:signalbox-orchestrator",
      firstBy: "AROAONCALL:ada",
      isOwn: false,
    },
  },
  {
    given: "one of ours, again, whose body says otherwise",
    sender: OWN,
    attributes: { sent_by: "AROAONCALL:ada" },
    body: { by: "the CEO" },
    expected: { by: "AROAONCALL:ada", isOwn: true },
  },
  {
    given: "somebody with a name of a megabyte and line feeds",
    sender: `AIDAEVE:${"x\n".repeat(100_000)}`,
    expected: { by: expect.stringMatching(/^AIDAEVE:(x ?){120,130}…$/), isOwn: false },
  },
])("a message is by $given", async ({ sender, attributes, body, expected }) => {
  const { deps } = createEdge();
  const seen: unknown[] = [];
  const handler = queueHandler(
    "orders",
    deps,
    oneByOne(async (_message, { message: _, messageId: _id, traceparent: _trace, ...sent }) => {
      seen.push(sent);
    }),
  );
  const record = recordOf({ ...cancellation, ...body }, "m1", undefined, sender, attributes);
  await handler(eventOf(record), context);
  expect(seen).toEqual([expected]);
});

test("whose message is put aside stands in its letter, under a name that is not believed when it comes back", async () => {
  const { deps, letters } = createEdge();
  const handler = queueHandler(
    "orders",
    deps,
    oneByOne(async () => {
      throw new PoisonMessageError("no");
    }),
  );
  const attributes = { sent_by: "AROAONCALL:ada" };
  await handler(eventOf(recordOf(cancellation, "m1", undefined, OWN, attributes)), context);
  expect(letters).toMatchObject([{ letter: { by: "AROAONCALL:ada" } }]);
});

test.each([
  { given: "a person's", sender: "AROAONCALL:ada", handles: false },
  { given: "one of ours, which had waited", sender: OWN, handles: true },
])(
  "an order on the queue of tickets, $given, is handled: $handles, also while nothing works",
  async (row) => {
    const { deps, letters } = createEdge();
    const handled: string[] = [];
    const handler = queueHandler(
      "tickets",
      deps,
      oneByOne(async ({ type }) => {
        handled.push(type);
        throw new PlatformTroubleError("503");
      }),
    );
    await handler(eventOf(recordOf(cancellation, "m1", undefined, row.sender)), context);
    expect([handled.length, letters.length]).toEqual(row.handles ? [1, 0] : [0, 1]);
  },
);
