// Poison goes to the dead letters at once, with its reason. A ticket's sender may not read those,
// so the bus tells them first. The event goes first because a second event has the same message_id,
// while a second dead letter is one more for a person to look at.
import { PlatformTroubleError, PoisonMessageError } from "../domain/errors.ts";
import type { MessageOf, QueueName } from "../topology.ts";
import { sentOf, traceparentOf } from "./delivery.ts";
import { contentOf, type EdgeMiddleware, type Entry, fieldsOf, mend, runIdOf } from "./entry.ts";
import { type Requeueing, sendAgain } from "./requeue-on-trouble.ts";

export const rejectPoison = <Q extends QueueName>(
  requeueing: Requeueing<Q>,
): EdgeMiddleware<Q> => ({
  after: ({ event }) =>
    mend(
      event,
      ({ error }) => error instanceof PoisonMessageError,
      (entry) =>
        reject(requeueing, entry, entry.error as PoisonMessageError).catch((error: unknown) => {
          // The bus or the queues are out of order themselves, so a message that can be read waits
          // for them, too.
          if (error instanceof PlatformTroubleError) return sendAgain(requeueing, entry, error);
          throw error;
        }),
    ),
});

async function reject<Q extends QueueName>(
  { queue, deps }: Requeueing<Q>,
  { record, message }: Entry<MessageOf<Q>>,
  poison: PoisonMessageError,
): Promise<undefined> {
  const { run_id: runId } = runIdOf(record.body);
  const isTicket = message === undefined ? seemsTicket(record.body) : message.type === "ticket";
  if (queue === "tickets" && isTicket)
    await deps.events?.reject({
      v: 1,
      ticket_id: runId ?? null,
      message_id: record.messageId,
      reason: poison.message,
    });
  await deps.deadLetters.send(queue, {
    body: record.body,
    reason: poison.message,
    errorName: poison.name,
    failedAtMs: deps.clock.nowMs(),
    receiveCount: Number(record.attributes.ApproximateReceiveCount),
    ...(runId !== undefined && { runId }),
    traceparent: traceparentOf(record),
    by: sentOf(record, deps.settings, message).by,
  });
  deps.log("message.rejected", { ...fieldsOf(queue, record), reason: poison.message });
}

/**
 * Whether its sender meant a ticket: true for a body that cannot be read at all, or that has no
 * other type.
 */
function seemsTicket(body: string): boolean {
  const content = contentOf(body);
  return !("type" in content && (content.type === "cancel" || content.type === "retry"));
}
