// Our identity in a workspace, from the environment variables that Databricks' own tools read.
import { readFileSync } from "node:fs";
import * as z from "zod";
import { faultsOf } from "../shared/domain/body.ts";

type Credentials =
  | { readonly kind: "oauth-m2m"; readonly clientId: string; readonly clientSecret: string }
  | { readonly kind: "pat"; readonly token: string };

export type Login = {
  /** `https://host`, without a slash at the end. */
  readonly host: string;
  /** `/sql/1.0/warehouses/<id>` */
  readonly httpPath: string;
  readonly credentials: Credentials;
  /** The authority of the host's certificate, if that is not a public one. */
  readonly caFile?: string;
  /** Where the credentials come from, for sentences about them; absent: the environment. */
  readonly from?: string;
};

const text = z.string().trim().min(1);
const Variables = z.object({
  DATABRICKS_HOST: text,
  DATABRICKS_HTTP_PATH: text.optional(),
  DATABRICKS_WAREHOUSE_ID: text.optional(),
  DATABRICKS_CLIENT_ID: text.optional(),
  DATABRICKS_CLIENT_SECRET: text.optional(),
  DATABRICKS_TOKEN: text.optional(),
  SIGNALBOX_CA_FILE: text.optional(),
});

/** @throws Error with one sentence that names the missing variable */
export function loginFrom(environment: Readonly<Record<string, string | undefined>>): Login {
  const parsed = Variables.safeParse(environment);
  if (!parsed.success)
    throw new Error(`the environment names no workspace: ${faultsOf(parsed.error)}`);
  const given = parsed.data;
  const httpPath =
    given.DATABRICKS_HTTP_PATH ??
    (given.DATABRICKS_WAREHOUSE_ID && `/sql/1.0/warehouses/${given.DATABRICKS_WAREHOUSE_ID}`);
  if (httpPath === undefined)
    throw new Error(
      "the environment names no SQL warehouse: set DATABRICKS_HTTP_PATH (or DATABRICKS_WAREHOUSE_ID)",
    );
  return {
    host: originOf(given.DATABRICKS_HOST),
    httpPath,
    credentials: credentialsFrom(given),
    ...(given.SIGNALBOX_CA_FILE !== undefined && { caFile: given.SIGNALBOX_CA_FILE }),
  };
}

export const caPemOf = ({ caFile }: Login): string | undefined =>
  caFile === undefined ? undefined : readFileSync(caFile, "utf8");

/** Tools take the host with and without a scheme, and with a slash at the end. */
function originOf(host: string): string {
  const url = URL.parse(/^https?:\/\//.test(host) ? host : `https://${host}`);
  if (url === null)
    throw new Error(`DATABRICKS_HOST: "${host}" is no address; write https://<workspace>`);
  return url.origin;
}

function credentialsFrom(given: z.infer<typeof Variables>): Credentials {
  const { DATABRICKS_CLIENT_ID: clientId, DATABRICKS_CLIENT_SECRET: clientSecret } = given;
  if (clientId !== undefined && clientSecret !== undefined)
    return { kind: "oauth-m2m", clientId, clientSecret };
  if (given.DATABRICKS_TOKEN !== undefined) return { kind: "pat", token: given.DATABRICKS_TOKEN };
  const missing = Object.entries({
    DATABRICKS_CLIENT_ID: clientId,
    DATABRICKS_CLIENT_SECRET: clientSecret,
  }).flatMap(([name, value]) => (value === undefined ? [name] : []));
  throw new Error(
    missing.length === 1
      ? `the environment holds half of a principal's credentials: ${missing.join()} is missing`
      : "the environment holds no credentials: set DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, or DATABRICKS_TOKEN",
  );
}
