// Large uploads in parts, as the SDKs send files over 50 MiB: a session, presigned URLs for the parts, one publication.
import { createHash, createHmac, randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as z from "zod";
import type { ResolvedVolumePath, WorkspaceContext } from "../context.ts";
import { ApiError, type ApiReply, type ApiRequest, type Principal, type Route } from "../route.ts";
import { overwriteOf, publish, requireFree } from "./files.ts";

/** Sessions end with the process: a client that finds its session gone starts again, as after an expiry. */
export function multipartRoutes(context: WorkspaceContext): Route[] {
  const uploads: Uploads = { context, sessions: new Map(), key: randomBytes(32) };
  const post = (path: string, handle: (request: ApiRequest) => Promise<ApiReply>): Route => ({
    method: "POST",
    path: `/api/2.0/fs/${path}`,
    handle,
  });
  const storage = "/_storage/:session/:part";
  return [
    post("files*path", (request) => act(uploads, request)),
    post("create-upload-part-urls", (request) => partUrls(uploads, request)),
    post("create-abort-upload-url", (request) => abortUrl(uploads, request)),
    {
      method: "PUT",
      path: storage,
      open: true, // the URL itself is the permission
      bytesMax: () => context.settings.fileBytesMax,
      handle: (request) => putPart(uploads, request),
    },
    { method: "DELETE", path: storage, open: true, handle: (request) => abort(uploads, request) },
  ];
}

type Session = {
  readonly target: ResolvedVolumePath;
  readonly principal: Principal;
  readonly overwrite: boolean;
  readonly folder: string;
  /** By part number. */
  readonly etags: Map<number, string>;
};

type Uploads = {
  readonly context: WorkspaceContext;
  readonly sessions: Map<string, Session>;
  readonly key: Buffer;
};

async function act(uploads: Uploads, request: ApiRequest): Promise<ApiReply> {
  const action = request.query.get("action");
  if (action === "initiate-upload") return initiate(uploads, request);
  if (action === "complete-upload") return complete(uploads, request);
  throw invalid(`action must be initiate-upload or complete-upload; it was '${action ?? ""}'.`);
}

async function initiate({ context, sessions }: Uploads, request: ApiRequest): Promise<ApiReply> {
  const { principal, params } = request;
  const target = context.volumes.resolve(params["path"] ?? "", principal, "WRITE VOLUME");
  const overwrite = overwriteOf(request);
  await requireFree(target, overwrite);
  const token = randomUUID();
  const folder = join(context.folder, "uploads", token);
  await mkdir(folder, { recursive: true });
  sessions.set(token, { target, principal, overwrite, folder, etags: new Map() });
  return { status: 200, body: { multipart_upload: { session_token: token } } };
}

const PartUrls = z.object({
  path: z.string(),
  session_token: z.string(),
  start_part_number: z.number().int().min(1),
  count: z.number().int().min(1).max(100).default(1),
  expire_time: z.iso.datetime({ offset: true }).optional(),
});

async function partUrls(uploads: Uploads, request: ApiRequest): Promise<ApiReply> {
  const given = await request.json(PartUrls);
  sessionOf(uploads, given.session_token, request.principal);
  const numbers = Array.from({ length: given.count }, (_, i) => given.start_part_number + i);
  return {
    status: 200,
    body: {
      upload_part_urls: numbers.map((part_number) => ({
        part_number,
        url: presigned(uploads, "PUT", given.session_token, String(part_number), given.expire_time),
        headers: [],
      })),
    },
  };
}

const AbortUrl = PartUrls.pick({ path: true, session_token: true, expire_time: true });

async function abortUrl(uploads: Uploads, request: ApiRequest): Promise<ApiReply> {
  const { session_token, expire_time } = await request.json(AbortUrl);
  sessionOf(uploads, session_token, request.principal);
  const url = presigned(uploads, "DELETE", session_token, "all", expire_time);
  return { status: 200, body: { abort_upload_url: { url, headers: [] } } };
}

async function putPart(uploads: Uploads, request: ApiRequest): Promise<ApiReply> {
  const refusal = checkSignature(uploads, request);
  if (refusal !== undefined) return refusal;
  const { session = "", part = "" } = request.params;
  const held = uploads.sessions.get(session);
  if (held === undefined) return storageError(404, "NoSuchUpload", "The upload does not exist.");
  const hash = createHash("md5");
  const hashing = new Transform({
    transform(chunk, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  // A retried part replaces the earlier one; a broken one must not be mistaken for it.
  held.etags.delete(Number(part));
  await pipeline(request.stream(), hashing, createWriteStream(join(held.folder, part)));
  const etag = `"${hash.digest("hex")}"`;
  held.etags.set(Number(part), etag);
  return { status: 200, headers: { etag } };
}

const Complete = z.object({
  parts: z.array(z.object({ part_number: z.number().int().min(1), etag: z.string() })).min(1),
});

async function complete(uploads: Uploads, request: ApiRequest): Promise<ApiReply> {
  const token = request.query.get("session_token") ?? "";
  const session = sessionOf(uploads, token, request.principal);
  const { parts } = await request.json(Complete);
  const wrong = parts.find(({ part_number, etag }) => session.etags.get(part_number) !== etag);
  if (wrong !== undefined)
    throw invalid(`Part ${wrong.part_number} was not uploaded, or with another etag.`);
  const whole = join(session.folder, "whole");
  await pipeline(joined(session, parts), createWriteStream(whole));
  await publish(whole, session.target, session.overwrite);
  await forget(uploads, token);
  return { status: 200, body: {} };
}

const joined = ({ folder }: Session, parts: readonly { readonly part_number: number }[]) =>
  Readable.from(
    (async function* () {
      for (const { part_number } of parts)
        yield* createReadStream(join(folder, String(part_number)));
    })(),
  );

async function abort(uploads: Uploads, request: ApiRequest): Promise<ApiReply> {
  const refusal = checkSignature(uploads, request);
  if (refusal !== undefined) return refusal;
  await forget(uploads, request.params["session"] ?? "");
  return { status: 200 };
}

async function forget({ sessions }: Uploads, token: string): Promise<void> {
  const session = sessions.get(token);
  sessions.delete(token);
  if (session !== undefined) await rm(session.folder, { recursive: true, force: true });
}

function sessionOf({ sessions }: Uploads, token: string, principal: Principal): Session {
  const session = sessions.get(token);
  if (session === undefined || session.principal.id !== principal.id)
    throw new ApiError(404, "NOT_FOUND", "The upload session does not exist or has ended.");
  return session;
}

const EXPIRES_MS = 3600_000;

function presigned(
  { context, key }: Uploads,
  method: "PUT" | "DELETE",
  session: string,
  part: string,
  expireTime: string | undefined,
): string {
  const asked = expireTime === undefined ? Number.NaN : Date.parse(expireTime);
  const expires = Number.isNaN(asked) ? context.clock.nowMs() + EXPIRES_MS : asked;
  const signature = signatureOf(key, [method, session, part, String(expires)]);
  return `${context.url}/_storage/${session}/${part}?expires=${expires}&signature=${signature}`;
}

const signatureOf = (key: Buffer, parts: readonly string[]) =>
  createHmac("sha256", key).update(parts.join("\n")).digest("hex");

/** In the words of S3, by which the SDKs know an expired URL from a refused one. */
function checkSignature({ context, key }: Uploads, request: ApiRequest): ApiReply | undefined {
  const { session = "", part = "" } = request.params;
  const expires = request.query.get("expires") ?? "";
  const expected = Buffer.from(signatureOf(key, [request.method, session, part, expires]));
  const given = Buffer.from(request.query.get("signature") ?? "");
  if (given.length !== expected.length || !timingSafeEqual(given, expected))
    return storageError(403, "SignatureDoesNotMatch", "The URL was not signed by this workspace.");
  if (Number(expires) <= context.clock.nowMs())
    return storageError(403, "AccessDenied", "Request has expired");
  return undefined;
}

const storageError = (status: number, code: string, message: string): ApiReply => ({
  status,
  headers: { "content-type": "application/xml" },
  body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`,
});

const invalid = (message: string) => new ApiError(400, "INVALID_PARAMETER_VALUE", message);
