// Reads each record as a message of its queue. A bad one fails alone.
import type { SQSRecord } from "aws-lambda";
import type * as z from "zod";
import { checked, jsonOf } from "../domain/body.ts";
import { messageLimits } from "../domain/messages.ts";
import { type MessageOf, type QueueName, topology } from "../topology.ts";
import type { EdgeMiddleware, Entry } from "./entry.ts";

export const readMessages = <Q extends QueueName>(queue: Q): EdgeMiddleware<Q> => ({
  before: ({ event }) => {
    event.entries = event.Records.map((record) => readOne(queue, record));
  },
});

function readOne<Q extends QueueName>(queue: Q, record: SQSRecord): Entry<MessageOf<Q>> {
  const schema: z.ZodType<MessageOf<Q>> = topology[queue].schema as never;
  try {
    const message = checked("the message", schema, jsonOf(record.body));
    return { record, message: sendable(message, record.body), error: undefined };
  } catch (error) {
    return { record, message: undefined, error };
  }
}

/** What waits is sent again with its defaults written out: better refused now than when it has waited. */
function sendable<Message>(message: Message, body: string): Message {
  if (body.length > LARGE_CHARS) jsonOf(JSON.stringify(message));
  return message;
}

/** Defaults and counts are far less than what lies between this and the largest body. */
const LARGE_CHARS = messageLimits.bodyBytesMax / 4;
