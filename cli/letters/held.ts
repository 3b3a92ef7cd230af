// Handles dead letters for people: looks at them, puts them back, throws them away. Nothing is
// changed before it is safe elsewhere.
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { FIRST_BY } from "../shared/topology.ts";
import type { DeadLetterQueue, Description, Replay } from "./dead-letter-queues.ts";
import type { QueuesAccess } from "./stage-context.ts";

export type DeadLetter = Description & {
  /** The name of its dead-letter queue. */
  readonly queue: string;
  readonly queueUrl: string;
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
};

/** Selects dead letters. Absent: all. */
export type Filter = {
  readonly message?: string | undefined;
  readonly run?: string | undefined;
  readonly error?: string | undefined;
};

export const fits = (letter: DeadLetter, { message, run, error }: Filter): boolean =>
  (message === undefined || letter.messageId === message) &&
  (run === undefined || letter.runId === run) &&
  (error === undefined || letter.errorName === error);

/**
 * Dead letters in hand, by message. While they are held, others do not see them, so the holder puts
 * them back.
 */
export type Held = Map<string, DeadLetter>;

const DEAD_LETTERS_MAX = 5_000;

/** Takes every dead letter of a queue in hand, for so many seconds. */
export async function takeDeadLetters(
  queues: QueuesAccess,
  dlq: DeadLetterQueue,
  held: Held,
  seconds: number,
): Promise<void> {
  const queueUrl = await queues.urlOf(dlq.queueName);
  // A receive may come back empty although there is more (SQS asks only a part of its servers). Two
  // empty ones in a row are the end.
  for (let vain = 0, taken = 0; vain < 2 && taken < DEAD_LETTERS_MAX; ) {
    const { Messages = [] } = await queues.sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: 10,
        WaitTimeSeconds: 1,
        VisibilityTimeout: seconds,
        MessageAttributeNames: ["All"],
        MessageSystemAttributeNames: ["SentTimestamp", "SenderId", "DeadLetterQueueSourceArn"],
      }),
    );
    // If there are many dead letters, the first may be visible again before the last is taken.
    const count = held.size;
    for (const message of Messages) {
      const letter = deadLetterOf(dlq, queueUrl, message);
      held.set(letter.messageId, letter);
    }
    vain = held.size === count ? vain + 1 : 0;
    taken += Messages.length;
  }
}

const deadLetterOf = (dlq: DeadLetterQueue, queueUrl: string, message: Message): DeadLetter => ({
  queue: dlq.name,
  queueUrl,
  messageId: message.MessageId ?? "",
  receiptHandle: message.ReceiptHandle ?? "",
  body: message.Body ?? "",
  ...dlq.describe(message),
});

/**
 * Lets go of dead letters, so that they are visible at once. If SQS no longer knows one of them,
 * the others are still put back.
 */
export async function putBack(queues: QueuesAccess, letters: Iterable<DeadLetter>): Promise<void> {
  await Promise.allSettled(
    [...letters].map(({ queueUrl, receiptHandle }) =>
      queues.sqs.send(
        new ChangeMessageVisibilityCommand({
          QueueUrl: queueUrl,
          ReceiptHandle: receiptHandle,
          VisibilityTimeout: 0,
        }),
      ),
    ),
  );
}

export async function discard(queues: QueuesAccess, letter: DeadLetter): Promise<void> {
  const { queueUrl, receiptHandle } = letter;
  await queues.sqs.send(
    new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: receiptHandle }),
  );
}

/**
 * Sends the replay of this dead letter, in the name of the person who replays it, with its first
 * sender as a note. The dead letter stays: a crash now leaves two messages, and the facts make them
 * one.
 */
export async function resend(
  queues: QueuesAccess,
  { traceparent, firstBy }: DeadLetter,
  { queue, body }: Extract<Replay, { kind: "yes" }>,
): Promise<void> {
  const attributes = { traceparent, [FIRST_BY]: firstBy };
  await queues.sqs.send(
    new SendMessageCommand({
      QueueUrl: await queues.sourceUrl(queue),
      MessageBody: body,
      MessageAttributes: Object.fromEntries(
        Object.entries(attributes)
          .filter(([, value]) => value)
          .map(([name, StringValue]) => [name, { DataType: "String", StringValue }]),
      ),
    }),
  );
}
