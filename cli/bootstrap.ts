// Prepares a stage's workspace before the first ticket: schema, volumes, grants, tables,
// plane.json, the executor. Everything may be repeated: existing things stay, missing ones are
// made.
import { dirname, join } from "node:path";
import * as z from "zod";
import { executorPath, executorSources, type SourceFile } from "../infra/executor.ts";
import type { Scratchpad } from "../infra/workloads.ts";
import type { DatabricksHttp } from "../shared/adapters/databricks-http.ts";
import type { DatabricksSql } from "../shared/adapters/databricks-sql.ts";
import { createPlane, findPlane } from "../shared/adapters/plane.ts";
import { applySqlFolder } from "../shared/adapters/sql-files.ts";
import { createFacts } from "../shared/adapters/volume-facts.ts";
import type { VolumeFiles } from "../shared/adapters/volume-files.ts";
import { type LedgerTable, ledgerTables } from "../shared/domain/ledger-rows.ts";
import { ask, askForJson } from "./ask.ts";
import { letSubmitAs } from "./principal-roles.ts";
import { addColumns, whyExecutorsRead } from "./upgrade.ts";

export type BootstrapOptions = {
  readonly stack: string;
  readonly catalog: string;
  readonly schema: string;
  /** The application id of the principal as which the services call Databricks. */
  readonly controllers: string;
  /** The application ids of the principals as which executors run. */
  readonly executors: readonly string[];
  /** The application id of the principal that people use, if there is one. */
  readonly onCall?: string | undefined;
  /** The volumes' names. Default: the usual ones. */
  readonly volumes?: VolumeNames;
  /** The principal that writes each scratchpad. Default: all executors write the stage's. */
  readonly scratchpads?: readonly Scratchpad[];
  /** A UUID for the plane, used if the facts volume belongs to nobody yet. */
  readonly planeId: string;
  readonly nowIso: string;
  /** Reviewed code and data beside the executor. */
  readonly codebase?: readonly SourceFile[];
  /** Called with each step, as a line of text. */
  readonly say?: (line: string) => void;
};

export type Bootstrapped = {
  readonly planeId: string;
  /** SIGNALBOX_EXECUTOR_PATH */
  readonly executorPath: string;
  /**
   * Whether the controllers may submit runs as every executor. If not, `say` was called with a line
   * that names the person to ask.
   */
  readonly maySubmit: boolean;
};

/**
 * The bootstrap's access to the workspace: as an owner of the catalog (or of the schema, if that
 * exists).
 */
export type BootstrapDeps = {
  readonly sql: (catalog: string, schema: string) => DatabricksSql;
  readonly files: VolumeFiles;
  readonly http: DatabricksHttp;
};

const TABLES = join(import.meta.dirname, "..", "infra", "databricks", "tables");
const ENTRY_BYTES_MAX = 1024 * 1024;

type VolumeNames = {
  readonly facts: string;
  readonly plans: string;
  readonly scratchpad: string;
  readonly company_codebase: string;
};
const usualNames: VolumeNames = {
  facts: "facts",
  plans: "plans",
  scratchpad: "scratchpad",
  company_codebase: "company_codebase",
};

/** @throws Error that names the statement or the path at which the workspace refused */
export async function bootstrap(
  deps: BootstrapDeps,
  options: BootstrapOptions,
): Promise<Bootstrapped> {
  const { catalog, schema, stack, volumes = usualNames, say = () => {} } = options;
  const scratchpads =
    options.scratchpads ??
    options.executors.map((executor) => ({ executor, volume: volumes.scratchpad }));
  const allVolumes = [
    ...new Set([...Object.values(volumes), ...scratchpads.map(({ volume }) => volume)]),
  ];
  const had = await thereBefore(deps.http, `${catalog}.${schema}`, allVolumes);
  const folder = `/Volumes/${catalog}/${schema}`;
  const facts = createFacts({ files: deps.files, factsVolume: `${folder}/${volumes.facts}` });
  // Before the first grant: only another stack itself may decide what its principals may do here.
  if (had.volumes.has(volumes.facts)) await findPlane(facts, stack);
  // Every catalog of Unity Catalog has this schema from the start; ours may not exist yet.
  await using outside = await deps.sql(catalog, "default").open();
  for (const statement of [
    ...securables(catalog, schema, allVolumes),
    ...grants(options, volumes, scratchpads),
  ])
    await outside.execute(statement);
  const place = {
    factsVolume: `${folder}/${volumes.facts}`,
    plansVolume: `${folder}/${volumes.plans}`,
  };
  say(`schema ${catalog}.${schema}: ${had.schema ? "found" : "made"}`);
  for (const line of statesOf("volumes", allVolumes, had.volumes)) say(line);
  for (const line of await prepareTables(deps.sql(catalog, schema), options)) say(line);
  let maySubmit = true;
  for (const executor of options.executors) {
    const role = await letSubmitAs(deps.http, options.controllers, executor);
    say(role.sentence);
    maySubmit &&= role.isHeld;
  }
  const { plane_id: planeId } = await createPlane(facts, {
    stack,
    plane_id: options.planeId,
    created_at: options.nowIso,
  });
  say(`plane ${planeId}: ${planeId === options.planeId ? "made" : "found"}`);
  for (const line of await letGoOfFacts(deps, outside, options, place)) say(line);
  const codebase = `${folder}/${volumes.company_codebase}`;
  const { entry, isNew } = await uploadExecutor(deps.files, codebase);
  say(`executor ${entry}: ${isNew ? "uploaded" : "found"}`);
  for (const { path, content } of options.codebase ?? [])
    await deps.files.overwrite(`${codebase}/${path}`, content);
  return { planeId, executorPath: entry, maySubmit };
}

/** Creates the ledger's tables, and grants the controllers access. */
async function prepareTables(
  sql: DatabricksSql,
  options: BootstrapOptions,
): Promise<readonly string[]> {
  await using session = await sql.open();
  const had = (await session.execute("SHOW TABLES")).map((row) => String(row["tableName"]));
  await applySqlFolder(sql, TABLES);
  const added = await addColumns(session);
  for (const statement of tableGrants(options)) await session.execute(statement);
  return [...statesOf("tables", Object.keys(ledgerTables), new Set(had)), ...added];
}

/** One line for the things that were made, and one for those that were there. */
function statesOf(
  kind: string,
  names: readonly string[],
  had: ReadonlySet<string>,
): readonly string[] {
  const those = {
    made: names.filter((each) => !had.has(each)),
    found: names.filter((each) => had.has(each)),
  };
  return Object.entries(those).flatMap(([state, of]) =>
    of.length > 0 ? [`${kind} ${of.join(", ")}: ${state}`] : [],
  );
}

/** CREATE … IF NOT EXISTS does not say whether it made anything. */
async function thereBefore(http: DatabricksHttp, schema: string, volumes: readonly string[]) {
  const isThere = async (path: string): Promise<boolean> =>
    (await ask(http, { method: "GET", path: `${CATALOG_API}/${path}`, rate: "get" })).kind === "ok";
  const found = new Set<string>();
  for (const volume of volumes) if (await isThere(`volumes/${schema}.${volume}`)) found.add(volume);
  return { schema: await isThere(`schemas/${schema}`), volumes: found };
}
const CATALOG_API = "/api/2.1/unity-catalog";

const securables = (
  catalog: string,
  schema: string,
  volumes: readonly string[],
): readonly string[] => [
  `CREATE SCHEMA IF NOT EXISTS ${name(catalog)}.${name(schema)}`,
  ...volumes.map(
    (volume) => `CREATE VOLUME IF NOT EXISTS ${name(catalog)}.${name(schema)}.${name(volume)}`,
  ),
];

const volumeOf = ({ catalog, schema }: BootstrapOptions, volume: string): string =>
  `VOLUME ${name(catalog)}.${name(schema)}.${name(volume)}`;

/**
 * A fact is only worth something if the code that it judges cannot write it, and a token only if
 * that code cannot read its seed. So the facts are the controllers' alone. Executors read plans and
 * reviewed code; they write to the scratchpad.
 */
function grants(
  options: BootstrapOptions,
  volumes: VolumeNames,
  scratchpads: readonly Scratchpad[],
): readonly string[] {
  const { catalog, schema, controllers, executors, onCall } = options;
  const people = onCall === undefined ? [] : [onCall];
  const volumeGrants = (who: string, privilege: "READ" | "WRITE", on: readonly string[]) =>
    on.map((volume) => `GRANT ${privilege} VOLUME ON ${volumeOf(options, volume)} TO ${name(who)}`);
  const { facts, plans, company_codebase } = volumes;
  const written = [...new Set(scratchpads.map(({ volume }) => volume))];
  return [
    ...[controllers, ...executors, ...people].flatMap((who) => [
      `GRANT USE CATALOG ON CATALOG ${name(catalog)} TO ${name(who)}`,
      `GRANT USE SCHEMA ON SCHEMA ${name(catalog)}.${name(schema)} TO ${name(who)}`,
    ]),
    ...volumeGrants(controllers, "READ", [facts, plans, company_codebase, ...written]),
    ...volumeGrants(controllers, "WRITE", [facts, plans]),
    ...executors.flatMap((who) => volumeGrants(who, "READ", [plans, company_codebase])),
    ...scratchpads.flatMap(({ executor, volume }) => [
      ...volumeGrants(executor, "READ", [volume]),
      ...volumeGrants(executor, "WRITE", [volume]),
    ]),
    ...people.flatMap((who) => volumeGrants(who, "READ", [facts, plans, ...written])),
  ];
}

const tableGrants = ({ controllers, onCall }: BootstrapOptions): readonly string[] =>
  (Object.keys(ledgerTables) as LedgerTable[]).flatMap((table) => [
    `GRANT SELECT, MODIFY ON TABLE ${name(table)} TO ${name(controllers)}`,
    ...(onCall === undefined ? [] : [`GRANT SELECT ON TABLE ${name(table)} TO ${name(onCall)}`]),
  ]);

/**
 * Older executors read their manifests among the facts. That permission ends when nothing needs it
 * any more.
 */
async function letGoOfFacts(
  { http, files }: BootstrapDeps,
  session: Awaited<ReturnType<DatabricksSql["open"]>>,
  options: BootstrapOptions,
  place: { readonly factsVolume: string; readonly plansVolume: string },
): Promise<readonly string[]> {
  const { catalog, schema, controllers, executors, volumes = usualNames } = options;
  const readers = await readersOf(http, `${catalog}.${schema}.${volumes.facts}`);
  const old = executors.filter((who) => who !== controllers && readers.has(who));
  if (old.length === 0) return [];
  const why = await whyExecutorsRead({ files, ...place });
  if (why !== undefined)
    return [
      `executors (${old.join(", ")}) may still read the facts, because ${why}: repeat this command after the deploy, when that is over`,
    ];
  for (const who of old)
    await session.execute(
      `REVOKE READ VOLUME ON ${volumeOf(options, volumes.facts)} FROM ${name(who)}`,
    );
  return [`executors (${old.join(", ")}) may no longer read the facts: revoked`];
}

const Direct = z.object({
  privilege_assignments: z
    .array(z.object({ principal: z.string(), privileges: z.array(z.string()).default([]) }))
    .default([]),
});

/** The principals that were granted READ VOLUME on this very volume. */
async function readersOf(http: DatabricksHttp, volume: string): Promise<ReadonlySet<string>> {
  const path = `${CATALOG_API}/permissions/volume/${volume}`;
  const { privilege_assignments } = Direct.parse(
    await askForJson(http, { method: "GET", path, rate: "get" }),
  );
  return new Set(
    privilege_assignments
      .filter(({ privileges }) => privileges.includes("READ_VOLUME"))
      .map(({ principal }) => principal),
  );
}

/** Quotes a name, so that it can be nothing but a name. */
const name = (text: string): string => `\`${text.replaceAll("`", "``")}\``;

/**
 * Uploads the executor into a folder that its content names, so that a new version never changes
 * the code of a run under way. The entry point comes last: if it is there, all of it is.
 */
async function uploadExecutor(
  files: VolumeFiles,
  codebase: string,
): Promise<{ readonly entry: string; readonly isNew: boolean }> {
  const sources = executorSources();
  const entry = executorPath(codebase, sources);
  const there = await files.read(entry, ENTRY_BYTES_MAX);
  if (there.kind !== "absent") return { entry, isNew: false };
  const pathOf = ({ path }: SourceFile) => `${dirname(entry)}/${path}`;
  const isEntry = (file: SourceFile) => pathOf(file) === entry;
  for (const file of sources.toSorted((a, b) => Number(isEntry(a)) - Number(isEntry(b))))
    await files.create(pathOf(file), file.content);
  return { entry, isNew: true };
}
