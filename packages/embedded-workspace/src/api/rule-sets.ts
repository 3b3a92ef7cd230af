// `preview/accounts/access-control/rule-sets`: roles on service principals, as a workspace lets one see and replace them.
import * as z from "zod";
import type { WorkspaceContext } from "../context.ts";
import { ApiError, type ApiRequest, type Route } from "../route.ts";
import { ACCOUNT_ID } from "./oauth.ts";

export function ruleSetRoutes(context: WorkspaceContext): Route[] {
  const path = "/api/2.0/preview/accounts/access-control/rule-sets";
  const { ruleSets } = context.principals;
  const view = (name: string, applicationId: string) => {
    const { etag, rules } = ruleSets.read(applicationId);
    return { status: 200, body: { name, etag, ...(rules.length > 0 && { grant_rules: rules }) } };
  };
  return [
    {
      method: "GET",
      path,
      handle: async (request) => {
        const name = request.query.get("name") ?? "";
        return view(name, managed(context, request, name));
      },
    },
    {
      method: "PUT",
      path,
      handle: async (request) => {
        const { name, rule_set } = await request.json(Replacement);
        const applicationId = managed(context, request, name);
        if (!ruleSets.replace(applicationId, rule_set.etag, rule_set.grant_rules))
          throw new ApiError(
            409,
            "RESOURCE_CONFLICT",
            `The etag of ${name} is not the current one: read the rule set again.`,
          );
        return view(name, applicationId);
      },
    },
  ];
}

const Rule = z.object({
  principals: z.array(z.string()).default([]),
  role: z.enum(["roles/servicePrincipal.user", "roles/servicePrincipal.manager"]),
});
const Replacement = z.object({
  name: z.string(),
  rule_set: z.object({ etag: z.string(), grant_rules: z.array(Rule).default([]) }),
});

const NAME = /^accounts\/([0-9a-f-]{36})\/servicePrincipals\/([0-9a-f-]{36})\/ruleSets\/default$/;

/** The application id that a name means, for those who may manage it. @throws ApiError 400, 403, 404 */
function managed({ principals }: WorkspaceContext, { principal }: ApiRequest, name: string) {
  const [, account, applicationId = ""] = NAME.exec(name) ?? [];
  if (account !== ACCOUNT_ID)
    throw new ApiError(
      400,
      "INVALID_PARAMETER_VALUE",
      `'${name}' is no rule set of a service principal of this account; it is accounts/${ACCOUNT_ID}/servicePrincipals/<application id>/ruleSets/default.`,
    );
  if (!principal.admin && !principals.ruleSets.has(principal, "manager", applicationId))
    throw new ApiError(
      403,
      "PERMISSION_DENIED",
      `${principal.displayName} does not have the role Service Principal Manager on '${applicationId}'.`,
    );
  if (principals.byId(applicationId) === undefined)
    throw new ApiError(
      404,
      "RESOURCE_DOES_NOT_EXIST",
      `There is no service principal '${applicationId}' in this workspace.`,
    );
  return applicationId;
}
