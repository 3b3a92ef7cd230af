// Platform trouble is waited out: the message is sent again with a delay, and SQS forgets the old
// one.
import { jitterOf, waitSeconds } from "../domain/cadence.ts";
import { PlatformTroubleError, PoisonMessageError } from "../domain/errors.ts";
import { messageLimits } from "../domain/messages.ts";
import type { MessageOf, QueueName } from "../topology.ts";
import { sentOf } from "./delivery.ts";
import { type EdgeDeps, type EdgeMiddleware, type Entry, fieldsOf, mend } from "./entry.ts";

/** When and in whose name a message is sent again. */
export type RequeueOptions = {
  readonly delaySeconds: number;
  readonly traceparent?: string | undefined;
  readonly by?: string | undefined;
};
/** Sends a message again, so that an outage costs patience and no receives. */
export type Requeue<Message> = (message: Message, options: RequeueOptions) => Promise<void>;

export type Requeueing<Q extends QueueName> = {
  readonly queue: Q;
  readonly deps: EdgeDeps;
  readonly requeue: Requeue<MessageOf<Q>>;
};

export const requeueOnTrouble = <Q extends QueueName>(
  requeueing: Requeueing<Q>,
): EdgeMiddleware<Q> => ({
  after: ({ event }) =>
    mend(
      event,
      ({ error }) => error instanceof PlatformTroubleError,
      (entry) => sendAgain(requeueing, entry, entry.error as PlatformTroubleError),
    ),
});

/**
 * Sends the message of an entry again.
 * @returns the entry's remaining error; undefined if the message is on its way again
 * @throws whatever sending throws
 */
export async function sendAgain<Q extends QueueName>(
  { queue, deps, requeue }: Requeueing<Q>,
  { record, message }: Entry<MessageOf<Q>>,
  trouble: PlatformTroubleError,
): Promise<unknown> {
  if (message === undefined) return trouble; // nobody knows how often it has waited: SQS counts
  if (message.tries >= messageLimits.triesMax)
    return new PoisonMessageError(
      `waited ${message.tries} times for the platform, the last time because: ${trouble.message}`,
      { cause: trouble },
    );
  const delaySeconds = waitSeconds({
    tries: message.tries,
    jitter: jitterOf(record.messageId),
    timeScale: deps.settings.timeScale,
    retryAfterSeconds: trouble.retryAfterSeconds,
  });
  const { traceparent, by } = sentOf(record, deps.settings, message);
  await requeue({ ...message, tries: message.tries + 1 }, { delaySeconds, traceparent, by });
  deps.log("message.waited", {
    ...fieldsOf(queue, record),
    delay_seconds: delaySeconds,
    reason: trouble.message,
  });
  return undefined;
}
