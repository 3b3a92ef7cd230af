// An agent on a whole plane: a package with data, a secret that nothing shows, a state that the
// next attempt goes on from.
import { afterAll, beforeAll, expect, test } from "vitest";
import { workspaceClient } from "../../cli/workspace-client.ts";
import { type TestPlane, testPlane } from "./plane-fixture.ts";

const TOKEN = "the-models-own-token-1234";

let plane: TestPlane;
beforeAll(async () => {
  plane = await testPlane();
});
afterAll(() => plane[Symbol.asyncDispose]());

const post = async (path: string, body: object): Promise<void> => {
  await using operator = workspaceClient(plane.access.operator);
  const call = { method: "POST", path: `/api/2.0/secrets/${path}`, rate: "list" } as const;
  const reply = await operator.http.call({ ...call, json: JSON.stringify(body) });
  if (reply.kind === "refused") throw new Error(reply.error.message);
};

test("it goes on after a lost attempt, knows its run, and its secret is in no file, event or log", async () => {
  const scope = "evaluation-agent";
  await post("scopes/create", { scope });
  await post("put", { scope, key: "model-token", string_value: TOKEN });
  await post("acls/put", { scope, principal: plane.access.executorsId, permission: "READ" });
  await plane.send({
    ticket_id: "AGENT-1",
    workload: "evaluation-agent",
    parameters: { lose_after: 4 },
  });
  const outcome = await plane.outcomeOf("AGENT-1");
  expect(outcome).toMatchObject({ outcome: "succeeded", attempt: 2, metrics: { resumed: 4 } });

  const manifest = await plane.fact("run_AGENT-1/iter_001.attempt_002.manifest.json");
  expect(manifest).toMatchObject({
    run: "evaluation_agent.cli:main",
    secrets: [{ scope, key: "model-token", env: "MODEL_TOKEN", required: false }],
    run_as: plane.access.executorsId,
  });
  const { files } = plane.client;
  const submission = await plane.fact("run_AGENT-1/iter_001.attempt_002.submission.json");
  const progress = await files.read(`${manifest["scratchpad"]}/progress.json`, 4096);
  if (progress.kind !== "found") throw new Error("there is no progress.json");
  expect(JSON.parse(Buffer.from(progress.content).toString())).toMatchObject({
    attempt: 2,
    fraction: 1,
    databricks_run_id: submission["databricks_run_id"],
  });
  const log = await files.read(`${manifest["scratchpad"]}/stdout.log`, 64 * 1024);
  expect(log.kind === "found" && Buffer.from(log.content).toString()).toContain("token: given");
  const everything = JSON.stringify([plane.events, plane.log, manifest, submission]);
  expect(everything).not.toContain(TOKEN);
  expect(everything).toContain("model-token");
}, 120_000);
