// The state of a workspace, with what every workspace comes with: `main.default.files` and a running cluster.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Identities } from "../auth/principals.ts";
import { createCatalogs } from "../catalog/catalogs.ts";
import { createGrants } from "../catalog/grants.ts";
import { createVolumes } from "../catalog/volumes.ts";
import type { Catalogs, Clock, Principals } from "../context.ts";
import type { Principal } from "../route.ts";
import type { Store } from "../store.ts";
import { type ClusterControl, createClusters } from "./clusters.ts";
import { createSecrets } from "./secrets.ts";
import { createWorkspaceFiles } from "./workspace-files.ts";

export type StateOptions = {
  readonly folder: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly identities: Identities;
  /** Full names of volumes that must be there, besides the one that a new workspace has. */
  readonly volumes: readonly string[];
};

export function openState({ folder, store, clock, identities, volumes }: StateOptions) {
  const root = join(folder, "Volumes");
  mkdirSync(root, { recursive: true });
  const principals: Principals = identities;
  const owner = identities.administrator;
  const grants = createGrants(store, () => principals);
  const catalogs = createCatalogs({ store, grants, root, nowMs: clock.nowMs });
  const clusters = createClusters(store, clock);
  const isNew = catalogs.catalogs().length === 0;
  for (const name of [...(isNew ? ["main.default.files"] : []), ...volumes])
    ensureVolume(catalogs, owner, name);
  return {
    clusterId: clusters.list()[0]?.clusterId ?? createCluster(clusters, owner),
    parts: {
      grants,
      catalogs,
      volumes: createVolumes(root, catalogs, grants),
      secrets: createSecrets(store, principals, clock.nowMs),
      clusters,
      workspaceFiles: createWorkspaceFiles(store, join(folder, "Workspace"), clock, principals),
    },
  };
}

/** @throws Error when the name is not `catalog.schema.volume` */
function ensureVolume(catalogs: Catalogs, owner: Principal, fullName: string): void {
  const [catalog = "", schema = "", volume = "", ...more] = fullName.split(".");
  if (volume === "" || more.length > 0)
    throw new Error(`volumes: '${fullName}' must be catalog.schema.volume`);
  if (catalogs.catalog(catalog) === undefined) catalogs.createCatalog(owner, catalog);
  if (catalogs.schema(catalog, schema) === undefined) catalogs.createSchema(owner, catalog, schema);
  if (catalogs.volume(catalog, schema, volume) === undefined)
    catalogs.createVolume(owner, catalog, schema, volume);
}

/** It runs at once: whoever starts a workspace wants to use it. */
function createCluster(clusters: ClusterControl, owner: Principal): string {
  const settings = { spark_version: "16.4.x-scala2.12", num_workers: 0 };
  const named = { clusterName: "shared", sparkConf: {}, sparkEnvVars: {}, settings };
  return clusters.create(owner.id, named, true);
}
