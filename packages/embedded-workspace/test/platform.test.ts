import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorkspace, type Workspace } from "../src/workspace.ts";
import { type Client, clientOf } from "./client.ts";

let workspace: Workspace;
let client: Client;

beforeAll(async () => {
  workspace = await startWorkspace();
  client = clientOf(workspace);
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await workspace.close();
});

test("fact #cli-asks-for: telemetry is taken, feature flags are empty, as the clients expect them", async () => {
  const sent = await client.post("/telemetry-ext", { protoLogs: ["{}"] });
  expect(sent).toMatchObject({ status: 200, json: { errors: [] } });
  const flags = await client.get("/api/2.0/connector-service/feature-flags/PYTHON/4.9.0");
  expect(flags.json).toEqual({ flags: [], ttl_seconds: 900 });
});

test("every answer names the workspace, also an error", async () => {
  const { workspaceId } = workspace.context;
  for (const path of ["/api/2.0/preview/scim/v2/Me", "/api/2.0/nothing"]) {
    const { headers } = await client.get(path);
    expect(headers["x-databricks-org-id"]).toBe(workspaceId);
  }
});

test("the warehouse of DATABRICKS_HTTP_PATH is listed and runs", async () => {
  const id = workspace.env["DATABRICKS_WAREHOUSE_ID"];
  const { json } = await client.get("/api/2.0/sql/warehouses");
  expect(json.warehouses).toMatchObject([
    { id, state: "RUNNING", odbc_params: { path: workspace.env["DATABRICKS_HTTP_PATH"] } },
  ]);
  expect((await client.get(`/api/2.0/sql/warehouses/${id}`)).json.id).toBe(id);
  expect((await client.get("/api/2.0/sql/warehouses/none")).status).toBe(404);
});

test("latency holds back every answer, and may change while it runs", async () => {
  const took = async () => {
    const fromMs = performance.now();
    await client.get("/api/2.0/preview/scim/v2/Me");
    return performance.now() - fromMs;
  };
  await client.admin("PATCH", "/settings", { latencyMs: 80 });
  expect(await took()).toBeGreaterThanOrEqual(79);
  await client.admin("PATCH", "/settings", { latencyMs: 0 });
  const unknown = await client.admin("PATCH", "/settings", { latencyMS: 5 });
  expect(unknown.status).toBe(400);
  expect(unknown.json.message).toContain("latencyMS");
});

test("whoever started it reaches the admin by one call, and hears what was wrong", async () => {
  expect(await workspace.admin("GET", "/settings")).toMatchObject({ rateLimits: false });
  await expect(workspace.admin("PATCH", "/settings", { nonsense: 1 })).rejects.toThrow(/nonsense/);
  await using plain = await startWorkspace({ tls: false });
  expect(await plain.admin("GET", "/faults")).toEqual({ faults: [] });
});

test("two workspaces live side by side and know nothing of each other", async () => {
  await using second = await startWorkspace();
  await using other = clientOf(second);
  expect(second.port).not.toBe(workspace.port);
  const { token } = workspace.administrator;
  expect((await other.get("/api/2.0/preview/scim/v2/Me", { token })).status).toBe(401);
});

test("a taken port is said, and nothing is left behind", async () => {
  await expect(startWorkspace({ port: workspace.port })).rejects.toThrow(/EADDRINUSE/);
});
