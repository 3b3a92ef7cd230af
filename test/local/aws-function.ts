// A function for the tests of environments: it knows nothing but its variables, and does what its
// event says.
import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { ListQueuesCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import type { Context } from "aws-lambda";

let invocations = 0;

const deeds: Readonly<Record<string, (context: Context) => unknown>> = {
  count: () => ++invocations,
  secret: async () => {
    const command = new GetSecretValueCommand({ SecretId: "databricks" });
    return (await new SecretsManagerClient().send(command)).SecretString;
  },
  list: async () => await new SQSClient().send(new ListQueuesCommand({})),
  order: async () => {
    const QueueUrl = process.env["QUEUE_URL_ORDERS"];
    await new SQSClient().send(new SendMessageCommand({ QueueUrl, MessageBody: "{}" }));
  },
  send: async () => {
    const QueueUrl = process.env["DEAD_LETTER_URL_TICKETS"];
    await new SQSClient().send(new SendMessageCommand({ QueueUrl, MessageBody: "from within" }));
  },
  announce: async () => {
    const entry = { Source: "test", DetailType: "Ticket Rejected", Detail: "{}" };
    const EventBusName = process.env["EVENT_BUS_NAME"];
    const command = new PutEventsCommand({ Entries: [{ ...entry, EventBusName }] });
    return (await new EventBridgeClient().send(command)).FailedEntryCount;
  },
  stranger: async () =>
    await new STSClient({ maxAttempts: 1 }).send(new GetCallerIdentityCommand()),
  variables: () => process.env,
  print: () => console.log("a line"),
  left: (context) => context.getRemainingTimeInMillis(),
  throw: () => {
    throw new RangeError("out of range");
  },
  hang: () => new Promise(() => {}),
  spin: () => {
    for (;;);
  },
  exit: () => process.exit(3),
};

export const handler = async (event: { readonly do: string }, context: Context): Promise<unknown> =>
  await deeds[event.do]?.(context);
