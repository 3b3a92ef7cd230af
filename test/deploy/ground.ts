// What the proof stands on: an embedded workspace, an AWS beside it, a stage that names both, and workloads of its own.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type WorkspaceClient, workspaceClient } from "../../cli/workspace-client.ts";
import { embeddedWorkspace, type WorkspaceAccess } from "../../local/plane/workspace-access.ts";
import { type Cdk, createCdk } from "./cdk.ts";
import { type MiniStack, startMiniStack } from "./ministack.ts";
import { projectRoot } from "./tools.ts";

export const STAGE = "proof";
export const STACK = `signalbox-${STAGE}`;
export const SECRET = "signalbox/proof/databricks";
/** The project's weather report, by the minute. */
export const SCHEDULED = "report-by-the-minute";
const SCHEDULED_TIME = "2026-11-21T06:00:00Z";

export type Ground = AsyncDisposable & {
  readonly folder: string;
  readonly access: WorkspaceAccess;
  readonly client: WorkspaceClient;
  readonly cloud: MiniStack;
  readonly cdk: Cdk;
  /** The app's context: our stage, our workloads. */
  readonly context: Readonly<Record<string, string>>;
};

export async function prepareGround(folder: string): Promise<Ground> {
  await using started = new AsyncDisposableStack();
  const access = started.use(await embeddedWorkspace(join(folder, "workspace")));
  const client = started.use(workspaceClient(access.operator));
  const leaks = { SIGNALBOX_CA_FILE: access.controllers.caFile ?? "" };
  const cloud = started.use(await startMiniStack(join(folder, "cloud"), leaks));
  const context = {
    stages: writeStage(folder, access),
    workloads: writeWorkloads(folder),
  };
  const running = started.move();
  return {
    ...{ folder, access, client, cloud, context },
    cdk: createCdk(cloud.clientEnvironment, folder),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** The data that the workloads read. */
export async function uploadData({ access, client }: Ground): Promise<void> {
  for (const name of ["seattle-weather.csv", "weather.csv"])
    await client.files.overwrite(
      `/Volumes/${access.catalog}/${access.schema}/company_codebase/data/${name}`,
      readFileSync(join(projectRoot, "node_modules", "vega-datasets", "data", name)),
    );
}

/** A stage like any other, but for its own waits: a tenth. */
function writeStage(folder: string, access: WorkspaceAccess): string {
  const stages = join(folder, "stages");
  mkdirSync(stages, { recursive: true });
  const { host, httpPath } = access.controllers;
  writeFileSync(
    join(stages, `${STAGE}.yaml`),
    `databricks:
  host: ${host}
  auth: { kind: oauth-m2m, secret: ${SECRET} }
  client_id: ${access.controllersId}
  warehouse_id: "${httpPath.split("/").at(-1)}"
  catalog: ${access.catalog}
  schema: ${access.schema}
  run_as: ${access.executorsId}
limits: { time_scale: 0.1 }
alarms: { email: oncall@example.com }
`,
  );
  return stages;
}

function writeWorkloads(folder: string): string {
  const workloads = join(folder, "workloads");
  const own = join(projectRoot, "workloads");
  cpSync(own, workloads, { recursive: true });
  cpSync(join(own, "weather-report"), join(workloads, SCHEDULED), { recursive: true });
  const recipe = join(workloads, SCHEDULED, "recipe.yaml");
  writeFileSync(recipe, `${readFileSync(recipe, "utf8")}schedule: rate(1 minute)\n`);
  return workloads;
}

/**
 * `cdk synth`. The emulator fills in none of Scheduler's placeholders (MiniStack 1.5.33 passes them on as they are), so the time at
 * which a ticket is scheduled is written into the template; that the app writes the placeholder is asserted elsewhere.
 */
export async function synthesise(
  { cdk, context }: Ground,
  assembly: string,
  revision: string,
): Promise<void> {
  await cdk.synth(assembly, { ...context, revision });
  const path = join(assembly, `${STACK}.template.json`);
  const template = readFileSync(path, "utf8");
  const placeholder = "<aws.scheduler.scheduled-time>";
  if (!template.includes(placeholder)) throw new Error(`${path} has no ${placeholder}`);
  writeFileSync(path, template.replaceAll(placeholder, SCHEDULED_TIME));
}
