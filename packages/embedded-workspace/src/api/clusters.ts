// `/api/2.1/clusters/…` (and 2.0, as older clients ask).
import * as z from "zod";
import type { WorkspaceContext } from "../context.ts";
import { parseQuery } from "../http/json.ts";
import type { ApiRequest, Route } from "../route.ts";
import type { ClusterControl, ClusterRecord } from "../state/clusters.ts";

export function clusterRoutes(context: WorkspaceContext, clusters: ClusterControl): Route[] {
  return ["2.0", "2.1"].flatMap((version) => routesOf(context, clusters, `/api/${version}`));
}

function routesOf(context: WorkspaceContext, clusters: ClusterControl, base: string): Route[] {
  const act = <T>(
    name: string,
    schema: z.ZodType<T>,
    perform: (input: T, request: ApiRequest) => unknown,
  ): Route => ({
    method: "POST",
    path: `${base}/clusters/${name}`,
    handle: async (request) => {
      context.principals.requireEntitled(request.principal);
      return { status: 200, body: perform(await request.json(schema), request) ?? {} };
    },
  });
  const read = (name: string, perform: (request: ApiRequest) => unknown): Route => ({
    method: "GET",
    path: `${base}/clusters/${name}`,
    handle: async (request) => {
      context.principals.requireEntitled(request.principal);
      return { status: 200, body: perform(request) };
    },
  });
  return [
    read("spark-versions", () => ({ versions: RUNTIMES })),
    read("list-node-types", () => ({ node_types: NODE_TYPES })),
    read("list", () => ({ clusters: clusters.list().map(detailsOf) })),
    read("get", ({ query }) => detailsOf(clusters.record(parseQuery(query, ClusterId).cluster_id))),
    act("create", ClusterSpec, (spec, { principal }) => ({
      cluster_id: clusters.create(principal.id, settingsOf(spec)),
    })),
    act("edit", ClusterSpec.extend({ cluster_id: z.string() }), (spec) => {
      clusters.edit(spec.cluster_id, settingsOf(spec));
    }),
    act("start", ClusterId, ({ cluster_id }) => clusters.start(cluster_id)),
    act("restart", ClusterId, ({ cluster_id }) => clusters.restart(cluster_id)),
    act("delete", ClusterId, ({ cluster_id }) => clusters.terminate(cluster_id)),
    act("permanent-delete", ClusterId, ({ cluster_id }) => clusters.permanentDelete(cluster_id)),
  ];
}

// Names that clients look up before they create a cluster. Whatever they choose, it is this machine.
const RUNTIMES = [
  { key: "17.3.x-scala2.13", name: "17.3 LTS (includes Apache Spark 4.0.0, Scala 2.13)" },
  { key: "16.4.x-scala2.12", name: "16.4 LTS (includes Apache Spark 3.5.2, Scala 2.12)" },
];
const NODE_TYPES = [
  {
    node_type_id: "i3.xlarge",
    instance_type_id: "i3.xlarge",
    description: "i3.xlarge",
    category: "Storage Optimized",
    memory_mb: 31232,
    num_cores: 4,
    num_gpus: 0,
    is_deprecated: false,
    is_io_cache_enabled: true,
    support_ssh: false,
    node_instance_type: { instance_type_id: "i3.xlarge", local_disks: 1, local_disk_size_gb: 950 },
  },
];

const ClusterId = z.object({ cluster_id: z.string() });

const ClusterSpec = z.looseObject({
  cluster_name: z.string().default(""),
  spark_version: z.string(),
  node_type_id: z.string().optional(),
  num_workers: z.number().int().min(0).optional(),
  spark_conf: z.record(z.string(), z.string()).default({}),
  spark_env_vars: z.record(z.string(), z.string()).default({}),
});

function settingsOf({
  cluster_name,
  spark_conf,
  spark_env_vars,
  cluster_id: _id,
  ...settings
}: z.infer<typeof ClusterSpec>) {
  return {
    clusterName: cluster_name,
    sparkConf: spark_conf,
    sparkEnvVars: spark_env_vars,
    settings,
  };
}

const detailsOf = (record: ClusterRecord) => ({
  ...record.settings,
  cluster_id: record.clusterId,
  cluster_name: record.clusterName,
  creator_user_name: record.creator,
  cluster_source: "API",
  state: record.state,
  state_message: record.state === "RUNNING" ? "" : record.state.toLowerCase(),
  start_time: record.startTime,
  spark_conf: record.sparkConf,
  spark_env_vars: record.sparkEnvVars,
  ...(record.state === "TERMINATED" && {
    terminated_time: record.terminatedTime,
    termination_reason: { code: "USER_REQUEST", type: "SUCCESS", parameters: {} },
  }),
});
