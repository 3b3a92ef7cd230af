// Checks permissions in Unity Catalog and on the warehouse, as their managers see them: pure
// judgements, and the calls that feed them.
import * as z from "zod";
import type { Stage } from "../../infra/stage.ts";
import { ledgerTables } from "../../shared/domain/ledger-rows.ts";
import { ask } from "../ask.ts";
import type { WorkspaceClient } from "../workspace-client.ts";
import type { WorkspaceCheckOptions } from "./check.ts";
import { type Finding, fail, ok, skipped, warn } from "./check.ts";

/** A permission of a principal (or group), in the words of REST: `READ_VOLUME`. */
export type Holding = {
  readonly principal: string;
  readonly privilege: string;
  /** Its origin, as SQL names it: `CATALOG main`. Absent: granted on the thing itself. */
  readonly from?: string;
};

/** The group of all users. */
export const EVERYBODY = "account users";

/** A thing, and the permissions that somebody needs on it. */
export type Need = {
  readonly on: string;
  readonly privilege: string;
  readonly holdings: readonly Holding[];
};

const holds = (holdings: readonly Holding[], who: string, wanted: readonly string[]): boolean =>
  holdings.some(
    ({ principal, privilege }) =>
      (principal === who || principal === EVERYBODY) && wanted.includes(privilege),
  );

/** The permissions that `who` lacks, as sentences. */
const lacking = (who: string, needs: readonly Need[]): readonly string[] =>
  needs
    .filter(({ holdings, privilege }) => !holds(holdings, who, [privilege, "ALL_PRIVILEGES"]))
    .map(({ on, privilege }) => `${privilege.replaceAll("_", " ")} on ${on}`);

const sameIdentity = warn(
  "executors run as the controllers (allow_same_identity): executed code could forge the facts that judge it, and who created a run says nothing about whose it is",
  "make a second service principal, and name it as databricks.run_as",
);

/**
 * Executors need plans and reviewed code to read, and the scratchpad to write. Their forbidden
 * permissions are checked elsewhere.
 */
export function executorFinding(stage: Stage, executor: string, needs: readonly Need[]): Finding {
  const missing = lacking(executor, needs);
  return missing.length === 0
    ? ok(`executors (${executor}) read plans and code, and write the scratchpad`)
    : fail(`executors (${executor}) lack ${missing.join(", ")}`, bootstrapOf(stage));
}

export function controllersFinding(stage: Stage, needs: readonly Need[]): Finding {
  const missing = lacking(stage.databricks.client_id, needs);
  return missing.length === 0
    ? ok("the controllers have what they need on volumes and tables")
    : fail(
        `the controllers (${stage.databricks.client_id}) lack ${missing.join(", ")}`,
        bootstrapOf(stage),
      );
}

export const bootstrapOf = ({ name }: Stage): string => `npx signalbox bootstrap --stage ${name}`;

export async function executorMay(
  { stage, client, scratchpads }: Pick<WorkspaceCheckOptions, "stage" | "client" | "scratchpads">,
  executor: string,
): Promise<Finding> {
  const { plans, company_codebase } = stage.databricks.volumes;
  if (executor === stage.databricks.client_id) return sameIdentity;
  const see = seer(client, stage);
  const own = scratchpads.filter((each) => each.executor === executor);
  return await unlessUnseen(stage, async () => {
    const needs = [
      await needOf(see, "volume", plans, "READ_VOLUME"),
      await needOf(see, "volume", company_codebase, "READ_VOLUME"),
    ];
    for (const { volume } of own) needs.push(await needOf(see, "volume", volume, "WRITE_VOLUME"));
    return executorFinding(stage, executor, needs);
  });
}

export async function controllersMay({
  client,
  stage,
  scratchpads,
}: WorkspaceCheckOptions): Promise<Finding> {
  const { facts, plans, company_codebase } = stage.databricks.volumes;
  const see = seer(client, stage);
  return await unlessUnseen(stage, async () => {
    const needs: Need[] = [
      await needOf(see, "volume", facts, "READ_VOLUME"),
      await needOf(see, "volume", facts, "WRITE_VOLUME"),
      await needOf(see, "volume", plans, "READ_VOLUME"),
      await needOf(see, "volume", plans, "WRITE_VOLUME"),
      await needOf(see, "volume", company_codebase, "READ_VOLUME"),
    ];
    for (const volume of new Set(scratchpads.map((each) => each.volume)))
      needs.push(await needOf(see, "volume", volume, "READ_VOLUME"));
    for (const table of Object.keys(ledgerTables))
      for (const privilege of ["SELECT", "MODIFY"])
        needs.push(await needOf(see, "table", table, privilege));
    return controllersFinding(stage, needs);
  });
}

const Permissions = z.object({
  privilege_assignments: z
    .array(
      z.object({
        principal: z.string(),
        privileges: z
          .array(
            z.object({
              privilege: z.string(),
              inherited_from_type: z.string().optional(),
              inherited_from_name: z.string().optional(),
            }),
          )
          .default([]),
      }),
    )
    .default([]),
});

export type See = (
  type: "schema" | "volume" | "table",
  name?: string,
) => Promise<readonly Holding[]>;

/**
 * Includes permissions inherited from the schema and the catalog. @throws Unseen for a caller that
 * does not manage the thing
 */
export const seer =
  ({ http }: WorkspaceClient, { databricks: { catalog, schema } }: Stage): See =>
  async (type, name) => {
    const thing = [catalog, schema, ...(name === undefined ? [] : [name])].join(".");
    const path = `/api/2.1/unity-catalog/effective-permissions/${type}/${thing}`;
    const asked = await ask(http, { method: "GET", path, rate: "get" });
    if (asked.kind === "refused") {
      const { status, message } = asked.error;
      throw status === 403 ? new Unseen(message) : new Error(`GET ${path}: ${message}`);
    }
    return Permissions.parse(asked.json).privilege_assignments.flatMap(
      ({ principal, privileges }) =>
        privileges.map(({ privilege, inherited_from_type: kind, inherited_from_name: of }) => ({
          principal,
          privilege: privilege.replaceAll(" ", "_"),
          ...(kind !== undefined && of !== undefined && { from: `${kind.toUpperCase()} ${of}` }),
        })),
    );
  };

async function needOf(see: See, type: "volume" | "table", on: string, privilege: string) {
  return { on, privilege, holdings: await see(type, on) };
}

class Unseen extends Error {
  override readonly name = "Unseen";
}

/**
 * A caller that does not own the schema is not shown the permissions of others. That says nothing
 * about them.
 */
export async function unlessUnseen(
  { name }: Stage,
  look: () => Promise<Finding>,
): Promise<Finding> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof Unseen)) throw error;
    return skipped(
      `grants are shown to the owner of the schema alone (${error.message})`,
      `look once more with the credentials that bootstrapped it: DATABRICKS_TOKEN=… npx signalbox doctor --stage ${name}`,
    );
  }
}

const Acl = z.object({
  access_control_list: z
    .array(
      z.object({
        service_principal_name: z.string().optional(),
        group_name: z.string().optional(),
        all_permissions: z.array(z.object({ permission_level: z.string() })).default([]),
      }),
    )
    .default([]),
});
export type WarehouseAcl = z.infer<typeof Acl>;

/**
 * Members of groups other than everybody's are not seen here. Then this is a warning, and the
 * ledger check decides.
 */
export function warehouseFinding(
  { access_control_list }: WarehouseAcl,
  warehouse: string,
  who: string,
): Finding {
  const levels = ["CAN_USE", "CAN_MONITOR", "CAN_MANAGE", "IS_OWNER"];
  const may = access_control_list.some(
    ({ service_principal_name, group_name, all_permissions }) =>
      (service_principal_name === who || group_name === "users") &&
      all_permissions.some(({ permission_level }) => levels.includes(permission_level)),
  );
  return may
    ? ok(`the controllers may use the warehouse ${warehouse}`)
    : warn(
        `the warehouse ${warehouse} names the controllers (${who}) nowhere`,
        "SQL Warehouses → it → Permissions: Can use, for the controllers' service principal",
      );
}

export async function warehouseIsOpen({ stage, client }: WorkspaceCheckOptions): Promise<Finding> {
  const { warehouse_id, client_id } = stage.databricks;
  const path = `/api/2.0/permissions/warehouses/${warehouse_id}`;
  const asked = await ask(client.http, { method: "GET", path, rate: "get" });
  if (asked.kind === "ok") return warehouseFinding(Acl.parse(asked.json), warehouse_id, client_id);
  return asked.error.status === 403
    ? skipped(
        `who may use the warehouse is shown to those who manage it (${asked.error.message})`,
        "look once more as a workspace administrator",
      )
    : fail(
        `the warehouse ${warehouse_id}: ${asked.error.message}`,
        "correct databricks.warehouse_id of the stage",
      );
}
