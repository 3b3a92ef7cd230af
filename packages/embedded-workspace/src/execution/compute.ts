// The compute of a task: waits until it would run, and gives the environment that it brings.
import type { WorkspaceContext } from "../context.ts";
import type { Principal } from "../route.ts";
import type { JobLimits } from "../runs/limits.ts";
import type { RunRecord } from "../runs/model.ts";
import type { Task } from "../runs/task-schema.ts";

type Wanted = {
  readonly context: WorkspaceContext;
  readonly limits: JobLimits;
  readonly run: RunRecord;
  readonly task: Task;
  readonly principal: Principal;
  readonly signal: AbortSignal;
};

/**
 * Environment variables of the cluster, with `{{secrets/scope/key}}` replaced: the platform does so
 * in Spark conf and spark_env_vars of classic clusters, and nowhere else. @throws ApiError for a
 * secret or a cluster that cannot be had
 */
export async function prepareCompute(wanted: Wanted): Promise<Record<string, string>> {
  const { context, limits, task, principal, signal } = wanted;
  if (task.existing_cluster_id !== undefined) {
    await context.clusters.ensureRunning(task.existing_cluster_id, signal);
    return environmentOfCluster(context, principal, task.existing_cluster_id);
  }
  const cluster = newCluster(wanted);
  if (cluster === undefined) {
    await context.clock.sleep(limits.serverlessSeconds * 1000, signal);
    return {};
  }
  await context.clock.sleep(limits.newClusterSeconds * 1000, signal);
  return clusterEnvironment(context, principal, cluster.spark_env_vars, cluster.spark_conf);
}

/** The same of an all-purpose cluster that runs. @throws ApiError for a secret */
export function environmentOfCluster(
  context: WorkspaceContext,
  principal: Principal,
  clusterId: string,
): Record<string, string> {
  const cluster = context.clusters.get(clusterId);
  return clusterEnvironment(context, principal, cluster?.sparkEnvVars, cluster?.sparkConf);
}

function newCluster({ task, run }: Wanted) {
  if (task.new_cluster !== undefined) return task.new_cluster;
  return run.jobClusters.find(({ job_cluster_key }) => job_cluster_key === task.job_cluster_key)
    ?.new_cluster;
}

/** Spark conf reaches a program through pyspark, which reads it from this variable. */
function clusterEnvironment(
  context: WorkspaceContext,
  principal: Principal,
  variables: Readonly<Record<string, string>> = {},
  conf: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const resolved = (texts: Readonly<Record<string, string>>): [string, string][] =>
    Object.entries(texts).map(([name, text]) => [
      name,
      context.secrets.resolveReferences(text, principal),
    ]);
  const sparkConf = resolved(conf);
  const submit = sparkConf.flatMap(([name, value]) => ["--conf", `${name}=${value}`]);
  return {
    ...Object.fromEntries(resolved(variables)),
    ...(submit.length > 0 && {
      PYSPARK_SUBMIT_ARGS: `${submit.map((word) => JSON.stringify(word)).join(" ")} pyspark-shell`,
    }),
  };
}
