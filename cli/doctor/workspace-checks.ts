// What a first deploy gets wrong on the Databricks side.
import { randomUUID } from "node:crypto";
import { get } from "node:https";
import * as z from "zod";
import { executorPath, executorSources } from "../../infra/executor.ts";
import type { Stage } from "../../infra/stage.ts";
import { jsonOfReply } from "../../shared/adapters/databricks-http.ts";
import { createPlanePort } from "../../shared/adapters/plane.ts";
import { createFacts } from "../../shared/adapters/volume-facts.ts";
import { ledgerTables } from "../../shared/domain/ledger-rows.ts";
import { caPemOf } from "../login.ts";
import { volumesOf } from "../stage-context.ts";
import type { WorkspaceClient } from "../workspace-client.ts";
import { type Check, type Finding, fail, ok, warn } from "./check.ts";

export type WorkspaceCheckOptions = {
  readonly stage: Stage;
  readonly client: WorkspaceClient;
  /** Whether `client` speaks as the functions do; otherwise as whoever the environment names. */
  readonly asControllers: boolean;
  /** A warehouse that sleeps is woken up, which costs. */
  readonly withWarehouse: boolean;
};

export const workspaceChecks = (options: WorkspaceCheckOptions): readonly Check[] => {
  const bootstrap = `npx signalbox bootstrap --stage ${options.stage.name}`;
  const check = (
    id: string,
    remedy: string,
    look: (options: WorkspaceCheckOptions) => Promise<Finding>,
  ): Check => ({ id, remedy, look: () => look(options) });
  return [
    check("clock", "set this machine's clock (NTP)", clockAgrees),
    check(
      "credentials",
      "check the stage's host and auth, and that the secret holds a client secret which has not expired",
      signsIn,
    ),
    check("plane", bootstrap, planeIsOurs),
    check("facts volume", `${bootstrap} grants it; then look again`, factsAreWritable),
    check(
      "write once",
      "open a case with Databricks; until it holds, no plane may use this workspace",
      createsOnce,
    ),
    check("executors", bootstrap, executorsAreBounded),
    check("executor code", bootstrap, executorIsThere),
    check("jobs", "grant the controllers' principal the entitlement for jobs", jobsAreListed),
    ...(options.withWarehouse
      ? [
          check(
            "ledger",
            `grant CAN USE on the warehouse to the controllers; ${bootstrap}`,
            ledgerAnswers,
          ),
        ]
      : []),
  ];
};

const SKEW_SECONDS_MAX = 30;

/** Deadlines and signatures need clocks that agree. A Date header has whole seconds. */
async function clockAgrees({ client }: WorkspaceCheckOptions): Promise<Finding> {
  const skewSeconds = (Date.now() - (await workspaceTimeMs(client))) / 1000;
  const said = `this machine and the workspace differ by ${Math.abs(skewSeconds).toFixed(0)} s`;
  return Math.abs(skewSeconds) <= SKEW_SECONDS_MAX
    ? ok(said)
    : fail(said, "set this machine's clock (NTP)");
}

const workspaceTimeMs = ({ login }: WorkspaceClient): Promise<number> =>
  new Promise((resolve, reject) => {
    const asked = get(
      `${login.host}/api/2.0/preview/scim/v2/Me`,
      { ca: caPemOf(login), timeout: 10_000 },
      (reply) => {
        reply.resume();
        const ms = Date.parse(reply.headers.date ?? "");
        if (Number.isNaN(ms)) reject(new Error("the workspace says no time in its answers"));
        else resolve(ms);
      },
    );
    asked.on("error", reject);
    asked.on("timeout", () => asked.destroy(new Error(`${login.host} does not answer`)));
  });

const Me = z.object({ userName: z.string() });

async function signsIn({ stage, client, asControllers }: WorkspaceCheckOptions): Promise<Finding> {
  const { userName } = Me.parse(await getJson(client, "/api/2.0/preview/scim/v2/Me"));
  const { client_id, auth } = stage.databricks;
  if (!asControllers)
    return ok(`signed in as ${userName}, of the environment, not as the functions`);
  if (userName !== client_id && auth.kind !== "pat")
    return fail(
      `the secret ${auth.kind === "oauth-m2m" ? auth.secret : ""} belongs to ${userName}, and databricks.client_id is ${client_id}`,
      "correct the one or the other: grants and run_as go by client_id",
    );
  if (auth.kind === "pat")
    return warn(
      `signed in with a personal access token of ${userName}: it ends with that person`,
      "make a service principal and use federation or oauth-m2m",
    );
  return ok(`signed in as ${userName}; a client secret lives at most two years: rotate it in time`);
}

async function planeIsOurs({ stage, client }: WorkspaceCheckOptions): Promise<Finding> {
  const facts = createFacts({ files: client.files, factsVolume: factsVolumeOf(stage) });
  const planeId = await createPlanePort(facts, stage.stack).plane.id();
  return ok(`the facts volume belongs to ${stage.stack} (plane ${planeId})`);
}

const factsVolumeOf = (stage: Stage): string => `${volumesOf(stage)}/facts`;

/** Beside the runs' folders; nothing of ours reads there. */
const doctorsFile = (stage: Stage): string => `${factsVolumeOf(stage)}/doctor/${randomUUID()}.json`;

async function factsAreWritable({ stage, client }: WorkspaceCheckOptions): Promise<Finding> {
  const path = doctorsFile(stage);
  await client.files.create(path, Buffer.from("{}\n"));
  await client.files.remove(path);
  const gone = (await client.files.read(path, 100)).kind === "absent";
  return gone
    ? ok("files can be created, read and removed")
    : fail(`${path} is still there after its removal`, "remove it by hand, and look again");
}

const RACERS = 16;
const ROUNDS = 3;

/** The rule on which everything rests: of many who create a file at once, one wins, and the file is that one's. */
async function createsOnce({ stage, client }: WorkspaceCheckOptions): Promise<Finding> {
  for (let round = 1; round <= ROUNDS; round++) {
    const path = doctorsFile(stage);
    const racers = Array.from({ length: RACERS }, (_, i) => Buffer.from(`{"racer":${i}}\n`));
    const ended = await Promise.all(racers.map((content) => client.files.create(path, content)));
    const winners = racers.filter((_, i) => ended[i] === "created");
    const stored = await client.files.read(path, 1_000);
    await client.files.remove(path);
    const [winner] = winners;
    if (winners.length !== 1 || winner === undefined)
      return fail(
        `of ${RACERS} who created the same file at once, ${winners.length} were told that they did`,
        "the Files API does not keep overwrite=false here: no plane may use this workspace; open a case",
      );
    if (stored.kind !== "found" || !winner.equals(stored.content))
      return fail(
        "the file does not hold what its one creator wrote",
        "the Files API does not keep overwrite=false here: no plane may use this workspace; open a case",
      );
  }
  return ok(`${ROUNDS} races of ${RACERS} had one winner each`);
}

const Permissions = z.object({
  privilege_assignments: z
    .array(
      z.object({
        principal: z.string().optional(),
        privileges: z.array(z.object({ privilege: z.string() })).default([]),
      }),
    )
    .default([]),
});

/** What executors may: read facts and reviewed code, write their scratchpad, and nothing more. */
async function executorsAreBounded(options: WorkspaceCheckOptions): Promise<Finding> {
  const { stage } = options;
  const { run_as, client_id } = stage.databricks;
  if (run_as === client_id)
    return warn(
      "executors run as the controllers (allow_same_identity): executed code could forge the facts that judge it",
      "make a second service principal, and name it as databricks.run_as",
    );
  const may = (volume: string) => privilegesOf(options, volume, run_as);
  const facts = await may("facts");
  const tooMuch = facts.filter((name) =>
    ["WRITE_VOLUME", "ALL_PRIVILEGES", "MANAGE"].includes(name),
  );
  if (tooMuch.length > 0)
    return fail(
      `executors (${run_as}) may write the facts: ${tooMuch.join(", ")}`,
      `revoke it: REVOKE WRITE VOLUME ON VOLUME ${stage.databricks.catalog}.${stage.databricks.schema}.facts FROM \`${run_as}\`; look at the schema's and the catalog's grants, too`,
    );
  const missing = [
    ...(facts.includes("READ_VOLUME") ? [] : ["READ VOLUME on facts"]),
    ...((await may("company_codebase")).includes("READ_VOLUME")
      ? []
      : ["READ VOLUME on company_codebase"]),
    ...((await may("scratchpad")).includes("WRITE_VOLUME") ? [] : ["WRITE VOLUME on scratchpad"]),
  ];
  return missing.length === 0
    ? ok(`executors (${run_as}) read facts and code, and write the scratchpad alone`)
    : fail(
        `executors (${run_as}) lack ${missing.join(", ")}`,
        `npx signalbox bootstrap --stage ${stage.name}`,
      );
}

/** With what is inherited from the schema and the catalog. */
async function privilegesOf(
  { stage, client }: WorkspaceCheckOptions,
  volume: string,
  principal: string,
): Promise<readonly string[]> {
  const { catalog, schema } = stage.databricks;
  const path = `/api/2.1/unity-catalog/effective-permissions/volume/${catalog}.${schema}.${volume}`;
  const { privilege_assignments } = Permissions.parse(await getJson(client, path, { principal }));
  return privilege_assignments
    .filter((assignment) => (assignment.principal ?? principal) === principal)
    .flatMap(({ privileges }) => privileges.map(({ privilege }) => privilege.replaceAll(" ", "_")));
}

async function executorIsThere({ stage, client }: WorkspaceCheckOptions): Promise<Finding> {
  const path = executorPath(`${volumesOf(stage)}/company_codebase`, executorSources());
  const file = await client.files.read(path, 1024 * 1024);
  return file.kind === "absent"
    ? fail(
        `this checkout's executor is not in the workspace: ${path}`,
        `npx signalbox bootstrap --stage ${stage.name}; a deploy names this path, so bootstrap first`,
      )
    : ok(path);
}

async function jobsAreListed({ client }: WorkspaceCheckOptions): Promise<Finding> {
  await getJson(client, "/api/2.2/jobs/runs/list", { limit: "1" });
  return ok("the Jobs API answers");
}

async function ledgerAnswers({ stage, client }: WorkspaceCheckOptions): Promise<Finding> {
  const { catalog, schema } = stage.databricks;
  await using session = await client.sql(catalog, schema).open();
  const tables = Object.keys(ledgerTables);
  for (const name of tables) await session.execute(`SELECT * FROM ${name} LIMIT 1`);
  return ok(`the warehouse answers, and has ${tables.join(", ")}`);
}

/** @throws Error with Databricks' own sentence */
async function getJson(
  { http }: WorkspaceClient,
  path: string,
  query: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const reply = await http.call({ method: "GET", path, query, rate: "get" });
  if (reply.kind === "ok") return jsonOfReply(`GET ${path}`, reply.content);
  throw new Error(`GET ${path}: ${reply.kind === "refused" ? reply.error.message : "too large"}`);
}
