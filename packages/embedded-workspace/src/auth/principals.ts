// The principals, and the caller among them: by tokens, client secrets and JWTs.
import { randomUUID } from "node:crypto";
import type { Principals } from "../context.ts";
import { ApiError, type Principal } from "../route.ts";
import { type JwtOptions, type Jwts, openJwts } from "./jwts.ts";
import { type Credentials, openPeople, type People } from "./people.ts";
import { openRuleSets } from "./rule-sets.ts";

export type Identities = Principals &
  Pick<People, "add" | "ensure" | "byClientSecret" | "proofsOf"> &
  Pick<Jwts, "jwks" | "issue" | "issueFederated" | "byFederatedToken"> & {
    /** Of every principal, as `People.credentialsOf` gives them. */
    readonly credentials: () => readonly Credentials[];
    /** Of one principal, by its id or name. */
    readonly credentialsOf: (name: string) => Credentials | undefined;
    /** The principal of an `Authorization` header. @throws ApiError 401, or 403 by the settings */
    readonly authenticate: (authorization: string | undefined) => Principal;
  };

const ADMINISTRATOR = "administrator";
export const OTHER = "other";

export function openIdentities(options: JwtOptions): Identities {
  const people = openPeople(options.store, options.nowMs);
  people.ensure({ displayName: ADMINISTRATOR, admin: true, entitled: true });
  people.ensure({ displayName: OTHER, admin: false, entitled: false });
  const administrator = people.byName(ADMINISTRATOR);
  if (administrator === undefined) throw new Error("the administrator was added above");
  const { settings } = options;
  const jwts = openJwts(options, people.byId, () => expiredToken(settings.tokenExpiredStatus));
  return {
    ...people,
    ...jwts,
    administrator,
    list: people.all,
    ruleSets: openRuleSets(options.store),
    requireEntitled,
    credentials: () => people.all().map(people.credentialsOf),
    credentialsOf: (name) => {
      const principal = people.byName(name);
      return principal === undefined ? undefined : people.credentialsOf(principal);
    },
    authenticate: (authorization) => {
      const token = bearer(authorization);
      if (token === undefined) throw noCredential();
      const holder = token.includes(".") ? jwts.holderOf(token) : people.byToken(token);
      if (holder === undefined) throw invalidToken();
      return holder;
    },
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

/**
 * `Bearer x`, and `Basic` with the user `token`, which the platform takes for personal access
 * tokens.
 */
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
