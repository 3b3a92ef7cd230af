// An event source mapping as Lambda has it: it polls one queue, invokes one function with batches,
// and deletes the handled messages. It never changes a visibility and never dead-letters: other
// messages come back when SQS says so.
import { setTimeout } from "node:timers/promises";
import {
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { messageOf } from "../../shared/domain/body.ts";
import { batchVerdict } from "./batch-response.ts";
import { type LambdaFunction, PAYLOAD_BYTES_MAX } from "./lambda-function.ts";
import { recordBytes, sqsEventOf } from "./sqs-event.ts";

export type MappingShape = {
  readonly queueUrl: string;
  readonly queueArn: string;
  /** Records in an invocation, at most. */
  readonly batchSize: number;
  /** How long a batch may fill up, counted from its first message; 0: not at all. */
  readonly windowSeconds: number;
  /** Invocations at the same time, at most (ScalingConfig.MaximumConcurrency). */
  readonly concurrencyMax: number;
  /** Called with each invocation when it is over. */
  readonly onInvoked?: (invocation: Invocation) => void;
  /**
   * Called with each trouble that Lambda would put into its own metrics: SQS does not answer, a
   * batch cannot be deleted.
   */
  readonly onTrouble?: (sentence: string) => void;
};

export type Invocation = {
  readonly functionName: string;
  readonly queueArn: string;
  readonly messageIds: readonly string[];
  readonly durationMs: number;
  /** Message ids that stay on the queue. */
  readonly failed: readonly string[];
  /** Why the whole batch stays; absent if the function answered. */
  readonly reason?: string;
};

export type EventSourceMapping = {
  /** Stops polling, and resolves when the received messages are handled. */
  readonly stop: () => Promise<void>;
};

// ReceiveMessage returns at most ten messages, and this is the longest long poll that there is: an
// idle queue costs three calls a minute.
const RECEIVE_MAX = 10;
const LONG_POLL_SECONDS = 20;
// Lambda's synchronous payload is 6 MB: a batch that would be larger is handed over before it is
// full.
const BATCH_BYTES_MAX = PAYLOAD_BYTES_MAX - 64 * 1024;
const SLICE_MS = 200;
const TROUBLE_PAUSE_MS = 1_000;

/** Starts polling. */
export function startMapping(
  sqs: SQSClient,
  target: LambdaFunction,
  shape: MappingShape,
): EventSourceMapping {
  const stopping = new AbortController();
  const inHand = new Set<Promise<void>>();
  const poller = { sqs, shape, signal: stopping.signal };

  const dispatch = (batch: readonly Message[]): void => {
    const work: Promise<void> = handle(sqs, target, shape, batch).finally(() =>
      inHand.delete(work),
    );
    inHand.add(work);
  };
  const loop = async (): Promise<void> => {
    let left: readonly Message[] = [];
    while (!stopping.signal.aborted || left.length > 0) {
      // Receives only if there is a free slot: a message that waits for one would spend its
      // visibility.
      while (inHand.size >= shape.concurrencyMax) await Promise.race(inHand);
      const [batch, rest] = await gather(poller, left);
      left = rest;
      if (batch.length > 0) dispatch(batch);
    }
  };
  const polling = loop();
  return {
    stop: async () => {
      stopping.abort();
      await polling;
      await Promise.all(inHand);
    },
  };
}

type Poller = {
  readonly sqs: SQSClient;
  readonly shape: MappingShape;
  readonly signal: AbortSignal;
};

/** The next batch, and the messages that were received with it but belong to the one after. */
async function gather(
  poller: Poller,
  before: readonly Message[],
): Promise<readonly [readonly Message[], readonly Message[]]> {
  const { shape, signal } = poller;
  let received = before;
  const closing = () => Date.now() + shape.windowSeconds * 1000;
  let closesMs = before.length > 0 ? closing() : undefined;
  while (!isFull(shape, received) && !signal.aborted) {
    const leftMs = closesMs === undefined ? LONG_POLL_SECONDS * 1000 : closesMs - Date.now();
    if (leftMs <= 0) break;
    const room = Math.min(RECEIVE_MAX, shape.batchSize - received.length);
    received = [...received, ...(await receive(poller, room, leftMs))];
    if (received.length === 0) continue;
    closesMs ??= closing();
  }
  return split(shape, received);
}

const isFull = (shape: MappingShape, messages: readonly Message[]): boolean =>
  messages.length >= shape.batchSize || split(shape, messages)[1].length > 0;

/** As many messages from the front as one invocation carries, always at least one. */
function split(
  shape: MappingShape,
  messages: readonly Message[],
): readonly [readonly Message[], readonly Message[]] {
  let bytes = 0;
  const end = messages.findIndex((message, index) => {
    bytes += recordBytes(shape.queueArn, message);
    return index > 0 && (index >= shape.batchSize || bytes > BATCH_BYTES_MAX);
  });
  return end === -1 ? [messages, []] : [messages.slice(0, end), messages.slice(end)];
}

/** Never throws: an SQS that does not answer is asked again after a pause. */
async function receive(
  { sqs, shape, signal }: Poller,
  messagesMax: number,
  waitMs: number,
): Promise<readonly Message[]> {
  // SQS waits whole seconds only. The rest of a window is waited here, in slices, so that it still
  // fills the batch.
  const ends = AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(waitMs) + 5_000)]);
  const waitSeconds = Math.min(LONG_POLL_SECONDS, Math.floor(waitMs / 1000));
  try {
    const reply = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: shape.queueUrl,
        MaxNumberOfMessages: messagesMax,
        WaitTimeSeconds: waitSeconds,
        MessageSystemAttributeNames: ["All"],
        MessageAttributeNames: ["All"],
      }),
      { abortSignal: ends },
    );
    const messages = reply.Messages ?? [];
    if (waitSeconds === 0 && messages.length < messagesMax)
      await pause(Math.min(waitMs, SLICE_MS), signal);
    return messages;
  } catch (error) {
    if (signal.aborted) return [];
    shape.onTrouble?.(`${shape.queueArn} could not be polled: ${messageOf(error)}`);
    await pause(TROUBLE_PAUSE_MS, signal);
    return [];
  }
}

/** Ends early when the mapping stops. */
const pause = async (ms: number, signal: AbortSignal): Promise<void> =>
  await setTimeout(ms, undefined, { signal }).catch(() => {});

/** Never throws: a function that fails leaves its batch where it is. */
async function handle(
  sqs: SQSClient,
  target: LambdaFunction,
  shape: MappingShape,
  batch: readonly Message[],
): Promise<void> {
  const startMs = performance.now();
  const messageIds = batch.map((message) => message.MessageId ?? "");
  const ended = (more: Pick<Invocation, "failed" | "reason">) =>
    shape.onInvoked?.({
      functionName: target.name,
      queueArn: shape.queueArn,
      messageIds,
      durationMs: Math.round(performance.now() - startMs),
      ...more,
    });
  try {
    const response = await target.invoke(sqsEventOf(shape.queueArn, batch));
    const verdict = batchVerdict(messageIds, response);
    if (verdict.kind === "failed") return ended({ failed: messageIds, reason: verdict.reason });
    await remove(sqs, shape, batch, new Set(verdict.done));
    ended({ failed: verdict.failed });
  } catch (error) {
    ended({ failed: messageIds, reason: messageOf(error) });
  }
}

async function remove(
  sqs: SQSClient,
  shape: MappingShape,
  batch: readonly Message[],
  done: ReadonlySet<string>,
): Promise<void> {
  const entries = batch
    .filter((message) => done.has(message.MessageId ?? ""))
    .map((message, index) => ({ Id: String(index), ReceiptHandle: message.ReceiptHandle }));
  for (let at = 0; at < entries.length; at += RECEIVE_MAX) {
    const Entries = entries.slice(at, at + RECEIVE_MAX);
    try {
      await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: shape.queueUrl, Entries }));
    } catch (error) {
      // They will be delivered again, as after any lost delete. Consumers are built for that.
      shape.onTrouble?.(
        `${Entries.length} handled messages of ${shape.queueArn} were not deleted: ${messageOf(error)}`,
      );
    }
  }
}
