import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AwsJsonServer, startAwsJsonServer } from "../../local/aws/aws-json-server.ts";
import { type BusEvent, eventBridge } from "../../local/aws/event-bridge.ts";
import { createEvents } from "../../shared/adapters/event-bus.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import {
  type OutcomeEvent,
  outcomeEventOf,
  type RejectedEvent,
} from "../../shared/domain/events.ts";
import type { EventsPort } from "../../shared/ports.ts";
import { createMemoryEvents } from "../support/memory/events.ts";
import { outcomeFact } from "./examples.ts";

type EventsUnderTest = EventsPort & {
  readonly announced: () => readonly OutcomeEvent[];
  readonly rejected: () => readonly RejectedEvent[];
};

const event = outcomeEventOf("b7b3e5a4-0000-4000-8000-000000000000", outcomeFact(), true);
const rejection: RejectedEvent = {
  v: 1,
  ticket_id: null,
  message_id: "m-1",
  reason: 'it is not JSON: Unexpected token "ü"',
};

function eventsContract(open: () => Promise<EventsUnderTest>): void {
  test("an outcome is heard as it was announced, each time", async () => {
    const { events, announced } = await open();
    await events.announce(event);
    await events.announce(event);
    expect(announced()).toEqual([event, event]);
  });

  test("a rejected ticket is heard as such", async () => {
    const { events, announced, rejected } = await open();
    await events.reject(rejection);
    expect(rejected()).toEqual([rejection]);
    expect(announced()).toEqual([]);
  });
}

describe("over memory", () =>
  eventsContract(async () => {
    const { events, announced, rejected } = createMemoryEvents();
    return { events, announced: () => announced, rejected: () => rejected };
  }));

const clientAt = (endpoint: string) =>
  new EventBridgeClient({
    endpoint,
    region: "eu-central-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
  });

describe("over EventBridge", () => {
  let server: AwsJsonServer;
  let folder: string;
  let heard: BusEvent[] = [];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "events-"));
    const listener = (event: BusEvent) => void heard.push(event);
    const file = join(folder, "events.jsonl");
    server = await startAwsJsonServer([eventBridge({ name: "box", file, listener })]);
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  eventsContract(async () => {
    heard = [];
    const of = (type: string) =>
      heard.filter((one) => one["detail-type"] === type).map((one) => one.detail as never);
    return {
      ...createEvents("box", clientAt(server.endpoint)),
      announced: () => of("Run Outcome"),
      rejected: () => of("Ticket Rejected"),
    };
  });

  test("the source is ours", async () => {
    heard = [];
    await createEvents("box", clientAt(server.endpoint)).events.announce(event);
    expect(heard).toMatchObject([{ source: "signalbox", "detail-type": "Run Outcome" }]);
  });

  test.each([
    { what: "a bus that is not there", bus: "nobody", at: () => server.endpoint },
    { what: "an endpoint that is not there", bus: "box", at: () => "http://127.0.0.1:9" },
  ])("$what is trouble", async ({ bus, at }) => {
    const { events } = createEvents(bus, clientAt(at()));
    await expect(events.announce(event)).rejects.toBeInstanceOf(PlatformTroubleError);
  });

  test("an entry that was refused is noticed, although the call itself succeeded", async () => {
    const refusing = createServer((_request, response) =>
      response
        .setHeader("content-type", "application/x-amz-json-1.1")
        .end(
          '{"FailedEntryCount":1,"Entries":[{"ErrorCode":"ThrottlingException","ErrorMessage":"slow"}]}',
        ),
    );
    await new Promise<void>((resolve) => refusing.listen(0, "127.0.0.1", resolve));
    const { port } = refusing.address() as AddressInfo;
    const { events } = createEvents("box", clientAt(`http://127.0.0.1:${port}`));
    await expect(events.announce(event)).rejects.toThrow(/not taken: ThrottlingException: slow/);
    refusing.closeAllConnections();
    refusing.close();
  });
});
