// One record of a batch on its way through the edge. Each middleware takes care of one kind of
// error.
import type { MiddlewareObj } from "@middy/core";
import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { jsonOrNothing } from "../domain/body.ts";
import { tracedBy } from "../domain/trace.ts";
import type {
  ClockPort,
  DeadLettersPort,
  EventsPort,
  LogPort,
  QueuesPort,
  SettingsPort,
} from "../ports.ts";
import type { MessageOf, QueueName } from "../topology.ts";
import { traceparentOf } from "./delivery.ts";

export type EdgeDeps = QueuesPort &
  DeadLettersPort &
  ClockPort &
  LogPort &
  SettingsPort &
  Partial<EventsPort>;

export type Entry<Message> = {
  readonly record: SQSRecord;
  /** Undefined if it could not be read. */
  readonly message: Message | undefined;
  /** Its error; undefined if there is none (any more), so that SQS may forget the record. */
  error: unknown;
};

/** A batch from SQS, and what has become of its records. */
export type Batch<Message> = SQSEvent & {
  /** Absent until the records are read. */
  entries?: readonly Entry<Message>[];
  /**
   * Rejects when the function's time is nearly up, so that nothing waits for the given promise any
   * longer.
   */
  inTime?: <T>(promise: Promise<T>) => Promise<T>;
};

export type EdgeMiddleware<Q extends QueueName> = MiddlewareObj<
  Batch<MessageOf<Q>>,
  SQSBatchResponse
>;

/**
 * Works on each entry whose error is meant, in time. If the work fails, its error becomes the
 * entry's error.
 */
export async function mend<Message>(
  { entries = [], inTime = (promise) => promise }: Batch<Message>,
  isMeant: (entry: Entry<Message>) => boolean,
  work: (entry: Entry<Message>) => Promise<unknown>,
): Promise<void> {
  await Promise.all(
    entries.filter(isMeant).map(async (entry) => {
      entry.error = await inTime(work(entry)).catch((error: unknown) => error);
    }),
  );
}

/** The fields of a record in log lines. */
export const fieldsOf = (queue: QueueName, record: SQSRecord) => ({
  queue,
  message_id: record.messageId,
  receive_count: Number(record.attributes.ApproximateReceiveCount),
  ...runIdOf(record.body),
  ...tracedBy(traceparentOf(record)),
});

/** The run that a body names, if that much can be read. */
export function runIdOf(body: string): { readonly run_id?: string } {
  const content = contentOf(body);
  const id =
    "ticket_id" in content ? content.ticket_id : "run_id" in content ? content.run_id : undefined;
  return typeof id === "string" ? { run_id: id.slice(0, 128).toWellFormed() } : {};
}

/** The content of a body, even if it is refused. Only for people, never for decisions. */
export function contentOf(body: string): object {
  const value = jsonOrNothing(body);
  return typeof value === "object" && value !== null ? value : {};
}
