// What a first deploy gets wrong on the Databricks side.
import { executorPath, executorSources } from "../../infra/executor.ts";
import { volumePathsOf } from "../../infra/names.ts";
import { ledgerTables } from "../../shared/domain/ledger-rows.ts";
import { askForJson } from "../ask.ts";
import { type Check, type Finding, fail, ok } from "./check.ts";
import { clockAgrees, credentialsLast, signsIn } from "./credentials.ts";
import { createsOnce, factsAreWritable, planeIsOurs, volumesAreReadable } from "./facts-volume.ts";
import { controllersMay, executorIsBounded, warehouseIsOpen } from "./grants.ts";
import { runsAs } from "./run-as.ts";
import type { WorkspaceCheckOptions } from "./workspace-check-options.ts";

type Look = (options: WorkspaceCheckOptions) => Promise<Finding>;

/** As the functions, most of it is tried; as somebody else, what the functions may is looked up. */
export const workspaceChecks = (options: WorkspaceCheckOptions): readonly Check[] => {
  const bootstrap = `npx signalbox bootstrap --stage ${options.stage.name}`;
  const check = (id: string, remedy: string, look: Look): Check => ({
    id,
    remedy,
    look: () => look(options),
  });
  const looksUp = (id: string, remedy: string, look: Look) =>
    options.asControllers ? [] : [check(id, remedy, look)];
  const case_ = "open a case with Databricks; until it holds, no plane may use this workspace";
  return [
    check("clock", "set this machine's clock (NTP)", clockAgrees),
    check(
      "credentials",
      "check the stage's host and auth, and that the secret holds a client secret which has not expired",
      signsIn,
    ),
    check("credentials' end", "check databricks.auth of the stage", credentialsLast),
    check("plane", bootstrap, planeIsOurs),
    check("facts volume", `${bootstrap} grants it; then look again`, factsAreWritable),
    check("write once", case_, createsOnce),
    check("other volumes", `${bootstrap} makes and grants them`, volumesAreReadable),
    ...looksUp("controllers' grants", bootstrap, controllersMay),
    ...looksUp("warehouse", "check databricks.warehouse_id of the stage", warehouseIsOpen),
    ...options.executors.flatMap((executor) => [
      check(named(options, "executors", executor), bootstrap, () =>
        executorIsBounded(options, executor),
      ),
      check(named(options, "run as", executor), bootstrap, () => runsAs(options, executor)),
    ]),
    check("executor code", bootstrap, executorIsThere),
    check("jobs", "grant the controllers' principal the entitlement for jobs", jobsAreListed),
    ...(options.withWarehouse ? [check("ledger", ledgersRemedy(bootstrap), ledgerAnswers)] : []),
  ];
};

/** The stage's own principal needs no name; those of recipes do. */
const named = ({ stage }: WorkspaceCheckOptions, id: string, executor: string): string =>
  executor === stage.databricks.run_as ? id : `${id} ${executor}`;

async function executorIsThere({ stage, client }: WorkspaceCheckOptions): Promise<Finding> {
  const path = executorPath(volumePathsOf(stage.databricks).codebase, executorSources());
  const file = await client.files.read(path, 1024 * 1024);
  return file.kind === "absent"
    ? fail(
        `this checkout's executor is not in the workspace: ${path}`,
        `npx signalbox bootstrap --stage ${stage.name}; a deploy names this path, so bootstrap first`,
      )
    : ok(path);
}

async function jobsAreListed({ client }: WorkspaceCheckOptions): Promise<Finding> {
  const path = "/api/2.2/jobs/runs/list";
  await askForJson(client.http, { method: "GET", path, query: { limit: "1" }, rate: "list" });
  return ok("the Jobs API answers");
}

const ledgersRemedy = (bootstrap: string): string =>
  `grant CAN USE on the warehouse to the controllers; ${bootstrap}`;

/** Both privileges of the ingester, and no row more: the tables take inserts alone, and of nothing. */
async function ledgerAnswers({ stage, client }: WorkspaceCheckOptions): Promise<Finding> {
  const { catalog, schema } = stage.databricks;
  await using session = await client.sql(catalog, schema).open();
  const tables = Object.keys(ledgerTables);
  for (const name of tables) {
    await session.execute(`SELECT * FROM ${name} LIMIT 1`);
    await session.execute(`INSERT INTO ${name} SELECT * FROM ${name} WHERE 1 = 0`);
  }
  return ok(`the warehouse answers, and ${tables.join(", ")} can be read and written`);
}
