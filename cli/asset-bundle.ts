// The Asset Bundle in infra/databricks: deployed by Databricks' own command line, where there is one.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import * as z from "zod";
import type { Stage } from "../infra/stage.ts";
import { messageOf } from "../shared/domain/body.ts";

const run = promisify(execFile);
const FOLDER = join(import.meta.dirname, "..", "infra", "databricks");

export type BundleResult =
  | { readonly kind: "absent" }
  /** Job ids by the bundle's resource keys; the same after every deploy. */
  | { readonly kind: "deployed"; readonly jobs: Readonly<Record<string, string>> };

const Summary = z.object({
  resources: z
    .object({ jobs: z.record(z.string(), z.object({ id: z.coerce.string() })).default({}) })
    .default({ jobs: {} }),
});

/**
 * @param environment of whoever deploys, with its DATABRICKS_* variables
 * @throws Error with what the command line said
 */
export async function deployBundle(
  stage: Stage,
  executorPath: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<BundleResult> {
  const variables = {
    stage: stage.name,
    run_as: stage.databricks.run_as,
    controllers: stage.databricks.client_id,
    executor_path: executorPath,
  };
  const env = {
    ...environment,
    DATABRICKS_HOST: stage.databricks.host,
    ...Object.fromEntries(
      Object.entries(variables).map(([name, value]) => [`BUNDLE_VAR_${name}`, value]),
    ),
  };
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
  }
}
