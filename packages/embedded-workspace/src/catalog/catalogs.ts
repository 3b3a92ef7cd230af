// Catalogs, schemas and volumes: their names, who owns them, and the folders that volumes are.
import { randomUUID } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { CatalogInfo, Catalogs, Grants, SchemaInfo, VolumeInfo } from "../context.ts";
import { ApiError, type Principal } from "../route.ts";
import type { Collection, Store } from "../store.ts";

export type CatalogOptions = {
  readonly store: Store;
  readonly grants: Grants;
  /** The folder that looks like `/Volumes`. */
  readonly root: string;
  readonly nowMs: () => number;
};

export function createCatalogs(options: CatalogOptions): Catalogs {
  const { store } = options;
  const kept: Kept = {
    ...options,
    catalogs: store.collection("catalogs"),
    schemas: store.collection("schemas"),
    volumes: store.collection("volumes"),
    dropped: [],
  };
  return {
    ...catalogPart(kept),
    ...schemaPart(kept),
    ...volumePart(kept),
    update: updater(kept),
    onSchemaDropped: (listener) => void kept.dropped.push(listener),
  };
}

type Kept = CatalogOptions & {
  readonly catalogs: Collection<CatalogInfo>;
  readonly schemas: Collection<SchemaInfo>;
  readonly volumes: Collection<VolumeInfo>;
  readonly dropped: ((catalog: string, schema: string) => void)[];
};

type CatalogPart = Pick<Catalogs, "catalogs" | "catalog" | "createCatalog" | "dropCatalog">;

function catalogPart(kept: Kept): CatalogPart {
  const { catalogs, grants } = kept;
  return {
    catalogs: () => valuesOf(catalogs),
    catalog: (name) => catalogs.get(name.toLowerCase()),
    createCatalog: (principal, given, comment) => {
      const name = validName(given);
      if (!principal.admin)
        throw denied("User does not have CREATE CATALOG on Metastore 'embedded'.");
      if (catalogs.get(name) !== undefined) throw existing("Catalog", name);
      const catalog = infoOf(kept, principal, name, comment);
      catalogs.put(name, catalog);
      grants.setOwner({ type: "catalog", name }, principal);
      return catalog;
    },
    dropCatalog: (principal, given, force) => {
      const name = given.toLowerCase();
      requireManage(grants, principal, "Catalog", name);
      if (catalogs.get(name) === undefined) throw missing("Catalog", name);
      const schemas = schemasOf(kept, name);
      if (!force) requireEmpty("catalog", name, schemas);
      for (const schema of schemas) removeSchema(kept, schema);
      catalogs.delete(name);
      grants.forget({ type: "catalog", name });
    },
  };
}

type SchemaPart = Pick<Catalogs, "schemas" | "schema" | "createSchema" | "dropSchema">;

function schemaPart(kept: Kept): SchemaPart {
  const { schemas, grants } = kept;
  return {
    schemas: (catalog) => schemasOf(kept, catalog.toLowerCase()),
    schema: (catalog, name) => schemas.get(`${catalog}.${name}`.toLowerCase()),
    createSchema: (principal, givenCatalog, given, comment) => {
      const catalog = givenCatalog.toLowerCase();
      const name = validName(given);
      grants.require(principal, "CREATE SCHEMA", { type: "catalog", name: catalog });
      grants.require(principal, "USE CATALOG", { type: "catalog", name: catalog });
      if (kept.catalogs.get(catalog) === undefined) throw missing("Catalog", catalog);
      const fullName = `${catalog}.${name}`;
      if (schemas.get(fullName) !== undefined) throw existing("Schema", fullName);
      const schema = { ...infoOf(kept, principal, name, comment), catalog };
      schemas.put(fullName, schema);
      grants.setOwner({ type: "schema", name: fullName }, principal);
      return schema;
    },
    dropSchema: (principal, givenCatalog, given, force) => {
      const [catalog, name] = [givenCatalog.toLowerCase(), given.toLowerCase()];
      const fullName = `${catalog}.${name}`;
      requireManage(grants, principal, "Schema", fullName);
      const schema = schemas.get(fullName);
      if (schema === undefined) throw missing("Schema", fullName);
      if (!force) requireEmpty("schema", fullName, grants.ownedBelow(fullName));
      removeSchema(kept, schema);
    },
  };
}

type VolumePart = Pick<Catalogs, "volumes" | "volume" | "createVolume" | "dropVolume">;

function volumePart(kept: Kept): VolumePart {
  const { volumes, grants, root } = kept;
  return {
    volumes: (catalog, schema) => volumesOf(kept, catalog.toLowerCase(), schema.toLowerCase()),
    volume: (catalog, schema, name) => volumes.get(`${catalog}.${schema}.${name}`.toLowerCase()),
    createVolume: (principal, givenCatalog, givenSchema, given, comment) => {
      const [catalog, schema] = [givenCatalog.toLowerCase(), givenSchema.toLowerCase()];
      const name = validName(given);
      const within = { type: "schema", name: `${catalog}.${schema}` } as const;
      grants.require(principal, "CREATE VOLUME", within);
      grants.require(principal, "USE SCHEMA", within);
      if (kept.catalogs.get(catalog) === undefined) throw missing("Catalog", catalog);
      if (kept.schemas.get(within.name) === undefined) throw missing("Schema", within.name);
      const fullName = `${within.name}.${name}`;
      if (volumes.get(fullName) !== undefined) throw existing("Volume", fullName);
      const named = infoOf(kept, principal, name, comment);
      const volume = { ...named, catalog, schema, volumeId: randomUUID() };
      // The folder first: a volume without its folder would outlive a kill between the two.
      mkdirSync(join(root, catalog, schema, name), { recursive: true });
      volumes.put(fullName, volume);
      grants.setOwner({ type: "volume", name: fullName }, principal);
      return volume;
    },
    dropVolume: (principal, catalog, schema, given) => {
      const fullName = `${catalog}.${schema}.${given}`.toLowerCase();
      requireManage(grants, principal, "Volume", fullName);
      const volume = volumes.get(fullName);
      if (volume === undefined) throw missing("Volume", fullName);
      removeVolume(kept, volume);
    },
  };
}

function updater(kept: Kept): Catalogs["update"] {
  const { grants, nowMs } = kept;
  return (principal, { type, name }, { comment, owner }) => {
    if (type !== "catalog" && type !== "schema" && type !== "volume")
      throw new Error(`a ${type} is not kept here`);
    const alter = <T>(collection: Collection<T>, kind: Kind) => {
      requireManage(grants, principal, kind, name);
      const found = collection.get(name);
      if (found === undefined) throw missing(kind, name);
      collection.put(name, {
        ...found,
        updatedAt: nowMs(),
        ...(comment !== undefined && { comment }),
        ...(owner !== undefined && { owner: owner.id }),
      });
    };
    if (type === "catalog") alter(kept.catalogs, "Catalog");
    else if (type === "schema") alter(kept.schemas, "Schema");
    else alter(kept.volumes, "Volume");
    if (owner !== undefined) grants.setOwner({ type, name }, owner);
  };
}

const infoOf = ({ nowMs }: Kept, owner: Principal, name: string, comment?: string) => ({
  name,
  owner: owner.id,
  createdAt: nowMs(),
  updatedAt: nowMs(),
  ...(comment !== undefined && { comment }),
});

const schemasOf = ({ schemas }: Kept, catalog: string) =>
  valuesOf(schemas).filter((schema) => schema.catalog === catalog);

const volumesOf = ({ volumes }: Kept, catalog: string, schema: string) =>
  valuesOf(volumes).filter((volume) => volume.catalog === catalog && volume.schema === schema);

const valuesOf = <T>(collection: Collection<T>): T[] =>
  [...collection.entries()].map(([, value]) => value);

function removeVolume({ volumes, grants, root }: Kept, { catalog, schema, name }: VolumeInfo) {
  const fullName = `${catalog}.${schema}.${name}`;
  volumes.delete(fullName);
  grants.forget({ type: "volume", name: fullName });
  rmSync(join(root, catalog, schema, name), { recursive: true, force: true });
}

function removeSchema(kept: Kept, { catalog, name }: SchemaInfo): void {
  for (const volume of volumesOf(kept, catalog, name)) removeVolume(kept, volume);
  for (const listener of kept.dropped) listener(catalog, name);
  kept.schemas.delete(`${catalog}.${name}`);
  kept.grants.forget({ type: "schema", name: `${catalog}.${name}` });
  rmSync(join(kept.root, catalog, name), { recursive: true, force: true });
}

/** Unity Catalog stores names in lower case and forbids `.`, space, `/` and control characters. */
function validName(given: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  if (given === "" || given.length > 255 || /[. /\u0000-\u001f\u007f]/.test(given))
    throw new ApiError(
      400,
      "INVALID_PARAMETER_VALUE",
      `name "${given}" is not a valid name. Valid names cannot contain spaces, periods, forward slashes, or control characters.`,
    );
  return given.toLowerCase();
}

function requireManage(grants: Grants, principal: Principal, kind: Kind, name: string): void {
  const type = kinds[kind];
  if (!grants.mayManage(principal, { type, name }))
    throw denied(`User does not have MANAGE on ${kind} '${name}'.`);
}

function requireEmpty(what: string, name: string, children: readonly unknown[]): void {
  if (children.length > 0)
    throw new ApiError(
      400,
      "INVALID_STATE",
      `Cannot delete ${what} '${name}' because it is not empty; delete what it contains, or force it.`,
    );
}

const kinds = { Catalog: "catalog", Schema: "schema", Volume: "volume" } as const;
type Kind = keyof typeof kinds;

export const missing = (kind: Kind, name: string) =>
  new ApiError(404, `${kind.toUpperCase()}_DOES_NOT_EXIST`, `${kind} '${name}' does not exist.`);

// HTTP 400, not 409: databrickslabs/ucx#1939 catches BadRequest for it.
const existing = (kind: Kind, name: string) =>
  new ApiError(400, `${kind.toUpperCase()}_ALREADY_EXISTS`, `${kind} '${name}' already exists`);

const denied = (message: string) => new ApiError(403, "PERMISSION_DENIED", message);
