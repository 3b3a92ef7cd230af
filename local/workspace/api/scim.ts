// Who am I: `/api/2.0/preview/scim/v2/Me`, as the CLI and the SDKs ask it.
import type { WorkspaceContext } from "../context.ts";
import type { Principal, Route } from "../route.ts";

export function scimRoutes(context: WorkspaceContext): Route[] {
  return ["/api/2.0/preview/scim/v2/Me", "/api/2.0/scim/v2/Me"].map((path) => ({
    method: "GET",
    path,
    handle: async ({ principal }) => ({
      status: 200,
      headers: { "content-type": "application/scim+json" },
      body: me(context, principal),
    }),
  }));
}

/** A service principal is a user whose name is its application id. */
function me(context: WorkspaceContext, principal: Principal) {
  const position = context.principals.list().findIndex(({ id }) => id === principal.id);
  const groups = ["users", ...(principal.admin ? ["admins"] : [])];
  return {
    schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"],
    id: String(4_000_000_000_000_001 + position),
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
