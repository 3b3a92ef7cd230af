// The scope for secrets that recipes name as {{secrets/scope/key}}. Executors read it, and the
// controllers do not.
import { isMissing } from "../shared/adapters/databricks-error.ts";
import type { DatabricksHttp } from "../shared/adapters/databricks-http.ts";

/** Makes `signalbox-<stage>` once, readable for the principals as which executors run. */
export async function prepareSecretScope(
  http: DatabricksHttp,
  scope: string,
  readers: readonly string[],
): Promise<"made" | "found"> {
  const state = await post(http, "scopes/create", { scope }, ["RESOURCE_ALREADY_EXISTS"]);
  for (const principal of readers)
    await post(http, "acls/put", { scope, principal, permission: "READ" }, []);
  return state;
}

async function post(
  http: DatabricksHttp,
  path: string,
  body: unknown,
  fine: readonly string[],
): Promise<"made" | "found"> {
  const reply = await http.call({
    method: "POST",
    path: `/api/2.0/secrets/${path}`,
    json: JSON.stringify(body),
    rate: "list",
  });
  if (reply.kind !== "refused") return "made";
  if (fine.includes(reply.error.code)) return "found";
  const hint = isMissing(reply.error) ? " (is the principal a member of this workspace?)" : "";
  throw new Error(`secrets/${path}: ${reply.error.message}${hint}`, { cause: reply.error });
}
