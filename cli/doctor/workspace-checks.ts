// Checks what a first deploy gets wrong on the Databricks side.
import { posix } from "node:path";
import { executorPath, executorSources } from "../../infra/executor.ts";
import { volumePathsOf } from "../../infra/names.ts";
import { ledgerTables } from "../../shared/domain/ledger-rows.ts";
import { askForJson } from "../ask.ts";
import { type MissingColumn, missingColumns } from "../upgrade.ts";
import type { WorkspaceCheckOptions } from "./check.ts";
import { type Check, type Finding, fail, ok, skipped } from "./check.ts";
import {
  codeIsClosed,
  controllersAreAlone,
  factsAreClosed,
  plansAreClosed,
  storageIsClosed,
} from "./closed.ts";
import { clockAgrees, credentialsLast, signsIn, workspaceAnswers } from "./credentials.ts";
import { createsOnce, factsAreWritable, planeIsOurs, volumesAreReadable } from "./facts-volume.ts";
import { controllersMay, executorMay, warehouseIsOpen } from "./grants.ts";
import { runsAs } from "./run-as.ts";
import { warehouseSleeps } from "./warehouse-sleep.ts";

type Look = (options: WorkspaceCheckOptions) => Promise<Finding>;
type Plan = Omit<WorkspaceCheckOptions, "client">;
type Planned = Omit<Check, "look"> & { readonly look: Look };

/**
 * As the functions, most things are tried. As somebody else, the functions' permissions are looked
 * up.
 */
export const workspaceChecks = (options: WorkspaceCheckOptions): readonly Check[] =>
  planned(options).map((check) => ({ ...check, look: () => check.look(options) }));

/**
 * The same checks if nobody can sign in: the one of the credentials says why, and all others are
 * left out.
 */
export const workspaceUnseen = (plan: Plan, why: Finding): readonly Check[] =>
  planned(plan)
    .map((check) => ({ ...check, needs: CREDENTIALS, look: async () => why }))
    .toSorted((a, b) => Number(b.id === CREDENTIALS) - Number(a.id === CREDENTIALS));

const WORKSPACE = "workspace";
const CREDENTIALS = "credentials";
const FACTS = "facts volume";

function planned(plan: Plan): readonly Planned[] {
  const bootstrap = `npx signalbox bootstrap --stage ${plan.stage.name}`;
  const check = (id: string, remedy: string, look: Look, needs = CREDENTIALS): Planned => ({
    ...{ id, remedy, look, needs },
  });
  // Things that on-call may not read or write say nothing about the plane.
  const more = plan.asOnCall ? FACTS : CREDENTIALS;
  const mentions = (id: string, remedy: string, look: Look) => [check(id, remedy, look)];
  const looksUp = (id: string, remedy: string, look: Look) =>
    plan.asControllers ? [] : mentions(id, remedy, look);
  return [
    { id: WORKSPACE, remedy: reachIt, look: workspaceAnswers },
    check("clock", reachIt, clockAgrees, WORKSPACE),
    check(
      CREDENTIALS,
      "check the stage's host and auth, and that the secret holds a client secret which has not expired",
      signsIn,
      WORKSPACE,
    ),
    check("credentials' end", "check databricks.auth of the stage", credentialsLast),
    check(
      "plane",
      `${bootstrap}; but where the volume is another stack's, correct databricks.schema of the stage`,
      planeIsOurs,
    ),
    check(
      FACTS,
      `${bootstrap} grants it; then look again`,
      plan.asOnCall ? onlyReads : factsAreWritable,
    ),
    check("write once", "look again", createsOnce, FACTS),
    check("other volumes", `${bootstrap} makes and grants them`, volumesAreReadable, more),
    check("facts are closed", bootstrap, factsAreClosed),
    ...looksUp("plans are closed", bootstrap, plansAreClosed),
    ...looksUp("code is closed", bootstrap, codeIsClosed),
    ...looksUp("storage is closed", "look at the grants of the schema", storageIsClosed),
    ...looksUp("controllers' users", "look as an account administrator", controllersAreAlone),
    ...looksUp("controllers' grants", bootstrap, controllersMay),
    ...looksUp("warehouse", "check databricks.warehouse_id of the stage", warehouseIsOpen),
    check("warehouse's sleep", "check databricks.warehouse_id of the stage", warehouseSleeps),
    ...plan.executors.flatMap((executor) => [
      // If they are the same principal, no look is needed.
      ...(executor === plan.stage.databricks.client_id ? mentions : looksUp)(
        named(plan, "executors", executor),
        bootstrap,
        (options) => executorMay(options, executor),
      ),
      check(named(plan, "run as", executor), bootstrap, (options) => runsAs(options, executor)),
    ]),
    check("executor code", bootstrap, executorIsThere, more),
    check("jobs", "grant the controllers' principal the entitlement for jobs", jobsAreListed),
    ...(plan.withWarehouse ? [check("ledger", ledgersRemedy(bootstrap), ledgerAnswers, more)] : []),
  ];
}

const onlyReads: Look = async () =>
  skipped(
    "on-call only reads, and not everything: what the functions need is not tried",
    "look as the functions, or as the owner of the schema (DATABRICKS_TOKEN)",
  );

const reachIt =
  "check databricks.host of the stage, and whether this network reaches it (VPN, proxy, IP access list); SIGNALBOX_CA_FILE names an authority that is not a public one";

/** The stage's own principal needs no name; those of recipes do. */
const named = ({ stage }: Plan, id: string, executor: string): string =>
  executor === stage.databricks.run_as ? id : `${id} ${executor}`;

/** Its path says what it holds; whether it still does, only its bytes do. */
async function executorIsThere({ stage, client }: WorkspaceCheckOptions): Promise<Finding> {
  const sources = executorSources();
  const entry = executorPath(volumePathsOf(stage.databricks).codebase, sources);
  const folder = posix.dirname(entry);
  const bootstrap = `npx signalbox bootstrap --stage ${stage.name}`;
  if ((await client.files.read(entry, 1024 * 1024)).kind === "absent")
    return fail(
      `this checkout's executor is not in the workspace: ${entry}`,
      `${bootstrap}; a deploy names this path, so bootstrap first`,
    );
  const others: string[] = [];
  for (const { path, content } of sources) {
    const file = await client.files.read(`${folder}/${path}`, content.byteLength);
    if (file.kind !== "found" || !Buffer.from(file.content).equals(content)) others.push(path);
  }
  return others.length === 0
    ? ok(entry)
    : fail(
        `the executor in the workspace is not this checkout's, although its path says so: ${others.join(", ")} in ${folder}`,
        `find out who wrote there, and believe no verdict since; then delete that folder, and ${bootstrap}`,
      );
}

async function jobsAreListed({ client }: WorkspaceCheckOptions): Promise<Finding> {
  const path = "/api/2.2/jobs/runs/list";
  await askForJson(client.http, { method: "GET", path, query: { limit: "1" }, rate: "list" });
  return ok("the Jobs API answers");
}

const lacks = (missing: readonly MissingColumn[]): string =>
  Object.entries(Object.groupBy(missing, ({ table }) => table))
    .map(
      ([table, of = []]) => `${table} has no column ${of.map(({ column }) => column).join(", ")}`,
    )
    .join("; ");

const ledgersRemedy = (bootstrap: string): string =>
  `grant CAN USE on the warehouse to the controllers; ${bootstrap}`;

/**
 * Tries both privileges of the ingester without adding a row: the tables take inserts only, and
 * this one inserts nothing.
 */
async function ledgerAnswers({ stage, client }: WorkspaceCheckOptions): Promise<Finding> {
  const { catalog, schema } = stage.databricks;
  await using session = await client.sql(catalog, schema).open();
  const missing = await missingColumns(session);
  if (missing.length > 0)
    return fail(
      `the ledger is of an older version: ${lacks(missing)}`,
      `npx signalbox bootstrap --stage ${stage.name} adds it`,
    );
  const tables = Object.keys(ledgerTables);
  for (const name of tables) {
    await session.execute(`SELECT * FROM ${name} LIMIT 1`);
    await session.execute(`INSERT INTO ${name} SELECT * FROM ${name} WHERE 1 = 0`);
  }
  return ok(`the warehouse answers, and ${tables.join(", ")} can be read and written`);
}
