// `/api/2.1/unity-catalog/volumes`: managed volumes.
import * as z from "zod";
import { missing } from "../catalog/catalogs.ts";
import type { Securable, VolumeInfo, WorkspaceContext } from "../context.ts";
import { parseQuery } from "../http/json.ts";
import { ApiError, type ApiRequest, type Principal, type Route } from "../route.ts";
import {
  answer,
  BASE,
  Create,
  change,
  common,
  InCatalog,
  invalid,
  lower,
  page,
  split,
} from "./unity-shapes.ts";

export function volumeRoutes({ catalogs, grants, principals }: WorkspaceContext): Route[] {
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

const InSchema = InCatalog.extend({ schema_name: z.string() });
const CreateVolume = Create.extend({
  catalog_name: z.string(),
  schema_name: z.string(),
  volume_type: z.enum(["MANAGED", "EXTERNAL"]).default("MANAGED"),
  storage_location: z.string().optional(),
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

const externalVolume = () =>
  new ApiError(
    501,
    "NOT_IMPLEMENTED",
    "The embedded workspace has managed volumes only: it has no external locations.",
  );
