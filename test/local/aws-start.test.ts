import { SendMessageCommand } from "@aws-sdk/client-sqs";
import type { Context, SQSEvent, SQSRecord } from "aws-lambda";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BusEvent } from "../../local/aws/event-bridge.ts";
import { lambdaFunction } from "../../local/aws/lambda-function.ts";
import { type Aws, type AwsOptions, startAws } from "../../local/aws/start-aws.ts";
import { type QueueName, topology } from "../../shared/topology.ts";
import { receiveAll, until } from "./aws-fixture.ts";

const seen: { service: string; event: unknown; context: Context }[] = [];
const handlerOf = (service: string) => (event: never, context: Context) => {
  seen.push({ service, event, context });
};
const handlers = {
  orchestrator: handlerOf("orchestrator"),
  "run-poller": handlerOf("run-poller"),
  ingester: handlerOf("ingester"),
};
const options: AwsOptions = {
  stack: "box",
  functions: handlers,
  eventBus: { name: "box" },
  secrets: { databricks: "secret" },
};

test("each queue of the topology starts its consumer, with the timeout that it has there", async () => {
  seen.length = 0;
  await using aws = await startAws(options);
  const queues = Object.keys(topology) as QueueName[];
  for (const queue of queues)
    await aws.sqs.send(
      new SendMessageCommand({ QueueUrl: aws.queueUrl(queue), MessageBody: `for ${queue}` }),
    );
  await until("all consumers", () => seen.length === queues.length);
  for (const queue of queues) {
    const call = seen.find(({ event }) => recordOf(event)?.body === `for ${queue}`);
    expect(call?.service).toBe(topology[queue].consumer);
    expect(call?.context.functionName).toBe(`box-${topology[queue].consumer}`);
    expect(recordOf(call?.event)?.eventSourceARN).toMatch(new RegExp(`:box-${queue}$`));
  }
});

const recordOf = (event: unknown): SQSRecord | undefined =>
  (event as SQSEvent | undefined)?.Records[0];

describe("a function in an environment of its own", () => {
  const module = new URL("./aws-function.ts", import.meta.url);
  const heard: BusEvent[] = [];
  const lines: string[] = [];
  const inEnvironments: AwsOptions = {
    ...options,
    functions: { ...handlers, orchestrator: module },
    eventBus: { name: "box", listener: (event) => void heard.push(event) },
    variables: { STAGE: "test" },
    onLine: (service, line) => void lines.push(`${service}: ${line}`),
  };
  let aws: Aws;
  const does = (what: string) => aws.invoke("orchestrator", { do: what });
  beforeAll(async () => {
    aws = await startAws(inEnvironments);
  });
  afterAll(() => aws[Symbol.asyncDispose]());

  test("finds queues, secrets and the bus by its variables alone", async () => {
    expect(await does("secret")).toBe("secret");
    aws.putSecret("databricks", "rotated");
    expect(await does("secret")).toBe("rotated");
    await expect(does("list")).rejects.toThrow(/box-orchestrator is not authorized .*listqueues/);
    await does("send");
    const letters = await receiveAll(aws.sqs, aws.deadLetterUrl("tickets"));
    expect(letters.map(({ Body }) => Body)).toEqual(["from within"]);
    expect(await does("announce")).toBe(0);
    expect(heard.map(({ source }) => source)).toEqual(["test"]);
  });

  test("gets a clear error from a service that is not there, and never reaches the real one", async () => {
    await expect(does("stranger")).rejects.toThrow(/the embedded AWS does not have this service/);
  });

  test("sees the variables of a deployment, and none of the user's", async () => {
    process.env["OWN_OF_THE_USER"] = "yes";
    const variables = (await does("variables")) as Record<string, string>;
    expect(variables).toMatchObject({
      ...aws.environment,
      STAGE: "test",
      AWS_LAMBDA_FUNCTION_NAME: "box-orchestrator",
    });
    expect(variables).not.toHaveProperty("OWN_OF_THE_USER");
    expect(variables).not.toHaveProperty("HOME");
  });

  test("writes lines that somebody hears", async () => {
    await does("print");
    await until("the line", () => lines.includes("orchestrator: a line"));
  });

  test("stays warm, and fails with the error that it threw", async () => {
    const first = Number(await does("count"));
    await expect(does("throw")).rejects.toMatchObject({
      name: "RangeError",
      message: "out of range",
    });
    expect(await does("count")).toBe(first + 1);
  });

  test("that exits fails its invocation, and the next one finds a fresh environment", async () => {
    await does("count");
    await expect(does("exit")).rejects.toThrow("exited with 3");
    expect(await does("count")).toBe(1);
  });
});

test.each(["hang", "spin"])(
  "a function that is late (%s) is killed, and replaced",
  async (deed) => {
    const module = new URL("./aws-function.ts", import.meta.url);
    await using late = lambdaFunction({ name: "late", code: module, timeoutSeconds: 2 });
    await late.ready();
    expect(await late.invoke({ do: "left" })).toBeGreaterThan(0);
    await expect(late.invoke({ do: deed })).rejects.toThrow(
      /^late [0-9a-f-]{36}: Task timed out after 2\.00 seconds$/,
    );
    expect(await late.invoke({ do: "count" })).toBe(1);
  },
);

test("a module without a handler stops the start", async () => {
  const module = new URL("./aws-fixture.ts", import.meta.url);
  await expect(
    startAws({ ...options, functions: { ...handlers, ingester: module } }),
  ).rejects.toThrow(/aws-fixture\.ts exports no function called handler/);
});

test("a schedule starts its function directly, and a person can, too", async () => {
  seen.length = 0;
  await using aws = await startAws({
    ...options,
    schedules: [
      {
        name: "sweep",
        expression: "rate(5 minutes)",
        target: "orchestrator",
        deadLetters: "sweep",
        input: { schedule: "sweep" },
      },
    ],
  });
  await until("a tick", () => seen.length === 1);
  expect(seen[0]).toMatchObject({ service: "orchestrator", event: { schedule: "sweep" } });
  await aws.invoke("ingester", { hello: true });
  expect(seen[1]).toMatchObject({ service: "ingester", event: { hello: true } });
});

test("a schedule that nobody can read stops the start", async () => {
  const starting = startAws({
    ...options,
    schedules: [
      {
        name: "bad",
        deadLetters: "workloads",
        expression: "rate(often)",
        target: "orchestrator",
        input: {},
      },
    ],
  });
  await expect(starting).rejects.toThrow('"rate(often)" is no schedule');
});
