import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorkspace, type Workspace } from "../src/workspace.ts";
import { type Client, clientOf, type Json } from "./client.ts";

let workspace: Workspace;
let client: Client;

beforeAll(async () => {
  workspace = await startWorkspace({ timeScale: 20 });
  client = clientOf(workspace);
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await workspace.close();
});

const C = "/api/2.1/clusters";
const stateOf = async (id: string) => (await client.get(`${C}/get?cluster_id=${id}`)).json.state;

test("it comes with a running cluster", async () => {
  const id = workspace.env["DATABRICKS_CLUSTER_ID"] ?? "";
  expect(await stateOf(id)).toBe("RUNNING");
  const { json } = await client.get(`${C}/list`);
  expect(json.clusters.map((held: Json) => held.cluster_id)).toContain(id);
});

test("a cluster goes PENDING, RUNNING, TERMINATING, TERMINATED, and starts again", async () => {
  const created = await client.post(`${C}/create`, {
    cluster_name: "mine",
    spark_version: "16.4.x-scala2.12",
    num_workers: 1,
  });
  const id = created.json.cluster_id;
  expect(await stateOf(id)).toBe("PENDING");
  await expect.poll(() => stateOf(id)).toBe("RUNNING");
  await client.post(`${C}/delete`, { cluster_id: id });
  expect(await stateOf(id)).toBe("TERMINATING");
  await expect.poll(() => stateOf(id)).toBe("TERMINATED");
  const { json } = await client.get(`${C}/get?cluster_id=${id}`);
  expect(json.termination_reason).toMatchObject({ code: "USER_REQUEST", type: "SUCCESS" });
  await client.post(`${C}/start`, { cluster_id: id });
  expect(await stateOf(id)).toBe("PENDING");
  await expect.poll(() => stateOf(id)).toBe("RUNNING");
});

test("start is a no-op on a running cluster, restart goes through RESTARTING and needs one that runs", async () => {
  const id = workspace.context.clusterId;
  expect((await client.post(`${C}/start`, { cluster_id: id })).status).toBe(200);
  expect(await stateOf(id)).toBe("RUNNING");
  await client.post(`${C}/restart`, { cluster_id: id });
  expect(await stateOf(id)).toBe("RESTARTING");
  const again = await client.post(`${C}/restart`, { cluster_id: id });
  expect(again).toMatchObject({ status: 400, json: { error_code: "INVALID_STATE" } });
  await expect.poll(() => stateOf(id)).toBe("RUNNING");
});

test("a missing cluster answers 400 INVALID_PARAMETER_VALUE, as the SDKs know it", async () => {
  const answer = await client.get(`${C}/get?cluster_id=1234-567890-gone`);
  expect(answer).toMatchObject({
    status: 400,
    json: {
      error_code: "INVALID_PARAMETER_VALUE",
      message: "Cluster 1234-567890-gone does not exist",
    },
  });
});

test("what a run needs: a terminated cluster is started and waited for", async () => {
  const { clusters, clusterId } = workspace.context;
  await client.post(`${C}/delete`, { cluster_id: clusterId });
  await clusters.ensureRunning(clusterId);
  expect(clusters.get(clusterId)?.state).toBe("RUNNING");
});

test("the settings of a cluster are edited, and it restarts with them", async () => {
  const { clusters, clusterId } = workspace.context;
  await clusters.ensureRunning(clusterId);
  await client.post(`${C}/edit`, {
    cluster_id: clusterId,
    cluster_name: "renamed",
    spark_version: "16.4.x-scala2.12",
    spark_env_vars: { MODE: "test" },
  });
  expect(clusters.get(clusterId)).toMatchObject({
    clusterName: "renamed",
    sparkEnvVars: { MODE: "test" },
    state: "RESTARTING",
  });
});
