// What people send: cancellations, retries, and the note of who did what.
import { randomUUID } from "node:crypto";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { Audited, type TicketsMessage } from "../shared/domain/messages.ts";
import type { QueuesAccess } from "./stage-context.ts";

export async function sendTicketsMessage(
  queues: QueuesAccess,
  message: TicketsMessage,
): Promise<void> {
  const QueueUrl = await queues.sourceUrl("tickets");
  await queues.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(message) }));
}

export type Action = {
  readonly by: string;
  readonly action: string;
  readonly run_id?: string;
  readonly detail?: Readonly<Record<string, unknown>>;
};

/** A person's action becomes a row of the telemetry. */
export async function audit(queues: QueuesAccess, action: Action): Promise<void> {
  const message = Audited.parse({
    type: "audited",
    event_id: `audited/${randomUUID()}`,
    at: new Date().toISOString(),
    ...action,
  });
  const QueueUrl = await queues.sourceUrl("records");
  await queues.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(message) }));
}
