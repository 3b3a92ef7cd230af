// A message that SQS has acknowledged survives the process unchanged.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openMessageStore } from "../../local/aws/sqs/message-store.ts";
import { startSqs } from "../../local/aws/sqs-server.ts";
import { clientFor, receiveAll } from "./aws-fixture.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sqs-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const shapes = [
  { name: "dead", visibilitySeconds: 30, retentionSeconds: 600 },
  {
    name: "work",
    visibilitySeconds: 30,
    retentionSeconds: 600,
    deadLetters: { name: "dead", receivesMax: 2 },
  },
];

async function started() {
  const server = await startSqs(shapes, { file: join(folder, "messages.sqlite") });
  const sqs = clientFor(server.endpoint);
  const QueueUrl = server.queueUrl("work");
  return {
    ...{ server, sqs, QueueUrl },
    [Symbol.asyncDispose]: async () => {
      sqs.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}

test("a message comes back after a restart with its id, its attributes, its sender and its count", async () => {
  let before: Awaited<ReturnType<typeof receiveAll>>;
  {
    await using first = await started();
    await first.sqs.send(
      new SendMessageCommand({
        QueueUrl: first.QueueUrl,
        MessageBody: '{"city": "Zürich 🙂"}',
        MessageAttributes: { trace: { DataType: "String", StringValue: "00-1" } },
      }),
    );
    before = await receiveAll(first.sqs, first.QueueUrl);
    await first.sqs.send(
      new ChangeMessageVisibilityCommand({
        QueueUrl: first.QueueUrl,
        ReceiptHandle: before[0]?.ReceiptHandle,
        VisibilityTimeout: 0,
      }),
    );
  }
  await using second = await started();
  const [after] = await receiveAll(second.sqs, second.QueueUrl);
  expect(after).toMatchObject({
    MessageId: before[0]?.MessageId,
    Body: '{"city": "Zürich 🙂"}',
    MessageAttributes: { trace: { StringValue: "00-1" } },
    Attributes: {
      ApproximateReceiveCount: "2",
      SenderId: before[0]?.Attributes?.SenderId,
      SentTimestamp: before[0]?.Attributes?.SentTimestamp,
    },
  });
});

test("what is hidden or delayed stays so, and what was deleted stays away", async () => {
  {
    await using first = await started();
    const send = (MessageBody: string, DelaySeconds = 0) =>
      first.sqs.send(
        new SendMessageCommand({ QueueUrl: first.QueueUrl, MessageBody, DelaySeconds }),
      );
    await send("deleted");
    const [message] = await receiveAll(first.sqs, first.QueueUrl);
    await first.sqs.send(
      new DeleteMessageCommand({
        QueueUrl: first.QueueUrl,
        ReceiptHandle: message?.ReceiptHandle,
      }),
    );
    await send("hidden");
    await receiveAll(first.sqs, first.QueueUrl);
    await send("delayed", 900);
    await send("visible");
  }
  await using second = await started();
  const { Attributes } = await second.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: second.QueueUrl, AttributeNames: ["All"] }),
  );
  expect(Attributes).toMatchObject({
    ApproximateNumberOfMessages: "1",
    ApproximateNumberOfMessagesNotVisible: "1",
    ApproximateNumberOfMessagesDelayed: "1",
  });
  expect((await receiveAll(second.sqs, second.QueueUrl)).map(({ Body }) => Body)).toEqual([
    "visible",
  ]);
});

test("a message that was received too often is put aside, and never in both queues or in none", () => {
  let nowMs = 1_000_000;
  using store = openMessageStore(undefined, () => nowMs);
  const id = store.send("work", {
    ...{ body: "x", attributes: "{}", senderId: "AIDA", delaySeconds: 0 },
  });
  for (const receives of [1, 2]) {
    store.putAside("work", 2, "dead");
    expect(store.receive("work", 10, 30)).toMatchObject([{ id, receives }]);
    nowMs += 30_000;
  }
  expect(store.depth("dead")).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  store.putAside("work", 2, "dead");
  expect(store.receive("work", 10, 30)).toEqual([]);
  expect(store.receive("dead", 10, 30)).toMatchObject([{ id, deadLetterOf: "work" }]);
  nowMs += 601_000;
  store.expire("dead", 600);
  expect(store.depth("dead")).toMatchObject({ visible: 0, inFlight: 0 });
});

test("a receipt of an earlier receive deletes nothing", () => {
  let nowMs = 1_000_000;
  using store = openMessageStore(undefined, () => nowMs);
  store.send("work", { body: "x", attributes: "{}", senderId: "AIDA", delaySeconds: 0 });
  const [first] = store.receive("work", 1, 30);
  nowMs += 30_000;
  const [second] = store.receive("work", 1, 30);
  expect(store.remove("work", first?.receipt ?? "")).toBe(false);
  expect(store.remove("other", second?.receipt ?? "")).toBe(false);
  expect(store.remove("work", second?.receipt ?? "")).toBe(true);
});

test("a long poll gets a message at once, and a caller who is gone takes none", async () => {
  await using running = await started();
  const { sqs, QueueUrl } = running;
  const gone = new AbortController();
  const poll = (signal?: AbortSignal) =>
    sqs.send(
      new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20, MaxNumberOfMessages: 1 }),
      signal === undefined ? {} : { abortSignal: signal },
    );
  const left = poll(gone.signal).catch(() => "gone");
  await new Promise((resolve) => setTimeout(resolve, 100));
  gone.abort();
  expect(await left).toBe("gone");
  await new Promise((resolve) => setTimeout(resolve, 100));
  const startMs = Date.now();
  const waiting = poll();
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "hello" }));
  expect((await waiting).Messages?.[0]?.Body).toBe("hello");
  expect(Date.now() - startMs).toBeLessThan(5_000);
});

test.each([
  { given: "a half surrogate", body: "\ud83d", name: /InvalidMessageContents/ },
  { given: "a control character", body: "a\u0001b", name: /InvalidMessageContents/ },
])("$given is refused", async ({ body, name }) => {
  await using running = await started();
  const { sqs, QueueUrl } = running;
  // JSON would carry it as an escape, as other languages' clients send it.
  const send = sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body }));
  await expect(send).rejects.toMatchObject({ name: expect.stringMatching(name) });
});

test("a batch with one bad message is refused whole", async () => {
  await using running = await started();
  const { sqs, QueueUrl } = running;
  const Entries = [
    { Id: "good", MessageBody: "x" },
    { Id: "bad", MessageBody: "a\u0001b" },
  ];
  await expect(sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }))).rejects.toMatchObject({
    name: "InvalidMessageContents",
  });
  expect(await receiveAll(sqs, QueueUrl)).toEqual([]);
});
