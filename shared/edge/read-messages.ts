// Reads each record as a message of its queue, from a sender who may send it there. A bad one fails
// alone.
import type { SQSRecord } from "aws-lambda";
import type * as z from "zod";
import { checked, jsonOf } from "../domain/body.ts";
import { PoisonMessageError } from "../domain/errors.ts";
import { messageLimits } from "../domain/messages.ts";
import type { SettingsPort } from "../ports.ts";
import { type MessageOf, type Queue, type QueueName, topology } from "../topology.ts";
import { sentOf } from "./delivery.ts";
import type { EdgeMiddleware, Entry } from "./entry.ts";

export const readMessages = <Q extends QueueName>(
  queue: Q,
  { settings }: SettingsPort,
): EdgeMiddleware<Q> => ({
  before: ({ event }) => {
    event.entries = event.Records.map((record) => readOne(queue, record, settings));
  },
});

function readOne<Q extends QueueName>(
  queue: Q,
  record: SQSRecord,
  settings: SettingsPort["settings"],
): Entry<MessageOf<Q>> {
  const schema: z.ZodType<MessageOf<Q>> = topology[queue].schema as never;
  try {
    const message = checked("the message", schema, jsonOf(record.body));
    if (!sentOf(record, settings, message).isOwn) refuseMisplaced(queue, message.type);
    return { record, message: sendable(message, record.body), error: undefined };
  } catch (error) {
    return { record, message: undefined, error };
  }
}

/**
 * Refuses at once. If we requeued the message while the platform is out of order, we would become
 * its sender, and it would be believed.
 */
function refuseMisplaced(queue: QueueName, type: string): void {
  const { ownOnly }: Queue = topology[queue];
  if (!ownOnly.includes(type)) return;
  throw new PoisonMessageError(
    `a message of type ${type} does not come by the queue ${queue}, to whose senders other people's runs are none of their business: send it to the queue orders`,
  );
}

/**
 * Checks that a message can be sent again. Requeueing writes its defaults out, so a message that
 * would then be too large is refused now, and not after it has waited.
 */
function sendable<Message>(message: Message, body: string): Message {
  if (body.length > LARGE_CHARS) jsonOf(JSON.stringify(message));
  return message;
}

/**
 * Shorter bodies need no check: defaults and counts are far less than the rest of the largest body.
 */
const LARGE_CHARS = messageLimits.bodyBytesMax / 4;
