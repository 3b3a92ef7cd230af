// The Files API: whole files of Unity Catalog Volumes, by absolute paths. This file does not know
// what they mean.
import * as z from "zod";
import { faultsOf } from "../domain/body.ts";
import { VolumePath } from "../domain/contract.ts";
import { PlatformTroubleError } from "../domain/errors.ts";
import type { VolumeFile } from "../ports.ts";
import { type DatabricksError, isMissing } from "./databricks-error.ts";
import { type DatabricksHttp, type DatabricksReply, jsonOfReply } from "./databricks-http.ts";

export type ListedFile = { readonly name: string; readonly modifiedMs: number };
type Listed = ListedFile & { readonly isFolder: boolean };

/** Every failure that waiting may mend is a PlatformTroubleError. */
export type VolumeFiles = {
  /** Atomic: a file shows completely or not at all. */
  readonly read: (path: string, bytesMax: number) => Promise<VolumeFile>;
  /** Fails if the path is taken, even if another writer took it a moment ago. */
  readonly create: (path: string, content: Uint8Array) => Promise<"created" | "exists">;
  readonly overwrite: (path: string, content: Uint8Array) => Promise<void>;
  /** Removing a file that is gone is no error. */
  readonly remove: (path: string) => Promise<void>;
  /** The files directly in a folder; none if there is no such folder. */
  readonly list: (folder: string) => Promise<readonly ListedFile[]>;
  /** Files and folders directly in a folder, one page of them. */
  readonly listPage: (folder: string) => Promise<readonly Listed[]>;
  /** Removes an empty folder; false if it is not empty. */
  readonly removeFolder: (folder: string) => Promise<boolean>;
};

export const createVolumeFiles = (http: DatabricksHttp): VolumeFiles => ({
  read: (path, bytesMax) => read(http, path, bytesMax),
  create: (path, content) => put(http, path, content, false),
  overwrite: async (path, content) => {
    await put(http, path, content, true);
  },
  remove: (path) => remove(http, path),
  list: (folder) => list(http, folder),
  listPage: (folder) => listed(http, folder, 1),
  removeFolder: (folder) => removeFolder(http, folder),
});

async function read(http: DatabricksHttp, path: string, bytesMax: number): Promise<VolumeFile> {
  const call = { method: "GET", path: filesPath(path), rate: "files", bytesMax } as const;
  const reply = await http.call(call);
  switch (reply.kind) {
    case "ok":
      return { kind: "found", content: reply.content };
    case "too-large":
      return { kind: "too-large", bytes: reply.bytes };
    case "refused":
      if (isMissing(reply.error)) return { kind: "absent" };
      throw trouble(`reading ${path}`, reply.error);
  }
}

async function put(
  http: DatabricksHttp,
  path: string,
  content: Uint8Array,
  overwrite: boolean,
): Promise<"created" | "exists"> {
  const send = (): Promise<DatabricksReply> =>
    http.call({
      method: "PUT",
      path: filesPath(path),
      // Always explicit, because the default was reversed in May 2025.
      query: { overwrite: String(overwrite) },
      body: content,
      rate: "files",
    });
  let reply = await send();
  // No document says whether a PUT creates missing folders, so they are created when it complains.
  if (reply.kind === "refused" && reply.error.status === 404) {
    await makeFolder(http, path.slice(0, path.lastIndexOf("/")));
    reply = await send();
  }
  if (reply.kind !== "refused") return "created";
  if (!overwrite && reply.error.status === 409) return "exists";
  throw trouble(`writing ${path}`, reply.error);
}

/** Creates a folder with all folders above it. If another writer has done it, it is done. */
async function makeFolder(http: DatabricksHttp, folder: string): Promise<void> {
  const reply = await http.call({ method: "PUT", path: foldersPath(folder), rate: "files" });
  if (reply.kind !== "refused") return;
  const hint = reply.error.status === 404 ? " (has the volume been created?)" : "";
  throw trouble(`creating the folder ${folder}${hint}`, reply.error);
}

async function remove(http: DatabricksHttp, path: string): Promise<void> {
  const reply = await http.call({ method: "DELETE", path: filesPath(path), rate: "files" });
  if (reply.kind === "refused" && !isMissing(reply.error))
    throw trouble(`removing ${path}`, reply.error);
}

async function removeFolder(http: DatabricksHttp, folder: string): Promise<boolean> {
  const reply = await http.call({ method: "DELETE", path: foldersPath(folder), rate: "files" });
  if (reply.kind !== "refused" || isMissing(reply.error)) return true;
  // A folder with something in it gets 400 INVALID_PARAMETER_VALUE
  // (docs/facts/databricks.md#only-empty-directories-are-deleted).
  if (reply.error.status === 400) return false;
  throw trouble(`removing the folder ${folder}`, reply.error);
}

const Listing = z.object({
  contents: z
    .array(
      z.object({
        name: z.string(),
        is_directory: z.boolean().nullish(),
        last_modified: z.number().nullish(),
      }),
    )
    .nullish(), // absent for an empty page, which need not be the last
  next_page_token: z.string().nullish(),
});

const PAGE_FILES = 1_000; // the platform's maximum
const PAGES_MAX = 100;

const list = async (http: DatabricksHttp, folder: string): Promise<readonly ListedFile[]> =>
  (await listed(http, folder)).filter(({ isFolder }) => !isFolder);

/**
 * Pages may be empty, so it reads on until there are entries: to the end, or until `pagesWanted`
 * pages are full.
 */
async function listed(
  http: DatabricksHttp,
  folder: string,
  pagesWanted = Number.POSITIVE_INFINITY,
): Promise<readonly Listed[]> {
  const entries: Listed[] = [];
  let token: string | undefined;
  for (let pages = 0; pages < PAGES_MAX; pages++) {
    const query = { page_size: String(PAGE_FILES), ...(token && { page_token: token }) };
    const path = foldersPath(folder);
    const reply = await http.call({ method: "GET", path, query, rate: "files" });
    if (reply.kind === "refused" && isMissing(reply.error)) return entries;
    const page = listingOf(folder, reply);
    for (const { name, is_directory, last_modified } of page.contents ?? [])
      entries.push({ name, modifiedMs: last_modified ?? 0, isFolder: is_directory === true });
    token = page.next_page_token || undefined;
    if (token === undefined || entries.length >= pagesWanted * PAGE_FILES) return entries;
  }
  throw new PlatformTroubleError(
    `Databricks: listing ${folder}: more than ${PAGES_MAX * PAGE_FILES} files`,
  );
}

function listingOf(folder: string, reply: DatabricksReply): z.infer<typeof Listing> {
  const what = `listing ${folder}`;
  if (reply.kind === "refused") throw trouble(what, reply.error);
  if (reply.kind === "too-large")
    throw new PlatformTroubleError(`Databricks: ${what}: over ${reply.bytes} bytes in one page`);
  const parsed = Listing.safeParse(jsonOfReply(what, reply.content));
  if (parsed.success) return parsed.data;
  throw new PlatformTroubleError(
    `Databricks: ${what}: the answer is not as expected: ${faultsOf(parsed.error)}`,
  );
}

const filesPath = (path: string): string => `/api/2.0/fs/files${encoded(path)}`;
const foldersPath = (path: string): string => `/api/2.0/fs/directories${encoded(path)}`;

/**
 * Encodes a path segment by segment. `..` survives encoding and URLs swallow it, and then another
 * API is reached (docs/facts/aws.md#dots-survive-encoding). So every path is checked, wherever it
 * came from.
 */
function encoded(path: string): string {
  if (!VolumePath.safeParse(path).success)
    throw new Error(`${JSON.stringify(path.slice(0, 200))} is no path inside a volume`);
  return path.split("/").map(encodeURIComponent).join("/");
}

const trouble = (what: string, error: DatabricksError): PlatformTroubleError =>
  new PlatformTroubleError(`Databricks: ${what}: ${error.message}`, { cause: error });
