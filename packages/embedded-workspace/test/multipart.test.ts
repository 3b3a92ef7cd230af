import { readdirSync } from "node:fs";
import { join } from "node:path";
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

const FS = "/api/2.0/fs";
const pathOf = (name: string) => `/Volumes/main/default/files/${name}`;

async function initiate(name: string, overwrite = true, token?: string) {
  const answer = await client.call(
    "POST",
    `${FS}/files${pathOf(name)}?action=initiate-upload&overwrite=${overwrite}`,
    token === undefined ? {} : { token },
  );
  return { answer, session: answer.json.multipart_upload?.session_token as string };
}

async function partUrl(name: string, session: string, part: number, expire_time?: string) {
  const { json } = await client.post(`${FS}/create-upload-part-urls`, {
    path: pathOf(name),
    session_token: session,
    start_part_number: part,
    count: 1,
    ...(expire_time !== undefined && { expire_time }),
  });
  return (json.upload_part_urls[0].url as string).slice(workspace.url.length);
}

async function putPart(name: string, session: string, part: number, body: string) {
  const url = await partUrl(name, session, part);
  const answer = await client.put(url, body, { token: null });
  return { part_number: part, etag: String(answer.headers["etag"]) };
}

const complete = (name: string, session: string, parts: readonly object[]) =>
  client.post(
    `${FS}/files${pathOf(name)}?action=complete-upload&upload_type=multipart&session_token=${session}`,
    { parts },
  );

test("a file uploaded in parts appears whole, in the order of its parts, when it is completed", async () => {
  const { session } = await initiate("parts");
  const second = await putPart("parts", session, 2, "two");
  await putPart("parts", session, 1, "a first try that is replaced");
  const first = await putPart("parts", session, 1, "one ");
  expect((await client.get(`${FS}/files${pathOf("parts")}`)).status).toBe(404);
  expect((await complete("parts", session, [first, second])).status).toBe(200);
  expect((await client.get(`${FS}/files${pathOf("parts")}`)).text).toBe("one two");
  expect(readdirSync(join(workspace.context.folder, "uploads"))).toEqual([]);
});

test("of two completed uploads with overwrite=false the second answers 409", async () => {
  const [one, two] = [await initiate("contested", false), await initiate("contested", false)];
  const parts = [
    await putPart("contested", one.session, 1, "one"),
    await putPart("contested", two.session, 1, "two"),
  ];
  expect((await complete("contested", one.session, parts.slice(0, 1))).status).toBe(200);
  const second = await complete("contested", two.session, parts.slice(1));
  expect(second).toMatchObject({ status: 409, json: { error_code: "ALREADY_EXISTS" } });
  expect((await initiate("contested", false)).answer.status).toBe(409);
});

test("an expired URL is refused in the words by which SDKs ask for a new one, a forged one is refused", async () => {
  const { session } = await initiate("expired");
  const expired = await client.put(
    await partUrl("expired", session, 1, "2020-01-01T00:00:00Z"),
    "x",
    { token: null },
  );
  expect(expired.status).toBe(403);
  expect(expired.text).toContain("<Code>AccessDenied</Code><Message>Request has expired</Message>");
  const url = await partUrl("expired", session, 1);
  const forged = await client.put(url.replace("/1?", "/2?"), "x", { token: null });
  expect(forged.status).toBe(403);
  expect(forged.text).toContain("SignatureDoesNotMatch");
});

test("an upload may be given up, and what was not uploaded cannot be completed", async () => {
  const { session } = await initiate("abandoned");
  const part = await putPart("abandoned", session, 1, "x");
  const wrong = await complete("abandoned", session, [part, { part_number: 2, etag: "none" }]);
  expect(wrong).toMatchObject({ status: 400, json: { error_code: "INVALID_PARAMETER_VALUE" } });
  const { json } = await client.post(`${FS}/create-abort-upload-url`, {
    path: pathOf("abandoned"),
    session_token: session,
  });
  const url = json.abort_upload_url.url.slice(workspace.url.length);
  expect((await client.delete(url, { token: null })).status).toBe(200);
  expect((await complete("abandoned", session, [part])).status).toBe(404);
});

test("the session of somebody else is not found, and an upload needs WRITE VOLUME", async () => {
  const { session } = await initiate("mine");
  const asked = { path: pathOf("mine"), session_token: session, start_part_number: 1, count: 1 };
  const { token } = workspace.other;
  expect((await client.post(`${FS}/create-upload-part-urls`, asked, { token })).status).toBe(404);
  expect((await initiate("theirs", true, token)).answer.status).toBe(403);
});

test("fact #download-url-may-be-refused: create-download-url answers 501, upon which the SDKs download plainly", async () => {
  const answer = await client.post(`${FS}/create-download-url?path=${pathOf("parts")}`, {});
  expect(answer).toMatchObject({ status: 501, json: { error_code: "NOT_IMPLEMENTED" } });
});
