// Secret scopes: values, who may read them, and the references `{{secrets/scope/key}}` of cluster settings.
import type { Principals, Secrets } from "../context.ts";
import { ApiError, type Principal } from "../route.ts";
import type { Collection, Store } from "../store.ts";

type Permission = "READ" | "WRITE" | "MANAGE";
type Scope = { readonly acls: Readonly<Record<string, Permission>> };
type Secret = { readonly base64: string; readonly updatedAt: number };

/** The group that every principal is in, as access lists of scopes call it. */
const USERS = "users";
const KEYS_MAX = 1000;
const VALUE_BYTES_MAX = 128 * 1024;

export type SecretScopes = Secrets & {
  readonly createScope: (principal: Principal, scope: string, everybodyManages: boolean) => void;
  readonly deleteScope: (principal: Principal, scope: string) => void;
  readonly put: (principal: Principal, scope: string, key: string, value: Buffer) => void;
  readonly delete: (principal: Principal, scope: string, key: string) => void;
  readonly list: (
    principal: Principal,
    scope: string,
  ) => readonly { readonly key: string; readonly last_updated_timestamp: number }[];
  readonly acls: (principal: Principal, scope: string) => Scope["acls"];
  readonly putAcl: (
    principal: Principal,
    scope: string,
    grantee: string,
    permission: Permission,
  ) => void;
  readonly deleteAcl: (principal: Principal, scope: string, grantee: string) => void;
};

export function createSecrets(
  store: Store,
  principals: Principals,
  nowMs: () => number,
): SecretScopes {
  const kept: Kept = {
    scopes: store.collection("secret-scopes"),
    values: store.collection("secrets"),
    principals,
    nowMs,
  };
  return { ...readingPart(kept), ...writingPart(kept), ...aclPart(kept) };
}

type Kept = {
  readonly scopes: Collection<Scope>;
  readonly values: Collection<Secret>;
  readonly principals: Principals;
  readonly nowMs: () => number;
};

function readingPart(kept: Kept): Secrets & Pick<SecretScopes, "list"> {
  const get: Secrets["get"] = (scope, key, principal) => {
    need(kept, principal, scope, "READ");
    const held = kept.values.get(idOf(scope, key));
    if (held === undefined) throw noSecret(scope, key);
    return Buffer.from(held.base64, "base64");
  };
  const list: SecretScopes["list"] = (principal, scope) => {
    need(kept, principal, scope, "READ");
    return secretsIn(kept, scope);
  };
  return {
    get,
    list,
    resolveReferences: (text, principal) =>
      text.replaceAll(/\{\{\s*secrets\/([\w.@-]+)\/([\w.@-]+)\s*\}\}/g, (_all, scope, key) =>
        get(scope, key, principal).toString("utf8"),
      ),
    readableScopes: (principal) =>
      [...kept.scopes.entries()]
        .filter(([, scope]) => may(principal, scope, "READ"))
        .map(([name]) => name),
    keys: (scope, principal) => list(principal, scope).map(({ key }) => key),
  };
}

type WritingPart = Pick<SecretScopes, "createScope" | "deleteScope" | "put" | "delete">;

function writingPart(kept: Kept): WritingPart {
  const { scopes, values, principals, nowMs } = kept;
  return {
    createScope: (principal, name, everybodyManages) => {
      principals.requireEntitled(principal);
      checkName("scope", name);
      if (scopes.get(name) !== undefined)
        throw new ApiError(400, "RESOURCE_ALREADY_EXISTS", `Scope ${name} already exists!`);
      scopes.put(name, { acls: { [everybodyManages ? USERS : principal.id]: "MANAGE" } });
    },
    deleteScope: (principal, name) => {
      need(kept, principal, name, "MANAGE");
      for (const { key } of secretsIn(kept, name)) values.delete(idOf(name, key));
      scopes.delete(name);
    },
    put: (principal, scope, key, value) => {
      need(kept, principal, scope, "WRITE");
      checkName("key", key);
      if (value.length > VALUE_BYTES_MAX)
        throw invalid(`A secret is limited to ${VALUE_BYTES_MAX} bytes; it had ${value.length}.`);
      const known = values.get(idOf(scope, key)) !== undefined;
      if (!known && secretsIn(kept, scope).length >= KEYS_MAX)
        throw new ApiError(
          400,
          "RESOURCE_LIMIT_EXCEEDED",
          `Scope ${scope} already has ${KEYS_MAX} secrets.`,
        );
      values.put(idOf(scope, key), { base64: value.toString("base64"), updatedAt: nowMs() });
    },
    delete: (principal, scope, key) => {
      need(kept, principal, scope, "WRITE");
      if (!values.delete(idOf(scope, key))) throw noSecret(scope, key);
    },
  };
}

function aclPart(kept: Kept): Pick<SecretScopes, "acls" | "putAcl" | "deleteAcl"> {
  const { scopes, principals } = kept;
  return {
    acls: (principal, scope) => need(kept, principal, scope, "MANAGE").acls,
    putAcl: (principal, scope, grantee, permission) => {
      const { acls } = need(kept, principal, scope, "MANAGE");
      scopes.put(scope, { acls: { ...acls, [granteeId(principals, grantee)]: permission } });
    },
    deleteAcl: (principal, scope, grantee) => {
      const { acls } = need(kept, principal, scope, "MANAGE");
      const { [granteeId(principals, grantee)]: removed, ...others } = acls;
      if (removed === undefined) throw notFound(`No ACL for ${grantee} exists on scope ${scope}.`);
      scopes.put(scope, { acls: others });
    },
  };
}

const idOf = (scope: string, key: string) => `${scope}/${key}`;

function may(principal: Principal, { acls }: Scope, wanted: Permission): boolean {
  const held = [acls[principal.id], acls[USERS]];
  return principal.admin || held.some((given) => given !== undefined && covers(given, wanted));
}

function need(kept: Kept, principal: Principal, name: string, wanted: Permission): Scope {
  kept.principals.requireEntitled(principal);
  const scope = kept.scopes.get(name);
  if (scope === undefined) throw notFound(`Scope ${name} does not exist!`);
  if (may(principal, scope, wanted)) return scope;
  throw new ApiError(
    403,
    "PERMISSION_DENIED",
    `User ${principal.id} does not have ${wanted} permission on scope ${name}`,
  );
}

const secretsIn = ({ values }: Kept, scope: string) =>
  [...values.entries()]
    .filter(([id]) => id.startsWith(`${scope}/`))
    .map(([id, held]) => ({
      key: id.slice(scope.length + 1),
      last_updated_timestamp: held.updatedAt,
    }));

const rank = { READ: 1, WRITE: 2, MANAGE: 3 } as const satisfies Record<Permission, number>;
const covers = (given: Permission, wanted: Permission) => rank[given] >= rank[wanted];

function granteeId(principals: Principals, name: string): string {
  if (name === USERS) return USERS;
  const principal = principals.byName(name);
  if (principal === undefined) throw notFound(`User or Group ${name} does not exist.`);
  return principal.id;
}

function checkName(what: string, name: string): void {
  if (!/^[\w.@-]{1,128}$/.test(name))
    throw invalid(
      `The ${what} '${name.slice(0, 140)}' is invalid: 1 to 128 letters, digits, '-', '_', '.' or '@'.`,
    );
}

const invalid = (message: string) => new ApiError(400, "INVALID_PARAMETER_VALUE", message);
const notFound = (message: string) => new ApiError(404, "RESOURCE_DOES_NOT_EXIST", message);
const noSecret = (scope: string, key: string) =>
  notFound(`Secret does not exist with scope: ${scope} and key: ${key}`);
