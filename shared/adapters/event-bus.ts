// EventsPort over EventBridge.
import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { PlatformTroubleError } from "../domain/errors.ts";
import { detailTypes, EVENT_SOURCE } from "../domain/events.ts";
import type { EventsPort } from "../ports.ts";
import { awsClientOptions, waitingFor } from "./aws.ts";

export function createEvents(
  busName: string,
  client = new EventBridgeClient(awsClientOptions),
): EventsPort {
  const put = (detailType: string, detail: unknown) =>
    putEvent(client, busName, detailType, detail);
  return {
    events: {
      announce: (event) => put(detailTypes.outcome, event),
      reject: (event) => put(detailTypes.rejected, event),
    },
  };
}

async function putEvent(
  client: EventBridgeClient,
  busName: string,
  detailType: string,
  detail: unknown,
): Promise<void> {
  const what = `the event "${detailType}" on the bus ${busName}`;
  const reply = await waitingFor(what, () =>
    client.send(
      new PutEventsCommand({
        Entries: [
          {
            EventBusName: busName,
            Source: EVENT_SOURCE,
            DetailType: detailType,
            Detail: JSON.stringify(detail),
          },
        ],
      }),
    ),
  );
  // A refused entry is no error of the call: it answers 200, and counts the failures.
  if ((reply.FailedEntryCount ?? 0) === 0) return;
  const { ErrorCode = "unknown", ErrorMessage = "it said nothing" } = reply.Entries?.[0] ?? {};
  const sentence = `AWS: ${what} was not taken: ${ErrorCode}: ${ErrorMessage}`;
  throw ErrorCode === "MalformedDetail" ? new Error(sentence) : new PlatformTroubleError(sentence);
}
