// Dead letters as people handle them: looked at, put back, thrown away. Nothing is changed before it is safe elsewhere.
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { FIRST_BY } from "../shared/topology.ts";
import type { LetterBox, Replay, Told } from "./letter-boxes.ts";
import type { QueuesAccess } from "./stage-context.ts";

export type Letter = Told & {
  /** The name of its box. */
  readonly queue: string;
  readonly queueUrl: string;
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
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

/** Letters in hand, by message. While they are held nobody else sees them: whoever takes some puts them back. */
export type Held = Map<string, Letter>;

const LETTERS_MAX = 5_000;

/** Takes every letter of a queue in hand, for so many seconds. */
export async function takeLetters(
  queues: QueuesAccess,
  box: LetterBox,
  held: Held,
  seconds: number,
): Promise<void> {
  const queueUrl = await queues.urlOf(box.queueName);
  // A receive may come back empty although there is more (SQS asks a part of its servers only): twice in a row is the end.
  for (let vain = 0, taken = 0; vain < 2 && taken < LETTERS_MAX; ) {
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
    // Of many letters, the first may be visible again before the last is taken.
    const count = held.size;
    for (const message of Messages) {
      const letter = letterOf(box, queueUrl, message);
      held.set(letter.messageId, letter);
    }
    vain = held.size === count ? vain + 1 : 0;
    taken += Messages.length;
  }
}

const letterOf = (box: LetterBox, queueUrl: string, message: Message): Letter => ({
  queue: box.name,
  queueUrl,
  messageId: message.MessageId ?? "",
  receiptHandle: message.ReceiptHandle ?? "",
  body: message.Body ?? "",
  ...box.told(message),
});

/** Lets go of letters: the next who looks sees them at once. One of which SQS knows nothing any more keeps no other back. */
export async function putBack(queues: QueuesAccess, letters: Iterable<Letter>): Promise<void> {
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

export async function discard(queues: QueuesAccess, letter: Letter): Promise<void> {
  const { queueUrl, receiptHandle } = letter;
  await queues.sqs.send(
    new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: receiptHandle }),
  );
}

/**
 * Sends what a replay of this letter sends: as whoever replays it, with its first sender as a note. The letter stays: a crash now leaves
 * two, and the facts make them one.
 */
export async function resend(
  queues: QueuesAccess,
  { traceparent, firstBy }: Letter,
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
