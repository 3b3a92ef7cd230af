// SQS on 127.0.0.1: fauxqs behind a proxy that refuses the calls that SQS refuses and fauxqs
// accepts.
import { randomUUID } from "node:crypto";
import { buildApp } from "fauxqs";
import { accessKeyIn, anybody, type PrincipalOf } from "./principals.ts";
import { ACCOUNT_ID, type QueueShape, queueArn, REGION } from "./queue-shape.ts";
import { createSenders } from "./senders.ts";

export type SqsServer = AsyncDisposable & {
  /** `http://127.0.0.1:<port>`: any AWS SDK or CLI can be pointed at it. */
  readonly endpoint: string;
  readonly queueUrl: (queueName: string) => string;
};

export type SqsOptions = {
  /** 0 (default): any free one. */
  readonly port?: number | undefined;
  /** Default: every caller is accepted, and may do anything. */
  readonly principalOf?: PrincipalOf;
};

/** Starts SQS with these queues. */
export async function startSqs(
  queues: readonly QueueShape[],
  { port = 0, principalOf = anybody }: SqsOptions = {},
): Promise<SqsServer> {
  // Not startFauxqs: that binds 0.0.0.0, and has no option for it.
  const app = buildApp({ logger: false, defaultRegion: REGION });
  const senders = createSenders();
  const builder = randomUUID();
  app.addHook("preHandler", async (request, reply) => {
    const operation = operationOf(request);
    const refusal =
      refusalOf(operation, request, accessKeyOf(request) === builder ? anybody : principalOf) ??
      faultOf(request.body);
    if (refusal === undefined) {
      if (operation.startsWith("DeleteMessage")) senders.deleted(request.body);
      return;
    }
    const { status = 400, code, message } = refusal;
    reply.code(status).header("x-amzn-query-error", `${code};Sender`);
    return await reply.send({ __type: `com.amazonaws.sqs#${code}`, message });
  });
  let endpoint = "";
  app.addHook("onSend", async (request, reply, payload) => {
    if (typeof payload !== "string" || reply.statusCode !== 200) return payload;
    const operation = operationOf(request);
    const sender = principalOf(accessKeyOf(request) ?? "");
    if (operation.startsWith("SendMessage") && sender !== undefined)
      senders.sent(JSON.parse(payload), sender.senderId);
    if (operation === "ReceiveMessage") return JSON.stringify(senders.named(JSON.parse(payload)));
    // fauxqs names queues by `sqs.<region>.localhost`, which not every machine resolves.
    return payload.replaceAll(/http:\/\/sqs\.[a-z0-9-]+\.localhost:\d+\//g, `${endpoint}/`);
  });
  endpoint = await app.listen({ port, host: "127.0.0.1" });
  for (const queue of queues) await create(endpoint, builder, queue);
  return {
    endpoint,
    queueUrl: (queueName) => `${endpoint}/${ACCOUNT_ID}/${queueName}`,
    [Symbol.asyncDispose]: async () => {
      await app.close();
    },
  };
}

async function create(endpoint: string, builder: string, queue: QueueShape): Promise<void> {
  const response = await fetch(endpoint, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": `${TARGET}CreateQueue`,
      authorization: `AWS4-HMAC-SHA256 Credential=${builder}/20000101/${REGION}/sqs/aws4_request`,
    },
    body: JSON.stringify({ QueueName: queue.name, Attributes: attributesOf(queue) }),
  });
  if (!response.ok)
    throw new Error(`the queue ${queue.name} could not be created: ${await response.text()}`);
}

type Request = {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
};
type Refusal = { readonly status?: number; readonly code: string; readonly message: string };

const TARGET = "AmazonSQS.";

/**
 * Empty for a request that is no call of SQS: fauxqs has other services and pages of its own, by
 * which queues can be reached, too.
 */
function operationOf({ headers }: Request): string {
  const target = headers["x-amz-target"];
  return typeof target === "string" && target.startsWith(TARGET) ? target.slice(TARGET.length) : "";
}

const accessKeyOf = ({ headers: { authorization } }: Request): string | undefined =>
  accessKeyIn(typeof authorization === "string" ? authorization : undefined);

/** Why AWS would not allow the call to this caller, or undefined. */
function refusalOf(
  operation: string,
  request: Request,
  principalOf: PrincipalOf,
): Refusal | undefined {
  if (operation === "")
    return {
      code: "InvalidAction",
      message: `the embedded SQS takes JSON requests with X-Amz-Target: ${TARGET}…, and has nothing else`,
    };
  const key = accessKeyOf(request);
  if (key === undefined)
    return {
      status: 403,
      code: "MissingAuthenticationToken",
      message: "Request is missing Authentication Token",
    };
  const principal = principalOf(key);
  if (principal === undefined)
    return {
      status: 403,
      code: "InvalidClientTokenId",
      message: "The security token included in the request is invalid.",
    };
  const action = `sqs:${operation.replace(/Batch$/, "")}`;
  const on = queueIn(request.body);
  if (principal.may({ action, on })) return undefined;
  return {
    status: 403,
    code: "AccessDenied",
    message: `User: ${principal.name} is not authorized to perform: ${action.toLowerCase()} on resource: ${queueArn(on)}`,
  };
}

function queueIn(body: unknown): string {
  if (typeof body !== "object" || body === null) return "";
  if ("QueueName" in body) return String(body.QueueName);
  return "QueueUrl" in body ? (String(body.QueueUrl).split("/").at(-1) ?? "") : "";
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

// fauxqs 2.4.1 accepts these values, and SQS refuses them: a sender that relies on them would fail
// in production only.
const DELAY_SECONDS_MAX = 900;
const VISIBILITY_SECONDS_MAX = 43_200;

/** Why SQS would refuse this request, or undefined. */
function faultOf(body: unknown): Refusal | undefined {
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

const refusal = (name: string, value: unknown, max: number): Refusal => ({
  code: "InvalidParameterValue",
  message: `Value ${JSON.stringify(value)} for parameter ${name} is invalid. Reason: Must be between 0 and ${max}, if provided.`,
});
