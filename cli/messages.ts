// The messages that people send: cancellations, retries, and notes of what they did. None names its
// sender: SQS does.
import { randomUUID } from "node:crypto";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { Audited, type OrdersMessage } from "../shared/domain/messages.ts";
import type { QueuesAccess } from "./stage-context.ts";

export async function sendOrder(queues: QueuesAccess, order: OrdersMessage): Promise<void> {
  const QueueUrl = await queues.sourceUrl("orders");
  await queues.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(order) }));
}

export type Action = {
  readonly action: string;
  readonly run_id?: string;
  readonly detail?: Readonly<Record<string, unknown>>;
};

/** Sends a note of a person's action, which becomes a row of the telemetry. */
export async function audit(queues: QueuesAccess, action: Action): Promise<void> {
  const note = Audited.parse({
    type: "audited",
    event_id: `audited/${randomUUID()}`,
    at: new Date().toISOString(),
    ...action,
  });
  await sendOrder(queues, note);
}
