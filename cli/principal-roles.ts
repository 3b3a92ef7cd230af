// The role Service Principal User: without it the controllers may not submit runs as the executors.
import * as z from "zod";
import type { DatabricksHttp } from "../shared/adapters/databricks-http.ts";
import { ask } from "./ask.ts";

const USER = "roles/servicePrincipal.user";
const MANAGER = "roles/servicePrincipal.manager";
const PATH = "/api/2.0/preview/accounts/access-control/rule-sets";

const CONFIG = "/.well-known/databricks-config";
const Config = z.object({ account_id: z.string() });
const RuleSet = z.object({
  etag: z.string(),
  grant_rules: z
    .array(z.object({ principals: z.array(z.string()).default([]), role: z.string() }))
    .default([]),
});
type RuleSet = z.infer<typeof RuleSet>;

/** The roles on a service principal, as far as the workspace shows them. */
export type RolesOf =
  | { readonly kind: "seen"; readonly name: string; readonly ruleSet: RuleSet }
  | { readonly kind: "refused"; readonly why: string };

export async function rolesOn(http: DatabricksHttp, applicationId: string): Promise<RolesOf> {
  const answer = await ask(http, { method: "GET", path: CONFIG, rate: "get" });
  const config = Config.safeParse(answer.kind === "ok" ? answer.json : undefined);
  if (!config.success) return { kind: "refused", why: "the workspace does not name its account" };
  const { account_id } = config.data;
  const name = `accounts/${account_id}/servicePrincipals/${applicationId}/ruleSets/default`;
  const query = { name, etag: "" };
  const asked = await ask(http, { method: "GET", path: PATH, query, rate: "get" });
  return asked.kind === "ok"
    ? { kind: "seen", name, ruleSet: RuleSet.parse(asked.json) }
    : { kind: "refused", why: asked.error.message };
}

/** The principals that may act as this one: by its role, or by making a secret of it. */
export const holdersOf = ({ grant_rules }: RuleSet): readonly string[] => [
  ...new Set(
    grant_rules
      .filter(({ role }) => role === USER || role === MANAGER)
      .flatMap(({ principals }) => principals),
  ),
];

/** Looks by name; a principal that has the role through a group is not seen here. */
export const mayUse = ({ grant_rules }: RuleSet, user: string): boolean =>
  grant_rules.some(
    ({ principals, role }) => role === USER && principals.includes(`servicePrincipals/${user}`),
  );

/**
 * Lets the controllers submit runs as an executor, and reports the result. Account administrators,
 * and managers of the principal, may grant it; other people learn whom to ask.
 */
export async function letSubmitAs(
  http: DatabricksHttp,
  controllers: string,
  executor: string,
): Promise<{ readonly isHeld: boolean; readonly sentence: string }> {
  const role = `role Service Principal: User of ${controllers} on ${executor}`;
  if (executor === controllers)
    return { isHeld: true, sentence: `${role}: it is the same principal` };
  const granted = await grantUse(http, executor, controllers);
  if (typeof granted === "string") return { isHeld: true, sentence: `${role}: ${granted}` };
  return {
    isHeld: false,
    sentence: `${role}: NOT granted (${granted.refused}). Without it no run can be submitted: an account administrator grants it under Service principals → ${executor} → Permissions`,
  };
}

type Granted = "granted" | "there already" | { readonly refused: string };

/** Grants the role. The rules of others stay. */
async function grantUse(
  http: DatabricksHttp,
  applicationId: string,
  user: string,
): Promise<Granted> {
  const roles = await rolesOn(http, applicationId);
  if (roles.kind === "refused") return { refused: roles.why };
  const { name, ruleSet } = roles;
  if (mayUse(ruleSet, user)) return "there already";
  const grant_rules = [
    ...ruleSet.grant_rules,
    { principals: [`servicePrincipals/${user}`], role: USER },
  ];
  // The etag makes this fail if somebody writes in between; otherwise their change would be lost.
  const json = JSON.stringify({ name, rule_set: { name, etag: ruleSet.etag, grant_rules } });
  const asked = await ask(http, { method: "PUT", path: PATH, json, rate: "get" });
  return asked.kind === "ok" ? "granted" : { refused: asked.error.message };
}
