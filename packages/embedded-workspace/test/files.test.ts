import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startWorkspace, type Workspace } from "../src/workspace.ts";
import { type Client, clientOf, type Json } from "./client.ts";

let workspace: Workspace;
let client: Client;

beforeAll(async () => {
  workspace = await startWorkspace({ principals: [{ displayName: "reader" }] });
  client = clientOf(workspace);
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await workspace.close();
});
beforeEach(() => {
  Object.assign(workspace.settings, { emptyPages: false, fileBytesMax: 5 * 1024 ** 3 });
});

const FILES = "/api/2.0/fs/files/Volumes/main/default/files";
const DIRECTORIES = "/api/2.0/fs/directories/Volumes/main/default/files";
const realRoot = () => workspace.context.volumes.realRoot("main", "default", "files");

test("fact #upload-overwrites-by-default: an upload that does not say overwrites", async () => {
  expect((await client.put(`${FILES}/default/a`, "one")).status).toBe(204);
  expect((await client.put(`${FILES}/default/a`, "two")).status).toBe(204);
  expect((await client.get(`${FILES}/default/a`)).text).toBe("two");
});

test("fact #overwrite-false-is-write-once: overwrite=false on a file that is there answers 409 ALREADY_EXISTS and changes nothing", async () => {
  expect((await client.put(`${FILES}/once?overwrite=false`, "first")).status).toBe(204);
  const second = await client.put(`${FILES}/once?overwrite=false`, "second");
  expect(second).toMatchObject({ status: 409, json: { error_code: "ALREADY_EXISTS" } });
  expect((await client.get(`${FILES}/once`)).text).toBe("first");
  expect((await client.put(`${FILES}/once?overwrite=true`, "third")).status).toBe(204);
  expect((await client.put(`${FILES}/once?overwrite=maybe`, "x")).status).toBe(400);
});

test("fact #overwrite-false-is-write-once: of 12 racing writers with overwrite=false exactly one wins, with its own bytes", async () => {
  for (let round = 0; round < 10; round += 1) {
    const writers = Array.from({ length: 12 }, (_, writer) => `writer ${writer} `.repeat(5000));
    const answers = await Promise.all(
      writers.map((body) => client.put(`${FILES}/race/${round}?overwrite=false`, body)),
    );
    const winners = answers.flatMap(({ status }, writer) => (status === 204 ? [writer] : []));
    expect(winners).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(11);
    expect((await client.get(`${FILES}/race/${round}`)).text).toBe(writers[winners[0] ?? -1]);
  }
  expect(readdirSync(join(workspace.context.folder, "uploads"))).toEqual([]);
});

test("a file appears whole: nobody sees a part of an upload, and a broken one leaves nothing", async () => {
  const upload = httpsRequest(`${workspace.url}${FILES}/partial`, {
    method: "PUT",
    ca: workspace.caPem,
    headers: {
      authorization: `Bearer ${workspace.administrator.token}`,
      "content-length": "1000000",
    },
  });
  upload.on("error", () => undefined);
  upload.write(Buffer.alloc(500_000));
  const uploads = join(workspace.context.folder, "uploads");
  await expect.poll(() => readdirSync(uploads).length).toBe(1);
  expect((await client.get(`${FILES}/partial`)).status).toBe(404);
  upload.destroy();
  await expect.poll(() => readdirSync(uploads)).toEqual([]);
  expect((await client.get(`${FILES}/partial`)).status).toBe(404);
});

test("fact #metadata-of-a-file: HEAD answers the length, type and time of a file without a body, and 404 without one", async () => {
  await client.put(`${FILES}/head`, "12345");
  const head = await client.call("HEAD", `${FILES}/head`);
  expect(head.status).toBe(200);
  expect(head.headers).toMatchObject({
    "content-length": "5",
    "content-type": "application/octet-stream",
    "last-modified": expect.stringMatching(/ GMT$/),
  });
  expect(head.text).toBe("");
  expect(await client.call("HEAD", `${FILES}/nothing`)).toMatchObject({ status: 404, text: "" });
});

test("fact #missing-file-is-404: a missing file answers 404 NOT_FOUND", async () => {
  for (const method of ["GET", "DELETE"]) {
    const answer = await client.call(method, `${FILES}/nothing/here`);
    expect(answer).toMatchObject({ status: 404, json: { error_code: "NOT_FOUND" } });
  }
});

test.each([
  { range: "bytes=2-4", status: 206, text: "234", contentRange: "bytes 2-4/10" },
  { range: "bytes=7-", status: 206, text: "789", contentRange: "bytes 7-9/10" },
  { range: "bytes=-3", status: 206, text: "789", contentRange: "bytes 7-9/10" },
  { range: "bytes=5-100", status: 206, text: "56789", contentRange: "bytes 5-9/10" },
  { range: "bytes=10-", status: 416, text: "", contentRange: "bytes */10" },
  { range: "pages=1-2", status: 200, text: "0123456789", contentRange: undefined },
  { range: "bytes=4-2", status: 200, text: "0123456789", contentRange: undefined },
])("a download with Range: $range answers $status", async (row) => {
  await client.put(`${FILES}/range`, "0123456789");
  const answer = await client.get(`${FILES}/range`, { headers: { range: row.range } });
  expect([answer.status, answer.text, answer.headers["content-range"]]).toEqual([
    row.status,
    row.text,
    row.contentRange,
  ]);
});

test("a download with If-Unmodified-Since answers 412 when the file is newer", async () => {
  await client.put(`${FILES}/since`, "x");
  const { headers } = await client.get(`${FILES}/since`);
  const lastModified = String(headers["last-modified"]);
  const since = (date: string) =>
    client.get(`${FILES}/since`, { headers: { "if-unmodified-since": date } });
  expect((await since(lastModified)).status).toBe(200);
  expect((await since("Sat, 01 Jan 2000 00:00:00 GMT")).status).toBe(412);
});

test("fact #files-paths: names of files are decoded segment by segment and keep their case", async () => {
  const name = "Straße & 100% #1?.txt";
  const encoded = encodeURIComponent(name);
  expect((await client.put(`${FILES}/Names/${encoded}`, "ä")).status).toBe(204);
  const { json } = await client.get(`${DIRECTORIES}/Names`);
  expect(json.contents).toEqual([
    {
      name,
      path: `/Volumes/main/default/files/Names/${name}`,
      is_directory: false,
      file_size: 2,
      last_modified: expect.any(Number),
    },
  ]);
  expect((await client.get(`${FILES}/Names/${encoded}`)).text).toBe("ä");
  expect((await client.get(`${FILES}/names/${encoded}`)).status).toBe(404);
});

test.each([
  { given: "a parent segment", path: "/a/../../../../etc/passwd" },
  { given: "an encoded parent segment", path: "/%2e%2e/%2e%2e/x" },
  { given: "a half encoded parent segment", path: "/.%2e/x" },
  { given: "an encoded slash", path: "/a%2fb" },
  { given: "an encoded slash with a parent segment", path: "/..%2f..%2fx" },
  { given: "a NUL character", path: "/a%00b" },
  { given: "broken percent-encoding", path: "/a%zz" },
])("issue 9: a path with $given is refused", async ({ path }) => {
  for (const [method, base] of [
    ["GET", FILES],
    ["PUT", FILES],
    ["DELETE", FILES],
    ["GET", DIRECTORIES],
    ["PUT", DIRECTORIES],
  ] as const) {
    const answer = await raw(method, `${base}${path}`);
    expect([method, answer.status, answer.json.error_code]).toEqual([
      method,
      400,
      "INVALID_PARAMETER_VALUE",
    ]);
  }
});

test("issue 9: whatever the path, a file is written inside its volume or not at all", async () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "..",
      ".",
      "%2e",
      "%2E%2e",
      "%2f",
      "%5c",
      "\\\\",
      "%00",
      "%c0%ae",
      "~",
      "%25",
      "",
    ),
    fc.stringMatching(/^[a-z%2]{1,4}$/),
  );
  const segment = fc.array(piece, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(""));
  const path = fc.array(segment, { minLength: 1, maxLength: 5 }).map((parts) => parts.join("/"));
  const before = readdirSync(workspace.context.folder).sort();
  await fc.assert(
    fc.asyncProperty(path, async (tail) => {
      const answer = await raw("PUT", `${FILES}/fuzz/${tail}`, [Buffer.from("x")]);
      expect([204, 400, 409]).toContain(answer.status);
      if (answer.status === 204)
        expect((await raw("GET", `${FILES}/fuzz/${tail}`)).status).toBe(200);
    }),
    { numRuns: 300 },
  );
  expect(readdirSync(workspace.context.folder).sort()).toEqual(before);
  expect(readdirSync(join(workspace.context.folder, "Volumes"))).toEqual(["main"]);
  expect(readdirSync(join(workspace.context.folder, "Volumes", "main"))).toEqual(["default"]);
});

test("issue 9: a link that leads out of the volume is neither read, written, listed nor deleted through", async () => {
  const outside = join(tmpdir(), `outside-${process.pid}`);
  mkdirSync(outside, { recursive: true });
  writeFileSync(join(outside, "secret"), "secret");
  symlinkSync(outside, join(realRoot(), "door"));
  symlinkSync(join(outside, "secret"), join(realRoot(), "window"));
  symlinkSync(join(outside, "not-there-yet"), join(realRoot(), "dangling"));
  for (const [method, path] of [
    ["GET", `${FILES}/door/secret`],
    ["PUT", `${FILES}/door/planted`],
    ["DELETE", `${FILES}/door/secret`],
    ["GET", `${FILES}/window`],
    ["PUT", `${FILES}/dangling`],
    ["GET", `${DIRECTORIES}/door`],
    ["PUT", `${DIRECTORIES}/door/new`],
  ] as const) {
    const answer = await client.call(method, path, method === "PUT" ? { body: "x" } : {});
    expect([method, path, answer.status]).toEqual([method, path, 403]);
  }
  expect(readdirSync(outside)).toEqual(["secret"]);
  const { json } = await client.get(DIRECTORIES);
  const names = json.contents.map(({ name }: { name: string }) => name);
  expect(names).not.toContain("door");
  expect(names).not.toContain("window");
});

test("fact #directories-are-made-with-parents: directories are made with their parents, again without harm, and not over a file", async () => {
  expect((await client.call("PUT", `${DIRECTORIES}/made/a/b`)).status).toBe(204);
  expect((await client.call("PUT", `${DIRECTORIES}/made/a/b`)).status).toBe(204);
  expect((await client.call("HEAD", `${DIRECTORIES}/made/a`)).status).toBe(200);
  expect(await client.call("HEAD", `${DIRECTORIES}/made/x`)).toMatchObject({
    status: 404,
    text: "",
  });
  await client.put(`${FILES}/made/file`, "x");
  const overFile = await client.call("PUT", `${DIRECTORIES}/made/file`);
  expect(overFile.status).toBe(409);
  expect(overFile.json.message).toMatch(/^The given path points to an existing file/);
  expect((await client.put(`${FILES}/made/a`, "x")).status).toBe(409);
  expect((await client.put(`${FILES}/made/file/below`, "x")).status).toBe(400);
});

test("fact #only-empty-directories-are-deleted: a directory is deleted only when it is empty", async () => {
  await client.put(`${FILES}/full/file`, "x");
  const full = await client.delete(`${DIRECTORIES}/full`);
  expect(full).toMatchObject({
    status: 400,
    json: {
      error_code: "INVALID_PARAMETER_VALUE",
      details: [{ reason: "FILES_API_DIRECTORY_IS_NOT_EMPTY" }],
    },
  });
  await client.delete(`${FILES}/full/file`);
  expect((await client.delete(`${DIRECTORIES}/full`)).status).toBe(204);
  expect(await client.delete(`${DIRECTORIES}/full`)).toMatchObject({
    status: 404,
    json: {
      error_code: "NOT_FOUND",
      details: [{ reason: "FILES_API_DIRECTORY_IS_NOT_FOUND" }],
    },
  });
});

test("fact #listing-ends-without-a-token: a listing comes in pages that end only where next_page_token is missing", async () => {
  const names = Array.from({ length: 7 }, (_, index) => `page-${index}`);
  await Promise.all(names.map((name) => client.put(`${FILES}/pages/${name}`, name)));
  expect(await pagesOf(`${DIRECTORIES}/pages?page_size=3`)).toEqual([
    names.slice(0, 3),
    names.slice(3, 6),
    names.slice(6),
  ]);
  workspace.settings.emptyPages = true;
  expect(await pagesOf(`${DIRECTORIES}/pages?page_size=10`)).toEqual([[], names]);
  expect((await client.get(`${DIRECTORIES}/pages?page_token=nonsense`)).status).toBe(400);
});

test("fact #listing-ends-without-a-token: the listing of an empty directory has no contents at all", async () => {
  await client.call("PUT", `${DIRECTORIES}/empty`);
  expect((await client.get(`${DIRECTORIES}/empty`)).json).toEqual({});
  expect((await client.get(`${DIRECTORIES}/empty/`)).status).toBe(200);
});

test("fact #upload-size-limit: a file beyond the size limit is refused, announced or not, and leaves nothing", async () => {
  workspace.settings.fileBytesMax = 1000;
  expect((await client.put(`${FILES}/size`, Buffer.alloc(1000))).status).toBe(204);
  const announced = await client.put(`${FILES}/too-large`, Buffer.alloc(1001));
  expect(announced).toMatchObject({
    status: 413,
    json: { error_code: "MAX_REQUEST_SIZE_EXCEEDED" },
  });
  const chunked = await raw("PUT", `${FILES}/too-large`, [Buffer.alloc(800), Buffer.alloc(800)]);
  expect(chunked.status).toBe(413);
  expect((await client.get(`${FILES}/too-large`)).status).toBe(404);
});

test("a large file comes back as it went", async () => {
  const bytes = Buffer.alloc(20 * 1024 ** 2, "0123456789abcdef");
  expect((await client.put(`${FILES}/large`, bytes)).status).toBe(204);
  const answer = await client.get(`${FILES}/large`);
  expect(answer.headers["content-length"]).toBe(String(bytes.length));
  expect(answer.text === bytes.toString()).toBe(true);
});

test("fact #permission-before-existence: without grants, a volume that exists and one that does not both answer 403", async () => {
  const { token } = workspace.principal("reader");
  for (const volume of ["files", "nothing"]) {
    const answer = await client.get(`/api/2.0/fs/files/Volumes/main/default/${volume}/x`, {
      token,
    });
    expect(answer).toMatchObject({ status: 403, json: { error_code: "PERMISSION_DENIED" } });
  }
  const asAdministrator = await client.get("/api/2.0/fs/files/Volumes/main/default/nothing/x");
  expect(asAdministrator).toMatchObject({ status: 404 });
});

test("READ VOLUME reads, WRITE VOLUME writes, and neither works without USE CATALOG and USE SCHEMA", async () => {
  const { token, id } = workspace.principal("reader");
  await client.put(`${FILES}/granted`, "x");
  const { grants } = workspace.context;
  const volume = { type: "volume", name: "main.default.files" } as const;
  const read = () => client.get(`${FILES}/granted`, { token });
  const write = () => client.put(`${FILES}/granted`, "y", { token });
  grants.grant(volume, id, ["READ VOLUME"]);
  expect((await read()).json.message).toBe("User does not have USE CATALOG on Catalog 'main'.");
  grants.grant({ type: "catalog", name: "main" }, id, ["USE CATALOG"]);
  expect((await read()).json.message).toBe(
    "User does not have USE SCHEMA on Schema 'main.default'.",
  );
  grants.grant({ type: "schema", name: "main.default" }, id, ["USE SCHEMA"]);
  expect((await read()).status).toBe(200);
  expect((await write()).json.message).toBe(
    "User does not have WRITE VOLUME on Volume 'main.default.files'.",
  );
  grants.grant(volume, id, ["WRITE VOLUME"]);
  expect((await write()).status).toBe(204);
  grants.revoke(volume, id, ["READ VOLUME"]);
  expect((await read()).status).toBe(403);
});

async function pagesOf(first: string): Promise<string[][]> {
  const pages: string[][] = [];
  let token: string | undefined;
  do {
    const suffix = token === undefined ? "" : `&page_token=${encodeURIComponent(token)}`;
    const { json } = await client.get(`${first}${suffix}`);
    pages.push((json.contents ?? []).map(({ name }: { name: string }) => name));
    token = json.next_page_token;
  } while (token !== undefined);
  return pages;
}

/** Sends the path exactly as it is written; chunks without a declared length. */
function raw(method: string, path: string, chunks: readonly Buffer[] = []) {
  return new Promise<{ status: number; json: Json }>((resolve, reject) => {
    const sent = httpsRequest(
      {
        host: "127.0.0.1",
        port: workspace.port,
        ca: workspace.caPem,
        method,
        path,
        headers: { authorization: `Bearer ${workspace.administrator.token}` },
      },
      async (answer) => {
        const text = (await answer.toArray()).join("");
        const json = text.startsWith("{") ? JSON.parse(text) : undefined;
        resolve({ status: answer.statusCode ?? 0, json });
      },
    );
    sent.on("error", reject);
    for (const chunk of chunks) sent.write(chunk);
    sent.end();
  });
}
