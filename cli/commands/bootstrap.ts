// `signalbox bootstrap`: prepares the Databricks side of a stage. It may be repeated: existing
// things stay, missing ones are made.
import { randomUUID } from "node:crypto";
import { volumePathsOf } from "../../infra/names.ts";
import type { Stage } from "../../infra/stage.ts";
import {
  checkIdentities,
  executorsOf,
  readWorkloads,
  scratchpadsOf,
  usualScratchpad,
} from "../../infra/workloads.ts";
import { deployBundle } from "../asset-bundle.ts";
import { bootstrap as prepare } from "../bootstrap.ts";
import type { WorkspaceCheckOptions } from "../doctor/check.ts";
import { type Check, type Finding, healthOf, linesOf, lookAtAll } from "../doctor/check.ts";
import { codeIsClosed, factsAreClosed, plansAreClosed } from "../doctor/closed.ts";
import { executorMay } from "../doctor/grants.ts";
import { warehouseSleeps } from "../doctor/warehouse-sleep.ts";
import { command, stageOption, stagesOption, workloadsOption } from "../frame/command.ts";
import { prepareSecretScope } from "../secret-scope.ts";
import { loginOf, type StageInUse, stageOf, workloadsFolderOf } from "../stage-context.ts";
import { type CommandOf, type ExitCode, type Io, UsageError } from "../usage.ts";
import { type WorkspaceClient, workspaceClient } from "../workspace-client.ts";

export const bootstrap: CommandOf = (io) =>
  command("bootstrap", {
    summary: "prepares the Databricks side: volumes, tables, grants, executor; repeat it at will",
    more: "Existing things stay, missing ones are made. It needs the credentials of somebody who owns the catalog: DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, or DATABRICKS_TOKEN.",
    examples: [
      ["bootstrap --stage dev", "before the first deploy, and after each change of the executor"],
    ],
  })
    .addOption(stageOption)
    .addOption(stagesOption)
    .addOption(workloadsOption)
    .action(async (options) => {
      const stage = stageOf(options, io);
      io.exit(await prepared(stage, workloadsFolderOf(stage, options), io));
    });

async function prepared(stage: StageInUse, folder: string, io: Io): Promise<ExitCode> {
  requireOwner(io);
  const workloads = readWorkloads(folder);
  checkIdentities(stage, workloads, folder);
  const executors = executorsOf(stage, workloads);
  const scratchpads = scratchpadsOf(usualScratchpad(stage), workloads);
  await using client = workspaceClient(await loginOf(stage, io));
  const { catalog, schema, volumes, client_id, on_call } = stage.databricks;
  const { planeId, executorPath, maySubmit } = await prepare(client, {
    ...{ stack: stage.stack, catalog, schema, volumes, controllers: client_id, executors },
    scratchpads,
    onCall: on_call?.client_id,
    planeId: randomUUID(),
    nowIso: new Date().toISOString(),
    say: io.print,
  });
  const scope = await prepareSecretScope(client.http, stage.stack, executors);
  io.print(`secret scope ${stage.stack}, readable for executors: ${scope}`);
  io.print(await bundleDeployed(client, stage, executorPath, io));
  const bounded = await areBounded({ stage, client, executors, scratchpads }, io);
  await sayPrice({ stage, client }, io);
  if (!bounded || !maySubmit) {
    io.print(`${stage.stack} is NOT prepared: mend what is said above, then repeat this command`);
    return 1;
  }
  io.print(
    `${stage.stack} is prepared: plane ${planeId}. Next: npx cdk deploy ${stage.stack}, then npx signalbox doctor --stage ${stage.name}`,
  );
  return 0;
}

/** @throws UsageError */
function requireOwner({ environment }: Io): void {
  if (!Object.keys(environment).some((name) => /^DATABRICKS_(TOKEN|CLIENT_SECRET)$/.test(name)))
    throw new UsageError(
      "bootstrap makes volumes and grants, which the functions' own principal may not: set DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, or DATABRICKS_TOKEN, of somebody who owns the catalog",
    );
}

/**
 * The owner of the schema sees all grants, also older ones. So the permissions of executors are
 * checked now.
 */
async function areBounded(
  options: Pick<WorkspaceCheckOptions, "stage" | "client" | "executors" | "scratchpads">,
  { print }: Io,
): Promise<boolean> {
  const check = (id: string, look: () => Promise<Finding>): Check => ({
    ...{ id, look },
    remedy: "look at the grants of the stage's volumes",
  });
  const checks = [
    check("facts are closed", () => factsAreClosed(options)),
    check("plans are closed", () => plansAreClosed(options)),
    check("code is closed", () => codeIsClosed(options)),
    ...options.executors.map((executor) =>
      check("executors", () => executorMay(options, executor)),
    ),
  ];
  const answers = await lookAtAll(checks, (answer) => {
    for (const line of linesOf(answer)) print(line);
  });
  return healthOf(answers).kind !== "unhealthy";
}

/** The warehouse is nearly the whole bill, and its auto-stop is somebody else's setting. */
async function sayPrice(
  options: Pick<WorkspaceCheckOptions, "stage" | "client">,
  { print }: Io,
): Promise<void> {
  const look = () => warehouseSleeps(options);
  const remedy = "look at its auto-stop in the workspace: SQL Warehouses";
  await lookAtAll([{ id: "warehouse's sleep", remedy, look }], (answer) => {
    for (const line of linesOf(answer)) print(line);
  });
}

async function bundleDeployed(
  client: WorkspaceClient,
  stage: Stage,
  executorPath: string,
  { environment }: Io,
): Promise<string> {
  const { login } = client;
  const bundle = await deployBundle({ stage, login, executorPath, environment });
  if (bundle.kind === "absent")
    return "asset bundle: left out, because there is no `databricks` command line here; nothing depends on it";
  const path = `${volumePathsOf(stage.databricks).codebase}/jobs.json`;
  await client.files.overwrite(path, Buffer.from(`${JSON.stringify(bundle.jobs)}\n`));
  const jobs = Object.entries(bundle.jobs).map(([key, id]) => `${key} is job ${id}`);
  return `asset bundle: ${jobs.join(", ")}; kept in ${path}`;
}
