// The Files API: files and directories of volumes, whole files at a time, each appearing at once or
// not at all.
import { randomUUID } from "node:crypto";
import { createWriteStream, mkdirSync, rmSync, type Stats } from "node:fs";
import { type FileHandle, link, mkdir, open, rename, rm, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { ResolvedVolumePath, WorkspaceContext } from "../context.ts";
import { ApiError, type ApiReply, type ApiRequest, type Route } from "../route.ts";
import { byteRange } from "./files-range.ts";

export function fileRoutes(context: WorkspaceContext): Route[] {
  // Uploads wait here, on the same file system as the volumes, so that a link or a rename publishes
  // them whole.
  const uploads = join(context.folder, "uploads");
  rmSync(uploads, { recursive: true, force: true }); // what a killed process left half done
  mkdirSync(uploads, { recursive: true });
  const path = "/api/2.0/fs/files*path";
  return [
    {
      method: "PUT",
      path,
      bytesMax: () => context.settings.fileBytesMax,
      perSecondMax: 100, // as of February 2024, by a comment in the CLI's source
      handle: (request) => upload(context, uploads, request),
    },
    { method: "GET", path, perSecondMax: 100, handle: (request) => download(context, request) },
    { method: "HEAD", path, perSecondMax: 100, handle: (request) => download(context, request) },
    { method: "DELETE", path, perSecondMax: 100, handle: (request) => remove(context, request) },
  ];
}

async function upload(
  context: WorkspaceContext,
  uploads: string,
  request: ApiRequest,
): Promise<ApiReply> {
  const target = resolve(context, request, "WRITE VOLUME");
  const overwrite = overwriteOf(request);
  await requireFree(target, overwrite);
  const waiting = join(uploads, randomUUID());
  try {
    await pipeline(request.stream(), createWriteStream(waiting, { flags: "wx" }));
    await publish(waiting, target, overwrite);
  } finally {
    await rm(waiting, { force: true });
  }
  return { status: 204 };
}

/** Early, so that gigabytes are not sent in vain; the answer that counts comes from `publish`. */
export async function requireFree(target: ResolvedVolumePath, overwrite: boolean): Promise<void> {
  const found = await statsOf(target.realPath);
  if (found?.isDirectory()) throw isDirectory();
  if (found !== undefined && !overwrite) throw alreadyExists();
}

/**
 * `link` fails when the name is taken, whoever took it a moment ago: one of twelve racing writers
 * wins.
 */
export async function publish(waiting: string, target: ResolvedVolumePath, overwrite: boolean) {
  try {
    await mkdir(dirname(target.realPath), { recursive: true });
    if (overwrite) await rename(waiting, target.realPath);
    else await link(waiting, target.realPath);
  } catch (error) {
    const code = codeOf(error);
    if (code === "EEXIST" || code === "ENOTDIR")
      throw code === "EEXIST" && !(await isBelowFile(target.realPath))
        ? alreadyExists(error)
        : belowFile(target.path, error);
    if (code === "EISDIR" || code === "ENOTEMPTY") throw isDirectory(error);
    throw error;
  }
}

async function isBelowFile(realPath: string): Promise<boolean> {
  const parent = await statsOf(dirname(realPath));
  return parent === undefined || !parent.isDirectory();
}

async function download(context: WorkspaceContext, request: ApiRequest): Promise<ApiReply> {
  const { realPath } = resolve(context, request, "READ VOLUME");
  // Opened once: an overwrite publishes another file, and this answer goes on being the old one,
  // whole.
  const handle = await open(realPath).catch((error) => {
    throw codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR" ? fileNotFound(error) : error;
  });
  const reply = await answerOf(handle, request).catch(async (error) => {
    await handle.close();
    throw error;
  });
  if (reply.body === undefined) await handle.close();
  return reply;
}

async function answerOf(handle: FileHandle, request: ApiRequest): Promise<ApiReply> {
  const found = await handle.stat();
  if (!found.isFile()) throw fileNotFound();
  const lastModified = new Date(found.mtimeMs).toUTCString();
  checkUnmodified(request, found);
  const headers = {
    "content-type": "application/octet-stream",
    "last-modified": lastModified,
    "accept-ranges": "bytes",
  };
  const range = byteRange(request.headers.range, found.size);
  if (request.method === "HEAD" || found.size === 0 || range === "unsatisfiable")
    return range === "unsatisfiable" && request.method !== "HEAD"
      ? { status: 416, headers: { ...headers, "content-range": `bytes */${found.size}` } }
      : { status: 200, headers: { ...headers, "content-length": String(found.size) } };
  const { start, end } = range ?? { start: 0, end: found.size - 1 };
  return {
    status: range === undefined ? 200 : 206,
    headers: {
      ...headers,
      "content-length": String(end - start + 1),
      ...(range !== undefined && { "content-range": `bytes ${start}-${end}/${found.size}` }),
    },
    body: handle.createReadStream({ start, end }),
  };
}

/** HTTP dates have whole seconds; the file's time is cut to them before it is compared. */
function checkUnmodified(request: ApiRequest, found: Stats): void {
  const since = Date.parse(request.headers["if-unmodified-since"] ?? "");
  if (!Number.isNaN(since) && Math.floor(found.mtimeMs / 1000) * 1000 > since)
    throw new ApiError(
      412,
      "PRECONDITION_FAILED",
      "The file was modified after the time in If-Unmodified-Since.",
    );
}

async function remove(context: WorkspaceContext, request: ApiRequest): Promise<ApiReply> {
  const { realPath } = resolve(context, request, "WRITE VOLUME");
  const found = await statsOf(realPath);
  if (found === undefined || found.isDirectory()) throw fileNotFound();
  await unlink(realPath).catch((error) => {
    throw codeOf(error) === "ENOENT" ? fileNotFound(error) : error;
  });
  return { status: 204 };
}

const resolve = (
  context: WorkspaceContext,
  request: ApiRequest,
  privilege: "READ VOLUME" | "WRITE VOLUME",
) => context.volumes.resolve(request.params["path"] ?? "", request.principal, privilege);

/** Since May 2025 an upload that does not say overwrites. */
export function overwriteOf(request: ApiRequest): boolean {
  const given = request.query.get("overwrite") ?? "true";
  if (given !== "true" && given !== "false")
    throw new ApiError(
      400,
      "INVALID_PARAMETER_VALUE",
      `overwrite must be true or false; it was '${given}'.`,
    );
  return given === "true";
}

/** The entry at a path, or nothing (also when a part of the path is a file). */
export async function statsOf(realPath: string): Promise<Stats | undefined> {
  try {
    return await stat(realPath);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return undefined;
    throw error;
  }
}

export const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : "";

const fileNotFound = (cause?: unknown) =>
  new ApiError(404, "NOT_FOUND", "The file being accessed is not found.", { cause });

const alreadyExists = (cause?: unknown) =>
  new ApiError(409, "ALREADY_EXISTS", "The file being created already exists.", { cause });

const isDirectory = (cause?: unknown) =>
  new ApiError(
    409,
    "ALREADY_EXISTS",
    "The given path points to an existing directory. This API does not support operations on directories.",
    { cause },
  );

const belowFile = (path: string, cause?: unknown) =>
  new ApiError(
    400,
    "INVALID_PARAMETER_VALUE",
    `A part of the path '${path}' is a file, not a directory.`,
    { cause },
  );
