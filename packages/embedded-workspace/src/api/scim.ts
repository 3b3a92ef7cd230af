// The caller: `/api/2.0/preview/scim/v2/Me`, as the CLI and the SDKs ask it. And which number has a
// principal.
import type { Principals, WorkspaceContext } from "../context.ts";
import { ApiError, type ApiRequest, type Principal, type Route } from "../route.ts";

export function scimRoutes(context: WorkspaceContext): Route[] {
  const document = (path: string, body: (request: ApiRequest) => unknown): Route => ({
    method: "GET",
    path,
    handle: async (request) => ({
      status: 200,
      headers: { "content-type": "application/scim+json" },
      body: body(request),
    }),
  });
  return ["/api/2.0/preview/scim/v2", "/api/2.0/scim/v2"].flatMap((base) => [
    document(`${base}/Me`, ({ principal }) => me(context, principal)),
    document(`${base}/ServicePrincipals`, ({ query }) => found(context, query.get("filter"))),
  ]);
}

/** All, or the one of `applicationId eq "…"`, which is how tools find the number of a principal. */
function found({ principals }: WorkspaceContext, filter: string | null) {
  const wanted = filter === null ? undefined : /^applicationId eq "?([^"]*)"?$/.exec(filter)?.[1];
  if (filter !== null && wanted === undefined)
    throw new ApiError(
      501,
      "NOT_IMPLEMENTED",
      `The embedded workspace filters principals by applicationId eq "…" alone; it was '${filter}'.`,
    );
  const Resources = principals
    .list()
    .filter(({ id }) => wanted === undefined || id === wanted)
    .map(({ id, displayName }) => ({
      id: scimIdOf(principals, id),
      applicationId: id,
      displayName,
      active: true,
    }));
  return {
    schemas: ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
    totalResults: Resources.length,
    startIndex: 1,
    itemsPerPage: Resources.length,
    Resources,
  };
}

/** The number under which SCIM knows a principal. */
export function scimIdOf(principals: Pick<Principals, "list">, applicationId: string): string {
  const position = principals.list().findIndex(({ id }) => id === applicationId);
  return String(4_000_000_000_000_001 + position);
}

/** A service principal is a user whose name is its application id. */
function me(context: WorkspaceContext, principal: Principal) {
  const groups = ["users", ...(principal.admin ? ["admins"] : [])];
  return {
    schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"],
    id: scimIdOf(context.principals, principal.id),
    userName: principal.id,
    displayName: principal.displayName,
    active: true,
    name: { givenName: principal.displayName },
    emails: [{ type: "work", value: principal.id, primary: true }],
    entitlements: principal.entitled
      ? [{ value: "workspace-access" }, { value: "databricks-sql-access" }]
      : [],
    groups: groups.map((display, index) => ({
      display,
      type: "direct",
      value: String(900_000_000_000_001 + index),
      $ref: `Groups/${900_000_000_000_001 + index}`,
    })),
  };
}
