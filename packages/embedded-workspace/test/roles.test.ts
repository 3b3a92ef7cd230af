// Who may run code as whom, and what principals prove themselves by: rule sets, client secrets, tokens.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startWorkspace, type Workspace } from "../src/workspace.ts";
import { type Client, clientOf } from "./client.ts";

let workspace: Workspace;
let client: Client;

beforeAll(async () => {
  const principals = [{ displayName: "builder" }, { displayName: "runner" }];
  workspace = await startWorkspace({ principals });
  client = clientOf(workspace);
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await workspace.close();
});

const RULE_SETS = "/api/2.0/preview/accounts/access-control/rule-sets";
const builder = () => workspace.principal("builder");
const runner = () => workspace.principal("runner");

async function nameOf(applicationId: string): Promise<string> {
  const { account_id } = (await client.get("/.well-known/databricks-config")).json;
  return `accounts/${account_id}/servicePrincipals/${applicationId}/ruleSets/default`;
}
const read = async (applicationId: string, token?: string) =>
  client.get(
    `${RULE_SETS}?etag=&name=${encodeURIComponent(await nameOf(applicationId))}`,
    token === undefined ? {} : { token },
  );

const createsJob = () =>
  client.post(
    "/api/2.2/jobs/create",
    {
      name: "as another",
      run_as: { service_principal_name: runner().id },
      tasks: [{ task_key: "t", notebook_task: { notebook_path: "/Shared/n" } }],
    },
    { token: builder().token },
  );

describe("the role Service Principal: User", () => {
  test("without it nobody runs anything as another; with it one does", async () => {
    const refused = await createsJob();
    expect(refused.status).toBe(403);
    expect(refused.json.error_code).toBe("PERMISSION_DENIED");
    const name = await nameOf(runner().id);
    const { etag } = (await read(runner().id)).json;
    const rule = {
      principals: [`servicePrincipals/${builder().id}`],
      role: "roles/servicePrincipal.user",
    };
    const body = { name, rule_set: { name, etag, grant_rules: [rule] } };
    const put = await client.put(RULE_SETS, body);
    expect(put.status).toBe(200);
    expect(put.json.grant_rules).toEqual([rule]);
    expect(put.json.etag).not.toBe(etag);
    expect((await createsJob()).status).toBe(200);
    const stale = await client.put(RULE_SETS, body);
    expect(stale.status).toBe(409);
    expect(stale.json.message).toMatch(/read the rule set again/);
  });

  test.each([
    {
      given: "somebody else",
      status: 403,
      code: "PERMISSION_DENIED",
      token: () => builder().token,
    },
    { given: "an administrator", status: 200, code: undefined, token: () => undefined },
  ])("$given who reads it is answered $status", async ({ status, code, token }) => {
    const answer = await read(runner().id, token());
    expect([answer.status, answer.json.error_code]).toEqual([status, code]);
  });

  test("a name of another account, and of nobody, is refused", async () => {
    const other = await client.get(`${RULE_SETS}?etag=&name=accounts/x/ruleSets/default`);
    expect([other.status, other.json.error_code]).toEqual([400, "INVALID_PARAMETER_VALUE"]);
    const nobody = await read("99999999-9999-4999-8999-999999999999");
    expect([nobody.status, nobody.json.error_code]).toEqual([404, "RESOURCE_DOES_NOT_EXIST"]);
  });
});

describe("what proves a principal", () => {
  test("client secrets are listed with their end, for administrators and for the principal itself", async () => {
    const filter = encodeURIComponent(`applicationId eq "${builder().id}"`);
    const found = await client.get(`/api/2.0/preview/scim/v2/ServicePrincipals?filter=${filter}`);
    expect(found.json).toMatchObject({ totalResults: 1, Resources: [{ displayName: "builder" }] });
    const path = `/api/2.0/accounts/servicePrincipals/${found.json.Resources[0].id}/credentials/secrets`;
    for (const options of [{}, { token: builder().token }]) {
      const { json, text } = await client.get(path, options);
      const days = (Date.parse(json.secrets[0].expire_time) - Date.now()) / 86_400_000;
      expect(days).toBeGreaterThan(729);
      expect(text).not.toContain(builder().clientSecret);
    }
    expect((await client.get(path, { token: runner().token })).status).toBe(403);
  });

  test("personal access tokens are listed without the tokens, each for its owner", async () => {
    const { json, text } = await client.get("/api/2.0/token/list", { token: builder().token });
    expect(json.token_infos).toMatchObject([{ expiry_time: -1, comment: "of builder" }]);
    expect(text).not.toContain(builder().token);
  });

  test("everybody may use the warehouse, and its access list says so", async () => {
    const id = workspace.env["DATABRICKS_WAREHOUSE_ID"];
    const { json } = await client.get(`/api/2.0/permissions/warehouses/${id}`);
    expect(json.access_control_list).toMatchObject([{ group_name: "users" }]);
  });
});
