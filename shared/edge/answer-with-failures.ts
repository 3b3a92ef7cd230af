// Reports the records that still have an error at the end, so that SQS redelivers them, and them
// alone: their neighbours succeed.
import type { LogPort } from "../ports.ts";
import type { QueueName } from "../topology.ts";
import { type EdgeMiddleware, fieldsOf } from "./entry.ts";

export const answerWithFailures = <Q extends QueueName>(
  queue: Q,
  { log }: LogPort,
): EdgeMiddleware<Q> => ({
  after: (request) => {
    const failures = (request.event.entries ?? []).filter(({ error }) => error !== undefined);
    for (const { record, error } of failures)
      log("message.failed", { ...fieldsOf(queue, record), error });
    request.response = {
      batchItemFailures: failures.map(({ record }) => ({ itemIdentifier: record.messageId })),
    };
  },
});
