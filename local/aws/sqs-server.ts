// SQS on 127.0.0.1: fauxqs behind a door that refuses what SQS refuses and fauxqs lets pass.
import { buildApp } from "fauxqs";
import { ACCOUNT_ID, REGION } from "./account.ts";
import { type QueueShape, queueArn } from "./queue-shape.ts";

export type SqsServer = AsyncDisposable & {
  /** `http://127.0.0.1:<port>`: any AWS SDK or CLI can be pointed at it. */
  readonly endpoint: string;
  readonly queueUrl: (queueName: string) => string;
};

/**
 * Starts SQS with these queues.
 * @param port 0: any free one
 */
export async function startSqs(queues: readonly QueueShape[], port = 0): Promise<SqsServer> {
  // Not startFauxqs: that binds 0.0.0.0, and has no option for it.
  const app = buildApp({ logger: false, defaultRegion: REGION });
  app.addHook("preHandler", async (request, reply) => {
    const fault = faultOf(request.body);
    if (fault !== undefined) {
      reply.code(400).header("x-amzn-query-error", "InvalidParameterValue;Sender");
      return await reply.send({
        __type: "com.amazonaws.sqs#InvalidParameterValue",
        message: fault,
      });
    }
  });
  let endpoint = "";
  // fauxqs names queues by `sqs.<region>.localhost`, which not every machine resolves.
  app.addHook("onSend", async (_request, _reply, payload) =>
    typeof payload === "string"
      ? payload.replaceAll(/http:\/\/sqs\.[a-z0-9-]+\.localhost:\d+\//g, `${endpoint}/`)
      : payload,
  );
  endpoint = await app.listen({ port, host: "127.0.0.1" });
  for (const queue of queues) await create(endpoint, queue);
  return {
    endpoint,
    queueUrl: (queueName) => `${endpoint}/${ACCOUNT_ID}/${queueName}`,
    [Symbol.asyncDispose]: async () => {
      await app.close();
    },
  };
}

async function create(endpoint: string, queue: QueueShape): Promise<void> {
  const response = await fetch(endpoint, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": "AmazonSQS.CreateQueue",
    },
    body: JSON.stringify({ QueueName: queue.name, Attributes: attributesOf(queue) }),
  });
  if (!response.ok)
    throw new Error(`the queue ${queue.name} could not be created: ${await response.text()}`);
}

const attributesOf = (queue: QueueShape): Record<string, string> => ({
  VisibilityTimeout: String(queue.visibilitySeconds),
  MessageRetentionPeriod: String(queue.retentionSeconds),
  ...(queue.deadLetters !== undefined && {
    RedrivePolicy: JSON.stringify({
      deadLetterTargetArn: queueArn(queue.deadLetters.name),
      maxReceiveCount: queue.deadLetters.receivesMax,
    }),
  }),
});

// Accepted by fauxqs 2.4.1, refused by SQS: a sender that relies on them would break in production only.
const DELAY_SECONDS_MAX = 900;
const VISIBILITY_SECONDS_MAX = 43_200;

/** Why SQS would refuse this request, or undefined. */
function faultOf(body: unknown): string | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const entries = "Entries" in body && Array.isArray(body.Entries) ? body.Entries : [];
  for (const item of [body, ...entries] as readonly Record<string, unknown>[]) {
    if (isOutside(item["DelaySeconds"], DELAY_SECONDS_MAX))
      return refusal("DelaySeconds", item["DelaySeconds"], DELAY_SECONDS_MAX);
    if (isOutside(item["VisibilityTimeout"], VISIBILITY_SECONDS_MAX))
      return refusal("VisibilityTimeout", item["VisibilityTimeout"], VISIBILITY_SECONDS_MAX);
  }
  return undefined;
}

const isOutside = (value: unknown, max: number): boolean =>
  value !== undefined &&
  (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > max);

const refusal = (name: string, value: unknown, max: number): string =>
  `Value ${JSON.stringify(value)} for parameter ${name} is invalid. Reason: Must be between 0 and ${max}, if provided.`;
