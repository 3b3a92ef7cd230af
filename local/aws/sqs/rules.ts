// The requests that SQS refuses, with its error codes and messages. Pure.
import { createHash } from "node:crypto";
import * as z from "zod";
import { AwsError } from "../aws-json-server.ts";

const BYTES_MAX = 1024 * 1024;
const DELAY_SECONDS_MAX = 900;
export const VISIBILITY_SECONDS_MAX = 43_200;
const BATCH_MAX = 10;

/** An error in SQS' own words, which older clients read from a header. */
export const sqsError = (code: string, message: string): AwsError => new AwsError(code, message);

const Attribute = z.looseObject({
  DataType: z.string(),
  StringValue: z.string().optional(),
  BinaryValue: z.string().optional(),
});
export type Attributes = Readonly<Record<string, z.infer<typeof Attribute>>>;

const Send = z.looseObject({
  MessageBody: z.string().optional(),
  DelaySeconds: z.unknown().optional(),
  MessageAttributes: z.record(z.string(), Attribute).nullish(),
});

export type CheckedMessage = {
  readonly body: string;
  readonly attributes: Attributes;
  /** In seconds; absent: none. */
  readonly delay: number | undefined;
};

/** @throws AwsError if SQS would refuse the message */
export function checkedSend(value: unknown): CheckedMessage {
  const parsed = Send.safeParse(value);
  if (!parsed.success)
    throw sqsError("InvalidParameterValue", "The message attributes are not valid.");
  const { MessageBody: body = "", MessageAttributes } = parsed.data;
  const attributes: Attributes = MessageAttributes ?? {};
  if (body === "")
    throw sqsError("MissingParameter", "The request must contain the parameter MessageBody.");
  if (bytesOf(body, attributes) > BYTES_MAX)
    throw sqsError(
      "InvalidParameterValue",
      `One or more parameters are invalid. Reason: Message must be shorter than ${BYTES_MAX} bytes.`,
    );
  const texts = [body, ...Object.values(attributes).map(({ StringValue = "" }) => StringValue)];
  if (texts.some((text) => REFUSED.test(text) || !text.isWellFormed()))
    throw sqsError(
      "InvalidMessageContents",
      "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
    );
  if (Object.values(attributes).some(({ StringValue }) => StringValue === ""))
    throw sqsError("InvalidParameterValue", "A message attribute must have a value.");
  return {
    body,
    attributes,
    delay: between("DelaySeconds", parsed.data.DelaySeconds, DELAY_SECONDS_MAX),
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that SQS refuses
const REFUSED = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/;

const bytesOf = (body: string, attributes: Attributes): number =>
  Object.entries(attributes).reduce(
    (sum, [name, { DataType, StringValue = "", BinaryValue = "" }]) =>
      sum +
      Buffer.byteLength(name + DataType + StringValue) +
      Buffer.from(BinaryValue, "base64").length,
    Buffer.byteLength(body),
  );

/** @throws AwsError unless it is absent or a whole number in its range */
export function between(name: string, value: unknown, max: number, min = 0): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max)
    return value;
  throw sqsError(
    "InvalidParameterValue",
    `Value ${JSON.stringify(value)} for parameter ${name} is invalid. Reason: Must be between ${min} and ${max}, if provided.`,
  );
}

const Entries = z.array(z.looseObject({ Id: z.string() }));

/** The entries of a batch. @throws AwsError if SQS would refuse the whole of it */
export function entriesOf(value: unknown): z.infer<typeof Entries> {
  const parsed = Entries.safeParse(value);
  if (!parsed.success || parsed.data.length === 0)
    throw sqsError("EmptyBatchRequest", "There should be at least one entry in the request.");
  const { data } = parsed;
  if (data.length > BATCH_MAX)
    throw sqsError(
      "TooManyEntriesInBatchRequest",
      `Maximum number of entries per request are ${BATCH_MAX}. You have sent ${data.length}.`,
    );
  if (new Set(data.map(({ Id }) => Id)).size < data.length)
    throw sqsError(
      "BatchEntryIdsNotDistinct",
      "Two or more batch entries in the request have the same Id.",
    );
  return data;
}

/** @throws AwsError if the messages of a batch are together more than one message may be */
export function checkBatchBytes(messages: readonly CheckedMessage[]): void {
  const bytes = messages.reduce((sum, each) => sum + bytesOf(each.body, each.attributes), 0);
  if (bytes > BYTES_MAX)
    throw sqsError(
      "BatchRequestTooLong",
      `Batch requests cannot be longer than ${BYTES_MAX} bytes. You have sent ${bytes} bytes.`,
    );
}

export const md5 = (content: string | Uint8Array): string =>
  createHash("md5").update(content).digest("hex");

/** SQS' digest over attributes: names in order, each part with its length before it. */
export function md5OfAttributes(attributes: Attributes): string | undefined {
  const names = Object.keys(attributes).toSorted();
  if (names.length === 0) return undefined;
  const sized = (part: Buffer): readonly Buffer[] => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    return [length, part];
  };
  const parts = names.flatMap((name) => {
    const { DataType = "", StringValue, BinaryValue } = attributes[name] ?? {};
    const isBinary = DataType.startsWith("Binary");
    return [
      ...sized(Buffer.from(name)),
      ...sized(Buffer.from(DataType)),
      Buffer.from([isBinary ? 2 : 1]),
      ...sized(
        isBinary ? Buffer.from(BinaryValue ?? "", "base64") : Buffer.from(StringValue ?? ""),
      ),
    ];
  });
  return md5(Buffer.concat(parts));
}
