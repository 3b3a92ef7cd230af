// `/api/2.0/workspace/…` and `/api/2.0/workspace-files/…`: what the CLI's bundle deployment and the
// SDK's upload need.
import * as z from "zod";
import type { WorkspaceContext, WorkspaceObject } from "../context.ts";
import { parseQuery } from "../http/json.ts";
import { ApiError, type ApiReply, type ApiRequest, type Route } from "../route.ts";
import { jupyterOfSource } from "../state/jupyter.ts";
import type { WorkspaceTree, WriteOptions } from "../state/workspace-files.ts";

const MIB = 1024 ** 2;

export function workspaceObjectRoutes(_context: WorkspaceContext, tree: WorkspaceTree): Route[] {
  const base = "/api/2.0/workspace";
  return [
    {
      method: "GET",
      path: `${base}/get-status`,
      handle: async ({ query, principal }) => {
        const { path } = parseQuery(query, AtPath);
        return { status: 200, body: infoOf(tree.require(path, principal), path) };
      },
    },
    {
      method: "GET",
      path: `${base}/list`,
      handle: async ({ query, principal }) => {
        const { path } = parseQuery(query, AtPath);
        const objects = tree.children(path, principal).map((child) => infoOf(child, path));
        return { status: 200, body: { ...(objects.length > 0 && { objects }) } };
      },
    },
    {
      method: "POST",
      path: `${base}/mkdirs`,
      handle: async (request) => {
        tree.mkdirs((await request.json(AtPath)).path, request.principal);
        return { status: 200, body: {} };
      },
    },
    {
      method: "POST",
      path: `${base}/delete`,
      handle: async (request) => {
        const { path, recursive } = await request.json(Delete);
        tree.remove(path, request.principal, recursive);
        return { status: 200, body: {} };
      },
    },
    {
      method: "GET",
      path: `${base}/export`,
      perSecondMax: 60,
      handle: async (request) => exported(tree, request),
    },
    {
      method: "POST",
      path: `${base}/import`,
      bytesMax: 15 * MIB, // 10 MiB of content in base64
      perSecondMax: 30,
      handle: (request) => imported(tree, request),
    },
    {
      method: "POST",
      path: `${base}-files/import-file*path`,
      encodedSlashes: true,
      bytesMax: 200 * MIB,
      handle: (request) => importedFile(tree, request),
    },
    {
      method: "GET",
      path: `${base}-files*path`,
      encodedSlashes: true,
      handle: async ({ params, principal }) => ({
        status: 200,
        headers: { "content-type": "application/octet-stream" },
        body: tree.read(params["path"] ?? "", principal),
      }),
    },
  ];
}

const AtPath = z.object({ path: z.string() });
const Delete = AtPath.extend({ recursive: z.boolean().default(false) });
const Format = z.enum(["AUTO", "SOURCE", "RAW", "HTML", "JUPYTER", "DBC", "R_MARKDOWN"]);
const ImportBody = AtPath.extend({
  content: z.base64("content must be base64").default(""),
  format: Format.default("SOURCE"),
  language: z.enum(["PYTHON", "SQL", "SCALA", "R"]).optional(),
  overwrite: z.stringbool().or(z.boolean()).default(false),
});
const ExportQuery = AtPath.extend({
  format: Format.default("SOURCE"),
  direct_download: z.enum(["true", "false"]).default("false"),
});

/** With the path spelled as it was asked for: with `/Workspace` or without. */
function infoOf(object: WorkspaceObject, asked: string) {
  const prefixed = asked.startsWith("/Workspace/") || asked === "/Workspace";
  const path = prefixed ? object.path : object.path.slice("/Workspace".length) || "/";
  return {
    object_type: object.objectType,
    path,
    object_id: object.objectId,
    resource_id: String(object.objectId),
    created_at: object.createdAt,
    modified_at: object.modifiedAt,
    ...(object.language !== undefined && { language: object.language }),
    ...(object.objectType === "FILE" && { size: object.size }),
  };
}

function exported(tree: WorkspaceTree, { query, principal }: ApiRequest): ApiReply {
  const { path, format, direct_download } = parseQuery(query, ExportQuery);
  const object = tree.require(path, principal);
  const stored = tree.read(path, principal);
  const { language } = object;
  const jupyter = format === "JUPYTER" && language !== undefined;
  if (!jupyter && format !== "SOURCE" && format !== "AUTO" && format !== "RAW")
    throw onlySource(format);
  const content = jupyter ? Buffer.from(jupyterOfSource(stored.toString(), language)) : stored;
  if (direct_download === "true")
    return {
      status: 200,
      headers: { "content-type": "application/octet-stream" },
      body: content,
    };
  const extension = { PYTHON: "py", SQL: "sql", SCALA: "scala", R: "r" };
  return {
    status: 200,
    body: {
      content: content.toString("base64"),
      ...(language !== undefined && { file_type: jupyter ? "ipynb" : extension[language] }),
    },
  };
}

async function imported(tree: WorkspaceTree, request: ApiRequest): Promise<ApiReply> {
  const isForm = request.headers["content-type"]?.startsWith("multipart/form-data") === true;
  const { input, content } = isForm ? await fromForm(request) : await fromJson(request);
  tree.write(input.path, request.principal, content, {
    overwrite: input.overwrite,
    ...notebookOf(input),
  });
  return { status: 200, body: {} };
}

type Input = z.infer<typeof ImportBody>;

async function fromJson(request: ApiRequest): Promise<{ input: Input; content: Buffer }> {
  const input = await request.json(ImportBody);
  return { input, content: Buffer.from(input.content, "base64") };
}

/** The Python SDK's `workspace.upload` sends a form, with the content as it is. */
async function fromForm(request: ApiRequest): Promise<{ input: Input; content: Buffer }> {
  const headers = { "content-type": request.headers["content-type"] ?? "" };
  const form = await new Response(new Uint8Array(await request.body()), { headers })
    .formData()
    .catch((error) => {
      throw new ApiError(400, "MALFORMED_REQUEST", "The form could not be parsed.", {
        cause: error,
      });
    });
  const file = form.get("content");
  const fields = [...form].filter(([name, value]) => name !== "content" && value !== "");
  const texts = Object.fromEntries(fields.map(([name, value]) => [name, String(value)]));
  const input = parseQuery(new URLSearchParams(texts), ImportBody);
  const content =
    file instanceof Blob ? Buffer.from(await file.arrayBuffer()) : Buffer.from(file ?? "");
  return { input, content };
}

function notebookOf({ format, language, path }: Input): Pick<WriteOptions, "notebook"> {
  switch (format) {
    case "AUTO":
      return { notebook: "auto" };
    case "RAW":
      return {};
    case "SOURCE":
      if (language !== undefined) return { notebook: language };
      if (/\.(py|sql|scala|r)$/i.test(path)) return { notebook: "auto" };
      throw new ApiError(
        400,
        "INVALID_PARAMETER_VALUE",
        "language is needed to import a notebook in the format SOURCE; for a file use AUTO or RAW.",
      );
    case "JUPYTER":
      return { notebook: "jupyter" };
    case "HTML":
    case "DBC":
    case "R_MARKDOWN":
      throw onlySource(format);
  }
}

async function importedFile(tree: WorkspaceTree, request: ApiRequest): Promise<ApiReply> {
  const path = request.params["path"] ?? "";
  tree.write(path, request.principal, await request.body(), {
    overwrite: request.query.get("overwrite") === "true",
    notebook: "auto",
  });
  return { status: 200, body: {} };
}

const onlySource = (format: string) =>
  new ApiError(
    501,
    "NOT_IMPLEMENTED",
    `The embedded workspace has no notebooks in the format ${format}; it has source notebooks (a .py file whose first line is '# Databricks notebook source') and JUPYTER.`,
  );
