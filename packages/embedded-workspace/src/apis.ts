// Every API family of the workspace. What is not in one of them answers 501.
import { chatRoutes } from "./api/chat.ts";
import { clusterRoutes } from "./api/clusters.ts";
import { commandRoutes } from "./api/commands.ts";
import { credentialRoutes } from "./api/credentials.ts";
import { directoryRoutes } from "./api/directories.ts";
import { fileRoutes } from "./api/files.ts";
import { jobsRoutes } from "./api/jobs.ts";
import { multipartRoutes } from "./api/multipart.ts";
import { oauthRoutes } from "./api/oauth.ts";
import { ruleSetRoutes } from "./api/rule-sets.ts";
import { scimRoutes } from "./api/scim.ts";
import { secretRoutes } from "./api/secrets.ts";
import { statementRoutes } from "./api/statements.ts";
import { telemetryRoutes } from "./api/telemetry.ts";
import { thriftRoutes } from "./api/thrift.ts";
import { unityCatalogRoutes } from "./api/unity-catalog.ts";
import { warehouseRoutes } from "./api/warehouses.ts";
import { workspaceObjectRoutes } from "./api/workspace-objects.ts";
import type { Identities } from "./auth/principals.ts";
import type { WorkspaceContext } from "./context.ts";
import type { Route } from "./route.ts";
import type { ClusterControl } from "./state/clusters.ts";
import type { SecretScopes } from "./state/secrets.ts";
import type { WorkspaceTree } from "./state/workspace-files.ts";

/** The wider interfaces that only these families use. */
export type Insides = {
  readonly identities: Identities;
  readonly secrets: SecretScopes;
  readonly clusters: ClusterControl;
  readonly workspaceFiles: WorkspaceTree;
};

export const apiRoutes = (context: WorkspaceContext, insides: Insides): readonly Route[] => [
  ...oauthRoutes(context, insides.identities),
  ...scimRoutes(context),
  ...ruleSetRoutes(context),
  ...credentialRoutes(insides.identities),
  ...fileRoutes(context),
  ...multipartRoutes(context),
  ...directoryRoutes(context),
  ...unityCatalogRoutes(context),
  ...secretRoutes(context, insides.secrets),
  ...clusterRoutes(context, insides.clusters),
  ...commandRoutes(context),
  ...chatRoutes(context),
  ...workspaceObjectRoutes(context, insides.workspaceFiles),
  ...warehouseRoutes(context),
  ...telemetryRoutes(),
  ...jobsRoutes(context),
  ...thriftRoutes(context),
  ...statementRoutes(context),
];
