import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type Client, clientOf } from "./client.ts";

const MAIN = join(import.meta.dirname, "../src/main.ts");
const folder = mkdtempSync(join(tmpdir(), "workspace-main-"));
const children = new Set<ChildProcess>();
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

test("the command prints shell lines and nothing else, and ends on SIGTERM", async () => {
  const { child, env, lines } = await start([]);
  expect(lines.every((line) => /^export [A-Z_]+='[^']*'$/.test(line))).toBe(true);
  for (const name of [
    "DATABRICKS_HOST",
    "DATABRICKS_CLIENT_ID",
    "DATABRICKS_CLIENT_SECRET",
    "DATABRICKS_TOKEN",
    "DATABRICKS_OTHER_TOKEN",
    "DATABRICKS_HTTP_PATH",
    "DATABRICKS_CLUSTER_ID",
    "DATABRICKS_WORKSPACE_ADMIN",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
  ])
    expect(env[name]).toBeTruthy();
  const bundle = env["SSL_CERT_FILE"] ?? "";
  expect(readFileSync(bundle, "utf8").split("BEGIN CERTIFICATE").length).toBeGreaterThan(100);
  expect(await end(child, "SIGTERM")).toEqual([0, null]);
  expect(existsSync(bundle)).toBe(false);
});

test("--no-tls serves plain HTTP", async () => {
  const { child, env } = await start(["--no-tls"]);
  expect(env["DATABRICKS_HOST"]).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(env["SSL_CERT_FILE"]).toBeUndefined();
  await using client = clientFrom(env);
  expect((await client.get("/api/2.0/preview/scim/v2/Me")).status).toBe(200);
  expect(await end(child, "SIGINT")).toEqual([0, null]);
});

test.each([
  { args: ["--port", "many"], message: /--port must be a number from 0 to 65535; it was 'many'/ },
  { args: ["--sql", "mysql"], message: /--sql must be duckdb or spark; it was 'mysql'/ },
  { args: ["--nonsense"], message: /'--nonsense'/ },
])("it refuses $args with one sentence", async ({ args, message }) => {
  const child = spawn(process.execPath, [MAIN, ...args]);
  const [stderr, [code]] = await Promise.all([child.stderr.toArray(), once(child, "exit")]);
  expect(stderr.join("")).toMatch(message);
  expect(code).toBe(1);
});

test("issue 7: with --data, everything survives SIGKILL: address, tokens, secrets, files, tables, catalogs, notebooks", async () => {
  const data = join(folder, "kept");
  const first = await start(["--data", data]);
  let token = "";
  {
    await using client = clientFrom(first.env);
    token = (await oauthToken(client, first.env)).json.access_token;
    await client.post("/api/2.0/secrets/scopes/create", { scope: "kept" });
    await client.post("/api/2.0/secrets/put", { scope: "kept", key: "k", string_value: "v" });
    await client.post("/api/2.1/unity-catalog/schemas", { catalog_name: "main", name: "kept" });
    await client.put("/api/2.0/fs/files/Volumes/main/default/files/kept", "bytes");
    await statement(client, first.env, "CREATE TABLE main.kept.t (id BIGINT) USING DELTA");
    await statement(client, first.env, "INSERT INTO main.kept.t VALUES (9007199254740993)");
    const home = `/Users/${first.env["DATABRICKS_CLIENT_ID"]}`;
    await client.post(
      `/api/2.0/workspace-files/import-file${home}/book.py`,
      "# Databricks notebook source\n1",
    );
    await client.call("PATCH", "/api/2.1/unity-catalog/permissions/schema/main.kept", {
      body: { changes: [{ principal: "account users", add: ["USE_SCHEMA"] }] },
    });
  }
  expect(await end(first.child, "SIGKILL")).toEqual([null, "SIGKILL"]);

  const second = await start(["--data", data]);
  const { env: given } = second;
  const isProof = (name: string) => /TOKEN$|CLIENT_SECRET$|ADMIN$/.test(name);
  for (const name of Object.keys(first.env))
    expect([name, given[name] === first.env[name]]).toEqual([name, !isProof(name)]);
  {
    // New proofs for the new start; those of the first go on being valid.
    await using client = clientFrom(second.env);
    const ME = "/api/2.0/preview/scim/v2/Me";
    expect((await client.get(ME)).status).toBe(200);
    expect((await oauthToken(client, second.env)).status).toBe(200);
    expect((await client.admin("GET", "/settings")).status).toBe(200);
  }
  await using client = clientFrom(first.env);
  expect((await client.admin("GET", "/settings")).status).toBe(200);
  expect((await oauthToken(client, first.env)).status).toBe(200);
  expect((await client.get("/api/2.0/preview/scim/v2/Me", { token })).status).toBe(200);
  expect((await client.get("/api/2.0/secrets/get?scope=kept&key=k")).json.value).toBe("dg==");
  const schema = await client.get("/api/2.1/unity-catalog/schemas/main.kept");
  expect(schema.json.full_name).toBe("main.kept");
  const file = await client.get("/api/2.0/fs/files/Volumes/main/default/files/kept");
  expect(file.text).toBe("bytes");
  const rows = await statement(client, second.env, "SELECT id FROM main.kept.t");
  expect(rows).toEqual([["9007199254740993"]]);
  const book = `/Users/${first.env["DATABRICKS_CLIENT_ID"]}/book`;
  const status = await client.get(`/api/2.0/workspace/get-status?path=${book}`);
  expect(status.json).toMatchObject({ object_type: "NOTEBOOK", language: "PYTHON" });
  const grants = await client.get("/api/2.1/unity-catalog/permissions/schema/main.kept");
  expect(grants.json.privilege_assignments).toEqual([
    { principal: "account users", privileges: ["USE_SCHEMA"] },
  ]);
  await end(second.child, "SIGTERM");
});

test("a data folder serves one workspace at a time, and the second says so", async () => {
  const data = join(folder, "shared");
  const { child } = await start(["--data", data]);
  const second = spawn(process.execPath, [MAIN, "--data", data]);
  const [stderr, [code]] = await Promise.all([second.stderr.toArray(), once(second, "exit")]);
  expect(code).toBe(1);
  expect(stderr.join("")).toMatch(/cannot be opened .*; end the workspace that uses it/);
  await end(child, "SIGTERM");
});

async function start(args: readonly string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.add(child);
  let text = "";
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on("data", (chunk) => {
      text += chunk;
      if (text.includes("DATABRICKS_WORKSPACE_ADMIN") && text.endsWith("\n")) resolve();
    });
    child.once("exit", () => reject(new Error(`it ended: ${text}`)));
  });
  const lines = text.trimEnd().split("\n");
  const env = Object.fromEntries(
    lines.map((line) => {
      const [, name = "", value = ""] = /^export (\w+)='(.*)'$/.exec(line) ?? [];
      return [name, value];
    }),
  );
  return { child, env, lines };
}

async function end(child: ChildProcess, signal: NodeJS.Signals) {
  const exited = once(child, "exit");
  child.kill(signal);
  const result = await exited;
  children.delete(child);
  return result;
}

function clientFrom(env: Readonly<Record<string, string>>): Client {
  const caFile = env["NODE_EXTRA_CA_CERTS"];
  return clientOf({
    url: env["DATABRICKS_HOST"] ?? "",
    adminUrl: env["DATABRICKS_WORKSPACE_ADMIN"] ?? "",
    caPem: caFile === undefined ? "" : readFileSync(caFile, "utf8"),
    administrator: {
      id: env["DATABRICKS_CLIENT_ID"] ?? "",
      displayName: "administrator",
      admin: true,
      entitled: true,
      clientSecret: env["DATABRICKS_CLIENT_SECRET"] ?? "",
      token: env["DATABRICKS_TOKEN"] ?? "",
    },
  });
}

async function statement(client: Client, env: Readonly<Record<string, string>>, text: string) {
  const { json } = await client.post("/api/2.0/sql/statements", {
    warehouse_id: env["DATABRICKS_WAREHOUSE_ID"],
    statement: text,
  });
  expect(json.status).toEqual({ state: "SUCCEEDED" });
  return json.result?.data_array;
}

function oauthToken(client: Client, env: Readonly<Record<string, string>>) {
  const basic = Buffer.from(
    `${env["DATABRICKS_CLIENT_ID"]}:${env["DATABRICKS_CLIENT_SECRET"]}`,
  ).toString("base64");
  return client.post("/oidc/v1/token", "grant_type=client_credentials&scope=all-apis", {
    token: null,
    headers: {
      authorization: `Basic ${basic}`,
      "content-type": "application/x-www-form-urlencoded",
    },
  });
}
