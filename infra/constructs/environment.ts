// The environment variables of a function, as shared/adapters/environment.ts reads them. None is a
// secret: they only say where to find one.
import type { QueueName } from "../../shared/topology.ts";
import { deadLetterUrlVariable, queueUrlVariable } from "../names.ts";
import type { Stage } from "../stage.ts";

export type EnvironmentProps = {
  readonly stage: Stage;
  readonly executorPath: string;
  /**
   * The ids of all functions' roles. They may name another sender when they send a message again.
   */
  readonly ownRoleIds: readonly string[];
  /** How many instances of this function may run at once. */
  readonly instances: number;
  readonly eventBusName: string | undefined;
  readonly carriesWorkloads: boolean;
  readonly writesLedger: boolean;
  readonly sends: readonly (readonly [QueueName, string])[];
  readonly rejects: readonly (readonly [QueueName, string])[];
};

export function environmentOf(props: EnvironmentProps): Record<string, string> {
  const { stage, sends, rejects } = props;
  const { databricks, limits } = stage;
  return {
    NODE_OPTIONS: "--enable-source-maps",
    DATABRICKS_HOST: databricks.host,
    ...authVariables(stage),
    ...(props.writesLedger && {
      DATABRICKS_HTTP_PATH: `/sql/1.0/warehouses/${databricks.warehouse_id}`,
    }),
    SIGNALBOX_STACK: stage.stack,
    SIGNALBOX_CATALOG: databricks.catalog,
    SIGNALBOX_SCHEMA: databricks.schema,
    SIGNALBOX_FACTS_VOLUME: databricks.volumes.facts,
    SIGNALBOX_PLANS_VOLUME: databricks.volumes.plans,
    SIGNALBOX_SCRATCHPAD_VOLUME: databricks.volumes.scratchpad,
    SIGNALBOX_CODEBASE_VOLUME: databricks.volumes.company_codebase,
    SIGNALBOX_INSTANCES: String(props.instances),
    SIGNALBOX_RUN_AS: databricks.run_as,
    SIGNALBOX_CONTROLLERS: [databricks.client_id, ...databricks.former_client_ids].join(","),
    SIGNALBOX_EVIDENCE: databricks.evidence,
    SIGNALBOX_OWN_ROLES: props.ownRoleIds.join(","),
    SIGNALBOX_EXECUTOR_PATH: props.executorPath,
    SIGNALBOX_RETENTION_DAYS: String(limits.retention_days),
    ...(limits.time_scale !== 1 && { SIGNALBOX_TIME_SCALE: String(limits.time_scale) }),
    // Relative, because a function starts in the folder of its code.
    ...(props.carriesWorkloads && { SIGNALBOX_WORKLOADS: "workloads" }),
    ...(props.eventBusName !== undefined && { EVENT_BUS_NAME: props.eventBusName }),
    ...Object.fromEntries(sends.map(([queue, url]) => [queueUrlVariable(queue), url])),
    ...Object.fromEntries(rejects.map(([queue, url]) => [deadLetterUrlVariable(queue), url])),
  };
}

function authVariables({ databricks }: Stage): Record<string, string> {
  const { auth, client_id } = databricks;
  return auth.kind === "federation"
    ? {
        DATABRICKS_AUTH: auth.kind,
        DATABRICKS_CLIENT_ID: client_id,
        DATABRICKS_TOKEN_AUDIENCE: auth.audience,
      }
    : { DATABRICKS_AUTH: auth.kind, DATABRICKS_SECRET_ID: auth.secret };
}
