// The proofs that the deployed plane must give.
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { GetSecretValueCommand } from "@aws-sdk/client-secrets-manager";
import { ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { type Context, ON_CALL_SECRET, SCHEDULED, SECRET } from "./context.ts";
import { type Listener, outcomeOf } from "./listener.ts";
import { administrator, type Person } from "./people.ts";

export type Scene = {
  readonly context: Context;
  /** An output of the stack. */
  readonly urlOf: (output: string) => string;
  readonly producer: Person;
  readonly onCall: Person;
  /** Has on-call's policy, and is not among those whom the stage names for orders. */
  readonly unnamed: Person;
  readonly listener: Listener;
};

export const send = ({ sqs }: Person, QueueUrl: string, message: unknown) =>
  sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(message) }));

/**
 * One run of one iteration, one that learns over several, and a ticket that asks for nothing that
 * there is.
 */
export async function outcomesAreHeard({ context, urlOf, producer, listener }: Scene) {
  const tickets = urlOf("TicketsQueueUrl");
  const report = {
    ticket_id: "REPORT-2015",
    workload: "weather-report",
    parameters: { city: "Seattle", year: 2015 },
  };
  await send(producer, tickets, report);
  await send(producer, tickets, { ticket_id: "MODEL-1", workload: "weather-model" });
  await send(producer, tickets, { ticket_id: "NOTHING-1", workload: "no-such-workload" });
  const reported = await listener.hear("outcome of REPORT-2015", 90, outcomeOf(/^REPORT-2015$/));
  equal(reported.detail["outcome"], "succeeded", JSON.stringify(reported.detail));
  const rejected = await listener.hear(
    "rejection of NOTHING-1",
    60,
    (event) =>
      event["detail-type"] === "Ticket Rejected" && event.detail["ticket_id"] === "NOTHING-1",
  );
  match(String(rejected.detail["reason"]), /no-such-workload/);
  const learned = await listener.hear("outcome of MODEL-1", 180, outcomeOf(/^MODEL-1$/));
  equal(learned.detail["outcome"], "succeeded", JSON.stringify(learned.detail));
  ok(Number(learned.detail["iter_n"]) > 1, "the model must have taken more than one iteration");
  await ledgerAgrees(context, Number(learned.detail["iter_n"]));
}

/** Announced is only what is in the books already: no waiting here. */
async function ledgerAgrees({ access, client }: Context, iterations: number): Promise<void> {
  await using session = await client.sql(access.catalog, access.schema).open();
  const runs = await session.execute(
    "SELECT run_id, fsm_state, outcome, iter_n FROM run_state WHERE run_id IN ('REPORT-2015', 'MODEL-1') ORDER BY run_id",
  );
  deepEqual(
    runs.map((row) => [row["run_id"], row["fsm_state"], row["outcome"], Number(row["iter_n"])]),
    [
      ["MODEL-1", "over", "succeeded", iterations],
      ["REPORT-2015", "over", "succeeded", 1],
    ],
  );
  const results = await session.execute(
    "SELECT iter_n FROM execution_results WHERE run_id = 'MODEL-1' ORDER BY iter_n",
  );
  equal(results.length, iterations, "one row for each iteration's attempt");
}

const denied = { name: /AccessDenied/ };

/**
 * Producers send tickets and do nothing else; on-call engineers handle letters and give orders, and
 * do nothing else.
 */
export async function strangersAreDenied(scene: Scene): Promise<void> {
  const { context, urlOf, producer, onCall, unnamed } = scene;
  const secret = new GetSecretValueCommand({ SecretId: SECRET });
  const read = (QueueUrl: string) => new ReceiveMessageCommand({ QueueUrl });
  const entry = { Source: "signalbox", DetailType: "Run Outcome", Detail: "{}" };
  const forged = new PutEventsCommand({
    Entries: [{ ...entry, EventBusName: urlOf("EventBusName") }],
  });
  await rejects(send(producer, urlOf("TurnsQueueUrl"), {}), denied, "a producer sends a turn");
  const orders = urlOf("OrdersQueueUrl");
  await rejects(send(producer, orders, {}), denied, "a producer gives an order");
  await rejects(send(unnamed, orders, {}), denied, "somebody who is not named gives an order");
  await rejects(
    send(administrator(context.cloud), orders, {}),
    denied,
    "not even an administrator gives one",
  );
  await rejects(producer.sqs.send(read(urlOf("TicketsQueueUrl"))), denied, "a producer reads");
  await rejects(producer.sqs.send(read(urlOf("TicketsDeadLettersUrl"))), denied, "and letters");
  await rejects(producer.secrets.send(secret), denied, "a producer reads the secret");
  await rejects(producer.events.send(forged), denied, "a producer announces");
  await rejects(onCall.sqs.send(read(urlOf("TicketsQueueUrl"))), denied, "on-call takes tickets");
  await rejects(onCall.events.send(forged), denied, "on-call announces");
  await rejects(onCall.secrets.send(secret), denied, "on-call reads the functions' secret");
  const own = new GetSecretValueCommand({ SecretId: ON_CALL_SECRET });
  const { SecretString = "" } = await onCall.secrets.send(own);
  match(SecretString, /client_id/, "on-call reads its own");
}

/**
 * A scheduled start sends a ticket whose id carries the time: however often it fires, it is one
 * run.
 */
export async function scheduleFires({ listener }: Scene): Promise<void> {
  const fired = new RegExp(`^${SCHEDULED}-20261121T0600Z$`);
  const event = await listener.hear("outcome of a scheduled run", 150, outcomeOf(fired));
  equal(event.detail["outcome"], "succeeded", JSON.stringify(event.detail));
}
