// Dead letters in hand. While they are held, others do not see them, so the holder puts them back;
// of each only what that takes is kept, so that a hundred thousand of them need no room.
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
} from "@aws-sdk/client-sqs";
import { inTurns } from "../frame/in-turns.ts";
import { BATCH_MAX } from "../messages.ts";
import type { QueuesAccess } from "../stage-context.ts";
import type { DeadLetterQueue, Description } from "./queues.ts";

export type DeadLetter = Description & {
  /** The name of its dead-letter queue. */
  readonly queue: string;
  readonly queueUrl: string;
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
};

type Handle = Pick<DeadLetter, "queueUrl" | "receiptHandle">;

/** For so long nobody else sees a letter if this process is killed and cannot put it back. */
const HOLD_SECONDS = 60;
/** Held letters are held on when so much of that time has gone. */
const EXTEND_MS = HOLD_SECONDS * 500;

export type Held = {
  readonly take: (letter: DeadLetter) => void;
  /** Whether it is in hand already: a queue may deliver a message twice. */
  readonly has: (messageId: string) => boolean;
  readonly forget: (messageId: string) => void;
  readonly count: () => number;
  /** Holds on to all of them, if they would soon be visible. */
  readonly keep: () => Promise<void>;
  /** Lets go of all of them, so that they are visible at once. */
  readonly putBack: () => Promise<void>;
};

export function createHeld({ sqs }: Pick<QueuesAccess, "sqs">): Held {
  const handles = new Map<string, Handle>();
  let extendedMs = Date.now();
  let extending: Promise<void> | undefined;
  const changeAll = async (seconds: number): Promise<void> => {
    const batches = [...Map.groupBy(handles.values(), ({ queueUrl }) => queueUrl)].flatMap(
      ([queueUrl, each]) => chunksOf(each).map((chunk) => ({ queueUrl, chunk })),
    );
    // If SQS no longer knows one of them, the others are still held or put back.
    await inTurns(batches, ({ queueUrl, chunk }) =>
      sqs
        .send(
          new ChangeMessageVisibilityBatchCommand({
            QueueUrl: queueUrl,
            Entries: chunk.map(({ receiptHandle }, i) => ({
              ...{ Id: String(i), ReceiptHandle: receiptHandle, VisibilityTimeout: seconds },
            })),
          }),
        )
        .catch(() => {}),
    );
  };
  return {
    take: ({ messageId, queueUrl, receiptHandle }) =>
      handles.set(messageId, { queueUrl, receiptHandle }),
    has: (messageId) => handles.has(messageId),
    forget: (messageId) => handles.delete(messageId),
    count: () => handles.size,
    keep: async () => {
      if (Date.now() - extendedMs < EXTEND_MS) return await extending;
      extendedMs = Date.now();
      extending = changeAll(HOLD_SECONDS).finally(() => {
        extending = undefined;
      });
      await extending;
    },
    putBack: async () => {
      await extending;
      await changeAll(0);
      handles.clear();
    },
  };
}

const chunksOf = <T>(items: readonly T[]): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(items.length / BATCH_MAX) }, (_, i) =>
    items.slice(i * BATCH_MAX, (i + 1) * BATCH_MAX),
  );

export type Depth = { readonly visible: number; readonly inOthersHands: number };

/** About how many letters there are, and how many somebody else holds at this moment. */
export async function depthOf(
  queues: QueuesAccess,
  { queueName }: DeadLetterQueue,
): Promise<Depth> {
  const { Attributes = {} } = await queues.sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl: await queues.urlOf(queueName),
      AttributeNames: ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    }),
  );
  return {
    visible: Number(Attributes.ApproximateNumberOfMessages ?? 0),
    inOthersHands: Number(Attributes.ApproximateNumberOfMessagesNotVisible ?? 0),
  };
}

/** Up to ten letters, held for a minute. Empty if there are none, or if SQS did not find any. */
export async function takeTen(
  queues: QueuesAccess,
  dlq: DeadLetterQueue,
): Promise<readonly DeadLetter[]> {
  const queueUrl = await queues.urlOf(dlq.queueName);
  const { Messages = [] } = await queues.sqs.send(
    new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: BATCH_MAX,
      WaitTimeSeconds: 1,
      VisibilityTimeout: HOLD_SECONDS,
      MessageAttributeNames: ["All"],
      MessageSystemAttributeNames: ["SentTimestamp", "SenderId", "DeadLetterQueueSourceArn"],
    }),
  );
  return Messages.map((message) => deadLetterOf(dlq, queueUrl, message));
}

const deadLetterOf = (dlq: DeadLetterQueue, queueUrl: string, message: Message): DeadLetter => ({
  queue: dlq.name,
  queueUrl,
  messageId: message.MessageId ?? "",
  receiptHandle: message.ReceiptHandle ?? "",
  body: message.Body ?? "",
  ...dlq.describe(message),
});

/** Removes letters of one queue, at most ten. @returns the ids of those that SQS still has */
export async function remove(
  queues: QueuesAccess,
  letters: readonly DeadLetter[],
): Promise<ReadonlySet<string>> {
  const [first] = letters;
  if (first === undefined) return new Set();
  const { Failed = [] } = await queues.sqs.send(
    new DeleteMessageBatchCommand({
      QueueUrl: first.queueUrl,
      Entries: letters.map(({ receiptHandle }, i) => ({
        ...{ Id: String(i), ReceiptHandle: receiptHandle },
      })),
    }),
  );
  return new Set(Failed.map(({ Id }) => letters[Number(Id)]?.messageId ?? ""));
}
