import { existsSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorkspace, type Workspace } from "../src/workspace.ts";
import { type Client, clientOf, type Json } from "./client.ts";

let workspace: Workspace;
let client: Client;

beforeAll(async () => {
  workspace = await startWorkspace({
    principals: [{ displayName: "analyst" }],
    volumes: ["main.tools.wheels"],
  });
  client = clientOf(workspace);
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await workspace.close();
});

const UC = "/api/2.1/unity-catalog";
const grant = (
  type: string,
  name: string,
  principal: string,
  add: string[],
  remove: string[] = [],
) =>
  client.call("PATCH", `${UC}/permissions/${type}/${name}`, {
    body: { changes: [{ principal, add, remove }] },
  });

test("it comes with main, default and files, and with the volumes asked for", async () => {
  expect((await client.get(`${UC}/catalogs`)).json.catalogs).toMatchObject([{ name: "main" }]);
  const volume = await client.get(`${UC}/volumes/main.default.files`);
  expect(volume.json).toMatchObject({
    full_name: "main.default.files",
    volume_type: "MANAGED",
    owner: workspace.administrator.id,
  });
  expect((await client.get(`${UC}/volumes/main.tools.wheels`)).status).toBe(200);
});

test("fact #names-go-to-lower-case: names of catalogs, schemas and volumes go to lower case, and are found in any case", async () => {
  const schema = await client.post(`${UC}/schemas`, { catalog_name: "MAIN", name: "Mixed_Case" });
  expect(schema.json).toMatchObject({ name: "mixed_case", full_name: "main.mixed_case" });
  const volume = await client.post(`${UC}/volumes`, {
    catalog_name: "Main",
    schema_name: "MIXED_case",
    name: "Data",
    volume_type: "MANAGED",
  });
  expect(volume.json.full_name).toBe("main.mixed_case.data");
  expect((await client.get(`${UC}/schemas/Main.Mixed_Case`)).json.name).toBe("mixed_case");
  const put = await client.put("/api/2.0/fs/files/Volumes/Main/Mixed_Case/DATA/File", "x");
  expect(put.status).toBe(204);
  const list = await client.get("/api/2.0/fs/directories/Volumes/main/mixed_case/data");
  expect(list.json.contents[0].path).toBe("/Volumes/main/mixed_case/data/File");
});

test("what exists already answers 400, what is missing 404, each with its own code", async () => {
  const again = await client.post(`${UC}/schemas`, { catalog_name: "main", name: "default" });
  expect(again).toMatchObject({ status: 400, json: { error_code: "SCHEMA_ALREADY_EXISTS" } });
  for (const [path, code] of [
    [`${UC}/catalogs/nothing`, "CATALOG_DOES_NOT_EXIST"],
    [`${UC}/schemas/main.nothing`, "SCHEMA_DOES_NOT_EXIST"],
    [`${UC}/volumes/main.default.nothing`, "VOLUME_DOES_NOT_EXIST"],
  ] as const)
    expect(await client.get(path)).toMatchObject({ status: 404, json: { error_code: code } });
});

test.each(["", "a.b", "a b", "a/b", "a\u0001"])(
  "the name %j is refused for a schema",
  async (name) => {
    const answer = await client.post(`${UC}/schemas`, { catalog_name: "main", name });
    expect(answer).toMatchObject({ status: 400, json: { error_code: "INVALID_PARAMETER_VALUE" } });
  },
);

test("a dropped volume takes its files and its grants with it", async () => {
  const { id } = workspace.principal("analyst");
  const create = () =>
    client.post(`${UC}/volumes`, {
      catalog_name: "main",
      schema_name: "default",
      name: "scratch",
      volume_type: "MANAGED",
    });
  await create();
  await client.put("/api/2.0/fs/files/Volumes/main/default/scratch/x", "x");
  await grant("volume", "main.default.scratch", id, ["READ_VOLUME"]);
  const realRoot = workspace.context.volumes.realRoot("main", "default", "scratch");
  expect((await client.delete(`${UC}/volumes/main.default.scratch`)).status).toBe(200);
  expect(existsSync(realRoot)).toBe(false);
  await create();
  expect((await client.get("/api/2.0/fs/files/Volumes/main/default/scratch/x")).status).toBe(404);
  expect((await client.get(`${UC}/permissions/volume/main.default.scratch`)).json).toEqual({});
});

test("a schema or catalog that is not empty is dropped only by force", async () => {
  await client.post(`${UC}/catalogs`, { name: "full" });
  await client.post(`${UC}/schemas`, { catalog_name: "full", name: "inner" });
  expect((await client.delete(`${UC}/catalogs/full`)).json.error_code).toBe("INVALID_STATE");
  expect((await client.delete(`${UC}/catalogs/full?force=true`)).status).toBe(200);
  expect((await client.get(`${UC}/schemas/full.inner`)).status).toBe(404);
});

test("fact #permission-before-existence: without a grant, an object that exists and one that does not answer the same 403", async () => {
  const { token } = workspace.principal("analyst");
  for (const path of [
    `${UC}/catalogs/main`,
    `${UC}/catalogs/nothing`,
    `${UC}/schemas/main.default`,
    `${UC}/schemas/main.nothing`,
    `${UC}/volumes/main.default.files`,
    `${UC}/volumes/main.default.nothing`,
    `${UC}/permissions/volume/main.default.files`,
    `${UC}/permissions/volume/main.default.nothing`,
  ]) {
    const answer = await client.get(path, { token });
    expect([path, answer.status, answer.json.error_code]).toEqual([path, 403, "PERMISSION_DENIED"]);
  }
  expect((await client.get(`${UC}/catalogs`, { token })).json).toEqual({});
});

test("grants over REST: added, inherited by what is below, shown, taken back", async () => {
  const { id, token } = workspace.principal("analyst");
  await grant("catalog", "main", id, ["USE_CATALOG", "READ_VOLUME"]);
  await grant("schema", "main.default", id, ["USE_SCHEMA"]);
  const shown = await client.get(`${UC}/permissions/catalog/main`);
  expect(shown.json.privilege_assignments).toEqual([
    { principal: id, privileges: ["READ_VOLUME", "USE_CATALOG"] },
  ]);
  const files = "/api/2.0/fs/directories/Volumes/main/default/files";
  expect((await client.get(files, { token })).status).toBe(200);
  const effective = await client.get(`${UC}/effective-permissions/volume/main.default.files`);
  expect(effective.json.privilege_assignments[0].privileges).toContainEqual({
    privilege: "READ_VOLUME",
    inherited_from_type: "CATALOG",
    inherited_from_name: "main",
  });
  await grant("catalog", "main", id, [], ["READ_VOLUME"]);
  expect((await client.get(files, { token })).status).toBe(403);
  await grant("catalog", "main", id, [], ["ALL_PRIVILEGES"]);
  expect((await client.get(`${UC}/permissions/catalog/main`)).json).toEqual({});
});

test("who created a thing owns it, and who owns it may grant it", async () => {
  const { id, token } = workspace.principal("analyst");
  await grant("catalog", "main", id, ["USE_CATALOG", "CREATE_SCHEMA"]);
  const created = await client.post(
    `${UC}/schemas`,
    { catalog_name: "main", name: "owned" },
    { token },
  );
  expect(created.json.owner).toBe(id);
  const path = `${UC}/permissions/schema/main.owned`;
  const body = { changes: [{ principal: "account users", add: ["USE_SCHEMA"] }] };
  expect((await client.call("PATCH", path, { token, body })).status).toBe(200);
  const others = await client.call("PATCH", `${UC}/permissions/schema/main.default`, {
    token,
    body,
  });
  expect(others.status).toBe(403);
});

test.each([
  { given: "an unknown privilege", change: { principal: "analyst", add: ["FLY"] }, status: 400 },
  {
    given: "a privilege of another kind",
    change: { principal: "analyst", add: ["CREATE_TABLE"] },
    status: 400,
  },
  {
    given: "an unknown principal",
    change: { principal: "nobody", add: ["READ_VOLUME"] },
    status: 404,
  },
  {
    given: "a contradiction",
    change: { principal: "analyst", add: ["READ_VOLUME"], remove: ["READ_VOLUME"] },
    status: 400,
  },
])("a grant with $given is refused", async ({ change, status }) => {
  const answer = await client.call("PATCH", `${UC}/permissions/volume/main.default.files`, {
    body: { changes: [change] },
  });
  expect(answer.status).toBe(status);
});

test("lists come in pages when asked, and an external volume says that it is missing", async () => {
  for (const name of ["p1", "p2", "p3"])
    await client.post(`${UC}/schemas`, { catalog_name: "main", name });
  const names: string[] = [];
  let token = "";
  do {
    const { json } = await client.get(
      `${UC}/schemas?catalog_name=main&max_results=2${token === "" ? "" : `&page_token=${token}`}`,
    );
    names.push(...json.schemas.map(({ name }: Json) => name));
    token = json.next_page_token ?? "";
  } while (token !== "");
  expect(names).toEqual(expect.arrayContaining(["default", "p1", "p2", "p3"]));
  expect(new Set(names).size).toBe(names.length);
  const external = await client.post(`${UC}/volumes`, {
    catalog_name: "main",
    schema_name: "default",
    name: "outside",
    volume_type: "EXTERNAL",
    storage_location: "s3://bucket/path",
  });
  expect(external).toMatchObject({ status: 501, json: { error_code: "NOT_IMPLEMENTED" } });
});
