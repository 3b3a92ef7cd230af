// From `/Volumes/main/default/files/a/b` to a file of this machine, and never to one outside its volume.
import { lstatSync, mkdirSync, realpathSync, type Stats } from "node:fs";
import { dirname, join, sep } from "node:path";
import type { Catalogs, Grants, ResolvedVolumePath, Volumes } from "../context.ts";
import { ApiError, type Principal } from "../route.ts";
import { missing } from "./catalogs.ts";

export function createVolumes(root: string, catalogs: Catalogs, grants: Grants): Volumes {
  const realRoot = (catalog: string, schema: string, volume: string) =>
    join(root, catalog.toLowerCase(), schema.toLowerCase(), volume.toLowerCase());

  const resolve: Volumes["resolve"] = (path, principal, privilege) => {
    const { catalog, schema, name, rest } = parse(path);
    // Permission before existence: whoever may not look does not learn what there is.
    const fullName = `${catalog}.${schema}.${name}`;
    grants.require(principal, privilege, { type: "volume", name: fullName });
    const volume = catalogs.volume(catalog, schema, name);
    if (catalogs.catalog(catalog) === undefined) throw missing("Catalog", catalog);
    if (catalogs.schema(catalog, schema) === undefined)
      throw missing("Schema", `${catalog}.${schema}`);
    if (volume === undefined) throw missing("Volume", fullName);
    const volumeRoot = realRoot(catalog, schema, name);
    const inside = `/${rest.join("/")}`;
    const resolved: ResolvedVolumePath = {
      realPath: join(volumeRoot, ...rest),
      volume,
      inside,
      path: `/Volumes/${catalog}/${schema}/${name}${rest.length > 0 ? inside : ""}`,
    };
    refuseEscape(resolved.realPath, volumeRoot);
    return resolved;
  };

  return {
    root,
    realRoot,
    resolve,
    visibleTo: (principal: Principal) =>
      catalogs
        .catalogs()
        .flatMap((catalog) => catalogs.schemas(catalog.name))
        .flatMap((schema) => catalogs.volumes(schema.catalog, schema.name))
        .map((volume) => {
          const name = `${volume.catalog}.${volume.schema}.${volume.name}`;
          const may = (privilege: string) =>
            grants.may(principal, privilege, { type: "volume", name });
          return {
            volume,
            realRoot: realRoot(volume.catalog, volume.schema, volume.name),
            read: may("READ VOLUME"),
            write: may("WRITE VOLUME"),
          };
        }),
  };
}

type Parsed = {
  readonly catalog: string;
  readonly schema: string;
  readonly name: string;
  readonly rest: readonly string[];
};

/** Names of the platform in lower case; names of files as they are. */
function parse(path: string): Parsed {
  const segments = path.replace(/^dbfs:/, "").split("/");
  const [empty, volumes, catalog, schema, name, ...rest] = segments.filter(
    (segment, index) => index === 0 || segment !== "",
  );
  if (empty !== "" || volumes !== "Volumes" || !catalog || !schema || !name)
    throw invalid(
      `'${path}' is not a path of a volume; it must be /Volumes/<catalog>/<schema>/<volume>/…`,
    );
  if (segments.some((segment) => segment === ".." || segment === "." || segment.includes("\0")))
    throw invalid(`'${path}' has a segment '.' or '..'; write the path without it.`);
  const tooLong = rest.find((segment) => Buffer.byteLength(segment) > 255);
  if (tooLong !== undefined)
    throw invalid(`The name '${tooLong.slice(0, 40)}…' is longer than 255 bytes.`);
  return {
    catalog: catalog.toLowerCase(),
    schema: schema.toLowerCase(),
    name: name.toLowerCase(),
    rest,
  };
}

/** Code of a run may have left a link in the volume; where it leads out, nothing behind it exists for the API. */
function refuseEscape(realPath: string, volumeRoot: string): void {
  mkdirSync(volumeRoot, { recursive: true }); // code of a run may have removed even that
  const root = realpathSync(volumeRoot);
  const existing = realpathSync(deepestExisting(realPath, volumeRoot));
  if (existing !== root && !existing.startsWith(root + sep))
    throw new ApiError(403, "PERMISSION_DENIED", "The path leads out of its volume by a link.");
}

function deepestExisting(realPath: string, volumeRoot: string): string {
  for (let at = realPath; at.length > volumeRoot.length; at = dirname(at)) {
    const stats = linkStats(at);
    if (stats === undefined) continue;
    // A link that leads nowhere is nowhere inside the volume either.
    if (stats.isSymbolicLink() && !leadsSomewhere(at))
      throw new ApiError(403, "PERMISSION_DENIED", "The path leads out of its volume by a link.");
    return at;
  }
  return volumeRoot;
}

/** Nothing there, or something below a file: both mean that it does not exist. */
function linkStats(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}

function leadsSomewhere(link: string): boolean {
  try {
    realpathSync(link);
    return true;
  } catch {
    return false;
  }
}

const invalid = (message: string) => new ApiError(400, "INVALID_PARAMETER_VALUE", message);
