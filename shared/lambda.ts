// The only file that knows middy and SQS records: turns "handle these messages" into a Lambda handler.
import middy from "@middy/core";
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import type * as z from "zod";
import { checked, jsonOf, jsonOrNothing } from "./domain/body.ts";
import { jitterOf, waitSeconds } from "./domain/cadence.ts";
import { PlatformTroubleError, PoisonMessageError } from "./domain/errors.ts";
import { messageLimits, senderCharsMax } from "./domain/messages.ts";
import { oneLine } from "./domain/text.ts";
import { isTraceparent, tracedBy } from "./domain/trace.ts";
import type {
  ClockPort,
  DeadLettersPort,
  EventsPort,
  LogPort,
  QueuesPort,
  SettingsPort,
} from "./ports.ts";
import { FIRST_BY, type MessageOf, type QueueName, SENT_BY, topology } from "./topology.ts";

/** What travels beside a message: its trace, and who sent it, by SQS' word and nobody else's. */
export type Sent = {
  readonly traceparent: string | undefined;
  /** SenderId: `AIDA…` of a user, `AROA…:<session name>` of a role. What one of our own functions sends again keeps its sender's. */
  readonly by: string;
  /** A note, never a right: who the message itself says had sent it, where somebody else sends it. */
  readonly firstBy?: string | undefined;
  /** One of our own functions sent it. */
  readonly isOwn: boolean;
};

/** A message with what travelled beside it. */
export type Delivery<Message> = Sent & {
  readonly message: Message;
  readonly messageId: string;
};

/**
 * One promise for each delivery, in their order: fulfilled is done; PlatformTroubleError is waited out; PoisonMessageError
 * is a dead letter at once; anything else is a surprise, which SQS redelivers.
 */
export type HandleBatch<Message> = (
  deliveries: readonly Delivery<Message>[],
) => readonly Promise<void>[];

export const oneByOne =
  <Message>(consume: (message: Message, delivery: Delivery<Message>) => Promise<void>) =>
  (deliveries: readonly Delivery<Message>[]): readonly Promise<void>[] =>
    deliveries.map((delivery) => consume(delivery.message, delivery));

/** Sends what is left of a message again, so that an outage costs patience and no receives. */
export type WaitOut<Message> = (
  message: Message,
  options: {
    readonly delaySeconds: number;
    readonly traceparent?: string | undefined;
    readonly by?: string | undefined;
  },
) => Promise<void>;

type Edge = QueuesPort & DeadLettersPort & ClockPort & LogPort & SettingsPort & Partial<EventsPort>;

// What is kept back for reporting: records unfinished by then are failures, and their finished neighbours are not.
const RESERVE_MS = 2_000;

/** The wrapped Lambda handler of one queue. */
export function queueHandler<Q extends QueueName>(
  queue: Q,
  deps: Edge,
  handle: HandleBatch<MessageOf<Q>>,
  waitOut: WaitOut<MessageOf<Q>> = (message, options) => deps.queues.send(queue, message, options),
) {
  return middy<SQSEvent, SQSBatchResponse>({ timeoutEarlyInMillis: 0 }).handler(
    async (event: SQSEvent, context: Context): Promise<SQSBatchResponse> => {
      const outOfTime = Promise.withResolvers<never>();
      const stop = deps.clock.timer(leftMs(context), () => outOfTime.reject(slow()));
      const settled = await Promise.all(
        start(queue, deps.settings, event.Records, handle).map(
          async ({ record, message, work }) => {
            const inTime = <T>(promise: Promise<T>): Promise<T> =>
              Promise.race([promise, outOfTime.promise]);
            try {
              await inTime(work);
              return undefined;
            } catch (error) {
              const fault = { queue, deps, waitOut, record, message, error };
              return await inTime(settle(fault)).catch((late: unknown) => failed(fault, late));
            }
          },
        ),
      );
      stop();
      return {
        batchItemFailures: settled
          .filter((messageId) => messageId !== undefined)
          .map((itemIdentifier) => ({ itemIdentifier })),
      };
    },
  );
}

type Started<Message> = {
  readonly record: SQSRecord;
  readonly message: Message | undefined;
  readonly work: Promise<void>;
};

/** Parses every record; hands the good ones on together; a bad one fails alone. */
function start<Q extends QueueName>(
  queue: Q,
  settings: SettingsPort["settings"],
  records: readonly SQSRecord[],
  handle: HandleBatch<MessageOf<Q>>,
): readonly Started<MessageOf<Q>>[] {
  const schema: z.ZodType<MessageOf<Q>> = topology[queue].schema as never;
  const read = records.map((record): Read<MessageOf<Q>> => {
    try {
      const message = checked("the message", schema, jsonOf(record.body));
      return { ok: true, record, message: sendable(message, record.body) };
    } catch (error) {
      return { ok: false, record, error };
    }
  });
  const good = read.filter((item) => item.ok);
  const works = handle(
    good.map(({ record, message }) => ({
      message,
      messageId: record.messageId,
      ...sentOf(record, settings, message),
    })),
  );
  const workOf = new Map(
    good.map((item, i) => [item.record, works[i] ?? Promise.reject(missing())]),
  );
  return read.map((item) =>
    item.ok
      ? { ...item, work: workOf.get(item.record) ?? Promise.reject(missing()) }
      : { ...item, message: undefined, work: Promise.reject(item.error) },
  );
}

/** What is no trace context is passed over, as W3C asks for. */
function traceparentOf(record: SQSRecord): string | undefined {
  const traceparent = record.messageAttributes?.["traceparent"]?.stringValue;
  return isTraceparent(traceparent) ? traceparent : undefined;
}

/**
 * Decided by the part before the colon, which nobody chooses: a role's session name is its taker's choice. Whoever puts a dead letter
 * back is its sender; what the message says of an earlier one is a note.
 */
function sentOf(
  record: SQSRecord,
  { ownSenders }: SettingsPort["settings"],
  message: object | undefined,
): Sent {
  const { SenderId: sender } = record.attributes;
  const isOwn = ownSenders.includes(sender.split(":")[0] ?? "");
  const attribute = textIn(record, SENT_BY);
  // Orders of before carried their sender in their body.
  const body =
    message !== undefined && "by" in message && typeof message.by === "string"
      ? message.by
      : undefined;
  const said = attribute ?? body;
  const by = bounded((isOwn ? said : undefined) ?? sender);
  const firstBy = isOwn ? textIn(record, FIRST_BY) : (textIn(record, FIRST_BY) ?? said);
  return {
    traceparent: traceparentOf(record),
    by,
    ...(firstBy !== undefined && { firstBy: bounded(firstBy) }),
    isOwn,
  };
}

const bounded = (text: string): string => oneLine(text, senderCharsMax - 1);
const textIn = (record: SQSRecord, name: string): string | undefined =>
  record.messageAttributes?.[name]?.stringValue;

/** What waits is sent again with its defaults written out: better refused now than when it has waited. */
function sendable<Message>(message: Message, body: string): Message {
  if (body.length > LARGE_CHARS) jsonOf(JSON.stringify(message));
  return message;
}

/** Defaults and counts are far less than what lies between this and the largest body. */
const LARGE_CHARS = messageLimits.bodyBytesMax / 4;

type Read<Message> =
  | { readonly ok: true; readonly record: SQSRecord; readonly message: Message }
  | { readonly ok: false; readonly record: SQSRecord; readonly error: unknown };

const missing = () => new Error("the handler answered for fewer messages than it was given");

type Fault<Q extends QueueName> = {
  readonly queue: Q;
  readonly deps: Edge;
  readonly waitOut: WaitOut<MessageOf<Q>>;
  readonly record: SQSRecord;
  readonly message: MessageOf<Q> | undefined;
  readonly error: unknown;
};

/** What becomes of a message whose handling failed. Returns its id where SQS shall redeliver it. */
async function settle<Q extends QueueName>(fault: Fault<Q>): Promise<string | undefined> {
  const { error } = fault;
  try {
    if (error instanceof PoisonMessageError) return await reject(fault, error);
    if (error instanceof PlatformTroubleError) return await wait(fault, error);
    return failed(fault, error);
  } catch (unsettled) {
    // The bus or the queues are out of order themselves: a message that can be read waits for them, too.
    if (unsettled instanceof PlatformTroubleError && error instanceof PoisonMessageError)
      return await settle({ ...fault, error: unsettled });
    return failed(fault, unsettled);
  }
}

/** SQS redelivers it. A wait or a letter that was too slow comes here, too: it must not cost its neighbours their success. */
function failed<Q extends QueueName>(fault: Fault<Q>, error: unknown): string {
  fault.deps.log("message.failed", { ...fieldsOf(fault), error });
  return fault.record.messageId;
}

const fieldsOf = <Q extends QueueName>({ queue, record }: Fault<Q>) => ({
  queue,
  message_id: record.messageId,
  receive_count: Number(record.attributes.ApproximateReceiveCount),
  ...runIdOf(record.body),
  ...tracedBy(traceparentOf(record)),
});

async function wait<Q extends QueueName>(
  fault: Fault<Q>,
  trouble: PlatformTroubleError,
): Promise<string | undefined> {
  const { deps, waitOut, message, record } = fault;
  if (message === undefined) return record.messageId; // nobody knows how often it has waited: SQS counts
  const { traceparent, by, isOwn } = sentOf(record, deps.settings, message);
  if (!isOwn && isMisplaced(fault.queue, message)) return failed(fault, trouble);
  if (message.tries >= messageLimits.triesMax) {
    const reason = `waited ${message.tries} times for the platform, the last time because: ${trouble.message}`;
    return await reject(fault, new PoisonMessageError(reason, { cause: trouble }));
  }
  const delay = waitSeconds({
    tries: message.tries,
    jitter: jitterOf(record.messageId),
    timeScale: deps.settings.timeScale,
    retryAfterSeconds: trouble.retryAfterSeconds,
  });
  await waitOut({ ...message, tries: message.tries + 1 }, { delaySeconds: delay, traceparent, by });
  deps.log("message.waited", { ...fieldsOf(fault), delay_seconds: delay, reason: trouble.message });
  return undefined;
}

/**
 * What counts on this queue only if one of ours sent it. Sent again by us it would be ours, so it waits where it is, with its sender,
 * and SQS counts.
 */
const isMisplaced = (queue: QueueName, message: { readonly type: string }): boolean =>
  (queue === "tickets" && message.type !== "ticket") ||
  (queue === "records" && message.type === "audited");

/**
 * Poison: to the dead letters at once, with its reason. A ticket's sender, who may not read those, hears it on the bus before:
 * an event that comes twice has the same message_id, a letter that comes twice is one more for a person to look at.
 */
async function reject<Q extends QueueName>(
  fault: Fault<Q>,
  poison: PoisonMessageError,
): Promise<undefined> {
  const { deps, queue, record, message } = fault;
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
  deps.log("message.rejected", { ...fieldsOf(fault), reason: poison.message });
}

/** Whether its sender meant a ticket: what cannot be read at all, and what has no other type. */
function seemsTicket(body: string): boolean {
  const said = saidBy(body);
  return !("type" in said && (said.type === "cancel" || said.type === "retry"));
}

/** The run that a body speaks of, if that much can be read. */
function runIdOf(body: string): { readonly run_id?: string } {
  const said = saidBy(body);
  const id = "ticket_id" in said ? said.ticket_id : "run_id" in said ? said.run_id : undefined;
  return typeof id === "string" ? { run_id: id.slice(0, 128).toWellFormed() } : {};
}

/** What a body says of itself, also where it is refused; only for people, never for decisions. */
function saidBy(body: string): object {
  const value = jsonOrNothing(body);
  return typeof value === "object" && value !== null ? value : {};
}

/** Until shortly before Lambda would cut the invocation off. */
const leftMs = (context: Context): number =>
  Math.max(0, context.getRemainingTimeInMillis() - RESERVE_MS);

const slow = (): Error =>
  new Error(
    `not finished ${RESERVE_MS} ms before the function's timeout: something it asked was slow`,
  );

type SqsHandler = (event: SQSEvent, context: Context) => Promise<SQSBatchResponse>;

/**
 * One function may consume several queues, and be started by a schedule: its doors by the URL of their queue.
 * @throws Error where an event comes from a queue that is none of the function's
 */
export function routeByQueue(
  doors: Readonly<Record<string, SqsHandler>>,
  { scheduled, finish }: RouteOptions = {},
) {
  const byName = new Map(Object.entries(doors).map(([url, door]) => [lastOf(url, "/"), door]));
  const route = async (event: unknown, context: Context): Promise<unknown> => {
    if (!isSqsEvent(event)) {
      if (scheduled === undefined) throw new Error("this function is started by its queues only");
      return await scheduled(event);
    }
    const name = lastOf(event.Records[0]?.eventSourceARN ?? "", ":");
    const door = byName.get(name);
    if (door === undefined)
      throw new Error(
        `no queue of this function is called ${name}: ${[...byName.keys()].join(", ")}`,
      );
    return await door(event, context);
  };
  return async (event: unknown, context: Context): Promise<unknown> => {
    try {
      return await route(event, context);
    } finally {
      finish?.();
    }
  };
}

type RouteOptions = {
  readonly scheduled?: (input: unknown) => Promise<unknown>;
  /** At the end of every invocation: what is counted is said there. */
  readonly finish?: () => void;
};
const lastOf = (text: string, separator: string): string => text.split(separator).at(-1) ?? "";

const isSqsEvent = (event: unknown): event is SQSEvent =>
  typeof event === "object" && event !== null && "Records" in event && Array.isArray(event.Records);
