// The variables that a deployment sets for the functions, AWS' own apart. Pure.
import type { WorkspaceAccess } from "./workspace-access.ts";

export const STACK = "signalbox-local";
export const SECRET_ID = "signalbox/local/databricks";

type Context = {
  readonly access: WorkspaceAccess;
  readonly executorPath: string;
  /** The folder of the workloads. */
  readonly workloads: string;
};

export const variablesOf = (
  { access, executorPath, workloads }: Context,
  timeScale: number,
): Readonly<Record<string, string>> => ({
  DATABRICKS_HOST: access.controllers.host,
  DATABRICKS_AUTH: access.controllers.credentials.kind,
  DATABRICKS_SECRET_ID: SECRET_ID,
  DATABRICKS_HTTP_PATH: access.controllers.httpPath,
  ...(access.controllers.caFile !== undefined && {
    SIGNALBOX_CA_FILE: access.controllers.caFile,
  }),
  SIGNALBOX_CATALOG: access.catalog,
  SIGNALBOX_SCHEMA: access.schema,
  SIGNALBOX_STACK: STACK,
  SIGNALBOX_RUN_AS: access.executorsId,
  SIGNALBOX_CONTROLLERS: access.controllersId,
  SIGNALBOX_EXECUTOR_PATH: executorPath,
  SIGNALBOX_TIME_SCALE: String(timeScale),
  SIGNALBOX_WORKLOADS: workloads,
  // Here one environment does the work that Lambda would spread over many, so the share of all of
  // them is its own.
  SIGNALBOX_INSTANCES: "1",
});
