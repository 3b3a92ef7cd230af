// Deploys the Asset Bundle in infra/databricks by Databricks' own command line, if it is installed.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import * as z from "zod";
import type { Stage } from "../infra/stage.ts";
import { messageOf } from "../shared/domain/body.ts";
import type { Login } from "./login.ts";

const run = promisify(execFile);
const FOLDER = join(import.meta.dirname, "..", "infra", "databricks");

export type BundleResult =
  | { readonly kind: "absent" }
  /** Job ids by the bundle's resource keys; the same after every deploy. */
  | { readonly kind: "deployed"; readonly jobs: Readonly<Record<string, string>> };

export type BundleOptions = {
  readonly stage: Stage;
  readonly login: Login;
  readonly executorPath: string;
  /** The operator's environment: the path of the command line, its proxy, its home. */
  readonly environment: Readonly<Record<string, string | undefined>>;
};

const Summary = z.object({
  resources: z
    .object({ jobs: z.record(z.string(), z.object({ id: z.coerce.string() })).default({}) })
    .default({ jobs: {} }),
});

/** @throws Error with the output of the command line */
export async function deployBundle(options: BundleOptions): Promise<BundleResult> {
  // The workspace remembers what is deployed. A copy beside the bundle would belong to another
  // stage, or be out of date.
  const remembered = mkdtempSync(join(tmpdir(), "signalbox-bundle-"));
  const env = { ...environmentOf(options), DATABRICKS_BUNDLE_TMP: remembered };
  const databricks = async (...args: string[]): Promise<string> =>
    (await run("databricks", ["bundle", ...args, "--target", "stage"], { cwd: FOLDER, env }))
      .stdout;
  try {
    await databricks("deploy");
    const summary = Summary.parse(JSON.parse(await databricks("summary", "--output", "json")));
    const jobs = Object.entries(summary.resources.jobs).map(([key, { id }]) => [key, id]);
    return { kind: "deployed", jobs: Object.fromEntries(jobs) };
  } catch (error) {
    if (typeof error === "object" && error !== null && "code" in error && error.code === "ENOENT")
      return { kind: "absent" };
    throw new Error(`databricks bundle deploy: ${messageOf(error)}`, { cause: error });
  } finally {
    rmSync(remembered, { recursive: true, force: true });
  }
}

/**
 * The command line refuses two ways to sign in at once, and profiles of other workspaces. So it
 * gets the one that bootstrap uses.
 */
function environmentOf({ stage, login, executorPath, environment }: BundleOptions) {
  const variables = {
    stage: stage.name,
    run_as: stage.databricks.run_as,
    controllers: stage.databricks.client_id,
    executor_path: executorPath,
  };
  const others = Object.entries(environment).filter(([name]) => !SIGN_IN.test(name));
  return {
    ...Object.fromEntries(others),
    ...(login.caFile !== undefined &&
      environment["SSL_CERT_FILE"] === undefined && { SSL_CERT_FILE: login.caFile }),
    DATABRICKS_HOST: login.host,
    DATABRICKS_AUTH_TYPE: login.credentials.kind,
    ...credentialVariables(login),
    ...Object.fromEntries(
      Object.entries(variables).map(([name, value]) => [`BUNDLE_VAR_${name}`, value]),
    ),
  };
}

const SIGN_IN =
  /^(DATABRICKS_(HOST|TOKEN|CLIENT_ID|CLIENT_SECRET|AUTH_TYPE|CONFIG_PROFILE|CLUSTER_ID|ACCOUNT_ID|WORKSPACE_ID|USERNAME|PASSWORD)|(ARM|AZURE|GOOGLE)_.*)$/;

const credentialVariables = ({ credentials }: Login): Record<string, string> =>
  credentials.kind === "pat"
    ? { DATABRICKS_TOKEN: credentials.token }
    : {
        DATABRICKS_CLIENT_ID: credentials.clientId,
        DATABRICKS_CLIENT_SECRET: credentials.clientSecret,
      };
