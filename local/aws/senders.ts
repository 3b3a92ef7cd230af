// Remembers who sent which message. SQS names the sender of every message that it hands out, and no
// sender can change that.

export type Senders = {
  /** Takes the answer to a send: its message ids belong to this sender. */
  readonly sent: (reply: unknown, senderId: string) => void;
  /** The answer to a receive, with each message's sender in it if that was asked for. */
  readonly named: (reply: unknown) => unknown;
  /** Forgets deleted messages. */
  readonly deleted: (request: unknown) => void;
};

export function createSenders(): Senders {
  const byMessage = new Map<string, { readonly senderId: string; receipt?: string }>();
  const byReceipt = new Map<string, string>();
  return {
    sent: (reply, senderId) => {
      for (const { MessageId: id } of [reply, ...listIn(reply, "Successful")].map(fieldsOf))
        if (typeof id === "string") byMessage.set(id, { senderId });
    },
    named: (reply) => ({
      ...fieldsOf(reply),
      ...("Messages" in fieldsOf(reply) && {
        Messages: listIn(reply, "Messages").map((message) => {
          const fields = fieldsOf(message);
          const known = byMessage.get(String(fields["MessageId"]));
          if (known === undefined) return message;
          if (known.receipt !== undefined) byReceipt.delete(known.receipt);
          known.receipt = String(fields["ReceiptHandle"]);
          byReceipt.set(known.receipt, String(fields["MessageId"]));
          const attributes = fieldsOf(fields["Attributes"]);
          return "SenderId" in attributes
            ? { ...fields, Attributes: { ...attributes, SenderId: known.senderId } }
            : message;
        }),
      }),
    }),
    deleted: (request) => {
      for (const { ReceiptHandle: receipt } of [request, ...listIn(request, "Entries")].map(
        fieldsOf,
      )) {
        const id = byReceipt.get(String(receipt));
        byReceipt.delete(String(receipt));
        if (id !== undefined) byMessage.delete(id);
      }
    },
  };
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? { ...value } : {};

function listIn(value: unknown, key: string): readonly unknown[] {
  const list = fieldsOf(value)[key];
  return Array.isArray(list) ? list : [];
}
