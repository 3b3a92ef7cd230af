// The workspace of a local plane: the embedded one, or a real one from the environment's variables.
import { join } from "node:path";
import { startWorkspace, type Workspace } from "embedded-databricks-workspace";
import * as z from "zod";
import { type Login, loginFrom } from "../../cli/login.ts";
import { faultsOf } from "../../shared/domain/body.ts";

export type WorkspaceAccess = AsyncDisposable & {
  /** The login that bootstraps, and reads for the screen. */
  readonly operator: Login;
  /** The services' login. */
  readonly controllers: Login;
  /** Application ids, for grants and for `run_as`. */
  readonly controllersId: string;
  readonly executorsId: string;
  /** The principal that people use for looking; absent if none is named. */
  readonly onCallId?: string;
  readonly catalog: string;
  readonly schema: string;
  /** Extras of the embedded workspace; absent for a real one. */
  readonly embedded?: {
    readonly workspace: Workspace;
    /** The folder of `/Volumes` on this machine. */
    readonly volumesFolder: string;
    /** The executors' login, to see what executed code may not do. */
    readonly executors: Login;
    readonly onCall: Login;
  };
};

/**
 * Starts the embedded workspace, with a principal for the services, one for executed code, and one
 * for people.
 */
export async function embeddedWorkspace(folder: string): Promise<WorkspaceAccess> {
  const workspace = await startWorkspace({
    data: folder,
    // No administrators: they may do what the bootstrap grants, and no more.
    principals: [
      { displayName: "controllers" },
      { displayName: "executors" },
      { displayName: "on-call" },
    ],
  });
  const loginOf = (name: string): Login => {
    const { id, clientSecret } = workspace.principal(name);
    return {
      host: workspace.url,
      httpPath: workspace.env["DATABRICKS_HTTP_PATH"] ?? "",
      credentials: { kind: "oauth-m2m", clientId: id, clientSecret },
      caFile: join(folder, "ca.pem"),
    };
  };
  return {
    operator: loginOf("administrator"),
    controllers: loginOf("controllers"),
    controllersId: workspace.principal("controllers").id,
    executorsId: workspace.principal("executors").id,
    onCallId: workspace.principal("on-call").id,
    catalog: "main",
    schema: "ops",
    embedded: {
      workspace,
      volumesFolder: join(folder, "Volumes"),
      executors: loginOf("executors"),
      onCall: loginOf("on-call"),
    },
    [Symbol.asyncDispose]: () => workspace.close(),
  };
}

const Variables = z.object({
  SIGNALBOX_CATALOG: z.string().min(1),
  SIGNALBOX_SCHEMA: z.string().min(1),
  SIGNALBOX_CONTROLLERS: z.string().min(1).optional(),
  SIGNALBOX_RUN_AS: z.string().min(1),
});

/**
 * A real workspace, which DATABRICKS_HOST and similar variables name. Operator and services are the
 * same principal there.
 */
export function workspaceFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): WorkspaceAccess {
  const login = loginFrom(environment);
  const parsed = Variables.safeParse(environment);
  if (!parsed.success)
    throw new Error(
      `a plane needs a schema of its own and a principal that its executors run as: ${faultsOf(parsed.error)}`,
    );
  const given = parsed.data;
  const ownId =
    login.credentials.kind === "oauth-m2m"
      ? login.credentials.clientId
      : given.SIGNALBOX_CONTROLLERS;
  if (ownId === undefined)
    throw new Error(
      "with DATABRICKS_TOKEN, SIGNALBOX_CONTROLLERS must name the principal that the token belongs to (for the grants)",
    );
  return {
    operator: login,
    controllers: login,
    controllersId: ownId,
    executorsId: given.SIGNALBOX_RUN_AS,
    catalog: given.SIGNALBOX_CATALOG,
    schema: given.SIGNALBOX_SCHEMA,
    [Symbol.asyncDispose]: async () => {},
  };
}
