// `/api/2.1/unity-catalog/…`: catalogs, schemas and volumes. Names go to lower case; permission comes before existence.
import * as z from "zod";
import { missing } from "../catalog/catalogs.ts";
import type { CatalogInfo, SchemaInfo, WorkspaceContext } from "../context.ts";
import { parseQuery } from "../http/json.ts";
import type { ApiRequest, Route } from "../route.ts";
import { permissionRoutes } from "./unity-permissions.ts";
import {
  answer,
  BASE,
  Create,
  change,
  common,
  forced,
  InCatalog,
  lower,
  METASTORE_ID,
  page,
  split,
} from "./unity-shapes.ts";
import { volumeRoutes } from "./unity-volumes.ts";

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

const CreateSchema = Create.extend({ catalog_name: z.string() });

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
