// The loop as data. The CDK app, the local runtime, the simulation and the IAM grants are built
// from this table.
import type * as z from "zod";
import {
  Ended,
  OrdersMessage,
  RecordsMessage,
  TicketsMessage,
  Turn,
  Watch,
} from "./domain/messages.ts";

export type ServiceName = "orchestrator" | "run-poller" | "ingester";
/**
 * A sender: a service, `anyone` with the producers' policy, or an on-call engineer's command line.
 */
type Sender = ServiceName | "anyone" | "command-line";

export type Queue = {
  readonly schema: z.ZodType;
  /**
   * Types of message that count here only if one of our own functions sent them. From another
   * sender they become a dead letter, whose reason says where they belong.
   */
  readonly ownOnly: readonly string[];
  readonly senders: readonly Sender[];
  readonly consumer: ServiceName;
  /** The timeout of the consumer's function. */
  readonly timeoutSeconds: number;
  /**
   * At least six times the timeout, plus the window (AWS's advice), so that a slow batch is not
   * handed out twice.
   */
  readonly visibilitySeconds: number;
  /** The receives after which SQS itself dead-letters a message. */
  readonly receivesMax: number;
  readonly batchSize: number;
  readonly windowSeconds: number;
  /** The number of concurrent batches: Lambda's ScalingConfig, from 2. */
  readonly concurrencyMax: number;
};

export const topology = {
  tickets: {
    schema: TicketsMessage,
    // Orders came by this queue once. Those that were waiting when orders moved are still carried
    // out.
    ownOnly: ["cancel", "retry"],
    senders: ["anyone", "orchestrator"],
    consumer: "orchestrator",
    timeoutSeconds: 60,
    visibilitySeconds: 360,
    receivesMax: 5,
    batchSize: 10,
    windowSeconds: 0,
    concurrencyMax: 2,
  },
  // Orders about runs that exist. They have a queue of their own, because other people may send
  // them.
  orders: {
    schema: OrdersMessage,
    ownOnly: [],
    senders: ["command-line", "orchestrator"],
    consumer: "orchestrator",
    timeoutSeconds: 60,
    visibilitySeconds: 360,
    receivesMax: 5,
    batchSize: 5,
    windowSeconds: 0,
    concurrencyMax: 2,
  },
  turns: {
    schema: Turn,
    ownOnly: [],
    senders: ["ingester", "orchestrator"],
    consumer: "orchestrator",
    timeoutSeconds: 60,
    visibilitySeconds: 360,
    receivesMax: 5,
    batchSize: 10,
    windowSeconds: 0,
    concurrencyMax: 2,
  },
  watches: {
    schema: Watch,
    ownOnly: [],
    senders: ["orchestrator", "run-poller", "ingester"],
    consumer: "run-poller",
    timeoutSeconds: 30,
    visibilitySeconds: 180,
    receivesMax: 5,
    batchSize: 10,
    windowSeconds: 0,
    concurrencyMax: 2,
  },
  reports: {
    schema: Ended,
    ownOnly: [],
    senders: ["orchestrator", "run-poller", "ingester"],
    consumer: "ingester",
    timeoutSeconds: 60,
    visibilitySeconds: 360,
    receivesMax: 5,
    batchSize: 10,
    windowSeconds: 0,
    concurrencyMax: 2,
  },
  records: {
    schema: RecordsMessage,
    // Notes of what people did. The orchestrator knows who sent them, and sends them on.
    ownOnly: ["audited"],
    senders: ["orchestrator", "ingester"],
    consumer: "ingester",
    timeoutSeconds: 60,
    visibilitySeconds: 362,
    receivesMax: 5,
    batchSize: 100,
    windowSeconds: 2,
    concurrencyMax: 2,
  },
} as const satisfies Record<string, Queue>;

export type QueueName = keyof typeof topology;
/** The messages of a queue, as its consumer sees them. */
export type MessageOf<Q extends QueueName> = z.output<(typeof topology)[Q]["schema"]>;

/** The attribute with a message's first sender, if one of our own functions sends it again. */
export const SENT_BY = "sent_by";
/**
 * The attribute of a dead letter with its sender. It is a note for people, and has another name,
 * because that name is never believed.
 */
export const FIRST_BY = "first_by";
/**
 * The attributes that mark a dead letter of ours, and no message: how it is known, whoever moves it
 * back.
 */
export const ERROR_NAME = "error_name";
export const SOURCE_QUEUE = "source_queue";
export const letterMarks = [FIRST_BY, ERROR_NAME, SOURCE_QUEUE] as const;

/** The longest DelaySeconds. SQS refuses more (an emulator may not). */
export const DELAY_SECONDS_MAX = 900;
/**
 * Four days on a source queue; fourteen days among its dead letters, counted from the first send.
 */
export const retentionSeconds = { source: 4 * 24 * 3600, deadLetters: 14 * 24 * 3600 } as const;

/** How often the sweep runs, in seconds. */
export const sweepEverySeconds = 300;
