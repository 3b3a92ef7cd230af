// The dead-letter queues of a stage: how the dead letters of each are described, and what a replay
// would send.
import type { Message } from "@aws-sdk/client-sqs";
import * as z from "zod";
import {
  deadLetterQueueName,
  eventBusName,
  scheduleDeadLetterQueueName,
} from "../../infra/names.ts";
import { checked, faultsOf, jsonOf, jsonOrNothing, messageOf } from "../../shared/domain/body.ts";
import { ScheduledStart, senderCharsMax } from "../../shared/domain/messages.ts";
import { oneLine } from "../../shared/domain/text.ts";
import { scheduledTicketId } from "../../shared/domain/ticket.ts";
import { ERROR_NAME, FIRST_BY, type QueueName, SENT_BY, topology } from "../../shared/topology.ts";

export type DeadLetterQueue = {
  /** The name in `--queue`, and in the alarm `dead-letters-<name>`. */
  readonly name: string;
  readonly queueName: string;
  /**
   * True for a queue that a stage may lack: without a scheduled workload there is none for their
   * starts.
   */
  readonly isOptional: boolean;
  readonly describe: (message: Message) => Description;
};

/** The fields of a dead letter, whichever service put it there. */
export type Description = {
  readonly reason: string;
  readonly errorName: string;
  readonly failedAt: string;
  /** When it was first sent, by SQS' clock; empty if SQS does not say. */
  readonly sentAt: string;
  readonly runId: string;
  readonly runUrl: string;
  /**
   * Whose message it was, by SQS' word, and after `, for` whose that sender says it was; empty
   * where a service of AWS put it here.
   */
  readonly firstBy: string;
  readonly traceparent: string | undefined;
  readonly replay: Replay;
};

/** The message that a replay sends, and its queue; or why a replay would be in vain. */
export type Replay =
  | { readonly kind: "yes"; readonly queue: QueueName; readonly body: string }
  | { readonly kind: "no"; readonly why: string };

const loopQueues = Object.keys(topology) as QueueName[];

export const deadLetterQueuesOf = (stack: string): readonly DeadLetterQueue[] => [
  ...loopQueues.map((name) => ({
    name,
    queueName: deadLetterQueueName(stack, name),
    isOptional: false,
    describe: (message: Message) => describeMessage(name, message),
  })),
  ...(["sweep", "workloads", "failed-starts"] as const).map((name) => ({
    name,
    queueName: scheduleDeadLetterQueueName(stack, name),
    isOptional: name === "workloads",
    describe: name === "failed-starts" ? describeFailedStart : describeUndeliveredStart,
  })),
  {
    name: "example",
    queueName: deadLetterQueueName(eventBusName(stack), "example"),
    isOptional: false,
    describe: describeUndeliveredEvent,
  },
];

const attributeOf = ({ MessageAttributes }: Message, name: string): string | undefined =>
  MessageAttributes?.[name]?.StringValue;

const sentAt = ({ Attributes }: Message): string => {
  const sentMs = Number(Attributes?.SentTimestamp);
  return sentMs > 0 ? new Date(sentMs).toISOString() : "";
};

/**
 * A message of the loop, with the attributes that a handler gave it; without them, SQS put it
 * there. If SQS says that it moved the message, the attributes are its sender's, who could say
 * anything: then none of them is shown as a handler's word.
 */
function describeMessage(queue: QueueName, message: Message): Description {
  const isMoved = message.Attributes?.DeadLetterQueueSourceArn !== undefined;
  const attribute = (name: string) => (isMoved ? undefined : attributeOf(message, name));
  const body = message.Body ?? "";
  return {
    reason: attribute("reason") ?? "SQS put it here after its receives were spent: see the logs",
    errorName: attribute(ERROR_NAME) ?? "ReceivesSpent",
    failedAt: attribute("failed_at") ?? "",
    sentAt: sentAt(message),
    runId: attribute("run_id") ?? runIdIn(body),
    runUrl: attribute("run_url") ?? "",
    firstBy: oneLine(attribute(FIRST_BY) ?? senderOf(message), senderCharsMax - 1),
    traceparent: attributeOf(message, "traceparent"),
    replay: replayOf(queue, body),
  };
}

/**
 * A message that SQS itself put aside is as it was sent. An earlier sender that it names is a note
 * that anybody can write.
 */
function senderOf(message: Message): string {
  const { SenderId: sender = "" } = message.Attributes ?? {};
  const claimed = attributeOf(message, SENT_BY) ?? attributeOf(message, FIRST_BY);
  return claimed === undefined ? sender : `${sender}, for ${claimed}`;
}

/**
 * An order that came by another queue would come back. On the right queue, it would become the
 * replayer's order, unread.
 */
const astray: ReadonlyMap<string, string> = new Map([
  [
    "cancel",
    "cancellations come by the queue orders: give it yourself (signalbox cancel), or discard",
  ],
  ["retry", "retries come by the queue orders: give it yourself (signalbox retry), or discard"],
  ["audited", "notes of what people did come by the queue orders, as their own: discard it"],
]);

export function replayOf(queue: QueueName, body: string): Replay {
  try {
    const value: unknown = jsonOf(body);
    const why = queue === "orders" ? undefined : astray.get(typeIn(value));
    if (why !== undefined) return { kind: "no", why };
    const schema: z.ZodType = topology[queue].schema;
    checked("the message", schema, value);
    return { kind: "yes", queue, body: JSON.stringify(withFreshTries(value)) };
  } catch (error) {
    return { kind: "no", why: `it would come back: ${messageOf(error)}` };
  }
}

const typeIn = (value: unknown): string =>
  typeof value === "object" && value !== null && "type" in value ? String(value.type) : "";

/**
 * A replayed message starts its waits again: otherwise one that has waited a thousand times would
 * be a dead letter again at once.
 */
const withFreshTries = (value: unknown): unknown =>
  typeof value === "object" && value !== null
    ? {
        ...value,
        ...("tries" in value && { tries: 0 }),
        ...("early" in value && { early: 0 }),
      }
    : value;

/** The run id, for people; a body that cannot be read names no run. */
function runIdIn(body: string): string {
  const value = jsonOrNothing(body);
  if (typeof value !== "object" || value === null) return "";
  return String(
    ("run_id" in value && value.run_id) || ("ticket_id" in value && value.ticket_id) || "",
  );
}

const noOrigin = { runUrl: "", firstBy: "", traceparent: undefined };

/** EventBridge Scheduler could not start the orchestrator. The body is the start itself. */
function describeUndeliveredStart(message: Message): Description {
  return {
    ...noOrigin,
    reason: attributeOf(message, "ERROR_MESSAGE") ?? "EventBridge Scheduler does not say why",
    errorName: attributeOf(message, "ERROR_CODE") ?? "StartNotDelivered",
    failedAt: sentAt(message),
    sentAt: sentAt(message),
    ...startFields(jsonOrNothing(bodyWithTime(message))),
  };
}

/**
 * Scheduler's guide does not say whether the body of such a dead letter has the time or still its
 * placeholder. The attribute has the time.
 */
const bodyWithTime = (message: Message): string =>
  (message.Body ?? "").replace(SCHEDULED_TIME, attributeOf(message, "SCHEDULED_TIME") ?? "$&");
const SCHEDULED_TIME = "<aws.scheduler.scheduled-time>";

const LambdaRecord = z.object({
  timestamp: z.string(),
  requestContext: z.object({ condition: z.string() }),
  requestPayload: z.unknown(),
  responsePayload: z
    .object({ errorType: z.string().optional(), errorMessage: z.string().optional() })
    .nullish(),
});

/** Lambda took a start and could not complete it. Its record of that contains the start. */
function describeFailedStart(message: Message): Description {
  const record = LambdaRecord.safeParse(jsonOrNothing(message.Body ?? ""));
  const { timestamp, requestContext, requestPayload, responsePayload } = record.data ?? {};
  const condition = requestContext?.condition ?? "it does not say why";
  return {
    ...noOrigin,
    reason: responsePayload?.errorMessage ?? `Lambda gave up: ${condition}`,
    errorName: responsePayload?.errorType ?? requestContext?.condition ?? "StartFailed",
    failedAt: timestamp ?? sentAt(message),
    sentAt: sentAt(message),
    ...startFields(requestPayload),
  };
}

/**
 * A start of a workload is replayed as the ticket that it would have become. The id carries the
 * time, so that the ticket is sent once.
 */
function startFields(value: unknown): Pick<Description, "runId" | "replay"> {
  const start = ScheduledStart.safeParse(value);
  if (!start.success)
    return {
      runId: "",
      replay: { kind: "no", why: `it is no scheduled start: ${faultsOf(start.error)}` },
    };
  if (start.data.schedule === "sweep")
    return { runId: "", replay: { kind: "no", why: "the next sweep does the same: discard it" } };
  const { workload, scheduled_time } = start.data;
  const ticket_id = scheduledTicketId(workload, scheduled_time);
  const body = JSON.stringify({ ticket_id, workload });
  return { runId: ticket_id, replay: { kind: "yes", queue: "tickets", body } };
}

const Announcement = z.object({ detail: z.object({ run_id: z.string() }) });

/**
 * EventBridge could not deliver an announcement to the example. A listener that needs it asks for
 * it by sending the same ticket again.
 */
function describeUndeliveredEvent(message: Message): Description {
  const event = Announcement.safeParse(jsonOrNothing(message.Body ?? ""));
  return {
    ...noOrigin,
    reason: attributeOf(message, "ERROR_MESSAGE") ?? "the example's listener did not take it",
    errorName: attributeOf(message, "ERROR_CODE") ?? "ReceivesSpent",
    failedAt: sentAt(message),
    sentAt: sentAt(message),
    runId: event.data?.detail.run_id ?? "",
    replay: { kind: "no", why: "nobody depends on the example's listener: discard it" },
  };
}
