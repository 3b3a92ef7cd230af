// Composes a submission: the run's name and the body of runs/submit. Pure, so that the same request
// can be sent again.
import type { ExecutorManifest } from "./contract.ts";
import type { AttemptKey, RunKey } from "./facts.ts";
import type { Compute, Recipe } from "./recipe.ts";

/**
 * The first part of the name of every Databricks run of a plane, so that a run can be found without
 * its id.
 */
export const planePrefix = (planeId: string): string => `signalbox/${planeId}/`;

/**
 * The part of a run's name that identifies the attempt; the name goes on with the trace. It ends
 * with a blank: 1.1 is not 1.11. Anybody may give a run any name, so a name finds a run, and never
 * proves whose it is.
 */
export const attemptName = (planeId: string, key: AttemptKey & RunKey): string =>
  [
    `${planePrefix(planeId)}${key.run_id}`,
    ...(key.generation === undefined ? [] : [key.generation]),
    `${key.iter_n}.${key.attempt} `,
  ].join("/");

const NAME =
  /^(?<id>[A-Za-z0-9][A-Za-z0-9._-]{0,63})\/(?:(?<generation>[0-9a-f]{10})\/)?(?<iter>[1-9][0-9]?)\.(?<attempt>[1-9][0-9]{0,2}) /;

/** The attempt that a run's name claims. */
export function attemptOfName(planeId: string, runName: string): (AttemptKey & RunKey) | undefined {
  if (!runName.startsWith(planePrefix(planeId))) return undefined;
  const parts = NAME.exec(runName.slice(planePrefix(planeId).length))?.groups;
  if (parts?.["id"] === undefined) return undefined;
  return {
    run_id: parts["id"],
    generation: parts["generation"],
    iter_n: Number(parts["iter"]),
    attempt: Number(parts["attempt"]),
  };
}

export type SubmitPlan = {
  readonly recipe: Recipe;
  readonly manifest: ExecutorManifest;
  /** The absolute path of the manifest's copy, the executor's one parameter. */
  readonly manifestPath: string;
  readonly executorPath: string;
  readonly runAs: string | undefined;
};

const TASK_KEY = "main";
/**
 * The platform puts the run's own id in Databricks in place of these: the executor's second
 * to fourth parameter.
 */
const OWN_IDS = ["{{job.id}}", "{{job.run_id}}", "{{task.run_id}}"] as const;
const ENVIRONMENT_KEY = "default";

/**
 * The body of runs/submit without name and token. Databricks' own retries are off: we count
 * attempts ourselves, and a result is written once.
 */
export function submitBodyOf(plan: SubmitPlan): Readonly<Record<string, unknown>> {
  const { recipe, manifest } = plan;
  const runAs = recipe.run_as ?? plan.runAs;
  const task = {
    task_key: TASK_KEY,
    spark_python_task: {
      python_file: plan.executorPath,
      parameters: [plan.manifestPath, ...OWN_IDS],
    },
    max_retries: 0,
    disable_auto_optimization: true,
    timeout_seconds: manifest.limits.timeout_seconds,
    ...computeOf(recipe.task.compute, { ...secretVariables(recipe), ...recipe.task.env }),
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

/**
 * A cluster that is made for the attempt resolves secrets itself, and does not start without one.
 * So those that may be missing are left to the executor, as all are on other compute.
 */
const secretVariables = ({ secrets = [] }: Recipe): Readonly<Record<string, string>> =>
  Object.fromEntries(
    secrets.flatMap(({ scope, key, env, required }) =>
      env === undefined || !required ? [] : [[env, `{{secrets/${scope}/${key}}}`]],
    ),
  );

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
