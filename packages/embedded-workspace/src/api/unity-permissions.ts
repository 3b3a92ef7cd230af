// `permissions` and `effective-permissions` of Unity Catalog: grants over REST, `READ_VOLUME` for SQL's `READ VOLUME`.
import * as z from "zod";
import { missing } from "../catalog/catalogs.ts";
import type { Grant, Securable, WorkspaceContext } from "../context.ts";
import { ApiError, type ApiRequest, type Principal, type Route } from "../route.ts";

export function permissionRoutes(context: WorkspaceContext, base: string): Route[] {
  const path = `${base}/permissions/:type/:name`;
  return [
    {
      method: "GET",
      path,
      handle: async (request) => {
        const securable = securableOf(context, request);
        const shown = context.grants.show(securable).filter(wantedBy(request));
        return { status: 200, body: assignments(shown) };
      },
    },
    {
      method: "PATCH",
      path,
      perSecondMax: 30,
      handle: async (request) => {
        const securable = securableOf(context, request);
        const { changes } = await request.json(Changes);
        for (const change of changes) refuseContradiction(change);
        for (const { principal, add, remove } of changes) {
          context.grants.revoke(securable, principal, remove);
          context.grants.grant(securable, principal, add);
        }
        return { status: 200, body: assignments(context.grants.show(securable)) };
      },
    },
    {
      method: "GET",
      path: `${base}/effective-permissions/:type/:name`,
      handle: async (request) => {
        const securable = securableOf(context, request);
        return { status: 200, body: effective(context, securable, wantedBy(request)) };
      },
    },
  ];
}

const PrivilegeNames = z.array(z.string()).default([]);
const Change = z.object({ principal: z.string(), add: PrivilegeNames, remove: PrivilegeNames });
const Changes = z.object({ changes: z.array(Change).default([]) });
const SecurableType = z.enum(["catalog", "schema", "volume", "table", "function"]);

/** Permission first: who may not manage it does not learn whether it exists. */
function securableOf(context: WorkspaceContext, { params, principal }: ApiRequest): Securable {
  const type = SecurableType.safeParse(params["type"]?.toLowerCase());
  if (!type.success)
    throw new ApiError(
      501,
      "NOT_IMPLEMENTED",
      `The embedded workspace has no grants on '${params["type"]}'; it has them on ${SecurableType.options.join(", ")}.`,
    );
  const securable = { type: type.data, name: (params["name"] ?? "").toLowerCase() };
  requireManage(context, principal, securable);
  requireExistence(context, securable);
  return securable;
}

function requireManage({ grants }: WorkspaceContext, principal: Principal, securable: Securable) {
  if (grants.mayManage(principal, securable)) return;
  const { type, name } = securable;
  throw new ApiError(
    403,
    "PERMISSION_DENIED",
    `User does not have MANAGE on ${type.charAt(0).toUpperCase()}${type.slice(1)} '${name}'.`,
  );
}

function requireExistence(context: WorkspaceContext, securable: Securable): void {
  const { catalogs, grants } = context;
  const { type, name } = securable;
  const [catalog = "", schema = "", volume = ""] = name.split(".");
  if (catalogs.catalog(catalog) === undefined) throw missing("Catalog", catalog);
  if (type === "catalog") return;
  if (catalogs.schema(catalog, schema) === undefined)
    throw missing("Schema", `${catalog}.${schema}`);
  if (type === "volume" && catalogs.volume(catalog, schema, volume) === undefined)
    throw missing("Volume", name);
  // Spark keeps its tables to itself; DuckDB's are known here by their owners.
  if (type === "table" && context.sqlEngine === "duckdb" && grants.ownerOf(securable) === undefined)
    throw new ApiError(404, "TABLE_DOES_NOT_EXIST", `Table '${name}' does not exist.`);
}

function refuseContradiction({ principal, add, remove }: z.infer<typeof Change>): void {
  if (add.some((privilege) => remove.includes(privilege)))
    throw new ApiError(
      400,
      "INVALID_PARAMETER_VALUE",
      `Duplicate privileges to add and delete for principal ${principal}.`,
    );
}

const wantedBy =
  ({ query }: ApiRequest) =>
  ({ principal }: Grant): boolean =>
    (query.get("principal") ?? principal) === principal;

const restName = (privilege: string) => privilege.replaceAll(" ", "_");

const assignments = (grants: readonly Grant[]) => ({
  ...(grants.length > 0 && {
    privilege_assignments: grants.map(({ principal, privileges }) => ({
      principal,
      privileges: privileges.map(restName),
    })),
  }),
});

/** Direct grants and those that come from the schema and the catalog. */
function effective(
  { grants }: WorkspaceContext,
  securable: Securable,
  wanted: (grant: Grant) => boolean,
) {
  const [catalog = "", schema] = securable.name.split(".");
  const levels: Securable[] = [securable];
  if (securable.type !== "catalog" && securable.type !== "schema")
    levels.push({ type: "schema", name: `${catalog}.${schema}` });
  if (securable.type !== "catalog") levels.push({ type: "catalog", name: catalog });
  const found = levels.flatMap((level) =>
    grants
      .show(level)
      .filter(wanted)
      .flatMap(({ principal, privileges }) =>
        privileges.map((privilege) => ({ principal, privilege, level })),
      ),
  );
  const principals = [...new Set(found.map(({ principal }) => principal))];
  return {
    privilege_assignments: principals.map((principal) => ({
      principal,
      privileges: found
        .filter((held) => held.principal === principal)
        .map(({ privilege, level }) => ({
          privilege: restName(privilege),
          ...(level !== securable && {
            inherited_from_type: level.type.toUpperCase(),
            inherited_from_name: level.name,
          }),
        })),
    })),
  };
}
