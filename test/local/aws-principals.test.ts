// Everybody who calls is somebody: by their access key, and by nothing that they say of themselves.
import {
  ListQueuesCommand,
  type Message,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import type { SQSEvent } from "aws-lambda";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPrincipals } from "../../local/aws/principals.ts";
import { queueShapes, REGION } from "../../local/aws/queue-shape.ts";
import { type SqsServer, startSqs } from "../../local/aws/sqs-server.ts";
import { type Aws, startAws } from "../../local/aws/start-aws.ts";
import { type QueueName, type ServiceName, topology } from "../../shared/topology.ts";
import { until } from "./aws-fixture.ts";

const queueNames = Object.keys(topology) as QueueName[];
const principals = createPrincipals("box");
let server: SqsServer;
const clients: SQSClient[] = [];

beforeAll(async () => {
  server = await startSqs(queueShapes("box"), { principalOf: principals.principalOf });
});
afterAll(async () => {
  for (const client of clients) client.destroy();
  await server[Symbol.asyncDispose]();
});

type Who = Parameters<typeof principals.keysOf>[0];
function clientOf(keys: { readonly accessKeyId: string; readonly secretAccessKey: string }) {
  const { endpoint } = server;
  const client = new SQSClient({ endpoint, region: REGION, credentials: keys, maxAttempts: 1 });
  clients.push(client);
  return client;
}
const as = (who: Who) => clientOf(principals.keysOf(who));
const urlOf = (queue: string) => server.queueUrl(`box-${queue}`);

async function sendsTo(who: Who): Promise<readonly string[]> {
  const sqs = as(who);
  const sent = await Promise.all(
    queueNames.map(async (queue) => {
      const command = new SendMessageCommand({ QueueUrl: urlOf(queue), MessageBody: "x" });
      const error = await sqs.send(command).then(
        () => undefined,
        (thrown: Error) => thrown,
      );
      if (error !== undefined) expect(error.name).toMatch(/^AccessDenied/);
      return error === undefined ? [queue] : [];
    }),
  );
  return sent.flat();
}

test.each([
  { who: "upstream", queues: ["tickets"] },
  { who: "on-call", queues: queueNames },
  { who: "orchestrator", queues: queueNames },
  { who: "run-poller", queues: ["watches", "reports"] },
  { who: "ingester", queues: ["turns", "watches", "reports", "records"] },
] as const)("$who sends to $queues, as the topology says", async ({ who, queues }) => {
  expect(await sendsTo(who)).toEqual(queues);
});

test.each([
  { given: "a key that nobody has", accessKeyId: "local" },
  { given: "the name of a principal", accessKeyId: "orchestrator" },
  { given: "a key of the object's prototype", accessKeyId: "__proto__" },
])("$given is refused", async ({ accessKeyId }) => {
  const sqs = clientOf({ accessKeyId, secretAccessKey: "x" });
  const command = new SendMessageCommand({ QueueUrl: urlOf("tickets"), MessageBody: "x" });
  await expect(sqs.send(command)).rejects.toMatchObject({
    name: "InvalidClientTokenId",
    $metadata: { httpStatusCode: 403 },
  });
});

test("what is not signed is refused, and so is every other door", async () => {
  const send = (headers: Record<string, string>, body: string, path = "/", method = "POST") =>
    fetch(`${server.endpoint}${path}`, { method, headers, ...(method === "POST" && { body }) });
  const message = JSON.stringify({ QueueUrl: urlOf("orders"), MessageBody: "{}" });
  const json = { "content-type": "application/x-amz-json-1.0" };
  const unsigned = await send({ ...json, "x-amz-target": "AmazonSQS.SendMessage" }, message);
  expect([unsigned.status, await unsigned.json()]).toMatchObject([
    403,
    { __type: "com.amazonaws.sqs#MissingAuthenticationToken" },
  ]);
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const query = "Action=CreateTopic&Name=door&Version=2010-03-31";
  for (const reply of [
    await send(json, message),
    await send(form, query),
    await send({}, "", "/queues", "GET"),
    await send({}, "", "/health", "GET"),
    await send({}, "", "/bucket/object", "GET"),
  ])
    expect(reply.status).toBe(501);
});

test("upstream systems and people take nothing from the loop, and list or empty no queue", async () => {
  for (const who of ["upstream", "on-call"] as const)
    for (const command of [
      new ReceiveMessageCommand({ QueueUrl: urlOf("turns") }),
      new PurgeQueueCommand({ QueueUrl: urlOf("tickets") }),
      new ListQueuesCommand({}),
    ])
      await expect(as(who).send(command as never)).rejects.toThrow(/not authorized to perform/);
  const letters = new ReceiveMessageCommand({ QueueUrl: urlOf("turns-dead-letters") });
  await expect(as("upstream").send(letters)).rejects.toThrow(/not authorized/);
  expect((await as("on-call").send(letters)).$metadata.httpStatusCode).toBe(200);
});

describe("whoever sent a message", () => {
  const receive = async (queue: string): Promise<readonly Message[]> => {
    const command = new ReceiveMessageCommand({
      QueueUrl: urlOf(queue),
      MaxNumberOfMessages: 10,
      MessageSystemAttributeNames: ["All"],
      MessageAttributeNames: ["All"],
      VisibilityTimeout: 0,
    });
    return (await as("aws").send(command)).Messages ?? [];
  };
  const purge = (queue: string) =>
    as("aws").send(new PurgeQueueCommand({ QueueUrl: urlOf(queue) }));

  test("is said by SQS, alone and in batches, whatever the message says", async () => {
    await purge("orders");
    const text = (StringValue: string) => ({ DataType: "String", StringValue });
    const forged = {
      MessageBody: '{"SenderId":"AROALOCALORCHESTRATOR"}',
      MessageAttributes: { SenderId: text("AROAX"), sent_by: text("AROAX:ada") },
      MessageSystemAttributes: { SenderId: text("AROAX") } as never,
    };
    const QueueUrl = urlOf("orders");
    await as("on-call").send(new SendMessageCommand({ QueueUrl, ...forged }));
    await as("orchestrator").send(
      new SendMessageBatchCommand({
        QueueUrl,
        Entries: ["1", "2"].map((Id) => ({ Id, ...forged })),
      }),
    );
    const senders = (await receive("orders")).map(({ Attributes }) => Attributes?.SenderId);
    expect(senders.toSorted()).toEqual([
      "AROALOCALONCALL000000:local",
      "AROALOCALORCHESTRATOR:box-orchestrator",
      "AROALOCALORCHESTRATOR:box-orchestrator",
    ]);
    expect((await receive("orders"))[0]?.MessageAttributes?.["sent_by"]?.StringValue).toBe(
      "AROAX:ada",
    );
  });

  test("stays its sender when SQS puts it aside", async () => {
    await purge("reports");
    const QueueUrl = urlOf("reports");
    await as("run-poller").send(new SendMessageCommand({ QueueUrl, MessageBody: "{}" }));
    for (let taken = 0; taken <= topology.reports.receivesMax; taken++) await receive("reports");
    expect((await receive("reports-dead-letters"))[0]?.Attributes?.SenderId).toBe(
      "AROALOCALRUNPOLLER000:box-run-poller",
    );
  });
});

test("a started AWS tells functions their own roles, and each its own keys", async () => {
  const seen = new Map<ServiceName, SQSEvent>();
  const heard = (service: ServiceName) => (event: never) => void seen.set(service, event);
  await using aws: Aws = await startAws({
    stack: "box",
    functions: {
      orchestrator: heard("orchestrator"),
      "run-poller": new URL("./aws-function.ts", import.meta.url),
      ingester: new URL("./aws-function.ts", import.meta.url),
    },
    eventBus: { name: "box" },
    secrets: { databricks: "secret" },
  });
  const variables = async (service: ServiceName) =>
    (await aws.invoke(service, { do: "variables" })) as Record<string, string>;
  const [poller, ingester] = [await variables("run-poller"), await variables("ingester")];
  expect(poller["SIGNALBOX_OWN_ROLES"]).toBe(
    "AROALOCALORCHESTRATOR,AROALOCALRUNPOLLER000,AROALOCALINGESTER0000",
  );
  expect(poller["AWS_ACCESS_KEY_ID"]).not.toBe(ingester["AWS_ACCESS_KEY_ID"]);
  await expect(aws.invoke("run-poller", { do: "order" })).rejects.toThrow(
    /QUEUE_URL|not authorized/,
  );
  await expect(aws.invoke("ingester", { do: "announce" })).rejects.toThrow(
    /box-ingester is not authorized to perform: events:PutEvents/,
  );
  const QueueUrl = aws.queueUrl("tickets");
  await aws.upstream.send(new SendMessageCommand({ QueueUrl, MessageBody: "{}" }));
  await until("the ticket", () => seen.has("orchestrator"));
  expect(seen.get("orchestrator")?.Records[0]?.attributes.SenderId).toBe("AIDALOCALUPSTREAM0000");
});
