import { GetQueueAttributesCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import type { Context, SQSEvent, SQSRecord } from "aws-lambda";
import { describe, expect, test } from "vitest";
import { batchVerdict } from "../../local/aws/batch-response.ts";
import { mapped, QUEUE_ARN, type Rig, until } from "./aws-fixture.ts";

const countOf = async (rig: Rig, name: "Messages" | "MessagesNotVisible"): Promise<number> => {
  const attribute = `ApproximateNumberOf${name}` as const;
  const reply = await rig.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: rig.queueUrl, AttributeNames: [attribute] }),
  );
  return Number(reply.Attributes?.[attribute]);
};
const isEmpty = async (rig: Rig): Promise<boolean> =>
  (await countOf(rig, "Messages")) + (await countOf(rig, "MessagesNotVisible")) === 0;

describe("what a function gets", () => {
  test("a record is what SQS's event of Lambda is, attribute by attribute", async () => {
    const records: SQSRecord[] = [];
    await using rig = await mapped({ handler: (event) => void records.push(...event.Records) });
    rig.start();
    const sent = await rig.sqs.send(
      new SendMessageCommand({
        QueueUrl: rig.queueUrl,
        MessageBody: "hello ✓",
        MessageAttributes: {
          traceparent: { DataType: "String", StringValue: "00-ab-cd-01" },
          bytes: { DataType: "Binary", BinaryValue: new Uint8Array([1, 2, 255]) },
        },
      }),
    );
    await until("the record", () => records.length === 1);
    expect(records[0]).toEqual({
      messageId: sent.MessageId,
      receiptHandle: expect.stringMatching(/.+/),
      body: "hello ✓",
      attributes: {
        ApproximateReceiveCount: "1",
        SentTimestamp: expect.stringMatching(/^[0-9]{13}$/),
        SenderId: expect.any(String),
        ApproximateFirstReceiveTimestamp: expect.stringMatching(/^[0-9]{13}$/),
      },
      messageAttributes: {
        traceparent: {
          stringValue: "00-ab-cd-01",
          stringListValues: [],
          binaryListValues: [],
          dataType: "String",
        },
        bytes: {
          binaryValue: Buffer.from([1, 2, 255]).toString("base64"),
          stringListValues: [],
          binaryListValues: [],
          dataType: "Binary",
        },
      },
      md5OfBody: sent.MD5OfMessageBody,
      md5OfMessageAttributes: sent.MD5OfMessageAttributes,
      eventSource: "aws:sqs",
      eventSourceARN: QUEUE_ARN,
      awsRegion: "us-east-1",
    });
  });

  test("a context has a name, an id of its own and a deadline that comes nearer", async () => {
    const contexts: Context[] = [];
    await using rig = await mapped({
      timeoutSeconds: 7,
      batchSize: 1,
      handler: (_event, context) => void contexts.push(context),
    });
    rig.start();
    await rig.sendAll(["a", "b"]);
    await until("two invocations", () => contexts.length === 2);
    const [first, second] = contexts;
    expect(first?.functionName).toBe("worker");
    expect(first?.invokedFunctionArn).toMatch(/^arn:aws:lambda:.*:function:worker$/);
    expect(first?.awsRequestId).not.toBe(second?.awsRequestId);
    const left = first?.getRemainingTimeInMillis() ?? 0;
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(7_000);
  });
});

describe("batches", () => {
  test("a window fills a batch beyond the ten messages of one receive", async () => {
    const sizes: number[] = [];
    await using rig = await mapped({
      batchSize: 25,
      windowSeconds: 2,
      handler: (event) => void sizes.push(event.Records.length),
    });
    await rig.sendAll(Array.from({ length: 30 }, (_, i) => String(i)));
    rig.start();
    await until("all of them", async () => await isEmpty(rig));
    expect(sizes).toEqual([25, 5]);
  });

  test("without a window nobody waits for company", async () => {
    const sizes: number[] = [];
    await using rig = await mapped({ handler: (event) => void sizes.push(event.Records.length) });
    await rig.sendAll(["a", "b", "c"]);
    rig.start();
    await until("all of them", async () => await isEmpty(rig));
    expect(sizes).toEqual([3]);
  });

  test("a message that comes while the window is open joins the batch", async () => {
    const sizes: number[] = [];
    await using rig = await mapped({
      windowSeconds: 1,
      handler: (event) => void sizes.push(event.Records.length),
    });
    rig.start();
    await rig.send("a");
    await until("a receive", async () => (await countOf(rig, "MessagesNotVisible")) === 1);
    await rig.send("b");
    await until("both", () => sizes.length > 0);
    expect(sizes).toEqual([2]);
  });

  test("a batch stays below Lambda's payload of 6 MB", async () => {
    const sizes: number[] = [];
    await using rig = await mapped({ handler: (event) => void sizes.push(event.Records.length) });
    const large = "x".repeat(900_000);
    for (let i = 0; i < 8; i++) await rig.send(large);
    rig.start();
    await until("all of them", async () => await isEmpty(rig));
    expect(Math.max(...sizes)).toBe(6);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(8);
    expect(rig.invocations.every(({ failed }) => failed.length === 0)).toBe(true);
  });

  test("at most `concurrencyMax` invocations run, and as many do", async () => {
    let running = 0;
    let most = 0;
    const gate = Promise.withResolvers<void>();
    await using rig = await mapped({
      batchSize: 1,
      concurrencyMax: 3,
      handler: async () => {
        most = Math.max(most, ++running);
        await gate.promise;
        running--;
      },
    });
    await rig.sendAll(Array.from({ length: 8 }, (_, i) => String(i)));
    rig.start();
    await until("three at once", () => running === 3);
    // What nobody may work on yet is not received: its visibility would run out for nothing.
    expect(await countOf(rig, "Messages")).toBe(5);
    gate.resolve();
    await until("all of them", async () => await isEmpty(rig));
    expect(most).toBe(3);
  });
});

describe("what an answer does to its batch", () => {
  const ids = ["a", "b", "c"];
  test.each<{ answer: string; response: unknown; expected: readonly string[] }>([
    { answer: "nothing", response: undefined, expected: ids },
    { answer: "null", response: null, expected: ids },
    { answer: "an empty object", response: {}, expected: ids },
    { answer: "an empty list", response: { batchItemFailures: [] }, expected: ids },
    { answer: "no list", response: { batchItemFailures: null }, expected: ids },
    {
      answer: "one failure",
      response: { batchItemFailures: [{ itemIdentifier: "b" }] },
      expected: ["a", "c"],
    },
    {
      answer: "the same failure twice",
      response: { batchItemFailures: [{ itemIdentifier: "b" }, { itemIdentifier: "b" }] },
      expected: ["a", "c"],
    },
    {
      answer: "all of them",
      response: { batchItemFailures: ids.map((itemIdentifier) => ({ itemIdentifier })) },
      expected: [],
    },
  ])("$answer: the others are deleted", ({ response, expected }) => {
    expect(batchVerdict(ids, response)).toMatchObject({ kind: "handled", done: expected });
  });

  test.each<{ answer: string; response: unknown }>([
    {
      answer: "an unknown identifier",
      response: { batchItemFailures: [{ itemIdentifier: "z" }] },
    },
    { answer: "an empty identifier", response: { batchItemFailures: [{ itemIdentifier: "" }] } },
    {
      answer: "a null identifier",
      response: { batchItemFailures: [{ itemIdentifier: null }] },
    },
    { answer: "a misnamed key", response: { batchItemFailures: [{ messageId: "a" }] } },
    {
      answer: "a good one and a bad one",
      response: { batchItemFailures: [{ itemIdentifier: "a" }, {}] },
    },
    { answer: "failures that are no list", response: { batchItemFailures: "a" } },
    { answer: "a text", response: "done" },
    { answer: "a list", response: [] },
  ])("$answer: nothing is deleted", ({ response }) => {
    expect(batchVerdict(ids, response).kind).toBe("failed");
  });

  test("what is reported comes back with a higher count, its neighbours do not", async () => {
    const seen: string[] = [];
    await using rig = await mapped({
      visibilitySeconds: 1,
      handler: (event) => {
        seen.push(...event.Records.map(countedBody));
        const first = event.Records.find(({ attributes }) => isFirst(attributes));
        return {
          batchItemFailures: event.Records.filter(
            ({ body, attributes }) => body === "bad" && isFirst(attributes) && first,
          ).map(({ messageId }) => ({ itemIdentifier: messageId })),
        };
      },
    });
    await rig.sendAll(["good", "bad"]);
    rig.start();
    await until("the second time", () => seen.includes("bad 2"));
    await until("all of them", async () => await isEmpty(rig));
    expect(seen.toSorted()).toEqual(["bad 1", "bad 2", "good 1"]);
    expect(rig.invocations[0]?.failed).toHaveLength(1);
  });

  test.each<{ failure: string; handler: (event: SQSEvent) => unknown }>([
    {
      failure: "throws",
      handler: () => {
        throw new Error("out of luck");
      },
    },
    { failure: "rejects", handler: () => Promise.reject(new Error("out of luck")) },
    {
      failure: "names a stranger",
      handler: () => ({ batchItemFailures: [{ itemIdentifier: "stranger" }] }),
    },
  ])(
    "a function that $failure keeps its whole batch, until SQS dead-letters it",
    async ({ handler }) => {
      await using rig = await mapped({ visibilitySeconds: 1, receivesMax: 2, handler });
      await rig.sendAll(["a", "b"]);
      rig.start();
      let letters: readonly { Body?: string | undefined }[] = [];
      await until("dead letters", async () => {
        letters = [...letters, ...(await rig.deadLetters())];
        return letters.length === 2;
      });
      expect(letters.map(({ Body }) => Body).toSorted()).toEqual(["a", "b"]);
      const deliveries = rig.invocations.flatMap(({ messageIds }) => messageIds);
      expect(deliveries).toHaveLength(4);
      expect(rig.invocations.every(({ reason }) => reason !== undefined)).toBe(true);
    },
  );

  test("a function that is late has failed, although it says later that all is well", async () => {
    const late = Promise.withResolvers<void>();
    const seen: string[] = [];
    await using rig = await mapped({
      timeoutSeconds: 1,
      visibilitySeconds: 2,
      handler: async (event) => {
        seen.push(...event.Records.map(countedBody));
        if (seen.length === 1) await late.promise;
      },
    });
    rig.start();
    await rig.send("slow");
    await until("the timeout", () => rig.invocations.length === 1);
    late.resolve();
    expect(rig.invocations[0]?.reason).toMatch(/Task timed out after 1\.00 seconds/);
    await until("the second delivery", () => seen.length === 2);
    await until("an empty queue", async () => await isEmpty(rig));
    expect(seen).toEqual(["slow 1", "slow 2"]);
  });

  test("a response that JSON cannot carry fails the batch", async () => {
    const loop: Record<string, unknown> = {};
    loop["loop"] = loop;
    await using rig = await mapped({ handler: () => loop });
    rig.start();
    await rig.send("a");
    await until("an invocation", () => rig.invocations.length === 1);
    expect(rig.invocations[0]?.reason).toMatch(/circular/i);
    expect(await countOf(rig, "MessagesNotVisible")).toBe(1);
  });
});

test("stopping waits for the work in hand, and deletes what it handled", async () => {
  const begun = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  await using rig = await mapped({
    handler: async () => {
      begun.resolve();
      await gate.promise;
    },
  });
  rig.start();
  await rig.send("a");
  await begun.promise;
  let stopped = false;
  const stopping = rig.stop().then(() => {
    stopped = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(stopped).toBe(false);
  gate.resolve();
  await stopping;
  expect(await isEmpty(rig)).toBe(true);
});

test("a queue that does not answer is said, and polled again", async () => {
  await using rig = await mapped({ handler: () => undefined });
  rig.start();
  rig.sqs.destroy();
  rig.sqs.middlewareStack.add(
    (next, context) => async (args) => {
      if (rig.troubles.length === 0 && context["commandName"] === "ReceiveMessageCommand")
        throw new Error("the cable is out");
      return await next(args);
    },
    { step: "initialize" },
  );
  await rig.send("a");
  await rig.send("b");
  await until("both", async () => await isEmpty(rig));
  expect(rig.troubles).toEqual([expect.stringMatching(/could not be polled: the cable is out/)]);
});

const isFirst = (attributes: SQSRecord["attributes"]): boolean =>
  attributes.ApproximateReceiveCount === "1";
const countedBody = ({ body, attributes }: SQSRecord): string =>
  `${body} ${attributes.ApproximateReceiveCount}`;
