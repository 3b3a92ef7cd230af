// The common shapes of Unity Catalog's REST: pages, names, changes, and what an object looks
// like.
import * as z from "zod";
import type { CatalogInfo, WorkspaceContext } from "../context.ts";
import { parseQuery } from "../http/json.ts";
import { ApiError, type ApiRequest, type Route } from "../route.ts";

export const BASE = "/api/2.1/unity-catalog";
export const METASTORE_ID = "0c6d2f0e-52a4-4b8e-8f3a-6e9d1b7c4a25";

/** 200 with what the handler returns, or with `{}`. */
export const answer =
  (handle: (request: ApiRequest) => unknown): Route["handle"] =>
  async (request) => ({ status: 200, body: (await handle(request)) ?? {} });

export const Create = z.object({ name: z.string(), comment: z.string().optional() });
export const InCatalog = z.object({ catalog_name: z.string() });

const Change = z.object({
  comment: z.string().optional(),
  owner: z.string().optional(),
  new_name: z.string().optional(),
});

/** The body of a PATCH. @throws ApiError 404 for an owner who is not there, 501 for a new name */
export async function change(request: ApiRequest, principals: WorkspaceContext["principals"]) {
  const { comment, owner, new_name } = await request.json(Change);
  if (new_name !== undefined)
    throw new ApiError(
      501,
      "NOT_IMPLEMENTED",
      "The embedded workspace cannot rename: drop it and create it under the new name.",
    );
  const person = owner === undefined ? undefined : principals.byName(owner);
  if (owner !== undefined && person === undefined)
    throw new ApiError(
      404,
      "PRINCIPAL_DOES_NOT_EXIST",
      `Could not find principal with name ${owner}.`,
    );
  return {
    ...(comment !== undefined && { comment }),
    ...(person !== undefined && { owner: person }),
  };
}

const Page = z.object({
  max_results: z.coerce.number().int().min(0).max(1000).default(0),
  page_token: z.string().regex(/^\d+$/, "not a token of this workspace").default("0"),
});

/** With `max_results`, pages; the key is absent when there is nothing. */
export function page(key: string, all: readonly unknown[], query: URLSearchParams) {
  const { max_results, page_token } = parseQuery(query, Page);
  const start = Number(page_token);
  const end = max_results === 0 ? all.length : start + max_results;
  const shown = all.slice(start, end);
  return {
    ...(shown.length > 0 && { [key]: shown }),
    ...(end < all.length && { next_page_token: String(end) }),
  };
}

/** The fields that every object has. */
export const common = (info: CatalogInfo) => ({
  name: info.name,
  owner: info.owner,
  created_at: info.createdAt,
  created_by: info.owner,
  updated_at: info.updatedAt,
  updated_by: info.owner,
  metastore_id: METASTORE_ID,
  ...(info.comment !== undefined && { comment: info.comment }),
});

/** The parts of a full name, in lower case. @throws ApiError 400 */
export function split(name: string | undefined, parts: number, form: string): string[] {
  const given = lower(name).split(".");
  if (given.length !== parts || given.includes(""))
    throw invalid(`'${name}' is not a full name of the form ${form}.`);
  return given;
}

export const lower = (text: string | undefined) => (text ?? "").toLowerCase();
export const forced = (query: URLSearchParams) => query.get("force") === "true";
export const invalid = (message: string) => new ApiError(400, "INVALID_PARAMETER_VALUE", message);
