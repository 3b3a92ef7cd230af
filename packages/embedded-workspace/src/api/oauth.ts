// OAuth: discovery documents and the token endpoint (client credentials, and token exchange by RFC 8693).
import type { Identities } from "../auth/principals.ts";
import type { WorkspaceContext } from "../context.ts";
import type { ApiReply, ApiRequest, Principal, Route } from "../route.ts";

export function oauthRoutes(context: WorkspaceContext, identities: Identities): Route[] {
  const { url, workspaceId } = context;
  const metadata = {
    issuer: `${url}/oidc`,
    authorization_endpoint: `${url}/oidc/v1/authorize`,
    token_endpoint: `${url}/oidc/v1/token`,
    jwks_uri: `${url}/oidc/jwks.json`,
    grant_types_supported: [CLIENT_CREDENTIALS, TOKEN_EXCHANGE],
    token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
    scopes_supported: ["all-apis", "offline_access"],
    response_types_supported: ["code"],
    subject_types_supported: ["public"],
  };
  const document = (path: string, body: () => unknown): Route => ({
    method: "GET",
    path,
    open: true,
    handle: async () => ({ status: 200, body: body() }),
  });
  return [
    document("/oidc/.well-known/oauth-authorization-server", () => metadata),
    document("/oidc/.well-known/openid-configuration", () => metadata),
    document("/oidc/jwks.json", () => identities.jwks()),
    document("/.well-known/databricks-config", () => ({
      oidc_endpoint: `${url}/oidc`,
      workspace_id: workspaceId, // text: beyond 2^53 on some workspaces
      account_id: ACCOUNT_ID,
      cloud: "aws",
      host_type: "workspace",
    })),
    {
      method: "POST",
      path: "/oidc/v1/token",
      open: true,
      bytesMax: 64 * 1024,
      handle: (request) => token(request, context, identities),
    },
  ];
}

/** Account of every embedded workspace; nothing depends on its value. */
export const ACCOUNT_ID = "7c8e3c2a-5d1b-4e0f-9a6d-2f4b8c1e7a90";

const CLIENT_CREDENTIALS = "client_credentials";
const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";

async function token(
  request: ApiRequest,
  context: WorkspaceContext,
  identities: Identities,
): Promise<ApiReply> {
  const form = new URLSearchParams((await request.body()).toString("utf8"));
  if (form.has("authorization_details"))
    return refused(
      400,
      "invalid_request",
      "The embedded workspace cannot narrow a token: leave authorization_details away.",
    );
  const grant = form.get("grant_type");
  const client = clientOf(request, form);
  let principal: Principal | undefined;
  if (grant === CLIENT_CREDENTIALS) principal = identities.byClientSecret(client.id, client.secret);
  else if (grant === TOKEN_EXCHANGE)
    principal = identities.byFederatedToken(form.get("subject_token") ?? "");
  else
    return refused(
      400,
      "unsupported_grant_type",
      `grant_type must be ${CLIENT_CREDENTIALS} or ${TOKEN_EXCHANGE}; it was '${grant ?? ""}'.`,
    );
  if (principal === undefined)
    return grant === CLIENT_CREDENTIALS
      ? refused(401, "invalid_client", "Client authentication failed")
      : refused(400, "invalid_grant", "The subject_token is expired or from another issuer.");
  const seconds = context.settings.tokenSeconds;
  return {
    status: 200,
    headers: { "cache-control": "no-store" },
    body: {
      access_token: identities.issue(principal, seconds),
      token_type: "Bearer",
      expires_in: seconds,
      scope: form.get("scope") ?? "all-apis",
      ...(grant === TOKEN_EXCHANGE && {
        issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
      }),
    },
  };
}

/** By HTTP Basic (percent-encoded by RFC 6749, or plain), else by the form. */
function clientOf(request: ApiRequest, form: URLSearchParams): { id: string; secret: string } {
  const [scheme = "", value = ""] = (request.headers.authorization ?? "").split(" ");
  if (scheme.toLowerCase() !== "basic")
    return { id: form.get("client_id") ?? "", secret: form.get("client_secret") ?? "" };
  const [id = "", ...secret] = Buffer.from(value, "base64").toString("utf8").split(":");
  return { id: plain(id), secret: plain(secret.join(":")) };
}

function plain(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const refused = (status: number, error: string, description: string): ApiReply => ({
  status,
  body: { error, error_description: description },
});
