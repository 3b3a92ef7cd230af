// One small queue with its dead letters, a function, and the mapping between them, as the tests of
// the embedded AWS need it.
import {
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import type { Context, SQSEvent } from "aws-lambda";
import { type Invocation, startMapping } from "../../local/aws/event-source-mapping.ts";
import { lambdaFunction } from "../../local/aws/lambda-function.ts";
import { queueArn, REGION } from "../../local/aws/queue-shape.ts";
import { startSqs } from "../../local/aws/sqs-server.ts";

export const QUEUE_ARN = queueArn("work");

export type Mapped = {
  readonly handler: (event: SQSEvent, context: Context) => unknown;
  readonly timeoutSeconds?: number;
  readonly visibilitySeconds?: number;
  readonly receivesMax?: number;
  readonly batchSize?: number;
  readonly windowSeconds?: number;
  readonly concurrencyMax?: number;
};

export type Rig = AsyncDisposable & {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  readonly invocations: readonly Invocation[];
  readonly troubles: readonly string[];
  readonly send: (body: string) => Promise<string>;
  readonly sendAll: (bodies: readonly string[]) => Promise<void>;
  readonly deadLetters: () => Promise<readonly Message[]>;
  readonly stop: () => Promise<void>;
};

export const clientFor = (endpoint: string): SQSClient =>
  new SQSClient({
    endpoint,
    region: REGION,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  });

/** Starts SQS and a mapping. What was sent before `start()` is called waits on the queue. */
export async function mapped(options: Mapped): Promise<Rig & { readonly start: () => void }> {
  const server = await startSqs([
    { name: "work-dead-letters", visibilitySeconds: 30, retentionSeconds: 600 },
    {
      name: "work",
      visibilitySeconds: options.visibilitySeconds ?? 30,
      retentionSeconds: 600,
      deadLetters: { name: "work-dead-letters", receivesMax: options.receivesMax ?? 3 },
    },
  ]);
  const sqs = clientFor(server.endpoint);
  const queueUrl = server.queueUrl("work");
  const invocations: Invocation[] = [];
  const troubles: string[] = [];
  let stop = async (): Promise<void> => {};
  return {
    sqs,
    queueUrl,
    invocations,
    troubles,
    start: () => {
      const target = lambdaFunction({
        name: "worker",
        code: options.handler as never,
        timeoutSeconds: options.timeoutSeconds ?? 5,
      });
      ({ stop } = startMapping(sqs, target, {
        queueUrl,
        queueArn: QUEUE_ARN,
        batchSize: options.batchSize ?? 10,
        windowSeconds: options.windowSeconds ?? 0,
        concurrencyMax: options.concurrencyMax ?? 2,
        onInvoked: (invocation) => invocations.push(invocation),
        onTrouble: (sentence) => troubles.push(sentence),
      }));
    },
    send: async (body) => {
      const command = new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body });
      return (await sqs.send(command)).MessageId ?? "";
    },
    sendAll: async (bodies) => {
      for (let at = 0; at < bodies.length; at += 10)
        await sqs.send(
          new SendMessageBatchCommand({
            QueueUrl: queueUrl,
            Entries: bodies
              .slice(at, at + 10)
              .map((MessageBody, i) => ({ Id: String(i), MessageBody })),
          }),
        );
    },
    deadLetters: () => receiveAll(sqs, server.queueUrl("work-dead-letters")),
    stop: () => stop(),
    [Symbol.asyncDispose]: async () => {
      await stop();
      sqs.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}

export async function receiveAll(sqs: SQSClient, queueUrl: string): Promise<readonly Message[]> {
  const reply = await sqs.send(
    new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: 10,
      MessageSystemAttributeNames: ["All"],
      MessageAttributeNames: ["All"],
    }),
  );
  return reply.Messages ?? [];
}

/**
 * Resolves when `condition` holds. @throws after `limitMs`, with what was waited for: long, because
 * a busy machine is no fault
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs = 90_000,
): Promise<void> {
  const endsMs = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > endsMs) throw new Error(`waited ${limitMs} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
