// `/api/2.1/unity-catalog/…`: catalogs, schemas and volumes. Names go to lower case; permission comes before existence.
import * as z from "zod";
import { missing } from "../catalog/catalogs.ts";
import type {
  CatalogInfo,
  SchemaInfo,
  Securable,
  VolumeInfo,
  WorkspaceContext,
} from "../context.ts";
import { parseQuery } from "../http/json.ts";
import { ApiError, type ApiRequest, type Principal, type Route } from "../route.ts";
import { permissionRoutes } from "./unity-permissions.ts";

const BASE = "/api/2.1/unity-catalog";

export function unityCatalogRoutes(context: WorkspaceContext): Route[] {
  return [
    ...catalogRoutes(context),
    ...schemaRoutes(context),
    ...volumeRoutes(context),
    ...permissionRoutes(context, BASE),
    {
      method: "GET",
      path: `${BASE}/current-metastore-assignment`,
      handle: async () => ({
        status: 200,
        body: {
          metastore_id: METASTORE_ID,
          workspace_id: BigInt(context.workspaceId),
          default_catalog_name: "main",
        },
      }),
    },
  ];
}

const METASTORE_ID = "0c6d2f0e-52a4-4b8e-8f3a-6e9d1b7c4a25";

const answer =
  (handle: (request: ApiRequest) => unknown): Route["handle"] =>
  async (request) => ({ status: 200, body: (await handle(request)) ?? {} });

function catalogRoutes({ catalogs, grants, principals }: WorkspaceContext): Route[] {
  const path = `${BASE}/catalogs`;
  const get = ({ params, principal }: ApiRequest) => {
    const name = lower(params["name"]);
    grants.require(principal, "USE CATALOG", { type: "catalog", name });
    const found = catalogs.catalog(name);
    if (found === undefined) throw missing("Catalog", name);
    return catalogBody(found);
  };
  return [
    {
      method: "GET",
      path,
      handle: answer(({ query, principal }) => {
        const visible = catalogs
          .catalogs()
          .filter(({ name }) => grants.may(principal, "USE CATALOG", { type: "catalog", name }));
        return page("catalogs", visible.map(catalogBody), query);
      }),
    },
    {
      method: "POST",
      path,
      handle: answer(async (request) => {
        const { name, comment } = await request.json(Create);
        return catalogBody(catalogs.createCatalog(request.principal, name, comment));
      }),
    },
    { method: "GET", path: `${path}/:name`, handle: answer(get) },
    {
      method: "PATCH",
      path: `${path}/:name`,
      handle: answer(async (request) => {
        const name = lower(request.params["name"]);
        catalogs.update(
          request.principal,
          { type: "catalog", name },
          await change(request, principals),
        );
        return get(request);
      }),
    },
    {
      method: "DELETE",
      path: `${path}/:name`,
      handle: answer(({ params, query, principal }) =>
        catalogs.dropCatalog(principal, params["name"] ?? "", forced(query)),
      ),
    },
  ];
}

function schemaRoutes({ catalogs, grants, principals }: WorkspaceContext): Route[] {
  const path = `${BASE}/schemas`;
  const named = ({ params }: ApiRequest) => split(params["name"], 2, "catalog.schema");
  const get = (request: ApiRequest) => {
    const [catalog = "", schema = ""] = named(request);
    const name = `${catalog}.${schema}`;
    grants.require(request.principal, "USE SCHEMA", { type: "schema", name });
    const found = catalogs.schema(catalog, schema);
    if (found === undefined) throw missing("Schema", name);
    return schemaBody(found);
  };
  return [
    {
      method: "GET",
      path,
      handle: answer(({ query, principal }) => {
        const catalog = lower(parseQuery(query, InCatalog).catalog_name);
        grants.require(principal, "USE CATALOG", { type: "catalog", name: catalog });
        if (catalogs.catalog(catalog) === undefined) throw missing("Catalog", catalog);
        const visible = catalogs
          .schemas(catalog)
          .filter(({ name }) =>
            grants.may(principal, "USE SCHEMA", { type: "schema", name: `${catalog}.${name}` }),
          );
        return page("schemas", visible.map(schemaBody), query);
      }),
    },
    {
      method: "POST",
      path,
      handle: answer(async (request) => {
        const { catalog_name, name, comment } = await request.json(CreateSchema);
        const { principal } = request;
        return schemaBody(catalogs.createSchema(principal, catalog_name, name, comment));
      }),
    },
    { method: "GET", path: `${path}/:name`, handle: answer(get) },
    {
      method: "PATCH",
      path: `${path}/:name`,
      handle: answer(async (request) => {
        const securable = { type: "schema", name: named(request).join(".") } as const;
        catalogs.update(request.principal, securable, await change(request, principals));
        return get(request);
      }),
    },
    {
      method: "DELETE",
      path: `${path}/:name`,
      handle: answer((request) => {
        const [catalog = "", schema = ""] = named(request);
        catalogs.dropSchema(request.principal, catalog, schema, forced(request.query));
      }),
    },
  ];
}

function volumeRoutes({ catalogs, grants, principals }: WorkspaceContext): Route[] {
  const path = `${BASE}/volumes`;
  const named = ({ params }: ApiRequest) => split(params["name"], 3, "catalog.schema.volume");
  const sees = (principal: Principal, securable: Securable) =>
    grants.may(principal, "WRITE VOLUME", securable) ||
    grants.may(principal, "READ VOLUME", securable);
  const get = (request: ApiRequest) => {
    const [catalog = "", schema = "", volume = ""] = named(request);
    const securable = { type: "volume", name: `${catalog}.${schema}.${volume}` } as const;
    if (!sees(request.principal, securable))
      grants.require(request.principal, "READ VOLUME", securable);
    const found = catalogs.volume(catalog, schema, volume);
    if (found === undefined) throw missing("Volume", securable.name);
    return volumeBody(found);
  };
  return [
    {
      method: "GET",
      path,
      handle: answer(({ query, principal }) => {
        const given = parseQuery(query, InSchema);
        const [catalog, schema] = [lower(given.catalog_name), lower(given.schema_name)];
        const name = `${catalog}.${schema}`;
        grants.require(principal, "USE SCHEMA", { type: "schema", name });
        if (catalogs.schema(catalog, schema) === undefined) throw missing("Schema", name);
        const visible = catalogs
          .volumes(catalog, schema)
          .filter((held) => sees(principal, { type: "volume", name: `${name}.${held.name}` }));
        return page("volumes", visible.map(volumeBody), query);
      }),
    },
    {
      method: "POST",
      path,
      handle: answer(async (request) => {
        const given = await request.json(CreateVolume);
        const { catalog_name, schema_name, name, comment } = given;
        if (given.volume_type === "EXTERNAL") throw externalVolume();
        if (given.storage_location !== undefined)
          throw invalid("CreateVolume storage_location can not be provided.");
        const { principal } = request;
        return volumeBody(
          catalogs.createVolume(principal, catalog_name, schema_name, name, comment),
        );
      }),
    },
    { method: "GET", path: `${path}/:name`, handle: answer(get) },
    {
      method: "PATCH",
      path: `${path}/:name`,
      handle: answer(async (request) => {
        const securable = { type: "volume", name: named(request).join(".") } as const;
        catalogs.update(request.principal, securable, await change(request, principals));
        return get(request);
      }),
    },
    {
      method: "DELETE",
      path: `${path}/:name`,
      handle: answer((request) => {
        const [catalog = "", schema = "", volume = ""] = named(request);
        catalogs.dropVolume(request.principal, catalog, schema, volume);
      }),
    },
  ];
}

const Create = z.object({ name: z.string(), comment: z.string().optional() });
const CreateSchema = Create.extend({ catalog_name: z.string() });
const CreateVolume = CreateSchema.extend({
  schema_name: z.string(),
  volume_type: z.enum(["MANAGED", "EXTERNAL"]).default("MANAGED"),
  storage_location: z.string().optional(),
});
const InCatalog = z.object({ catalog_name: z.string() });
const InSchema = InCatalog.extend({ schema_name: z.string() });
const Change = z.object({
  comment: z.string().optional(),
  owner: z.string().optional(),
  new_name: z.string().optional(),
});

async function change(request: ApiRequest, principals: WorkspaceContext["principals"]) {
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
function page(key: string, all: readonly unknown[], query: URLSearchParams) {
  const { max_results, page_token } = parseQuery(query, Page);
  const start = Number(page_token);
  const end = max_results === 0 ? all.length : start + max_results;
  const shown = all.slice(start, end);
  return {
    ...(shown.length > 0 && { [key]: shown }),
    ...(end < all.length && { next_page_token: String(end) }),
  };
}

const common = (info: CatalogInfo) => ({
  name: info.name,
  owner: info.owner,
  created_at: info.createdAt,
  created_by: info.owner,
  updated_at: info.updatedAt,
  updated_by: info.owner,
  metastore_id: METASTORE_ID,
  ...(info.comment !== undefined && { comment: info.comment }),
});

const catalogBody = (info: CatalogInfo) => ({
  ...common(info),
  full_name: info.name,
  catalog_type: "MANAGED_CATALOG",
  isolation_mode: "OPEN",
  securable_type: "CATALOG",
});

const schemaBody = (info: SchemaInfo) => ({
  ...common(info),
  catalog_name: info.catalog,
  full_name: `${info.catalog}.${info.name}`,
  catalog_type: "MANAGED_CATALOG",
  securable_type: "SCHEMA",
});

const volumeBody = (info: VolumeInfo) => ({
  ...common(info),
  catalog_name: info.catalog,
  schema_name: info.schema,
  full_name: `${info.catalog}.${info.schema}.${info.name}`,
  volume_id: info.volumeId,
  volume_type: "MANAGED",
  storage_location: `s3://embedded-workspace/volumes/${info.volumeId}`,
  securable_type: "VOLUME",
});

function split(name: string | undefined, parts: number, form: string): string[] {
  const given = lower(name).split(".");
  if (given.length !== parts || given.includes(""))
    throw invalid(`'${name}' is not a full name of the form ${form}.`);
  return given;
}

const lower = (text: string | undefined) => (text ?? "").toLowerCase();
const forced = (query: URLSearchParams) => query.get("force") === "true";
const invalid = (message: string) => new ApiError(400, "INVALID_PARAMETER_VALUE", message);

const externalVolume = () =>
  new ApiError(
    501,
    "NOT_IMPLEMENTED",
    "The embedded workspace has managed volumes only: it has no external locations.",
  );
