// What is submitted: the run's name, its token and the body of runs/submit. Pure, so that the same request can be sent again.
import type { ExecutorManifest } from "./contract.ts";
import type { AttemptKey } from "./facts.ts";
import type { Compute, Recipe } from "./recipe.ts";

/** Every Databricks run of a plane bears its name, so that it can be found without its id. */
export const planePrefix = (planeId: string): string => `signalbox/${planeId}/`;

/** The part of a run's name that identifies the attempt; the name goes on with the trace. Ends with a blank: 1.1 is not 1.11. */
export const attemptName = (planeId: string, key: AttemptKey): string =>
  `${planePrefix(planeId)}${key.run_id}/${key.iter_n}.${key.attempt} `;

/** Whose run a name says it is. */
export function attemptOfName(planeId: string, runName: string): AttemptKey | undefined {
  if (!runName.startsWith(planePrefix(planeId))) return undefined;
  const rest = runName.slice(planePrefix(planeId).length);
  const match = /^([A-Za-z0-9][A-Za-z0-9._-]{0,63})\/([1-9][0-9]?)\.([1-9][0-9]{0,2}) /.exec(rest);
  if (match?.[1] === undefined) return undefined;
  return { run_id: match[1], iter_n: Number(match[2]), attempt: Number(match[3]) };
}

/** What the idempotency token is the sha256 of. The attempt is part of it: a retry never gets the dead run back (airflow#64828). */
export const tokenText = (planeId: string, key: AttemptKey): string =>
  JSON.stringify([planeId, key.run_id, key.iter_n, key.attempt]);

export type SubmitPlan = {
  readonly recipe: Recipe;
  readonly manifest: ExecutorManifest;
  /** The absolute path of the manifest, the executor's one parameter. */
  readonly manifestPath: string;
  readonly executorPath: string;
  readonly runAs: string | undefined;
};

const TASK_KEY = "main";
const ENVIRONMENT_KEY = "default";

/**
 * The body of runs/submit without name and token. Databricks' own retries are off: an attempt is ours to count, and its
 * result is written once.
 */
export function submitBodyOf(plan: SubmitPlan): Readonly<Record<string, unknown>> {
  const { recipe, manifest } = plan;
  const runAs = recipe.run_as ?? plan.runAs;
  const task = {
    task_key: TASK_KEY,
    spark_python_task: { python_file: plan.executorPath, parameters: [plan.manifestPath] },
    max_retries: 0,
    disable_auto_optimization: true,
    timeout_seconds: manifest.limits.timeout_seconds,
    ...computeOf(recipe.task.compute, recipe.task.env),
    ...(recipe.task.libraries.length > 0 && { libraries: recipe.task.libraries }),
  };
  return {
    tasks: [task],
    ...environmentsOf(recipe.task.compute),
    timeout_seconds: manifest.limits.timeout_seconds,
    queue: { enabled: true },
    ...(runAs !== undefined && { run_as: { service_principal_name: runAs } }),
  };
}

function computeOf(compute: Compute, env: Readonly<Record<string, string>>) {
  if ("serverless" in compute) return { environment_key: ENVIRONMENT_KEY };
  if ("existing_cluster_id" in compute) return { existing_cluster_id: compute.existing_cluster_id };
  const own = compute.new_cluster["spark_env_vars"];
  const variables = { ...(typeof own === "object" && own !== null ? own : {}), ...env };
  return {
    new_cluster: {
      ...compute.new_cluster,
      ...(Object.keys(variables).length > 0 && { spark_env_vars: variables }),
    },
  };
}

const environmentsOf = (compute: Compute) =>
  "serverless" in compute
    ? { environments: [{ environment_key: ENVIRONMENT_KEY, spec: compute.serverless }] }
    : {};
