// EventBridge's PutEvents: every event becomes a line of a file, and a listener hears it.
import { randomUUID } from "node:crypto";
import { appendFileSync } from "node:fs";
import * as z from "zod";
import { AwsError, type AwsService, authorize } from "./aws-json-server.ts";
import type { Principal } from "./principals.ts";
import { ACCOUNT_ID, REGION } from "./queue-shape.ts";

/** An event as rules, targets and archives see it. */
export type BusEvent = {
  readonly version: "0";
  readonly id: string;
  readonly "detail-type": string;
  readonly source: string;
  readonly account: string;
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: unknown;
};

export type EventBusShape = {
  readonly name: string;
  /** JSON lines are appended to this file; absent: events are not kept. */
  readonly file?: string;
  readonly listener?: (event: BusEvent) => void;
};

const Entry = z.object({
  Source: z.string().optional(),
  DetailType: z.string().optional(),
  Detail: z.string().optional(),
  EventBusName: z.string().default("default"),
  Resources: z.array(z.string()).default([]),
  Time: z.number().optional(),
});
type Entry = z.infer<typeof Entry>;
const Input = z.object({ Entries: z.array(Entry).min(1).max(10) });

// The limit of PutEvents for the sum of a request's entries.
const ENTRIES_BYTES_MAX = 1024 * 1024;

/** @param target the queue of a rule that takes everything */
export function eventBridge(
  bus: EventBusShape,
  target: (event: BusEvent) => void = () => {},
): AwsService {
  const putEvents = (value: unknown, caller: Principal) => {
    const input = Input.safeParse(value);
    if (!input.success)
      throw new AwsError(
        "ValidationException",
        "Value at 'entries' failed to satisfy constraint: Member must have length between 1 and 10",
      );
    for (const { DetailType = "" } of input.data.Entries)
      authorize(caller, { action: "events:PutEvents", on: DetailType });
    const bytes = input.data.Entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
    if (bytes > ENTRIES_BYTES_MAX)
      throw new AwsError(
        "ValidationException",
        "Total size of the entries in the request is over the limit.",
      );
    const Entries = input.data.Entries.map((entry) => put(bus, entry, target));
    return { FailedEntryCount: Entries.filter((entry) => "ErrorCode" in entry).length, Entries };
  };
  return {
    name: "EventBridge",
    targetPrefix: "AWSEvents",
    signingName: "events",
    operations: { PutEvents: putEvents },
  };
}

const entryBytes = (entry: Entry): number =>
  [entry.Source, entry.DetailType, entry.Detail, ...entry.Resources].reduce(
    (sum, text) => sum + Buffer.byteLength(text ?? ""),
    entry.Time === undefined ? 0 : 14,
  );

type Put =
  | { readonly EventId: string }
  | { readonly ErrorCode: string; readonly ErrorMessage: string };

/** One entry: stored, or refused by itself while the request succeeds, as PutEvents does. */
function put(bus: EventBusShape, entry: Entry, target: (event: BusEvent) => void): Put {
  const detail = objectOf(entry.Detail);
  const { Source: source, DetailType: detailType } = entry;
  if (source === undefined || source === "") return required("Source");
  if (detailType === undefined || detailType === "") return required("DetailType");
  if (entry.Detail === undefined) return required("Detail");
  if (detail === undefined)
    return { ErrorCode: "MalformedDetail", ErrorMessage: "Detail is malformed." };
  if (source.startsWith("aws."))
    return {
      ErrorCode: "NotAuthorizedForSourceException",
      ErrorMessage: "Not authorized for the source.",
    };
  // EventBridge drops events for a bus that does not exist without a word. Here that is an error,
  // so that it is noticed.
  if (!isBus(bus.name, entry.EventBusName))
    return {
      ErrorCode: "ResourceNotFoundException",
      ErrorMessage: `Event bus ${entry.EventBusName} does not exist.`,
    };
  const event: BusEvent = {
    version: "0",
    id: randomUUID(),
    "detail-type": detailType,
    source,
    account: ACCOUNT_ID,
    time: new Date(entry.Time === undefined ? Date.now() : entry.Time * 1000).toISOString(),
    region: REGION,
    resources: entry.Resources,
    detail,
  };
  if (bus.file !== undefined) appendFileSync(bus.file, `${JSON.stringify(event)}\n`);
  target(event);
  bus.listener?.(event);
  return { EventId: event.id };
}

const required = (name: string): Put => ({
  ErrorCode: "InvalidArgument",
  ErrorMessage: `Parameter ${name} is not valid. Reason: ${name} is a required argument.`,
});

const isBus = (name: string, given: string): boolean =>
  given === name || given === `arn:aws:events:${REGION}:${ACCOUNT_ID}:event-bus/${name}`;

function objectOf(text: string | undefined): object | undefined {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
