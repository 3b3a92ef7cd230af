// Directories of the Files API: pages of names, parents made on the way, only empty ones deleted.
import { mkdir, readdir, realpath, rmdir } from "node:fs/promises";
import { join, sep } from "node:path";
import * as z from "zod";
import type { ResolvedVolumePath, WorkspaceContext } from "../context.ts";
import { parseQuery } from "../http/json.ts";
import { ApiError, type ApiReply, type ApiRequest, type Route } from "../route.ts";
import { codeOf, statsOf } from "./files.ts";

export function directoryRoutes(context: WorkspaceContext): Route[] {
  const path = "/api/2.0/fs/directories*path";
  const route = (
    method: "GET" | "HEAD" | "PUT" | "DELETE",
    handle: (context: WorkspaceContext, request: ApiRequest) => Promise<ApiReply>,
  ): Route => ({ method, path, perSecondMax: 100, handle: (request) => handle(context, request) });
  return [route("GET", list), route("HEAD", head), route("PUT", create), route("DELETE", remove)];
}

const PAGE_SIZE_MAX = 1000;

const Page = z.object({
  page_size: z.coerce.number().int("page_size must be an integer").min(0).default(0),
  page_token: z.string().optional(),
});

async function list(context: WorkspaceContext, request: ApiRequest): Promise<ApiReply> {
  const directory = resolve(context, request, "READ VOLUME");
  await requireDirectory(directory);
  const page = parseQuery(request.query, Page);
  const size = page.page_size === 0 ? PAGE_SIZE_MAX : Math.min(page.page_size, PAGE_SIZE_MAX);
  // The platform may answer an empty page that has a successor; a client must not take it for the end.
  if (context.settings.emptyPages && page.page_token === undefined)
    return { status: 200, body: { next_page_token: tokenAfter("") } };
  const after = page.page_token === undefined ? "" : nameOf(page.page_token);
  const names = (await readdir(directory.realPath)).sort().filter((name) => name > after);
  const shown = names.slice(0, size);
  const found = await Promise.all(shown.map((name) => entry(directory, name)));
  const contents = found.filter((held) => held !== undefined);
  const last = shown.at(-1);
  return {
    status: 200,
    body: {
      ...(contents.length > 0 && { contents }),
      ...(names.length > size && last !== undefined && { next_page_token: tokenAfter(last) }),
    },
  };
}

/** Nothing for what vanished meanwhile, and for links that lead out of the directory's volume. */
async function entry(directory: ResolvedVolumePath, name: string) {
  const realPath = join(directory.realPath, name);
  const found = await statsOf(realPath);
  if (found === undefined || !(await staysInside(directory, realPath))) return undefined;
  return {
    path: `${directory.path}/${name}`,
    is_directory: found.isDirectory(),
    ...(found.isFile() && { file_size: found.size }),
    last_modified: Math.round(found.mtimeMs),
    name,
  };
}

async function staysInside(directory: ResolvedVolumePath, realPath: string): Promise<boolean> {
  const depth = directory.inside.split("/").filter((segment) => segment !== "").length;
  const root = await realpath(join(directory.realPath, ...Array<string>(depth).fill("..")));
  return (await realpath(realPath)).startsWith(root + sep);
}

async function head(context: WorkspaceContext, request: ApiRequest): Promise<ApiReply> {
  await requireDirectory(resolve(context, request, "READ VOLUME"));
  return { status: 200 };
}

async function create(context: WorkspaceContext, request: ApiRequest): Promise<ApiReply> {
  const { realPath } = resolve(context, request, "WRITE VOLUME");
  await mkdir(realPath, { recursive: true }).catch((error) => {
    throw codeOf(error) === "EEXIST" || codeOf(error) === "ENOTDIR" ? pointsToFile(error) : error;
  });
  return { status: 204 };
}

async function remove(context: WorkspaceContext, request: ApiRequest): Promise<ApiReply> {
  const directory = resolve(context, request, "WRITE VOLUME");
  await requireDirectory(directory);
  if (directory.inside === "/")
    throw new ApiError(
      400,
      "INVALID_PARAMETER_VALUE",
      "The root of a volume cannot be deleted here; delete the volume.",
    );
  await rmdir(directory.realPath).catch((error) => {
    if (codeOf(error) === "ENOTEMPTY") throw notEmpty(error);
    throw codeOf(error) === "ENOENT" ? directoryNotFound(error) : error;
  });
  return { status: 204 };
}

async function requireDirectory({ realPath }: ResolvedVolumePath): Promise<void> {
  const found = await statsOf(realPath);
  if (found === undefined || !found.isDirectory()) throw directoryNotFound();
}

const resolve = (
  context: WorkspaceContext,
  request: ApiRequest,
  privilege: "READ VOLUME" | "WRITE VOLUME",
) => context.volumes.resolve(request.params["path"] ?? "", request.principal, privilege);

const tokenAfter = (name: string) =>
  Buffer.from(JSON.stringify({ after: name })).toString("base64url");

const PageToken = z.object({ after: z.string() });

function nameOf(token: string): string {
  try {
    return PageToken.parse(JSON.parse(Buffer.from(token, "base64url").toString())).after;
  } catch (error) {
    throw unknownToken(error);
  }
}

const unknownToken = (cause: unknown) =>
  new ApiError(
    400,
    "INVALID_PARAMETER_VALUE",
    "page_token is not one that a listing of this workspace returned.",
    { cause },
  );

const errorInfo = (reason: string) => [
  {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    reason,
    domain: "filesystem.databricks.com",
    metadata: {},
  },
];

const directoryNotFound = (cause?: unknown) =>
  new ApiError(404, "NOT_FOUND", "The directory being accessed is not found.", {
    details: errorInfo("FILES_API_DIRECTORY_IS_NOT_FOUND"),
    cause,
  });

const notEmpty = (cause?: unknown) =>
  new ApiError(
    400,
    "INVALID_PARAMETER_VALUE",
    "The directory is not empty. This API does not support deleting non-empty directories.",
    { details: errorInfo("FILES_API_DIRECTORY_IS_NOT_EMPTY"), cause },
  );

const pointsToFile = (cause?: unknown) =>
  new ApiError(
    409,
    "ALREADY_EXISTS",
    "The given path points to an existing file. This API does not support operations on files.",
    { cause },
  );
