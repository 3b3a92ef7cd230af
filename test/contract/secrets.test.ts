import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AwsJsonServer, startAwsJsonServer } from "../../local/aws/aws-json-server.ts";
import { createSecretsManager, type SecretsManager } from "../../local/aws/secrets-manager.ts";
import { createSecrets } from "../../shared/adapters/secrets.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";

let server: AwsJsonServer;
let manager: SecretsManager;
beforeAll(async () => {
  manager = createSecretsManager({ databricks: "one" });
  server = await startAwsJsonServer([manager.service]);
});
afterAll(() => server[Symbol.asyncDispose]());

const clientAt = (endpoint: string) =>
  new SecretsManagerClient({
    endpoint,
    region: "eu-central-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
  });

function open(endpoint = server.endpoint) {
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, sleep: async () => {}, timer: () => () => {} };
  const { secrets } = createSecrets({ clock }, clientAt(endpoint));
  return { secrets, pass: (seconds: number) => (nowMs += seconds * 1000) };
}

test("a secret is kept for five minutes, and then read again", async () => {
  const { secrets, pass } = open();
  manager.put("databricks", "one");
  expect(await secrets.read("databricks")).toBe("one");
  manager.put("databricks", "two");
  pass(299);
  expect(await secrets.read("databricks")).toBe("one");
  pass(2);
  expect(await secrets.read("databricks")).toBe("two");
});

test("a rotation is seen at once by who asks anew, and by everybody after", async () => {
  const { secrets } = open();
  manager.put("databricks", "old");
  await secrets.read("databricks");
  manager.put("databricks", "new");
  expect(await secrets.reread("databricks")).toBe("new");
  expect(await secrets.read("databricks")).toBe("new");
});

test("a secret that is not there is trouble, and is looked for again", async () => {
  const { secrets } = open();
  await expect(secrets.read("later")).rejects.toBeInstanceOf(PlatformTroubleError);
  await expect(secrets.read("later")).rejects.toThrow(/the secret later/);
  manager.put("later", "here");
  expect(await secrets.read("later")).toBe("here");
});

test("Secrets Manager that is not there is trouble", async () => {
  await expect(open("http://127.0.0.1:9").secrets.read("x")).rejects.toBeInstanceOf(
    PlatformTroubleError,
  );
});
