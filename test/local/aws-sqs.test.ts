import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { expect, test } from "vitest";
import { queueArn, queueNames, queueShapes } from "../../local/aws/queue-shape.ts";
import { startSqs } from "../../local/aws/sqs-server.ts";
import { retentionSeconds, topology } from "../../shared/topology.ts";
import { clientFor, receiveAll } from "./aws-fixture.ts";

test.each(queueNames)(
  "%s has the numbers of the topology, and dead letters of its own",
  async (queue) => {
    await using server = await startSqs(queueShapes("box"));
    const sqs = clientFor(server.endpoint);
    const attributesOf = async (name: string) => {
      const reply = await sqs.send(
        new GetQueueAttributesCommand({ QueueUrl: server.queueUrl(name), AttributeNames: ["All"] }),
      );
      return reply.Attributes ?? {};
    };
    const source = await attributesOf(`box-${queue}`);
    expect(source["VisibilityTimeout"]).toBe(String(topology[queue].visibilitySeconds));
    expect(source["MessageRetentionPeriod"]).toBe(String(retentionSeconds.source));
    expect(JSON.parse(source["RedrivePolicy"] ?? "")).toEqual({
      deadLetterTargetArn: queueArn(`box-${queue}-dead-letters`),
      maxReceiveCount: topology[queue].receivesMax,
    });
    const dead = await attributesOf(`box-${queue}-dead-letters`);
    expect(dead["MessageRetentionPeriod"]).toBe(String(retentionSeconds.deadLetters));
    sqs.destroy();
  },
);

test("nothing listens but 127.0.0.1", async () => {
  await using server = await startSqs([]);
  const { port, hostname } = new URL(server.endpoint);
  expect(hostname).toBe("127.0.0.1");
  const others = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family, internal }) => family === "IPv4" && !internal);
  for (const { address } of [...others, { address: "127.0.0.2" }])
    expect(await isOpen(address, Number(port)), address).toBe(false);
  expect(await isOpen("127.0.0.1", Number(port))).toBe(true);
});

test("the URLs that SQS tells can be used as they are", async () => {
  await using server = await startSqs(queueShapes("box"));
  const sqs = clientFor(server.endpoint);
  const listed = (await sqs.send(new ListQueuesCommand({}))).QueueUrls ?? [];
  expect(listed).toContain(server.queueUrl("box-tickets"));
  const found = await sqs.send(new GetQueueUrlCommand({ QueueName: "box-turns" }));
  expect(found.QueueUrl).toBe(server.queueUrl("box-turns"));
  const made = await sqs.send(new CreateQueueCommand({ QueueName: "own" }));
  await sqs.send(new SendMessageCommand({ QueueUrl: made.QueueUrl, MessageBody: "hello" }));
  const received = await receiveAll(sqs, server.queueUrl("own"));
  expect(received.map(({ Body }) => Body)).toEqual(["hello"]);
  sqs.destroy();
});

test.each([
  { what: "a delay above 900 s", given: { DelaySeconds: 901 } },
  { what: "a delay below 0", given: { DelaySeconds: -1 } },
  { what: "a delay that is no whole number", given: { DelaySeconds: 1.5 } },
])("$what is refused, alone and in a batch, as SQS does", async ({ given }) => {
  await using server = await startSqs(queueShapes("box"));
  const sqs = clientFor(server.endpoint);
  const QueueUrl = server.queueUrl("box-tickets");
  const refused = {
    name: "InvalidParameterValue",
    message: expect.stringContaining("DelaySeconds is invalid. Reason: Must be between 0 and 900"),
  };
  await expect(
    sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "a", ...given })),
  ).rejects.toMatchObject(refused);
  await expect(
    sqs.send(
      new SendMessageBatchCommand({
        QueueUrl,
        Entries: [{ Id: "1", MessageBody: "a", ...given }],
      }),
    ),
  ).rejects.toMatchObject(refused);
  expect(await receiveAll(sqs, QueueUrl)).toEqual([]);
  sqs.destroy();
});

test("a visibility above twelve hours is refused", async () => {
  await using server = await startSqs(queueShapes("box"));
  const sqs = clientFor(server.endpoint);
  const QueueUrl = server.queueUrl("box-tickets");
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "a" }));
  const [message] = await receiveAll(sqs, QueueUrl);
  await expect(
    sqs.send(
      new ChangeMessageVisibilityCommand({
        QueueUrl,
        ReceiptHandle: message?.ReceiptHandle,
        VisibilityTimeout: 43_201,
      }),
    ),
  ).rejects.toMatchObject({ name: "InvalidParameterValue" });
  sqs.destroy();
});

test("a delay of 900 s and a message of 1 MiB are taken, a byte more is not", async () => {
  await using server = await startSqs(queueShapes("box"));
  const sqs = clientFor(server.endpoint);
  const QueueUrl = server.queueUrl("box-tickets");
  const send = (bytes: number) =>
    sqs.send(
      new SendMessageCommand({ QueueUrl, MessageBody: "x".repeat(bytes), DelaySeconds: 900 }),
    );
  await send(1024 * 1024);
  await expect(send(1024 * 1024 + 1)).rejects.toThrow("Message must be shorter than 1048576");
  sqs.destroy();
});

function isOpen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 });
    const end = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
    socket.once("timeout", () => end(false));
  });
}
