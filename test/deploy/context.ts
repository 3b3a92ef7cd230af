// What the proof stands on: an embedded workspace, an AWS beside it, two stages that name both, and
// workloads of its own.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { issueCertificates } from "embedded-databricks-workspace";
import * as z from "zod";
import { type WorkspaceClient, workspaceClient } from "../../cli/workspace-client.ts";
import { embeddedWorkspace, type WorkspaceAccess } from "../../local/plane/workspace-access.ts";
import { type Cdk, createCdk } from "./cdk.ts";
import { type MiniStack, startMiniStack } from "./ministack.ts";
import { type Sts, startSts } from "./sts.ts";
import { projectRoot } from "./tools.ts";

export const STAGE = "proof";
export const STACK = `signalbox-${STAGE}`;
export const SECRET = "signalbox/proof/databricks";
export const ON_CALL_SECRET = "signalbox/proof/databricks-on-call";
/** Who gives orders in the first stage; users of the emulator's one account. */
export const ON_CALL = "on-call";
const orderers = `arn:aws:iam::000000000000:user/${ON_CALL}`;
/** A second stage in the same account and workspace: other volumes, other limits, and no secret. */
export const TWIN = "twin";
export const TWIN_STACK = `signalbox-${TWIN}`;
export const TWIN_SCHEMA = "ops_twin";
export const TWIN_FACTS = "twin_facts";
export const AUDIENCE = "https://accounts.example.com/signalbox";
/** The project's weather report, by the minute. */
export const SCHEDULED = "report-by-the-minute";
/** A workload that only the second revision has. */
export const LATER = "later-report";
const SCHEDULED_TIME = "2026-11-21T06:00:00Z";

export type Context = AsyncDisposable & {
  readonly folder: string;
  readonly access: WorkspaceAccess;
  readonly client: WorkspaceClient;
  readonly cloud: MiniStack;
  readonly sts: Sts;
  readonly cdk: Cdk;
  /** The app's context: our stages, our workloads. */
  readonly app: AppContext;
};

type AppContext = { readonly stages: string; readonly workloads: string };

export async function prepareContext(folder: string): Promise<Context> {
  await using started = new AsyncDisposableStack();
  const access = started.use(await embeddedWorkspace(join(folder, "workspace")));
  const client = started.use(workspaceClient(access.operator));
  const certificates = issueCertificates(Date.now());
  const emulator = { endpoint: "" };
  const sts = started.use(
    await startSts({
      tls: certificates,
      emulator: () => emulator.endpoint,
      token: () => federatedToken(access),
    }),
  );
  const leaks = {
    SIGNALBOX_CA_FILE: access.controllers.caFile ?? "",
    AWS_ENDPOINT_URL_STS: sts.endpoint,
  };
  const cloud = started.use(
    await startMiniStack({ folder: join(folder, "cloud"), certificates, leaks }),
  );
  emulator.endpoint = cloud.endpoint;
  const app = {
    stages: writeStages(folder, access),
    workloads: writeWorkloads(folder, "workloads"),
  };
  const running = started.move();
  return {
    ...{ folder, access, client, cloud, sts, app },
    cdk: createCdk(cloud.clientEnvironment, folder),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** The identity provider's word for the functions' principal. */
async function federatedToken({ embedded }: WorkspaceAccess): Promise<string> {
  if (embedded === undefined) throw new Error("only the embedded workspace has a test provider");
  const body = { principal: "controllers" };
  const answer = await embedded.workspace.admin("POST", "/federated-tokens", body);
  return z.object({ subject_token: z.string() }).parse(answer).subject_token;
}

/** The data that the workloads read. */
export async function uploadData({ access, client }: Context): Promise<void> {
  for (const schema of [access.schema, TWIN_SCHEMA])
    for (const name of ["seattle-weather.csv", "weather.csv"])
      await client.files.overwrite(
        `/Volumes/${access.catalog}/${schema}/company_codebase/data/${name}`,
        readFileSync(join(projectRoot, "node_modules", "vega-datasets", "data", name)),
      );
}

/** Stages like any other, but for their own waits: a tenth. */
function writeStages(folder: string, access: WorkspaceAccess): string {
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
  on_call: { client_id: ${access.onCallId}, secret: ${ON_CALL_SECRET} }
people: { orders: ["${orderers}"] }
limits: { time_scale: 0.1 }
books: { announce_after: ledger, window_minutes: immediately }
alarms: { email: oncall@example.com }
`,
  );
  writeFileSync(
    join(stages, `${TWIN}.yaml`),
    `databricks:
  host: ${host}
  auth: { kind: federation, audience: "${AUDIENCE}" }
  client_id: ${access.controllersId}
  warehouse_id: "${httpPath.split("/").at(-1)}"
  catalog: ${access.catalog}
  schema: ${TWIN_SCHEMA}
  volumes: { facts: ${TWIN_FACTS}, scratchpad: twin_results }
  run_as: ${access.executorsId}
limits:
  time_scale: 0.1
  workload_schedules: false
  concurrency: { watches: 8 }
  ledger_window_seconds: 1
books: { announce_after: ledger, window_minutes: 1 }
alarms: { nobody: true }
`,
  );
  return stages;
}

function writeWorkloads(folder: string, name: string): string {
  const workloads = join(folder, name);
  const own = join(projectRoot, "workloads");
  cpSync(own, workloads, { recursive: true });
  cpSync(join(own, "weather-report"), join(workloads, SCHEDULED), { recursive: true });
  const recipe = join(workloads, SCHEDULED, "recipe.yaml");
  writeFileSync(recipe, `${readFileSync(recipe, "utf8")}schedule: rate(1 minute)\n`);
  return workloads;
}

export const LATER_WORKLOADS = "later-workloads";

/** The project as it is after the next review: one workload more. */
export function writeLaterWorkloads(folder: string): string {
  const workloads = writeWorkloads(folder, LATER_WORKLOADS);
  cpSync(join(projectRoot, "workloads", "weather-report"), join(workloads, LATER), {
    recursive: true,
  });
  return workloads;
}

/**
 * `cdk synth`. The emulator fills in none of Scheduler's placeholders (MiniStack 1.5.33 passes them
 * on as they are), so the time at which a ticket is scheduled is written into the template; and it
 * knows no policies of buses, so they are taken out. That the app writes both is asserted
 * elsewhere.
 */
export async function synthesise(
  { cdk, app }: Context,
  assembly: string,
  revision: string,
  workloads = app.workloads,
): Promise<void> {
  await cdk.synth(assembly, { ...app, workloads, revision });
  const placeholder = "<aws.scheduler.scheduled-time>";
  for (const stack of [STACK, TWIN_STACK]) {
    const path = join(assembly, `${stack}.template.json`);
    const text = readFileSync(path, "utf8");
    if (stack === STACK && !text.includes(placeholder))
      throw new Error(`${path} has no ${placeholder}`);
    const template = Template.parse(JSON.parse(text.replaceAll(placeholder, SCHEDULED_TIME)));
    const kept = Object.entries(template.Resources).filter(([, { Type }]) => Type !== BUS_POLICY);
    if (kept.length === Object.keys(template.Resources).length)
      throw new Error(`${path} has no ${BUS_POLICY}`);
    writeFileSync(path, JSON.stringify({ ...template, Resources: Object.fromEntries(kept) }));
  }
}

const BUS_POLICY = "AWS::Events::EventBusPolicy";
const Template = z.looseObject({
  Resources: z.record(z.string(), z.looseObject({ Type: z.string() })),
});
