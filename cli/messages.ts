// The messages that people send: tickets, cancellations, retries, and notes of what they did. None
// names its sender: SQS does.
import { randomUUID } from "node:crypto";
import {
  type MessageAttributeValue,
  SendMessageBatchCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { Audited, type OrdersMessage } from "../shared/domain/messages.ts";
import type { QueueName } from "../shared/topology.ts";
import type { QueuesAccess } from "./stage-context.ts";

async function sendOrder(queues: QueuesAccess, order: OrdersMessage): Promise<void> {
  await send(queues, "orders", JSON.stringify(order));
}

/** @returns the id that SQS gave the message */
export async function send(
  queues: QueuesAccess,
  queue: QueueName,
  MessageBody: string,
): Promise<string> {
  const QueueUrl = await queues.sourceUrl(queue);
  const { MessageId = "" } = await queues.sqs.send(
    new SendMessageCommand({ QueueUrl, MessageBody }),
  );
  return MessageId;
}

export type Outgoing = {
  readonly body: string;
  readonly attributes?: Readonly<Record<string, string | undefined>>;
};

/** The most messages that one call of SQS takes. A body of ours has at most 64 KiB. */
export const BATCH_MAX = 10;

/**
 * Sends up to ten messages in one call.
 * @returns for each of them, whether SQS took it; what it said otherwise
 */
export async function sendBatch(
  queues: QueuesAccess,
  queue: QueueName,
  messages: readonly Outgoing[],
): Promise<readonly (true | string)[]> {
  const QueueUrl = await queues.sourceUrl(queue);
  const { Failed = [] } = await queues.sqs.send(
    new SendMessageBatchCommand({
      QueueUrl,
      Entries: messages.map(({ body, attributes = {} }, i) => ({
        Id: String(i),
        MessageBody: body,
        MessageAttributes: attributesOf(attributes),
      })),
    }),
  );
  const faults = new Map(Failed.map(({ Id, Code, Message }) => [Id, `${Code}: ${Message ?? ""}`]));
  return messages.map((_, i) => faults.get(String(i)) ?? true);
}

const attributesOf = (
  values: NonNullable<Outgoing["attributes"]>,
): Record<string, MessageAttributeValue> =>
  Object.fromEntries(
    Object.entries(values).flatMap(([name, StringValue]) =>
      StringValue ? [[name, { DataType: "String", StringValue }]] : [],
    ),
  );

export type Action = {
  readonly action: string;
  readonly run_id?: string;
  readonly detail?: Readonly<Record<string, unknown>>;
};

/** A note of a person's action, which becomes a row of the telemetry. */
export const noteOf = (action: Action): OrdersMessage & { readonly type: "audited" } =>
  Audited.parse({
    type: "audited",
    event_id: `audited/${randomUUID()}`,
    at: new Date().toISOString(),
    ...action,
  });

export const audit = (queues: QueuesAccess, action: Action): Promise<void> =>
  sendOrder(queues, noteOf(action));

export type Giving = {
  /** Called before so many more are given. */
  readonly wait?: (count: number) => Promise<void>;
  /** Called with how many are given. */
  readonly onGiven?: (count: number) => void;
};

/**
 * Gives orders with their notes, ten messages a call.
 * @throws Error that says how many were given
 */
export async function giveOrders(
  queues: QueuesAccess,
  orders: readonly (readonly [OrdersMessage, Action])[],
  { wait, onGiven }: Giving = {},
): Promise<void> {
  const atOnce = BATCH_MAX / 2;
  for (let at = 0; at < orders.length; at += atOnce) {
    const batch = orders.slice(at, at + atOnce);
    await wait?.(batch.length);
    const bodies = batch.flatMap(([order, action]) => [order, noteOf(action)]);
    const answers = await sendBatch(
      queues,
      "orders",
      bodies.map((body) => ({ body: JSON.stringify(body) })),
    );
    const fault = answers.find((answer) => answer !== true);
    if (fault !== undefined)
      throw new Error(
        `${at} of ${orders.length} orders were given, then SQS refused one (${fault}): say the same again, what was given is not given twice`,
      );
    onGiven?.(at + batch.length);
  }
}
