// Decides who may see and change a run or job, and as whom it may run.
import type { WorkspaceContext } from "../context.ts";
import { ApiError, type Principal } from "../route.ts";
import type { AccessControl, RunAs } from "../runs/job-schema.ts";

type Guarded = { readonly creator: string; readonly access: readonly AccessControl[] };
export type Right = "view" | "manage";

const viewLevels = new Set(["CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"]);
const manageLevels = new Set(["CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"]);

export function mayUse(principal: Principal, guarded: Guarded, right: Right): boolean {
  if (principal.admin || guarded.creator === principal.id) return true;
  const levels = right === "view" ? viewLevels : manageLevels;
  return guarded.access.some(
    (entry) => levels.has(entry.permission_level) && names(entry, principal),
  );
}

/** Of a run, where the settings say what no document does: the rights of its identity. */
export function mayUseRun(
  { settings }: WorkspaceContext,
  principal: Principal,
  run: Guarded & { readonly runAs: string },
  right: Right,
): boolean {
  const asIdentity = settings.runAsMayManage || (right === "view" && settings.runAsMayView);
  return mayUse(principal, run, right) || (asIdentity && run.runAs === principal.id);
}

/** @throws ApiError 403 PERMISSION_DENIED */
export function requireUseRun(
  context: WorkspaceContext,
  principal: Principal,
  run: Guarded & { readonly runAs: string; readonly runId: string },
  right: Right,
  asked = run.runId,
): void {
  if (!mayUseRun(context, principal, run, right)) throw forbidden(principal, right, `run ${asked}`);
}

/** @throws ApiError 403 PERMISSION_DENIED */
export function requireUse(
  principal: Principal,
  guarded: Guarded,
  right: Right,
  what: string,
): void {
  if (mayUse(principal, guarded, right)) return;
  throw forbidden(principal, right, what);
}

export function forbidden(principal: Principal, right: Right, what: string): ApiError {
  const rights =
    right === "view"
      ? "View or Admin or Manage Run or Owner or Manage"
      : "Manage Run or Admin or Owner or Manage";
  return new ApiError(
    403,
    "PERMISSION_DENIED",
    `${principal.displayName} does not have ${rights} permissions on ${what}.`,
  );
}

function names(entry: AccessControl, principal: Principal): boolean {
  const who = entry.service_principal_name ?? entry.user_name;
  if (who !== undefined) return who === principal.id || who === principal.displayName;
  return entry.group_name === "users" || entry.group_name === "account users";
}

/**
 * The identity that code will run as: who calls, unless somebody else is named.
 * @throws ApiError 400 when there is no such principal, 403 when the caller may not use it
 */
export function identityFor(
  context: WorkspaceContext,
  caller: Principal,
  runAs: RunAs | undefined,
): Principal {
  const name = runAs?.service_principal_name ?? runAs?.user_name;
  if (runAs?.group_name !== undefined)
    throw new ApiError(501, "NOT_IMPLEMENTED", "run_as.group_name is not built in this workspace.");
  if (name === undefined) return caller;
  const found = context.principals.byName(name);
  if (found === undefined)
    throw new ApiError(
      400,
      "INVALID_PARAMETER_VALUE",
      `run_as: the ${runAs?.user_name === undefined ? "service principal" : "user"} '${name}' does not exist in this workspace.`,
    );
  const may = caller.admin || context.principals.ruleSets.has(caller, "user", found.id);
  if (!may && caller.id !== found.id)
    throw new ApiError(
      403,
      "PERMISSION_DENIED",
      `run_as: ${caller.displayName} does not have the role Service Principal User on '${name}'.`,
    );
  return found;
}
