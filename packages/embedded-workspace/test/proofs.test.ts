// Tokens, client secrets and the keys of JWTs: on disk there is nothing by which somebody becomes somebody.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, expect, test } from "vitest";
import { startWorkspace, type Workspace } from "../src/workspace.ts";
import { clientOf } from "./client.ts";

const data = mkdtempSync(join(tmpdir(), "proofs-"));
afterAll(() => rmSync(data, { recursive: true, force: true }));

const ME = "/api/2.0/preview/scim/v2/Me";

/** Names of files in the folder that have one of the texts in them. */
function filesWith(folder: string, texts: readonly string[]): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => {
      const content = readFileSync(file, "latin1");
      return texts.some((text) => content.includes(text));
    });
}

async function statusOf(workspace: Workspace, token: string): Promise<number> {
  await using client = clientOf(workspace);
  return (await client.get(ME, { token })).status;
}

test("no token, secret or signing key lies in the data folder, while it runs and after", async () => {
  const folder = join(data, "fresh");
  const workspace = await startWorkspace({ data: folder, tls: false });
  const added = workspace.addPrincipal({ displayName: "added" });
  await using client = clientOf(workspace);
  const federated = await client.admin("POST", "/federated-tokens", { principal: "added" });
  const clear = [workspace.administrator, workspace.other, added].flatMap((held) => [
    held.token,
    held.clientSecret,
  ]);
  const adminToken = workspace.adminUrl.split("/").at(-1) ?? "";
  const all = [...clear, adminToken, federated.json.subject_token, "PRIVATE KEY"];
  expect(filesWith(folder, all)).toEqual([]);
  await workspace.close();
  expect(filesWith(folder, all)).toEqual([]);
});

test("what earlier starts gave out is valid, also after many of them", async () => {
  const folder = join(data, "often");
  const tokens: string[] = [];
  for (let start = 0; start < 12; start++) {
    await using workspace = await startWorkspace({ data: folder, tls: false });
    tokens.push(workspace.administrator.token);
    expect(await statusOf(workspace, tokens[0] ?? "")).toBe(200);
    expect(await statusOf(workspace, tokens.at(-2) ?? tokens[0] ?? "")).toBe(200);
  }
  expect(new Set(tokens).size).toBe(12);
});

test("tokens that the caller names are valid in a folder that has the principal already", async () => {
  const folder = join(data, "named");
  for (const token of ["dapi-one", "dapi-two"]) {
    const principals = [{ displayName: "p", token }];
    await using workspace = await startWorkspace({ data: folder, tls: false, principals });
    expect(workspace.principal("p").token).toBe(token);
    expect(await statusOf(workspace, token)).toBe(200);
    expect(await statusOf(workspace, "dapi-one")).toBe(200);
  }
});

test("a folder of an older workspace opens, and has no token in clear afterwards", async () => {
  const folder = join(data, "old");
  await (await startWorkspace({ data: folder, tls: false })).close();
  const old = { token: "dapi0123456789abcdef", clientSecret: "dose0123456789abcdef" };
  let id = "";
  {
    using db = closing(new DatabaseSync(join(folder, "workspace.sqlite")));
    const put = "INSERT OR REPLACE INTO entries VALUES (?, ?, ?)";
    const people = db.db.prepare("SELECT key, value FROM entries WHERE collection = 'principals'");
    for (const { key, value } of people.all()) {
      const { tokens: _, secrets: __, ...principal } = JSON.parse(String(value));
      const number = principal.admin ? "1" : "2";
      if (principal.admin) id = String(key);
      const held = {
        ...principal,
        token: `${old.token}${number}`,
        clientSecret: `${old.clientSecret}${number}`,
      };
      db.db.prepare(put).run("principals", String(key), JSON.stringify(held));
    }
    db.db.prepare(put).run("facts", "adminToken", JSON.stringify("admin0123456789"));
    db.db.prepare(put).run("keys", "access-tokens", JSON.stringify("BEGIN PRIVATE KEY"));
  }
  const clear = ["dapi0123456789abcdef", "dose0123456789abcdef", "admin0123456789", "PRIVATE KEY"];
  expect(filesWith(folder, clear)).not.toEqual([]);
  await using workspace = await startWorkspace({ data: folder, tls: false });
  expect(filesWith(folder, clear)).toEqual([]);
  expect(await statusOf(workspace, `${old.token}1`)).toBe(200);
  await using client = clientOf(workspace);
  const form = `grant_type=client_credentials&client_id=${id}&client_secret=${old.clientSecret}1`;
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const answer = await client.call("POST", "/oidc/v1/token", { token: null, headers, body: form });
  expect(answer.status).toBe(200);
  await using admin = clientOf({
    ...workspace,
    adminUrl: `${workspace.url}/_admin/admin0123456789`,
  });
  expect((await admin.admin("GET", "/settings")).status).toBe(200);
  await using stranger = clientOf({ ...workspace, adminUrl: `${workspace.url}/_admin/admin` });
  expect((await stranger.admin("GET", "/settings")).status).not.toBe(200);
});

function closing(db: DatabaseSync) {
  return { db, [Symbol.dispose]: () => db.close() };
}
