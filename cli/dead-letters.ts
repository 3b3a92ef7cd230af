// Dead letters as people handle them: looked at, put back, thrown away. Nothing is changed before it is safe elsewhere.
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import type * as z from "zod";
import { checked, jsonOf, messageOf } from "../shared/domain/body.ts";
import { type QueueName, topology } from "../shared/topology.ts";
import type { QueuesAccess } from "./stage-context.ts";

export type Letter = {
  readonly queue: QueueName;
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly reason: string;
  readonly errorName: string;
  readonly failedAt: string;
  readonly runId: string;
  readonly runUrl: string;
  readonly traceparent: string | undefined;
};

/** Which letters are meant. Absent: all. */
export type Filter = {
  readonly message?: string | undefined;
  readonly run?: string | undefined;
  readonly error?: string | undefined;
};

export const fits = (letter: Letter, { message, run, error }: Filter): boolean =>
  (message === undefined || letter.messageId === message) &&
  (run === undefined || letter.runId === run) &&
  (error === undefined || letter.errorName === error);

// While somebody looks, nobody else gets the letter; long enough for a few thousand of them.
const HELD_SECONDS = 120;
const LETTERS_MAX = 5_000;

/** Takes every letter of a queue in hand, for two minutes; whoever does not discard them must put them back. */
export async function takeLetters(
  queues: QueuesAccess,
  queue: QueueName,
): Promise<readonly Letter[]> {
  const QueueUrl = await queues.deadLetterUrl(queue);
  const letters = new Map<string, Letter>();
  // A receive may come back empty although there is more (SQS asks a part of its servers only): twice in a row is the end.
  for (let empty = 0; empty < 2 && letters.size < LETTERS_MAX; ) {
    const { Messages = [] } = await queues.sqs.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: 10,
        WaitTimeSeconds: 1,
        VisibilityTimeout: HELD_SECONDS,
        MessageAttributeNames: ["All"],
      }),
    );
    empty = Messages.length === 0 ? empty + 1 : 0;
    for (const message of Messages) {
      const letter = letterOf(queue, message);
      letters.set(letter.messageId, letter);
    }
  }
  return [...letters.values()].toSorted((a, b) => (a.failedAt < b.failedAt ? -1 : 1));
}

/** Lets go of letters: the next who looks sees them at once. */
export async function putBack(queues: QueuesAccess, letters: readonly Letter[]): Promise<void> {
  for (const { queue, receiptHandle } of letters)
    await queues.sqs.send(
      new ChangeMessageVisibilityCommand({
        QueueUrl: await queues.deadLetterUrl(queue),
        ReceiptHandle: receiptHandle,
        VisibilityTimeout: 0,
      }),
    );
}

export async function discard(queues: QueuesAccess, letter: Letter): Promise<void> {
  const QueueUrl = await queues.deadLetterUrl(letter.queue);
  await queues.sqs.send(
    new DeleteMessageCommand({ QueueUrl, ReceiptHandle: letter.receiptHandle }),
  );
}

/** What a letter would do if it were replayed: its body as it is sent, or why it would only come back. */
export type Replayable =
  | { readonly kind: "yes"; readonly body: string }
  | { readonly kind: "no"; readonly why: string };

export function replayable({ queue, body }: Letter): Replayable {
  try {
    const value: unknown = jsonOf(body);
    const schema: z.ZodType = topology[queue].schema;
    checked("the message", schema, value);
    return { kind: "yes", body: JSON.stringify(withFreshTries(value)) };
  } catch (error) {
    return { kind: "no", why: messageOf(error) };
  }
}

/** Its waiting is over: a message that has waited a thousand times would be a dead letter again at once. */
const withFreshTries = (value: unknown): unknown =>
  typeof value === "object" && value !== null && "tries" in value ? { ...value, tries: 0 } : value;

/** Sends first, deletes then: a crash in between leaves two, and the facts make them one. */
export async function replay(queues: QueuesAccess, letter: Letter, body: string): Promise<void> {
  const { queue, traceparent } = letter;
  await queues.sqs.send(
    new SendMessageCommand({
      QueueUrl: await queues.sourceUrl(queue),
      MessageBody: body,
      ...(traceparent !== undefined && {
        MessageAttributes: { traceparent: { DataType: "String", StringValue: traceparent } },
      }),
    }),
  );
  await discard(queues, letter);
}

function letterOf(queue: QueueName, message: Message): Letter {
  const attribute = (name: string) => message.MessageAttributes?.[name]?.StringValue;
  const body = message.Body ?? "";
  return {
    queue,
    messageId: message.MessageId ?? "",
    receiptHandle: message.ReceiptHandle ?? "",
    body,
    reason: attribute("reason") ?? "SQS put it here after its receives were spent: see the logs",
    errorName: attribute("error_name") ?? "ReceivesSpent",
    failedAt: attribute("failed_at") ?? "",
    runId: attribute("run_id") ?? runIdIn(body),
    runUrl: attribute("run_url") ?? "",
    traceparent: attribute("traceparent"),
  };
}

/** For people; a body that cannot be read names no run. */
function runIdIn(body: string): string {
  try {
    const value: unknown = jsonOf(body);
    if (typeof value !== "object" || value === null) return "";
    return String(
      ("run_id" in value && value.run_id) || ("ticket_id" in value && value.ticket_id) || "",
    );
  } catch {
    return "";
  }
}
