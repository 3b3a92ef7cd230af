// A message as a use case gets it, with what travels beside it: its trace, and who sent it.
import type { SQSRecord } from "aws-lambda";
import { senderCharsMax } from "../domain/messages.ts";
import { oneLine } from "../domain/text.ts";
import { isTraceparent } from "../domain/trace.ts";
import type { Settings } from "../ports.ts";
import { FIRST_BY, letterMarks, SENT_BY } from "../topology.ts";

export type Sent = {
  readonly traceparent: string | undefined;
  /** SenderId: `AIDA…` of a user, `AROA…:<session name>` of a role. What one of our own functions sends again keeps its sender's. */
  readonly by: string;
  /** A note, never a right: who the message itself says had sent it, where somebody else sends it. */
  readonly firstBy?: string | undefined;
  /** One of our own functions sent it. */
  readonly isOwn: boolean;
};

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

/**
 * What SQS says of a record's sender is decided by the part before the colon, which nobody chooses: a role's session name is its
 * taker's choice. Whoever puts a dead letter back is its sender; what the message says of an earlier one is a note. SQS can move one, too,
 * and where it then keeps the sender, that is whoever of us wrote the letter, and not whose order it was: a letter is never ours.
 */
export function sentOf(
  record: SQSRecord,
  { ownSenders }: Settings,
  message: object | undefined,
): Sent {
  const { SenderId: sender } = record.attributes;
  const isLetter = letterMarks.some((mark) => attributeOf(record, mark) !== undefined);
  const isOwn = !isLetter && ownSenders.includes(sender.split(":")[0] ?? "");
  const said = attributeOf(record, SENT_BY) ?? senderIn(message);
  const by = bounded((isOwn ? said : undefined) ?? sender);
  const firstBy = attributeOf(record, FIRST_BY) ?? (isOwn ? undefined : said);
  return {
    traceparent: traceparentOf(record),
    by,
    ...(firstBy !== undefined && { firstBy: bounded(firstBy) }),
    isOwn,
  };
}

/** What is no trace context is passed over, as W3C asks for. */
export function traceparentOf(record: SQSRecord): string | undefined {
  const traceparent = attributeOf(record, "traceparent");
  return isTraceparent(traceparent) ? traceparent : undefined;
}

/**
 * Orders of before carried their sender in their body, where it counts of ours alone: what we send again now says it beside the body.
 * Needed until four days after the upgrade, which no message of before outlives in its queue.
 */
const senderIn = (message: object | undefined): string | undefined =>
  message !== undefined && "by" in message && typeof message.by === "string"
    ? message.by
    : undefined;

const bounded = (text: string): string => oneLine(text, senderCharsMax - 1);

const attributeOf = (record: SQSRecord, name: string): string | undefined =>
  record.messageAttributes?.[name]?.stringValue;
