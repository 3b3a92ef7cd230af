import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import {
  GetSecretValueCommand,
  ListSecretsCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AwsJsonServer, startAwsJsonServer } from "../../local/aws/aws-json-server.ts";
import { type BusEvent, eventBridge } from "../../local/aws/event-bridge.ts";
import { REGION } from "../../local/aws/queue-shape.ts";
import { createSecretsManager, type SecretsManager } from "../../local/aws/secrets-manager.ts";

const credentials = { accessKeyId: "test", secretAccessKey: "test" };
let folder: string;
let server: AwsJsonServer;
let secrets: SecretsManager;
let heard: BusEvent[];
let secretsClient: SecretsManagerClient;
let eventsClient: EventBridgeClient;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "aws-"));
  heard = [];
  secrets = createSecretsManager({ "box/databricks": '{"client_id":"a"}' });
  const bus = {
    name: "box",
    file: join(folder, "events.jsonl"),
    listener: (event: BusEvent) => void heard.push(event),
  };
  server = await startAwsJsonServer([secrets.service, eventBridge(bus)]);
  const config = { endpoint: server.endpoint, region: REGION, credentials };
  secretsClient = new SecretsManagerClient(config);
  eventsClient = new EventBridgeClient(config);
});

afterEach(async () => {
  secretsClient.destroy();
  eventsClient.destroy();
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

describe("GetSecretValue", () => {
  test("answers by name and by ARN, whole or without its last six characters", async () => {
    const byName = await secretsClient.send(
      new GetSecretValueCommand({ SecretId: "box/databricks" }),
    );
    expect(byName.SecretString).toBe('{"client_id":"a"}');
    expect(byName.VersionStages).toEqual(["AWSCURRENT"]);
    expect(byName.CreatedDate).toBeInstanceOf(Date);
    expect(byName.ARN).toMatch(/:secret:box\/databricks-.{6}$/);
    for (const SecretId of [byName.ARN, byName.ARN?.slice(0, -7)]) {
      const again = await secretsClient.send(new GetSecretValueCommand({ SecretId }));
      expect(again.VersionId).toBe(byName.VersionId);
    }
  });

  test("answers the new text after a rotation, and the old one by its stage", async () => {
    secrets.put("box/databricks", "new");
    const get = async (VersionStage?: string) =>
      (
        await secretsClient.send(
          new GetSecretValueCommand({ SecretId: "box/databricks", VersionStage }),
        )
      ).SecretString;
    expect(await get()).toBe("new");
    expect(await get("AWSPREVIOUS")).toBe('{"client_id":"a"}');
  });

  test.each([
    {
      what: "an unknown secret",
      input: { SecretId: "other" },
      sentence: "can't find the specified secret.",
    },
    {
      what: "an unknown stage",
      input: { SecretId: "box/databricks", VersionStage: "AWSPENDING" },
      sentence: "specified secret value for staging label: AWSPENDING",
    },
    {
      what: "an unknown version",
      input: { SecretId: "box/databricks", VersionId: "0".repeat(32) },
      sentence: "specified secret value for VersionId",
    },
  ])("$what is ResourceNotFoundException", async ({ input, sentence }) => {
    await expect(secretsClient.send(new GetSecretValueCommand(input))).rejects.toMatchObject({
      name: "ResourceNotFoundException",
      message: expect.stringContaining(sentence),
    });
  });
});

describe("PutEvents", () => {
  const entry = {
    Source: "signalbox",
    DetailType: "Run Outcome",
    Detail: '{"run_id":"r"}',
    EventBusName: "box",
  };

  test("an event is a line of the file, and the listener hears it", async () => {
    const reply = await eventsClient.send(
      new PutEventsCommand({ Entries: [entry, { ...entry, Detail: '{"run_id":"s"}' }] }),
    );
    expect(reply.FailedEntryCount).toBe(0);
    const lines = readFileSync(join(folder, "events.jsonl"), "utf8").trimEnd().split("\n");
    const kept = lines.map((line): BusEvent => JSON.parse(line));
    expect(kept).toEqual(heard);
    expect(kept.map(({ id }) => id)).toEqual(reply.Entries?.map(({ EventId }) => EventId));
    expect(kept[0]).toMatchObject({
      version: "0",
      source: "signalbox",
      "detail-type": "Run Outcome",
      region: REGION,
      detail: { run_id: "r" },
    });
  });

  test.each([
    { what: "a detail that is not JSON", change: { Detail: "{" }, code: "MalformedDetail" },
    { what: "a detail that is no object", change: { Detail: "[1]" }, code: "MalformedDetail" },
    { what: "no source", change: { Source: undefined }, code: "InvalidArgument" },
    { what: "no detail type", change: { DetailType: undefined }, code: "InvalidArgument" },
    {
      what: "a source of AWS's own",
      change: { Source: "aws.s3" },
      code: "NotAuthorizedForSourceException",
    },
    {
      what: "a bus that is not there",
      change: { EventBusName: "other" },
      code: "ResourceNotFoundException",
    },
  ])("$what is refused by itself, while its neighbour is taken", async ({ change, code }) => {
    const reply = await eventsClient.send(
      new PutEventsCommand({ Entries: [{ ...entry, ...change }, entry] }),
    );
    expect(reply.FailedEntryCount).toBe(1);
    expect(reply.Entries?.[0]?.ErrorCode).toBe(code);
    expect(reply.Entries?.[1]?.EventId).toBe(heard[0]?.id);
    expect(heard).toHaveLength(1);
  });

  test.each([
    { what: "eleven entries", Entries: Array.from({ length: 11 }, () => entry) },
    { what: "no entries", Entries: [] },
    {
      what: "more than a megabyte",
      Entries: Array.from({ length: 3 }, () => ({
        ...entry,
        Detail: JSON.stringify({ text: "x".repeat(400_000) }),
      })),
    },
  ])("$what is a ValidationException, and nothing is kept", async ({ Entries }) => {
    await expect(eventsClient.send(new PutEventsCommand({ Entries }))).rejects.toMatchObject({
      name: "ValidationException",
    });
    expect(heard).toEqual([]);
  });
});

test("an operation that is not there answers with what is", async () => {
  await expect(secretsClient.send(new ListSecretsCommand({}))).rejects.toMatchObject({
    name: "UnknownOperationException",
    message: expect.stringMatching(
      /does not have secretsmanager.ListSecrets; it has GetSecretValue/,
    ),
  });
});

test.each([
  { what: "unsigned", authorization: undefined, code: "MissingAuthenticationTokenException" },
  {
    what: "signed for another service",
    authorization: "AWS4-HMAC-SHA256 Credential=a/20261121/us-east-1/sqs/aws4_request, Signature=b",
    code: "InvalidSignatureException",
  },
])("a call that is $what is refused", async ({ authorization, code }) => {
  const response = await fetch(server.endpoint, {
    method: "POST",
    headers: {
      "x-amz-target": "secretsmanager.GetSecretValue",
      ...(authorization !== undefined && { authorization }),
    },
    body: '{"SecretId":"box/databricks"}',
  });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ __type: code });
});
