// The Lambda handler of one queue: a use case inside a list of middlewares that handle its
// messages.
import middy from "@middy/core";
import type { Context, SQSBatchResponse, SQSEvent } from "aws-lambda";
import type { SettingsPort } from "../ports.ts";
import type { MessageOf, QueueName } from "../topology.ts";
import { answerWithFailures } from "./answer-with-failures.ts";
import { type HandleBatch, sentOf } from "./delivery.ts";
import { endInTime } from "./end-in-time.ts";
import type { Batch, EdgeDeps } from "./entry.ts";
import { readMessages } from "./read-messages.ts";
import { rejectPoison } from "./reject-poison.ts";
import { type Requeue, requeueOnTrouble } from "./requeue-on-trouble.ts";

/** A handler as Lambda calls it. */
export type QueueHandler = (event: SQSEvent, context: Context) => Promise<SQSBatchResponse>;

/**
 * Builds the handler of one queue. Steps before the use case run from top to bottom, steps after it
 * from bottom to top.
 */
export function queueHandler<Q extends QueueName>(
  queue: Q,
  deps: EdgeDeps,
  handle: HandleBatch<MessageOf<Q>>,
  requeue: Requeue<MessageOf<Q>> = (message, options) => deps.queues.send(queue, message, options),
): QueueHandler {
  const requeueing = { queue, deps, requeue };
  return middy<Batch<MessageOf<Q>>, SQSBatchResponse>({ timeoutEarlyInMillis: 0 })
    .use(answerWithFailures(queue, deps))
    .use(endInTime(deps))
    .use(rejectPoison(requeueing))
    .use(requeueOnTrouble(requeueing))
    .use(readMessages(queue, deps))
    .handler(async (batch) => {
      await workOn(deps, batch, handle);
      return { batchItemFailures: [] };
    });
}

/** Gives all readable messages to the use case together. After that, each has its own result. */
async function workOn<Message>(
  { settings }: SettingsPort,
  { entries = [], inTime = (promise) => promise }: Batch<Message>,
  handle: HandleBatch<Message>,
): Promise<void> {
  const good = entries.flatMap((entry) =>
    entry.message === undefined ? [] : [{ entry, message: entry.message }],
  );
  const works = handle(
    good.map(({ entry: { record }, message }) => ({
      message,
      messageId: record.messageId,
      ...sentOf(record, settings, message as object),
    })),
  );
  await Promise.all(
    good.map(async ({ entry }, i) => {
      const work = works[i] ?? Promise.reject(missing());
      entry.error = await inTime(work).then(
        () => undefined,
        (error: unknown) => error ?? new Error("it failed without a reason"),
      );
    }),
  );
}

const missing = () => new Error("the handler answered for fewer messages than it was given");
