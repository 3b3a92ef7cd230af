// Roles on service principals: who may let code run as another, and who may give that away (rule sets of the account).
import type { Principal } from "../route.ts";
import type { Store } from "../store.ts";

type GrantRule = {
  /** `servicePrincipals/<application id>`; groups are those of everybody. */
  readonly principals: readonly string[];
  /** `roles/servicePrincipal.user`, `roles/servicePrincipal.manager` */
  readonly role: string;
};

export type RuleSets = {
  /** Of the service principal with this application id. */
  readonly read: (applicationId: string) => { readonly etag: string; readonly rules: GrantRules };
  /** False when the etag is no longer the current one: somebody else wrote in between. */
  readonly replace: (applicationId: string, etag: string, rules: GrantRules) => boolean;
  readonly has: (holder: Principal, role: Role, applicationId: string) => boolean;
};
type GrantRules = readonly GrantRule[];
type Role = "user" | "manager";
type Held = { readonly version: number; readonly rules: GrantRules };

const NOTHING: Held = { version: 0, rules: [] };
const everybody = new Set(["groups/users", "groups/account users"]);

export function openRuleSets(store: Store): RuleSets {
  const held = store.collection<Held>("rule-sets");
  const of = (applicationId: string): Held => held.get(applicationId) ?? NOTHING;
  return {
    read: (applicationId) => {
      const { version, rules } = of(applicationId);
      return { etag: etagOf(applicationId, version), rules };
    },
    replace: (applicationId, etag, rules) => {
      const { version } = of(applicationId);
      if (etag !== etagOf(applicationId, version)) return false;
      held.put(applicationId, { version: version + 1, rules });
      return true;
    },
    has: (holder, role, applicationId) =>
      of(applicationId).rules.some(
        (rule) =>
          rule.role === `roles/servicePrincipal.${role}` &&
          rule.principals.some(
            (name) => name === `servicePrincipals/${holder.id}` || everybody.has(name),
          ),
      ),
  };
}

/** Opaque to clients, and good for one version of one set. */
const etagOf = (applicationId: string, version: number): string =>
  Buffer.from(`${applicationId} ${version}`).toString("base64");
