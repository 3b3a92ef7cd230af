// Reads what a plane shows to the outside: announcements, dead letters, Databricks runs, open
// markers, the ledger.
import {
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import * as z from "zod";
import { jsonOfReply } from "../../shared/adapters/databricks-http.ts";
import type { Row } from "../../shared/adapters/databricks-sql.ts";
import { detailTypes, OutcomeEvent } from "../../shared/domain/events.ts";
import { planePrefix } from "../../shared/domain/payload.ts";
import { type QueueName, topology } from "../../shared/topology.ts";
import type { BusEvent } from "../aws/event-bridge.ts";
import type { Plane } from "./start-plane.ts";

export const outcomesIn = (events: readonly BusEvent[]): readonly OutcomeEvent[] =>
  events
    .filter((event) => event["detail-type"] === detailTypes.outcome)
    .map(({ detail }) => OutcomeEvent.parse(detail));

export const rejectionsIn = (events: readonly BusEvent[]): readonly BusEvent[] =>
  events.filter((event) => event["detail-type"] === detailTypes.rejected);

export type SeenLetter = {
  readonly queue: QueueName;
  readonly body: string;
  /** One sentence; empty if SQS itself put the message aside. */
  readonly reason: string;
};

/** Takes the dead letters of all queues: they are gone afterwards. */
export async function takeDeadLetters({ aws }: Plane): Promise<readonly SeenLetter[]> {
  const queues = Object.keys(topology) as QueueName[];
  const letters = queues.map(async (queue) =>
    (await takeAll(aws.sqs, aws.deadLetterUrl(queue))).map((message) => ({
      queue,
      body: message.Body ?? "",
      reason: message.MessageAttributes?.["reason"]?.StringValue ?? "",
    })),
  );
  return (await Promise.all(letters)).flat();
}

async function takeAll(sqs: SQSClient, queueUrl: string): Promise<readonly Message[]> {
  const taken: Message[] = [];
  for (;;) {
    const reply = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: 10,
        MessageAttributeNames: ["All"],
      }),
    );
    const messages = reply.Messages ?? [];
    if (messages.length === 0) return taken;
    taken.push(...messages);
    await sqs.send(
      new DeleteMessageBatchCommand({
        QueueUrl: queueUrl,
        Entries: messages.map(({ ReceiptHandle }, i) => ({ Id: String(i), ReceiptHandle })),
      }),
    );
  }
}

const Runs = z.object({
  runs: z.array(z.object({ run_name: z.string() })).nullish(),
  next_page_token: z.string().nullish(),
});

/** The names of the plane's Databricks runs, without the trace at their end. */
export async function databricksRunsOf({ client, planeId }: Plane): Promise<readonly string[]> {
  const names: string[] = [];
  let token = "";
  do {
    const query = { limit: "25", ...(token !== "" && { page_token: token }) };
    const path = "/api/2.2/jobs/runs/list";
    const reply = await client.http.call({ method: "GET", path, query, rate: "list" });
    if (reply.kind !== "ok")
      throw new Error(`the runs could not be listed: ${JSON.stringify(reply)}`);
    const page = Runs.parse(jsonOfReply(path, reply.content));
    names.push(...(page.runs ?? []).map(({ run_name }) => run_name));
    token = page.next_page_token ?? "";
  } while (token !== "");
  return names
    .filter((name) => name.startsWith(planePrefix(planeId)))
    .map((name) => name.split(" ")[0] ?? "");
}

/** The names of the remaining markers: chapters that are not over, or not announced. */
export async function openMarkersOf({ client, access }: Plane): Promise<readonly string[]> {
  const folder = `/Volumes/${access.catalog}/${access.schema}/facts/open`;
  return (await client.files.list(folder)).map(({ name }) => name);
}

export const runStateOf = (plane: Plane): Promise<readonly Row[]> =>
  plane.query("SELECT * FROM run_state ORDER BY created_at, run_id");

export const resultsOf = (plane: Plane): Promise<readonly Row[]> =>
  plane.query("SELECT * FROM execution_results ORDER BY run_id, iter_n, attempt");

/** A MAP arrives as an object or as JSON text, which depends on the driver's version. */
export function metricsOf(value: unknown): Readonly<Record<string, number>> {
  const given: unknown = typeof value === "string" ? JSON.parse(value) : value;
  return z
    .record(z.string(), z.coerce.number())
    .catch({})
    .parse(given ?? {});
}
