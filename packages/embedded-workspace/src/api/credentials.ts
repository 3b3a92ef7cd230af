// Lists the credentials of principals, without the secrets themselves: personal access tokens, and
// OAuth client secrets.
import type { Identities } from "../auth/principals.ts";
import type { Proof } from "../auth/proofs.ts";
import { ApiError, type Route } from "../route.ts";
import { scimIdOf } from "./scim.ts";

export function credentialRoutes(identities: Identities): Route[] {
  return [
    {
      method: "GET",
      path: "/api/2.0/token/list",
      handle: async ({ principal }) => {
        const { tokens = [] } = identities.proofsOf(principal.id) ?? {};
        const infos = tokens.map((token) => ({
          token_id: idOf(token),
          creation_time: token.createdMs ?? 0,
          expiry_time: -1, // it lives until it is revoked
          comment: `of ${principal.displayName}`,
        }));
        return { status: 200, body: { token_infos: infos } };
      },
    },
    {
      method: "GET",
      path: "/api/2.0/accounts/servicePrincipals/:id/credentials/secrets",
      handle: async ({ principal, params }) => {
        const owner = identities.list().find(({ id }) => scimIdOf(identities, id) === params["id"]);
        if (!principal.admin && owner?.id !== principal.id)
          throw new ApiError(
            403,
            "PERMISSION_DENIED",
            `${principal.displayName} may not see the secrets of service principal ${params["id"]}.`,
          );
        const held = owner === undefined ? undefined : identities.proofsOf(owner.id);
        if (held === undefined)
          throw new ApiError(
            404,
            "RESOURCE_DOES_NOT_EXIST",
            `There is no service principal ${params["id"]} in this workspace.`,
          );
        return { status: 200, body: { secrets: held.secrets.map(secretView) } };
      },
    },
  ];
}

/** The longest, and the default, life of a client secret. */
const SECRET_DAYS = 730;

/** Tells a secret from another without telling it. */
const idOf = ({ sha256 }: Proof): string => sha256.slice(0, 16);

function secretView(secret: Proof) {
  const { createdMs = 0 } = secret;
  return {
    id: idOf(secret),
    secret_hash: idOf(secret),
    status: "ACTIVE",
    create_time: new Date(createdMs).toISOString(),
    update_time: new Date(createdMs).toISOString(),
    expire_time: new Date(createdMs + SECRET_DAYS * 86_400_000).toISOString(),
  };
}
