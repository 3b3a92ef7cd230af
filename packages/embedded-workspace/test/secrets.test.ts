import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorkspace, type Workspace } from "../src/workspace.ts";
import { type Client, clientOf } from "./client.ts";

let workspace: Workspace;
let client: Client;

beforeAll(async () => {
  workspace = await startWorkspace({ principals: [{ displayName: "job" }] });
  client = clientOf(workspace);
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await workspace.close();
});

const S = "/api/2.0/secrets";

test("fact #secrets-calls: a secret is put as text or as bytes, listed without its value, and read back", async () => {
  await client.post(`${S}/scopes/create`, { scope: "app" });
  await client.post(`${S}/put`, { scope: "app", key: "text", string_value: "grüße" });
  const bytes = Buffer.from([0, 255, 10]).toString("base64");
  await client.post(`${S}/put`, { scope: "app", key: "bytes", bytes_value: bytes });
  const { json } = await client.get(`${S}/list?scope=app`);
  expect(json.secrets).toEqual([
    { key: "text", last_updated_timestamp: expect.any(Number) },
    { key: "bytes", last_updated_timestamp: expect.any(Number) },
  ]);
  expect((await client.get(`${S}/get?scope=app&key=bytes`)).json.value).toBe(bytes);
  const text = (await client.get(`${S}/get?scope=app&key=text`)).json.value;
  expect(Buffer.from(text, "base64").toString()).toBe("grüße");
});

test("fact #secret-acls-are-items: acls/list answers items, as the schema says", async () => {
  await client.post(`${S}/scopes/create`, { scope: "listed" });
  const { id } = workspace.administrator;
  expect((await client.get(`${S}/acls/list?scope=listed`)).json).toEqual({
    items: [{ principal: id, permission: "MANAGE" }],
  });
});

test("fact #secrets-calls: a scope needs READ to read, WRITE to write, MANAGE to share", async () => {
  const { id, token } = workspace.principal("job");
  await client.post(`${S}/scopes/create`, { scope: "guarded" });
  await client.post(`${S}/put`, { scope: "guarded", key: "k", string_value: "v" });
  const status = async () => [
    (await client.get(`${S}/get?scope=guarded&key=k`, { token })).status,
    (await client.post(`${S}/put`, { scope: "guarded", key: "k", string_value: "w" }, { token }))
      .status,
    (await client.get(`${S}/acls/list?scope=guarded`, { token })).status,
  ];
  expect(await status()).toEqual([403, 403, 403]);
  const allow = (permission: string) =>
    client.post(`${S}/acls/put`, { scope: "guarded", principal: id, permission });
  await allow("READ");
  expect(await status()).toEqual([200, 403, 403]);
  await allow("WRITE");
  expect(await status()).toEqual([200, 200, 403]);
  await allow("MANAGE");
  expect(await status()).toEqual([200, 200, 200]);
  await client.post(`${S}/acls/delete`, { scope: "guarded", principal: id });
  expect(await status()).toEqual([403, 403, 403]);
});

test("initial_manage_principal users gives everybody MANAGE", async () => {
  const { token } = workspace.principal("job");
  await client.post(`${S}/scopes/create`, { scope: "open", initial_manage_principal: "users" });
  const put = { scope: "open", key: "k", string_value: "v" };
  expect((await client.post(`${S}/put`, put, { token })).status).toBe(200);
});

test.each([
  {
    given: "a scope that exists",
    path: "scopes/create",
    body: { scope: "taken" },
    status: 400,
    code: "RESOURCE_ALREADY_EXISTS",
  },
  {
    given: "a bad name",
    path: "scopes/create",
    body: { scope: "a b" },
    status: 400,
    code: "INVALID_PARAMETER_VALUE",
  },
  {
    given: "a name of 129 characters",
    path: "scopes/create",
    body: { scope: "a".repeat(129) },
    status: 400,
    code: "INVALID_PARAMETER_VALUE",
  },
  {
    given: "another backend",
    path: "scopes/create",
    body: { scope: "kv", scope_backend_type: "AZURE_KEYVAULT" },
    status: 400,
    code: "INVALID_PARAMETER_VALUE",
  },
  {
    given: "a missing scope",
    path: "put",
    body: { scope: "gone", key: "k", string_value: "v" },
    status: 404,
    code: "RESOURCE_DOES_NOT_EXIST",
  },
  {
    given: "two values",
    path: "put",
    body: { scope: "taken", key: "k", string_value: "v", bytes_value: "dg==" },
    status: 400,
    code: "MALFORMED_REQUEST",
  },
  {
    given: "no value",
    path: "put",
    body: { scope: "taken", key: "k" },
    status: 400,
    code: "MALFORMED_REQUEST",
  },
  {
    given: "more than 128 KB",
    path: "put",
    body: { scope: "taken", key: "k", string_value: "x".repeat(131_073) },
    status: 400,
    code: "INVALID_PARAMETER_VALUE",
  },
  {
    given: "a missing key",
    path: "delete",
    body: { scope: "taken", key: "gone" },
    status: 404,
    code: "RESOURCE_DOES_NOT_EXIST",
  },
])("fact #secrets-names-and-errors: $given answers $code", async ({ path, body, status, code }) => {
  await client.post(`${S}/scopes/create`, { scope: "taken" });
  const answer = await client.post(`${S}/${path}`, body);
  expect([answer.status, answer.json.error_code]).toEqual([status, code]);
});

test("a deleted scope takes its secrets with it", async () => {
  await client.post(`${S}/scopes/create`, { scope: "brief" });
  await client.post(`${S}/put`, { scope: "brief", key: "k", string_value: "v" });
  expect((await client.post(`${S}/scopes/delete`, { scope: "brief" })).status).toBe(200);
  expect((await client.get(`${S}/get?scope=brief&key=k`)).status).toBe(404);
  await client.post(`${S}/scopes/create`, { scope: "brief" });
  expect((await client.get(`${S}/list?scope=brief`)).json).toEqual({});
});

test("references in settings are resolved with the permissions of the one who runs", async () => {
  const { secrets, principals } = workspace.context;
  await client.post(`${S}/scopes/create`, { scope: "refs" });
  await client.post(`${S}/put`, { scope: "refs", key: "db-password", string_value: "p$1w" });
  const text = "jdbc://u:{{secrets/refs/db-password}}@h {{ secrets/refs/db-password }}";
  expect(secrets.resolveReferences(text, workspace.administrator)).toBe("jdbc://u:p$1w@h p$1w");
  const job = principals.byName("job");
  expect(() => secrets.resolveReferences(text, job ?? workspace.other)).toThrow(/READ permission/);
});
