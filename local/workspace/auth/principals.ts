// Who there is: service principals with their client secrets and personal access tokens.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import type { Principals, Settings } from "../context.ts";
import { ApiError, type Principal } from "../route.ts";
import type { Store } from "../store.ts";
import { openRuleSets } from "./rule-sets.ts";
import { createKeyPem, openTokenKey, type TokenKey } from "./tokens.ts";

export type PrincipalRequest = {
  readonly displayName: string;
  /** Its application id and OAuth client id; a fresh UUID without it. */
  readonly id?: string;
  readonly admin?: boolean;
  /** Default true. */
  readonly entitled?: boolean;
  readonly clientSecret?: string;
  readonly token?: string;
};

/** A principal with what proves it. */
export type Credentials = Principal & {
  readonly clientSecret: string;
  readonly token: string;
  /** Epoch milliseconds; a folder of an older workspace does not know. */
  readonly createdMs?: number;
};

export type Identities = Principals & {
  readonly credentials: () => readonly Credentials[];
  /** Tells a secret from another without telling it. */
  readonly fingerprint: (secret: string) => string;
  readonly add: (request: PrincipalRequest) => Credentials;
  /** The principal of an `Authorization` header. @throws ApiError 401, or 403 by the settings */
  readonly authenticate: (authorization: string | undefined) => Principal;
  /** The principal with this client id and secret. */
  readonly byClientSecret: (clientId: string, clientSecret: string) => Principal | undefined;
  readonly jwks: () => unknown;
  /** An access token that lives for these seconds. */
  readonly issue: (principal: Principal, seconds: number) => string;
  /** A JWT of the workspace's own test identity provider, for the token exchange of RFC 8693. */
  readonly issueFederated: (principal: Principal, seconds: number) => string;
  /** The principal of such a JWT. */
  readonly byFederatedToken: (token: string) => Principal | undefined;
};

export type IdentityOptions = {
  readonly store: Store;
  readonly settings: Settings;
  readonly url: () => string;
  readonly workspaceId: string;
  readonly nowMs: () => number;
};

const ADMINISTRATOR = "administrator";
export const OTHER = "other";

export function openIdentities(options: IdentityOptions): Identities {
  const people = options.store.collection<Credentials>("principals");
  const everybody = () => [...people.entries()].map(([, held]) => held);
  const byToken = new Map(everybody().map((held) => [held.token, held]));
  const byName = (name: string) =>
    people.get(name) ?? everybody().find((held) => held.displayName === name);
  const add: Identities["add"] = (request) => {
    const added: Credentials = {
      id: request.id ?? randomUUID(),
      displayName: request.displayName,
      admin: request.admin ?? false,
      entitled: request.entitled ?? true,
      clientSecret: request.clientSecret ?? `dose${randomBytes(16).toString("hex")}`,
      token: request.token ?? `dapi${randomBytes(16).toString("hex")}`,
      createdMs: options.nowMs(),
    };
    people.put(added.id, added);
    byToken.set(added.token, added);
    return added;
  };
  const administrator =
    byName(ADMINISTRATOR) ?? add({ displayName: ADMINISTRATOR, admin: true, entitled: true });
  if (byName(OTHER) === undefined) add({ displayName: OTHER, admin: false, entitled: false });
  const jwts = openJwts(options, people.get);

  return {
    administrator,
    byId: people.get,
    byName,
    list: everybody,
    ruleSets: openRuleSets(options.store),
    fingerprint: (secret) => createHash("sha256").update(secret).digest("hex").slice(0, 16),
    credentials: everybody,
    add,
    requireEntitled,
    byClientSecret: (clientId, clientSecret) => {
      const holder = people.get(clientId);
      return holder?.clientSecret === clientSecret ? holder : undefined;
    },
    authenticate: (authorization) => {
      const token = bearer(authorization);
      if (token === undefined) throw noCredential();
      const holder = token.includes(".") ? jwts.holderOf(token) : byToken.get(token);
      if (holder === undefined) throw invalidToken();
      return holder;
    },
    ...jwts,
  };
}

function requireEntitled(principal: Principal): void {
  if (principal.admin || principal.entitled) return;
  throw new ApiError(
    403,
    "PERMISSION_DENIED",
    `This API is disabled for ${principal.displayName}: it has no workspace-access entitlement.`,
  );
}

type Jwts = Pick<
  Identities,
  "jwks" | "issue" | "issueToken" | "issueFederated" | "byFederatedToken"
> & {
  /** @throws ApiError when it is expired */
  readonly holderOf: (token: string) => Principal | undefined;
};

function openJwts(options: IdentityOptions, byId: (id: string) => Principal | undefined): Jwts {
  const { settings, nowMs, url } = options;
  const keys = options.store.collection<string>("keys");
  const open = (name: string) => {
    const pem = keys.get(name) ?? createKeyPem();
    keys.put(name, pem);
    return openTokenKey(pem);
  };
  const tokens = open("access-tokens");
  const provider = open("identity-provider");
  // Checking a signature takes longer than answering `runs/get`, and a token is used many times.
  const verified = new Map<string, { principal: Principal; expiresMs: number }>();

  const verify = (token: string) => {
    const claims = tokens.verify(token);
    const principal = claims === undefined ? undefined : byId(claims.sub);
    if (claims === undefined || principal === undefined) return undefined;
    if (verified.size > 10_000) verified.clear();
    const known = { principal, expiresMs: claims.exp * 1000 };
    verified.set(token, known);
    return known;
  };
  const signed = (key: TokenKey, issuer: string, principal: Principal, seconds: number) =>
    key.sign(claimsOf(options, `${url()}${issuer}`, principal, seconds));
  const issue: Identities["issue"] = (principal, seconds) =>
    signed(tokens, "/oidc", principal, seconds);

  return {
    issue,
    issueToken: (principal) => issue(principal, settings.tokenSeconds),
    jwks: tokens.jwks,
    holderOf: (token) => {
      const known = verified.get(token) ?? verify(token);
      if (known === undefined) return undefined;
      if (nowMs() >= known.expiresMs - settings.tokenRefusedEarlySeconds * 1000)
        throw expiredToken(settings.tokenExpiredStatus);
      return known.principal;
    },
    issueFederated: (principal, seconds) =>
      signed(provider, "/test-identity-provider", principal, seconds),
    byFederatedToken: (token) => {
      const claims = provider.verify(token);
      const fresh = claims !== undefined && claims.exp * 1000 > nowMs();
      return fresh ? byId(claims.sub) : undefined;
    },
  };
}

function claimsOf(
  { nowMs, workspaceId }: IdentityOptions,
  iss: string,
  principal: Principal,
  seconds: number,
) {
  const iat = Math.floor(nowMs() / 1000);
  const exp = iat + Math.ceil(seconds);
  const { id } = principal;
  return { iss, sub: id, aud: workspaceId, client_id: id, scope: "all-apis", iat, exp };
}

/** `Bearer x`, and `Basic` with the user `token`, which the platform takes for personal access tokens. */
function bearer(authorization: string | undefined): string | undefined {
  const [scheme = "", value = ""] = (authorization ?? "").split(" ");
  if (scheme.toLowerCase() === "bearer" && value !== "") return value;
  if (scheme.toLowerCase() !== "basic") return undefined;
  const [user, ...password] = Buffer.from(value, "base64").toString().split(":");
  return user === "token" ? password.join(":") : undefined;
}

// 401 bodies carry an integer error_code on the platform.
const unauthenticated = (status: 401 | 403, message: string) =>
  new ApiError(status, status, `${message} [ReqId: ${randomUUID()}]`);

const noCredential = () =>
  unauthenticated(401, "Credential was not sent or was of an unsupported type for this API.");
const invalidToken = () => unauthenticated(401, "Invalid access token.");
const expiredToken = (status: 401 | 403) => unauthenticated(status, "Access token is expired.");
