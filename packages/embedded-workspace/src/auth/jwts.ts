// Access tokens as JWTs. What signs them is in memory alone; what verifies them is kept, so that they outlive a restart.
import type { Settings } from "../context.ts";
import type { ApiError, Principal } from "../route.ts";
import type { Collection, Store } from "../store.ts";
import { createTokenKey, openTokenKey, type TokenKey, type VerifyingKey } from "./tokens.ts";

export type Jwts = {
  readonly jwks: () => unknown;
  /** An access token that lives for these seconds. */
  readonly issue: (principal: Principal, seconds: number) => string;
  readonly issueToken: (principal: Principal) => string;
  /** A JWT of the workspace's own test identity provider, for the token exchange of RFC 8693. */
  readonly issueFederated: (principal: Principal, seconds: number) => string;
  /** The principal of such a JWT. */
  readonly byFederatedToken: (token: string) => Principal | undefined;
  /** @throws ApiError when it is expired */
  readonly holderOf: (token: string) => Principal | undefined;
};

export type JwtOptions = {
  readonly store: Store;
  readonly settings: Settings;
  readonly url: () => string;
  readonly workspaceId: string;
  readonly nowMs: () => number;
};

export function openJwts(
  options: JwtOptions,
  byId: (id: string) => Principal | undefined,
  expired: () => ApiError,
): Jwts {
  const { settings, nowMs, url } = options;
  const keys = options.store.collection<Kept>("verifying-keys");
  const tokens = openKeys(keys, "access-tokens");
  const provider = openKeys(keys, "identity-provider");
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
  const signed = (key: Keys, issuer: string, principal: Principal, seconds: number) =>
    key.sign(claimsOf(options, `${url()}${issuer}`, principal, seconds));
  const issue: Jwts["issue"] = (principal, seconds) => signed(tokens, "/oidc", principal, seconds);

  return {
    issue,
    issueToken: (principal) => issue(principal, settings.tokenSeconds),
    jwks: tokens.jwks,
    holderOf: (token) => {
      const known = verified.get(token) ?? verify(token);
      if (known === undefined) return undefined;
      if (nowMs() >= known.expiresMs - settings.tokenRefusedEarlySeconds * 1000) throw expired();
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

type Keys = Pick<TokenKey, "sign" | "verify"> & { readonly jwks: () => unknown };
/** Public keys, oldest first. */
type Kept = readonly string[];

/** Of so many starts of the workspace tokens are still known; none lives longer than a day. */
const KEYS_KEPT = 20;

/** A fresh key for this start, beside those that verify what earlier ones signed. */
function openKeys(kept: Collection<Kept>, name: string): Keys {
  const own = createTokenKey();
  const pems = [...(kept.get(name) ?? []), own.publicPem].slice(-KEYS_KEPT);
  kept.put(name, pems);
  const known = new Map<string, VerifyingKey>(
    pems.map((pem) => {
      const key = openTokenKey(pem);
      return [key.id, key];
    }),
  );
  return {
    sign: own.sign,
    verify: (token) => known.get(keyIdOf(token) ?? "")?.verify(token),
    jwks: () => ({ keys: [...known.values()].map((key) => key.jwk) }),
  };
}

function keyIdOf(token: string): string | undefined {
  try {
    const header: unknown = JSON.parse(
      Buffer.from(token.split(".")[0] ?? "", "base64url").toString(),
    );
    return typeof header === "object" && header !== null && "kid" in header
      ? String(header.kid)
      : undefined;
  } catch {
    return undefined;
  }
}

function claimsOf(
  { nowMs, workspaceId }: JwtOptions,
  iss: string,
  principal: Principal,
  seconds: number,
) {
  const iat = Math.floor(nowMs() / 1000);
  const exp = iat + Math.ceil(seconds);
  const { id } = principal;
  return { iss, sub: id, aud: workspaceId, client_id: id, scope: "all-apis", iat, exp };
}
