import {
  type Message,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SqsServer, startSqs } from "../../local/aws/sqs-server.ts";
import { createDeadLetters, createQueues } from "../../shared/adapters/sqs.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import { endedOf, Ticket } from "../../shared/domain/messages.ts";
import { isoOf } from "../../shared/domain/time.ts";
import { type QueueName, topology } from "../../shared/topology.ts";
import {
  createMemoryDeadLetters,
  createMemoryQueues,
  type SentLetter,
} from "../support/memory/queues.ts";
import { queuesContract, type Received } from "./queues.ts";

describe("over memory", () => {
  queuesContract(async () => {
    const { queues, sent } = createMemoryQueues();
    const { deadLetters, letters } = createMemoryDeadLetters();
    return {
      queues,
      deadLetters,
      received: async (queue) =>
        sent
          .filter((message) => message.queue === queue)
          .map(({ body, options }) => ({
            body,
            attributes:
              options.traceparent === undefined ? {} : { traceparent: options.traceparent },
          })),
      letters: async (queue) => letters.filter((one) => one.queue === queue).map(receivedLetter),
    };
  });
});

const receivedLetter = (letter: SentLetter): Received => ({
  body: letter.body,
  attributes: {
    reason: letter.reason,
    error_name: letter.errorName,
    failed_at: isoOf(letter.failedAtMs),
    source_queue: letter.queue,
    receive_count: String(letter.receiveCount),
    ...(letter.runId !== undefined && { run_id: letter.runId }),
    ...(letter.runUrl !== undefined && { run_url: letter.runUrl }),
    ...(letter.traceparent !== undefined && { traceparent: letter.traceparent }),
  },
});

describe("over SQS", () => {
  const names = Object.keys(topology) as QueueName[];
  const deadName = (queue: QueueName) => `${queue}-dead-letters`;
  let server: SqsServer;
  let client: SQSClient;
  let urls: Record<QueueName, string>;
  let deadUrls: Record<QueueName, string>;
  beforeAll(async () => {
    const shape = { visibilitySeconds: 30, retentionSeconds: 600 };
    server = await startSqs(
      names.flatMap((name) => [
        { name, ...shape },
        { name: deadName(name), ...shape },
      ]),
    );
    client = clientAt(server.endpoint);
    const urlsOf = (nameOf: (queue: QueueName) => string) =>
      Object.fromEntries(names.map((name) => [name, server.queueUrl(nameOf(name))])) as typeof urls;
    urls = urlsOf((name) => name);
    deadUrls = urlsOf(deadName);
  });
  afterAll(async () => {
    client.destroy();
    await server[Symbol.asyncDispose]();
  });

  const clientAt = (endpoint: string) =>
    new SQSClient({
      endpoint,
      region: "eu-central-1",
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
      maxAttempts: 1,
    });

  async function receive(url: string): Promise<readonly Received[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: url,
      MaxNumberOfMessages: 10,
      MessageAttributeNames: ["All"],
    });
    return ((await client.send(command)).Messages ?? []).map(receivedMessage);
  }
  const receivedMessage = ({ Body = "", MessageAttributes = {} }: Message): Received => ({
    body: Body,
    attributes: Object.fromEntries(
      Object.entries(MessageAttributes).map(([name, value]) => [name, value.StringValue ?? ""]),
    ),
  });

  const open = async () => {
    for (const QueueUrl of [...Object.values(urls), ...Object.values(deadUrls)])
      await client.send(new PurgeQueueCommand({ QueueUrl }));
    return {
      ...createQueues(client, urls),
      ...createDeadLetters(client, deadUrls),
      received: (queue: QueueName) => receive(urls[queue]),
      letters: (queue: QueueName) => receive(deadUrls[queue]),
    };
  };

  queuesContract(open);

  const letter = {
    body: "x",
    reason: "because",
    errorName: "PoisonMessageError",
    failedAtMs: 0,
    receiveCount: 1,
  };

  test.each([
    {
      what: "control characters",
      reason: "a\u0000b\u001b[31mc\n",
      stored: "a\ufffdb\ufffd[31mc\n",
    },
    { what: "half a character", reason: "a\ud83d", stored: "a\ufffd" },
    { what: "characters that XML has not", reason: "a\ufffe\uffff", stored: "a\ufffd\ufffd" },
    { what: "nothing", reason: "", stored: "-" },
    { what: "a novel", reason: "x".repeat(5_000), stored: "x".repeat(1_000) },
  ])("a reason with $what is made fit for SQS", async ({ reason, stored }) => {
    const { deadLetters, letters } = await open();
    await deadLetters.send("tickets", { ...letter, reason });
    expect((await letters("tickets"))[0]?.attributes["reason"]).toBe(stored);
  });

  test("a body that SQS itself could just carry is cut, not lost", async () => {
    const { deadLetters, letters } = await open();
    await deadLetters.send("tickets", { ...letter, body: "ü".repeat(524_288) });
    const [stored] = await letters("tickets");
    expect(stored?.body.length).toBeGreaterThan(490_000);
    expect(stored?.body.startsWith("üüü")).toBe(true);
  });

  test("characters that SQS refuses travel escaped in a message", async () => {
    const { queues, received } = await open();
    const ticket = Ticket.parse({
      ticket_id: "odd",
      workload: "odd",
      parameters: { text: "\u0000\ufffe\uffff\ud83d" },
    });
    await queues.send("tickets", ticket);
    expect(JSON.parse((await received("tickets"))[0]?.body ?? "")).toEqual(ticket);
  });

  test("SQS that is not there, or has no such queue, is trouble", async () => {
    const nowhere = createQueues(clientAt("http://127.0.0.1:9"), {
      reports: "http://127.0.0.1:9/000000000000/reports",
    });
    const missing = createQueues(client, { reports: urls.reports.replace("reports", "nothing") });
    const key = { run_id: "a", chapter: 1, iter_n: 1, attempt: 1 };
    for (const { queues } of [nowhere, missing])
      await expect(queues.send("reports", endedOf(key))).rejects.toBeInstanceOf(
        PlatformTroubleError,
      );
  });

  test("a queue that the service was not given is a sentence that names the variable", async () => {
    const { queues } = createQueues(client, {});
    const key = { run_id: "a", chapter: 1, iter_n: 1, attempt: 1 };
    await expect((async () => queues.send("reports", endedOf(key)))()).rejects.toThrow(
      /QUEUE_URL_REPORTS/,
    );
  });
});
