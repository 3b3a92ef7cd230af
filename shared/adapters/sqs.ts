// QueuesPort and DeadLettersPort over SQS. Messages are JSON; trace and senders travel beside them
// as attributes.
import { type MessageAttributeValue, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { isoOf } from "../domain/time.ts";
import type { DeadLetter, DeadLettersPort, QueuesPort } from "../ports.ts";
import { ERROR_NAME, FIRST_BY, type QueueName, SENT_BY, SOURCE_QUEUE } from "../topology.ts";
import { awsClientOptions, waitingFor } from "./aws.ts";
import { checkDelay } from "./delay.ts";

/** The queues that a service sends to; the others are absent. */
export type QueueUrls = Readonly<Partial<Record<QueueName, string>>>;

export const createSqsClient = (): SQSClient => new SQSClient(awsClientOptions);

export const createQueues = (client: SQSClient, urls: QueueUrls): QueuesPort => ({
  queues: {
    send: (queue, message, { delaySeconds, traceparent, by } = {}) => {
      checkDelay(queue, delaySeconds);
      return send(client, queue, urlOf(queue, urls, "QUEUE_URL"), jsonBody(message), {
        ...(delaySeconds !== undefined && { delaySeconds }),
        attributes: {
          ...(traceparent !== undefined && { traceparent }),
          ...(by !== undefined && { [SENT_BY]: by }),
        },
      });
    },
  },
});

export const createDeadLetters = (client: SQSClient, urls: QueueUrls): DeadLettersPort => ({
  deadLetters: {
    send: (queue, letter) => {
      const url = urlOf(queue, urls, "DEAD_LETTER_URL");
      const attributes = attributesOf(queue, letter);
      return send(client, `the dead letters of ${queue}`, url, letterBody(letter.body), {
        attributes,
      });
    },
  },
});

/**
 * The attributes of a dead letter: why it is here. The body stays as it came, so that a person can
 * look and a replay can put it back.
 */
const attributesOf = (queue: QueueName, letter: DeadLetter): Readonly<Record<string, string>> => ({
  reason: letter.reason,
  [ERROR_NAME]: letter.errorName,
  failed_at: isoOf(letter.failedAtMs),
  [SOURCE_QUEUE]: queue,
  receive_count: String(letter.receiveCount),
  ...(letter.runId !== undefined && { run_id: letter.runId }),
  ...(letter.runUrl !== undefined && { run_url: letter.runUrl }),
  ...(letter.traceparent !== undefined && { traceparent: letter.traceparent }),
  // It has another name than SENT_BY: a dead letter that is put back as it is must not speak for
  // its first sender.
  ...(letter.by !== undefined && { [FIRST_BY]: letter.by }),
});

type Sent = {
  readonly delaySeconds?: number;
  readonly attributes: Readonly<Record<string, string>>;
};

async function send(
  client: SQSClient,
  to: string,
  url: string,
  body: string,
  { delaySeconds, attributes }: Sent,
): Promise<void> {
  const command = new SendMessageCommand({
    QueueUrl: url,
    MessageBody: body,
    ...(delaySeconds !== undefined && { DelaySeconds: delaySeconds }),
    MessageAttributes: Object.fromEntries(
      Object.entries(attributes).map(([name, value]) => [name, attribute(value)]),
    ),
  });
  await waitingFor(`sending to ${to}`, () => client.send(command));
}

const ATTRIBUTE_CHARS_MAX = 1_000;

const attribute = (value: string): MessageAttributeValue => ({
  DataType: "String",
  StringValue: acceptable(value.slice(0, ATTRIBUTE_CHARS_MAX)) || "-", // SQS takes no empty value
});

// A message has at most 1 MiB with its attributes, and ours have less than 32 KiB.
const LETTER_BYTES_MAX = (1024 - 32) * 1024;

/**
 * The body as it came, so that it can be replayed. Characters that SQS would refuse are replaced,
 * and a body that is too long is cut.
 */
const letterBody = (body: string): string =>
  Buffer.from(acceptable(body)).subarray(0, LETTER_BYTES_MAX).toString("utf8") || "(empty)";

/**
 * SQS takes XML's characters: #x9, #xA, #xD, #x20 to #xD7FF, #xE000 to #xFFFD, #x10000 to #x10FFFF.
 */
const acceptable = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that SQS refuses
    .replaceAll(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, "\uFFFD")
    .toWellFormed();

/** JSON escapes every character that SQS refuses, except two. */
const jsonBody = (message: unknown): string =>
  JSON.stringify(message).replaceAll("\uFFFE", "\\ufffe").replaceAll("\uFFFF", "\\uffff");

function urlOf(queue: QueueName, urls: QueueUrls, variable: string): string {
  const url = urls[queue];
  if (url !== undefined) return url;
  throw new Error(
    `this service has no ${variable}_${queue.toUpperCase()}: by topology.ts it sends nothing there`,
  );
}
