import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startWorkspace, type Workspace } from "../src/workspace.ts";
import { type Client, clientOf } from "./client.ts";

let workspace: Workspace;
let client: Client;

beforeAll(async () => {
  workspace = await startWorkspace({ principals: [{ displayName: "builder" }] });
  client = clientOf(workspace);
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await workspace.close();
});
beforeEach(() => {
  Object.assign(workspace.settings, {
    tokenSeconds: 3600,
    tokenRefusedEarlySeconds: 0,
    tokenExpiredStatus: 401,
  });
});

const ME = "/api/2.0/preview/scim/v2/Me";
const form = { "content-type": "application/x-www-form-urlencoded" };
const basic = (id: string, secret: string) =>
  `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`;

const askToken = (authorization: string | undefined, body: string) =>
  client.post("/oidc/v1/token", body, {
    token: null,
    headers: { ...form, ...(authorization !== undefined && { authorization }) },
  });

const credentialsGrant = "grant_type=client_credentials&scope=all-apis";

test("fact #client-credentials-token: client credentials by Basic give a JWT with exp, for which Me answers", async () => {
  const { id, clientSecret } = workspace.principal("builder");
  const answer = await askToken(basic(id, clientSecret), credentialsGrant);
  expect(answer.status).toBe(200);
  expect(answer.json).toMatchObject({ token_type: "Bearer", expires_in: 3600, scope: "all-apis" });
  const claims = JSON.parse(
    Buffer.from(answer.json.access_token.split(".")[1], "base64url").toString(),
  );
  expect(claims).toMatchObject({ sub: id, aud: workspace.context.workspaceId });
  expect(claims.exp - claims.iat).toBe(3600);
  const me = await client.get(ME, { token: answer.json.access_token });
  expect(me.json).toMatchObject({ userName: id, displayName: "builder", active: true });
});

test("fact #client-id-encodings: client credentials in the form, and percent-encoded in Basic, work as well", async () => {
  const { id, clientSecret } = workspace.principal("builder");
  const inForm = await askToken(
    undefined,
    `${credentialsGrant}&client_id=${id}&client_secret=${clientSecret}`,
  );
  expect(inForm.status).toBe(200);
  const encoded = id.replaceAll("-", "%2D");
  expect((await askToken(basic(encoded, clientSecret), credentialsGrant)).status).toBe(200);
});

test.each([
  {
    given: "a wrong secret",
    secret: "wrong",
    body: credentialsGrant,
    status: 401,
    error: "invalid_client",
  },
  {
    given: "an unknown grant",
    secret: undefined,
    body: "grant_type=password",
    status: 400,
    error: "unsupported_grant_type",
  },
  {
    given: "a narrowed token",
    secret: undefined,
    body: `${credentialsGrant}&authorization_details=%5B%5D`,
    status: 400,
    error: "invalid_request",
  },
])("fact #token-endpoint-errors: the token endpoint refuses $given with $error", async (row) => {
  const { id, clientSecret } = workspace.principal("builder");
  const answer = await askToken(basic(id, row.secret ?? clientSecret), row.body);
  expect(answer.status).toBe(row.status);
  expect(answer.json).toMatchObject({ error: row.error, error_description: expect.any(String) });
});

test.each([
  "/oidc/.well-known/oauth-authorization-server",
  "/oidc/.well-known/openid-configuration",
])("fact #oauth-discovery: %s names the token endpoint of this workspace", async (path) => {
  const { json } = await client.get(path, { token: null });
  expect(json).toMatchObject({
    token_endpoint: `${workspace.url}/oidc/v1/token`,
    authorization_endpoint: `${workspace.url}/oidc/v1/authorize`,
  });
});

test("fact #databricks-config: databricks-config gives the workspace id as text", async () => {
  const { json } = await client.get("/.well-known/databricks-config", { token: null });
  expect(json).toMatchObject({
    oidc_endpoint: `${workspace.url}/oidc`,
    workspace_id: workspace.context.workspaceId,
  });
  expect(json.workspace_id).toMatch(/^\d{16}$/);
});

test.each([
  {
    given: "no credential",
    token: null,
    message: /^Credential was not sent .*\[ReqId: [-0-9a-f]+\]$/,
  },
  { given: "an unknown token", token: "dapi0", message: /^Invalid access token\. \[ReqId: / },
  {
    given: "a JWT of another signer",
    token: "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.eA",
    message: /^Invalid access token/,
  },
])(
  "fact #unauthenticated-has-an-integer-code: $given answers 401 with an integer error_code",
  async ({ token, message }) => {
    const answer = await client.get(ME, { token });
    expect(answer.status).toBe(401);
    expect(answer.json).toEqual({ error_code: 401, message: expect.stringMatching(message) });
  },
);

test("personal access tokens work as Bearer and as the password of the user token", async () => {
  const { token } = workspace.administrator;
  expect((await client.get(ME)).status).toBe(200);
  const byBasic = { token: null, headers: { authorization: basic("token", token) } };
  expect((await client.get(ME, byBasic)).json.userName).toBe(workspace.administrator.id);
});

test("fact #access-token-lives-one-hour: a short-lived token is refused after its time, and a new one works", async () => {
  workspace.settings.tokenSeconds = 1;
  const { id, clientSecret } = workspace.principal("builder");
  const { json } = await askToken(basic(id, clientSecret), credentialsGrant);
  expect(json.expires_in).toBe(1);
  await expect
    .poll(async () => (await client.get(ME, { token: json.access_token })).status, {
      timeout: 5000,
    })
    .toBe(401);
  const again = await askToken(basic(id, clientSecret), credentialsGrant);
  expect((await client.get(ME, { token: again.json.access_token })).status).toBe(200);
});

test.each([401, 403] as const)(
  "fact #token-refused-before-its-end: a token is refused up to 30 s before its exp, with %i",
  async (status) => {
    workspace.settings.tokenSeconds = 25;
    const { id, clientSecret } = workspace.principal("builder");
    const { json } = await askToken(basic(id, clientSecret), credentialsGrant);
    expect((await client.get(ME, { token: json.access_token })).status).toBe(200);
    workspace.settings.tokenRefusedEarlySeconds = 30;
    workspace.settings.tokenExpiredStatus = status;
    const refused = await client.get(ME, { token: json.access_token });
    expect(refused.status).toBe(status);
    expect(refused.json.message).toMatch(/expired/);
  },
);

test("a token of the test identity provider is exchanged by RFC 8693, an expired one is not", async () => {
  const exchange = async (seconds: number) => {
    const { json } = await client.admin("POST", "/federated-tokens", {
      principal: "builder",
      seconds,
    });
    return askToken(
      undefined,
      new URLSearchParams({
        grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
        subject_token: json.subject_token,
        subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
      }).toString(),
    );
  };
  const answer = await exchange(60);
  expect(answer.status).toBe(200);
  const me = await client.get(ME, { token: answer.json.access_token });
  expect(me.json.displayName).toBe("builder");
  expect(await exchange(0)).toMatchObject({ status: 400, json: { error: "invalid_grant" } });
});

test("the principal other may look at itself and do nothing else", async () => {
  const { token } = workspace.other;
  expect((await client.get(ME, { token })).status).toBe(200);
  for (const path of [
    "/api/2.1/clusters/list",
    "/api/2.0/secrets/list?scope=x",
    "/api/2.0/workspace/list?path=/",
    "/api/2.1/unity-catalog/schemas?catalog_name=main",
    "/api/2.0/fs/directories/Volumes/main/default/files",
    "/api/2.0/sql/warehouses",
  ]) {
    const answer = await client.get(path, { token });
    expect([path, answer.status, answer.json.error_code]).toEqual([path, 403, "PERMISSION_DENIED"]);
  }
});
