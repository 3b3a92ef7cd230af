import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorkspace, type Workspace } from "../src/workspace.ts";
import { type Client, clientOf, type Json } from "./client.ts";

let workspace: Workspace;
let client: Client;
let home: string;

beforeAll(async () => {
  workspace = await startWorkspace({ principals: [{ displayName: "builder" }] });
  client = clientOf(workspace);
  home = `/Workspace/Users/${workspace.administrator.id}`;
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await workspace.close();
});

const W = "/api/2.0/workspace";
const importFile = (path: string, body: string, overwrite = false) =>
  client.post(`${W}-files/import-file${path}?overwrite=${overwrite}`, body);
const status = (path: string) => client.get(`${W}/get-status?path=${encodeURIComponent(path)}`);
const NOTEBOOK = "# Databricks notebook source\nprint(1)\n";

test("fact #bundles-ask-for: a file is imported into a directory that exists; a missing parent answers 404, then mkdirs", async () => {
  const path = `${home}/.bundle/app/files/main.py`;
  const before = await importFile(path, "print(1)");
  expect(before).toMatchObject({ status: 404, json: { error_code: "RESOURCE_DOES_NOT_EXIST" } });
  await client.post(`${W}/mkdirs`, { path: `${home}/.bundle/app/files` });
  expect((await importFile(path, "print(1)")).status).toBe(200);
  expect((await status(path)).json).toMatchObject({ object_type: "FILE", path, size: 8 });
  expect((await client.get(`${W}-files${path}`)).text).toBe("print(1)");
});

test("a file is not overwritten unless told: 409; a notebook answers 400", async () => {
  await importFile(`${home}/lock`, "mine");
  expect((await importFile(`${home}/lock`, "yours")).status).toBe(409);
  expect((await importFile(`${home}/lock`, "yours", true)).status).toBe(200);
  await importFile(`${home}/book.py`, NOTEBOOK);
  const again = await importFile(`${home}/book.py`, NOTEBOOK);
  expect(again.status).toBe(400);
  expect(again.json.message).toMatch(/^Path \(.*\) already exists\.$/);
});

test("of 12 writers of a deployment lock one wins", async () => {
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, writer) => importFile(`${home}/deploy.lock`, `${writer}`)),
  );
  expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
});

test("a source notebook loses its extension, keeps its source, and is found by both names", async () => {
  await importFile(`${home}/report.py`, NOTEBOOK);
  expect((await status(`${home}/report`)).json).toMatchObject({
    object_type: "NOTEBOOK",
    language: "PYTHON",
  });
  expect((await status(`${home}/report.py`)).status).toBe(404);
  const exported = await client.get(`${W}/export?path=${home}/report&direct_download=true`);
  expect(exported.text).toBe(NOTEBOOK);
  const inJson = await client.get(`${W}/export?path=${home}/report&format=SOURCE`);
  expect(Buffer.from(inJson.json.content, "base64").toString()).toBe(NOTEBOOK);
  const { workspaceFiles } = workspace.context;
  expect(workspaceFiles.resolve(`${home}/report.py`)?.objectType).toBe("NOTEBOOK");
  expect(workspaceFiles.resolve(home.slice("/Workspace".length))?.objectType).toBe("DIRECTORY");
});

test.each([
  {
    given: "AUTO with a header",
    format: "AUTO",
    name: "auto.py",
    content: NOTEBOOK,
    type: "NOTEBOOK",
    at: "auto",
  },
  {
    given: "AUTO without one",
    format: "AUTO",
    name: "plain.py",
    content: "x = 1",
    type: "FILE",
    at: "plain.py",
  },
  {
    given: "SOURCE with a language",
    format: "SOURCE",
    language: "SQL",
    name: "query",
    content: "select 1",
    type: "NOTEBOOK",
    at: "query",
  },
  { given: "RAW", format: "RAW", name: "raw.py", content: NOTEBOOK, type: "FILE", at: "raw.py" },
])("workspace/import in $given makes a $type", async (row) => {
  const { name, content, format, language } = row;
  const answer = await client.post(`${W}/import`, {
    path: `${home}/${name}`,
    content: Buffer.from(content).toString("base64"),
    format,
    ...(language !== undefined && { language }),
  });
  expect(answer.status).toBe(200);
  expect((await status(`${home}/${row.at}`)).json.object_type).toBe(row.type);
});

test("workspace/import takes the form that the Python SDK uploads", async () => {
  const form = new FormData();
  form.set("path", `${home}/uploaded.txt`);
  form.set("format", "AUTO");
  form.set("overwrite", "true");
  form.set("content", new Blob([new Uint8Array([1, 0, 255])]));
  const encoded = new Response(form);
  const answer = await client.post(`${W}/import`, Buffer.from(await encoded.arrayBuffer()), {
    headers: { "content-type": encoded.headers.get("content-type") ?? "" },
  });
  expect(answer.status).toBe(200);
  expect((await status(`${home}/uploaded.txt`)).json).toMatchObject({
    object_type: "FILE",
    size: 3,
  });
});

test("formats of notebooks that are missing answer 501 and say so", async () => {
  const html = await client.get(`${W}/export?path=${home}/report&format=HTML`);
  expect(html).toMatchObject({ status: 501, json: { error_code: "NOT_IMPLEMENTED" } });
});

test("what is no notebook of Jupyter is refused", async () => {
  for (const text of [
    "{}",
    "no JSON",
    `{"cells": 1}`,
    `{"cells": [], "metadata": {"language_info": {"name": "julia"}}}`,
  ]) {
    const { status: code, json } = await importFile(`${home}/book.ipynb`, text);
    expect(code).toBe(400);
    expect(json.error_code).toBe("INVALID_PARAMETER_VALUE");
  }
});

test("a directory is listed, and deleted only when empty or recursively", async () => {
  await client.post(`${W}/mkdirs`, { path: `${home}/tree/inner` });
  await importFile(`${home}/tree/file`, "x");
  const { json } = await client.get(`${W}/list?path=${home}/tree`);
  expect(json.objects.map((held: Json) => [held.path, held.object_type])).toEqual([
    [`${home}/tree/file`, "FILE"],
    [`${home}/tree/inner`, "DIRECTORY"],
  ]);
  const refused = await client.post(`${W}/delete`, { path: `${home}/tree` });
  expect(refused).toMatchObject({ status: 400, json: { error_code: "DIRECTORY_NOT_EMPTY" } });
  await client.post(`${W}/delete`, { path: `${home}/tree`, recursive: true });
  expect((await status(`${home}/tree`)).status).toBe(404);
});

test.each(["/Workspace/Users/../../etc/passwd", "relative", "/Workspace/./x"])(
  "the path %s is refused",
  async (path) => {
    expect((await status(path)).status).toBe(400);
    expect((await client.post(`${W}/mkdirs`, { path })).status).toBe(400);
  },
);

test("fact #permission-before-existence: somebody else's home answers 403 whether a file is there or not", async () => {
  const { token, id } = workspace.principal("builder");
  await importFile(`${home}/private`, "x");
  for (const name of ["private", "nothing"]) {
    const path = encodeURIComponent(`${home}/${name}`);
    const answer = await client.get(`${W}/get-status?path=${path}`, { token });
    expect(answer).toMatchObject({ status: 403, json: { error_code: "PERMISSION_DENIED" } });
  }
  const own = await client.post(`${W}/mkdirs`, { path: `/Users/${id}/mine` }, { token });
  expect(own.status).toBe(200);
});
