// A message as a use case gets it, with its trace and its sender.
import type { SQSRecord } from "aws-lambda";
import { senderCharsMax } from "../domain/messages.ts";
import { oneLine } from "../domain/text.ts";
import { isTraceparent } from "../domain/trace.ts";
import type { Settings } from "../ports.ts";
import { FIRST_BY, letterMarks, SENT_BY } from "../topology.ts";

export type Sent = {
  readonly traceparent: string | undefined;
  /**
   * The sender by SQS' word (SenderId): `AIDA…` of a user, `AROA…:<session name>` of a role. A
   * message that one of our own functions sends again keeps its first sender.
   */
  readonly by: string;
  /** The sender that a message from somebody else claims. It is a note, never a right. */
  readonly firstBy?: string | undefined;
  /** True if one of our own functions sent it. */
  readonly isOwn: boolean;
};

export type Delivery<Message> = Sent & {
  readonly message: Message;
  readonly messageId: string;
};

/**
 * Returns one promise for each delivery, in their order. Fulfilled means done; a
 * PlatformTroubleError is requeued; a PoisonMessageError is a dead letter at once; any other error
 * is a surprise, which SQS redelivers.
 */
export type HandleBatch<Message> = (
  deliveries: readonly Delivery<Message>[],
) => readonly Promise<void>[];

export const oneByOne =
  <Message>(consume: (message: Message, delivery: Delivery<Message>) => Promise<void>) =>
  (deliveries: readonly Delivery<Message>[]): readonly Promise<void>[] =>
    deliveries.map((delivery) => consume(delivery.message, delivery));

/**
 * Reads who sent a record. The part of SenderId before the colon decides, because nobody chooses
 * it; a role's session name can be chosen by the person who takes the role. A person who puts a
 * dead letter back is its sender; an earlier sender that the message names is a note. SQS can move a
 * letter back, too. If it then keeps the sender, that is the function that wrote the letter and not
 * the one whose order it was, so a letter is never ours.
 */
export function sentOf(
  record: SQSRecord,
  { ownSenders }: Settings,
  message: object | undefined,
): Sent {
  const { SenderId: sender } = record.attributes;
  const isLetter = letterMarks.some((mark) => attributeOf(record, mark) !== undefined);
  const isOwn = !isLetter && ownSenders.includes(sender.split(":")[0] ?? "");
  const claimed = attributeOf(record, SENT_BY) ?? senderIn(message);
  const by = bounded((isOwn ? claimed : undefined) ?? sender);
  const firstBy = attributeOf(record, FIRST_BY) ?? (isOwn ? undefined : claimed);
  return {
    traceparent: traceparentOf(record),
    by,
    ...(firstBy !== undefined && { firstBy: bounded(firstBy) }),
    isOwn,
  };
}

/** The record's trace. An attribute that is no trace context is ignored, as W3C asks for. */
export function traceparentOf(record: SQSRecord): string | undefined {
  const traceparent = attributeOf(record, "traceparent");
  return isTraceparent(traceparent) ? traceparent : undefined;
}

/**
 * The sender in the body, where older orders carried it; it counts only in messages of our own. What
 * we send again now says it beside the body. Needed until four days after the upgrade, because no
 * older message outlives them in its queue.
 */
const senderIn = (message: object | undefined): string | undefined =>
  message !== undefined && "by" in message && typeof message.by === "string"
    ? message.by
    : undefined;

const bounded = (text: string): string => oneLine(text, senderCharsMax - 1);

const attributeOf = (record: SQSRecord, name: string): string | undefined =>
  record.messageAttributes?.[name]?.stringValue;
