// Makes the event that Lambda hands to a function from messages as ReceiveMessage returns them.
// Pure.
import type { Message, MessageAttributeValue } from "@aws-sdk/client-sqs";
import type { SQSEvent, SQSMessageAttribute, SQSRecord } from "aws-lambda";
import { REGION } from "./queue-shape.ts";

export const sqsEventOf = (queueArn: string, messages: readonly Message[]): SQSEvent => ({
  Records: messages.map((message) => recordOf(queueArn, message)),
});

const recordOf = (queueArn: string, message: Message): SQSRecord => ({
  messageId: message.MessageId ?? "",
  receiptHandle: message.ReceiptHandle ?? "",
  body: message.Body ?? "",
  attributes: {
    ApproximateReceiveCount: "1",
    SentTimestamp: "",
    SenderId: "",
    ApproximateFirstReceiveTimestamp: "",
    ...message.Attributes,
  },
  messageAttributes: Object.fromEntries(
    Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [
      name,
      attributeOf(value),
    ]),
  ),
  md5OfBody: message.MD5OfBody ?? "",
  ...(message.MD5OfMessageAttributes !== undefined && {
    md5OfMessageAttributes: message.MD5OfMessageAttributes,
  }),
  eventSource: "aws:sqs",
  eventSourceARN: queueArn,
  awsRegion: REGION,
});

/** Lower-case keys, two lists that are always empty, and binary values as base64. */
const attributeOf = (value: MessageAttributeValue): SQSMessageAttribute => ({
  ...(value.StringValue !== undefined && { stringValue: value.StringValue }),
  ...(value.BinaryValue !== undefined && {
    binaryValue: Buffer.from(value.BinaryValue).toString("base64"),
  }),
  stringListValues: [],
  binaryListValues: [],
  dataType: value.DataType ?? "String",
});

/** The size of a record in the event, rounded up: its own text and Lambda's words around it. */
export const recordBytes = (queueArn: string, message: Message): number =>
  Buffer.byteLength(JSON.stringify(recordOf(queueArn, message))) + 1;
