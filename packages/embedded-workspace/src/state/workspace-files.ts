// The tree `/Workspace`: directories, files, and notebooks, which are source texts without an
// extension.
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Clock, Principals, WorkspaceFiles, WorkspaceObject } from "../context.ts";
import { ApiError, type Principal } from "../route.ts";
import type { Store } from "../store.ts";
import { sourceOfJupyter } from "./jupyter.ts";

type Language = NonNullable<WorkspaceObject["language"]>;

export type WorkspaceTree = WorkspaceFiles & {
  /** The object, for a principal who may see it. @throws ApiError 403, 404 */
  readonly require: (path: string, principal: Principal) => WorkspaceObject;
  readonly children: (path: string, principal: Principal) => readonly WorkspaceObject[];
  readonly read: (path: string, principal: Principal) => Buffer;
  /** Parents are not made: the platform answers 404 and clients then call mkdirs. */
  readonly write: (path: string, principal: Principal, bytes: Buffer, how: WriteOptions) => void;
  readonly mkdirs: (path: string, principal: Principal) => void;
  readonly remove: (path: string, principal: Principal, recursive: boolean) => void;
};

export type WriteOptions = {
  readonly overwrite: boolean;
  /**
   * A notebook in this language; `auto` looks at the extension and the header line; absent: a file.
   * `jupyter` is converted, and says its language itself.
   */
  readonly notebook?: Language | "auto" | "jupyter";
};

type Remembered = {
  readonly objectId: number;
  readonly createdAt: number;
  readonly language?: Language;
};

export function createWorkspaceFiles(
  store: Store,
  root: string,
  clock: Clock,
  principals: Principals,
): WorkspaceTree {
  mkdirSync(join(root, "Shared"), { recursive: true });
  const index = createIndex(store, root, clock);
  const { objectAt } = index;

  const allowed = (principal: Principal, path: string): string => {
    // Each user finds a home in the workspace.
    mkdirSync(join(root, "Users", principal.id), { recursive: true });
    return allowedPath(principals, principal, path);
  };
  const require = (path: string, principal: Principal): WorkspaceObject => {
    const found = objectAt(allowed(principal, path));
    if (found === undefined) throw doesNotExist(path);
    return found;
  };

  return {
    root,
    require,
    resolve: (path) => {
      const plain = plainPath(path);
      const found = objectAt(plain);
      if (found !== undefined) return found;
      const notebook = objectAt(plain.replace(/\.(py|sql|scala|r|ipynb)$/i, ""));
      return notebook?.objectType === "NOTEBOOK" ? notebook : undefined;
    },
    children: (path, principal) => {
      const found = require(path, principal);
      if (found.objectType !== "DIRECTORY") return [found];
      const plain = plainPath(path);
      return readdirSync(found.realPath)
        .sort()
        .map((name) => objectAt(plain === "/" ? `/${name}` : `${plain}/${name}`))
        .filter((child) => child !== undefined);
    },
    read: (path, principal) => {
      const found = require(path, principal);
      if (found.objectType === "DIRECTORY")
        throw invalid(`'${path}' is a directory; export its files one by one.`);
      return readFileSync(found.realPath);
    },
    write: (path, principal, bytes, options) =>
      write(index, path, allowed(principal, path), bytes, options),
    mkdirs: (path, principal) => makeDirectories(join(root, allowed(principal, path)), path),
    remove: (path, principal, recursive) => {
      const found = require(path, principal);
      const plain = plainPath(path);
      if (plain === "/" || plain === "/Users" || plain === "/Shared")
        throw invalid(`'${path}' cannot be deleted.`);
      const isDirectory = found.objectType === "DIRECTORY";
      if (isDirectory && !recursive && readdirSync(found.realPath).length > 0)
        throw new ApiError(400, "DIRECTORY_NOT_EMPTY", `Folder (${path}) is not empty`);
      rmSync(found.realPath, { recursive: true, force: true });
      index.forget(plain);
    },
  };
}

/**
 * The facts of an object that the file system does not know: its id, and whether it is a notebook.
 */
type Index = {
  readonly root: string;
  readonly objectAt: (plain: string) => WorkspaceObject | undefined;
  readonly remember: (plain: string, language?: Language) => Remembered;
  readonly forget: (plain: string) => void;
};

function createIndex(store: Store, root: string, clock: Clock): Index {
  const remembered = store.collection<Remembered>("workspace-objects");
  const remember = (plain: string, language?: Language): Remembered => {
    const known = remembered.get(plain);
    if (known !== undefined && (language === undefined || known.language === language))
      return known;
    const fresh: Remembered = {
      objectId: known?.objectId ?? store.next("workspace-object-id", 1_000_001),
      createdAt: known?.createdAt ?? clock.nowMs(),
      ...(language !== undefined && { language }),
    };
    remembered.put(plain, fresh);
    return fresh;
  };
  return {
    root,
    remember,
    objectAt: (plain) => {
      const realPath = join(root, plain);
      const stats = statsOf(realPath);
      if (stats === undefined) return undefined;
      const { objectId, createdAt, language } = remember(plain);
      const isDirectory = stats.isDirectory();
      return {
        path: `/Workspace${plain === "/" ? "" : plain}`,
        objectType: isDirectory ? "DIRECTORY" : language === undefined ? "FILE" : "NOTEBOOK",
        objectId,
        createdAt,
        modifiedAt: Math.round(stats.mtimeMs),
        size: isDirectory ? 0 : stats.size,
        realPath,
        ...(language !== undefined && { language }),
      };
    },
    forget: (plain) => {
      for (const [key] of [...remembered.entries()])
        if (key === plain || key.startsWith(`${plain}/`)) remembered.delete(key);
    },
  };
}

/**
 * Administrators go everywhere; others into their own home and `/Shared`. @throws ApiError 400, 403
 */
function allowedPath(principals: Principals, principal: Principal, path: string): string {
  principals.requireEntitled(principal);
  const plain = plainPath(path);
  const home = `/Users/${principal.id}`;
  const inside = [home, "/Shared"].some((top) => plain === top || plain.startsWith(`${top}/`));
  const onTheWay = plain === "/" || plain === "/Users";
  if (principal.admin || inside || onTheWay) return plain;
  throw new ApiError(
    403,
    "PERMISSION_DENIED",
    `${principal.id} does not have View permissions on ${path}. Please contact the owner or an administrator for access.`,
  );
}

function write(
  { root, objectAt, remember }: Index,
  path: string,
  given: string,
  bytes: Buffer,
  { overwrite, notebook }: WriteOptions,
): void {
  const { plain, language, source = bytes } = placed(given, bytes, notebook);
  requireParent(root, plain);
  const before = objectAt(plain);
  const kind = language === undefined ? "FILE" : "NOTEBOOK";
  if (before !== undefined && before.objectType !== kind) throw typeMismatch(path);
  if (before !== undefined && !overwrite) throw alreadyExists(path, kind);
  writeFileSync(join(root, plain), source);
  remember(plain, language);
}

function makeDirectories(realPath: string, path: string): void {
  try {
    mkdirSync(realPath, { recursive: true });
  } catch (error) {
    throw inTheWay(path, error);
  }
}

/** Without the prefix `/Workspace`, without doubled slashes. @throws ApiError 400 */
function plainPath(path: string): string {
  const segments = path.split("/").filter((segment) => segment !== "");
  if (!path.startsWith("/") || path.includes("\0"))
    throw invalid(`Path (${path}) doesn't start with '/'`);
  if (segments.some((segment) => segment === ".." || segment === "."))
    throw invalid(`Path (${path}) has a segment '.' or '..'; write it without.`);
  const inside = segments[0] === "Workspace" ? segments.slice(1) : segments;
  return `/${inside.join("/")}`;
}

function requireParent(root: string, plain: string): void {
  const parent = dirname(plain);
  if (statsOf(join(root, parent))?.isDirectory() !== true)
    throw new ApiError(
      404,
      "RESOURCE_DOES_NOT_EXIST",
      `The parent folder (${parent}) does not exist.`,
    );
}

const languages = { py: "PYTHON", sql: "SQL", scala: "SCALA", r: "R" } as const;
const headers = { PYTHON: "#", SQL: "--", SCALA: "//", R: "#" } as const satisfies Record<
  Language,
  string
>;

/**
 * A source file whose first line is the header of a notebook becomes one, as each .ipynb does, and
 * loses its extension.
 */
function placed(
  plain: string,
  bytes: Buffer,
  notebook: WriteOptions["notebook"],
): { readonly plain: string; readonly language?: Language; readonly source?: Buffer } {
  if (notebook === undefined) return { plain };
  if (notebook === "jupyter" || (notebook === "auto" && /\.ipynb$/i.test(plain))) {
    const { language, source } = sourceOfJupyter(bytes);
    return { plain: plain.replace(/\.ipynb$/i, ""), language, source: Buffer.from(source) };
  }
  if (notebook !== "auto") return { plain, language: notebook };
  const match = /^(.*)\.(py|sql|scala|r)$/i.exec(plain);
  const [, stem = "", extension = ""] = match ?? [];
  const language = Object.entries(languages).find(([key]) => key === extension.toLowerCase())?.[1];
  if (language === undefined) return { plain };
  const firstLine = bytes.subarray(0, 200).toString("utf8").split("\n", 1)[0] ?? "";
  const isNotebook = firstLine.trimEnd() === `${headers[language]} Databricks notebook source`;
  return isNotebook ? { plain: stem, language } : { plain };
}

function statsOf(realPath: string): Stats | undefined {
  try {
    return statSync(realPath);
  } catch {
    return undefined; // missing, or below a file
  }
}

const invalid = (message: string) => new ApiError(400, "INVALID_PARAMETER_VALUE", message);

const doesNotExist = (path: string) =>
  new ApiError(404, "RESOURCE_DOES_NOT_EXIST", `Path (${path}) doesn't exist.`);

// A file gives 409 and a notebook 400, as the CLI's client for workspace files expects of the
// platform.
const alreadyExists = (path: string, type: "FILE" | "NOTEBOOK") =>
  new ApiError(
    type === "FILE" ? 409 : 400,
    "RESOURCE_ALREADY_EXISTS",
    `Path (${path}) already exists.`,
  );

const inTheWay = (path: string, cause: unknown) =>
  new ApiError(
    400,
    "RESOURCE_ALREADY_EXISTS",
    `A file or notebook is in the way of the directory '${path}'.`,
    { cause },
  );

const typeMismatch = (path: string) =>
  new ApiError(
    400,
    "INVALID_PARAMETER_VALUE",
    `Cannot overwrite the asset at ${path} due to type mismatch (directory, file and notebook do not replace each other).`,
  );
