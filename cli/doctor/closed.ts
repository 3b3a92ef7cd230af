// Finds principals that can do what they must not: with the facts, with plans, with the storage
// behind both, and as the controllers. Pure judgements of effective permissions, including
// inherited ones and those of everybody, and the calls that feed them.
import * as z from "zod";
import { volumePathsOf } from "../../infra/names.ts";
import type { Stage } from "../../infra/stage.ts";
import { askForJson } from "../ask.ts";
import { holdersOf, rolesOn } from "../principal-roles.ts";
import { whyExecutorsRead } from "../upgrade.ts";
import type { WorkspaceCheckOptions } from "./check.ts";
import { type Finding, fail, ok, skipped, warn } from "./check.ts";
import { bootstrapOf, EVERYBODY, type Holding, seer, unlessUnseen } from "./grants.ts";

const WRITES = ["WRITE_VOLUME", "ALL_PRIVILEGES", "MANAGE"];
const READS = ["READ_VOLUME", ...WRITES];

export type Closed = {
  readonly stage: Stage;
  readonly executors: readonly string[];
  readonly holdings: readonly Holding[];
  /**
   * The owners of the volume, its schema and its catalog: their permissions cannot be taken from
   * them.
   */
  readonly owners: readonly string[];
};

/**
 * Only the controllers read and write the facts; on-call reads them. `why` says until when older
 * executors must read them, too.
 */
export function factsFinding(closed: Closed, why: string | undefined): Finding {
  const { stage, executors } = closed;
  const { facts } = stage.databricks.volumes;
  const others = strangersIn(closed);
  const writers = others.filter(({ privilege }) => WRITES.includes(privilege));
  if (writers.length > 0)
    return fail(
      `not only the controllers may write the facts, but ${listed(writers)}: whoever does can forge an outcome`,
      revokes(stage, facts, writers),
    );
  const onCall = stage.databricks.on_call?.client_id;
  const readers = others.filter(
    ({ principal, privilege }) => READS.includes(privilege) && principal !== onCall,
  );
  const executed = readers.filter(
    ({ principal }) => executors.includes(principal) || principal === EVERYBODY,
  );
  const isDue = executed.some(
    ({ principal, from }) => principal === EVERYBODY || from !== undefined,
  );
  if (executed.length > 0 && why !== undefined && !isDue)
    return warn(
      `executors (${listed(executed)}) may still read the facts, because ${why}`,
      `${bootstrapOf(stage)}, after the deploy, when that is over`,
    );
  if (executed.length > 0)
    return fail(
      `executed code may read the facts (${listed(executed)}), and so the seeds of which tokens are made`,
      `${bootstrapOf(stage)}, or ${revokes(stage, facts, executed)}`,
    );
  return readers.length > 0
    ? warn(
        `not only the controllers may read the facts, but ${listed(readers)}: they know the tokens of every run`,
        revokes(stage, facts, readers),
      )
    : ok(`only the controllers read and write the facts${besides(closed)}`);
}

/** Executors read the plans, so only the controllers may change them. */
export function plansFinding(closed: Closed): Finding {
  const { stage } = closed;
  const writers = strangersIn(closed).filter(({ privilege }) => WRITES.includes(privilege));
  return writers.length > 0
    ? fail(
        `not only the controllers may write what was planned, but ${listed(writers)}: results that were judged lie there, too`,
        revokes(stage, stage.databricks.volumes.plans, writers),
      )
    : ok(`only the controllers write what was planned, and what was judged${besides(closed)}`);
}

/**
 * The executor, and the code that tickets may name, lie in the codebase: whoever writes there
 * writes every verdict.
 */
export function codeFinding(closed: Closed): Finding {
  const { stage, executors } = closed;
  const { company_codebase } = stage.databricks.volumes;
  const writers = strangersIn(closed).filter(({ privilege }) => WRITES.includes(privilege));
  const executed = writers.filter(
    ({ principal }) => executors.includes(principal) || principal === EVERYBODY,
  );
  if (executed.length > 0)
    return fail(
      `executed code may write the executor that judges it, and reviewed code: ${listed(executed)}`,
      revokes(stage, company_codebase, executed),
    );
  return writers.length > 0
    ? warn(
        `the executor and reviewed code, and so any verdict, may be written by ${listed(writers)}`,
        `leave it to whoever deploys; ${revokes(stage, company_codebase, writers)}`,
      )
    : ok(`only owners write the executor and reviewed code${besides(closed)}`);
}

/**
 * Raw credentials of the storage bypass every grant on a volume. No other privilege includes them:
 * they must be granted by name.
 */
export function rawAccessFinding({ databricks }: Stage, holdings: readonly Holding[]): Finding {
  const holders = holdings.filter(({ privilege }) => privilege === "EXTERNAL_USE_SCHEMA");
  const { catalog, schema } = databricks;
  return holders.length > 0
    ? fail(
        `credentials of the storage itself, past all grants on volumes, may be taken by ${listed(holders)}`,
        holders
          .map(
            ({ principal, from }) =>
              `REVOKE EXTERNAL USE SCHEMA ON ${from ?? `SCHEMA \`${catalog}\`.${schema}`} FROM \`${principal}\``,
          )
          .join("; "),
      )
    : ok(`nobody may take credentials of the storage behind ${catalog}.${schema}`);
}

export function usersFinding({ databricks }: Stage, holders: readonly string[]): Finding {
  const who = holders.filter((holder) => holder !== `servicePrincipals/${databricks.client_id}`);
  return who.length > 0
    ? warn(
        `as the controllers, who can do anything with the facts, may also act: ${who.join(", ")}`,
        `Service principals → ${databricks.client_id} → Permissions: take the roles User and Manager from whoever does not need them`,
      )
    : ok("no role lets anybody else act as the controllers; account administrators may make one");
}

/** All principals but the present and earlier controllers, and owners. */
function strangersIn({ stage, holdings, owners }: Closed): readonly Holding[] {
  const { client_id, former_client_ids } = stage.databricks;
  const own = [client_id, ...former_client_ids, ...owners];
  return holdings.filter(({ principal }) => !own.includes(principal));
}

const listed = (holdings: readonly Holding[]): string =>
  holdings
    .map(
      ({ principal, privilege, from }) =>
        `${principal} (${privilege.replaceAll("_", " ")}${from === undefined ? "" : ` on ${from}`})`,
    )
    .join(", ");

const besides = ({ owners }: Closed): string =>
  owners.length === 0 ? "" : `; ${owners.join(", ")} may grant it, as owner`;

const revokes = ({ databricks }: Stage, volume: string, holdings: readonly Holding[]): string =>
  holdings
    .map(({ principal, privilege, from }) => {
      const on = from ?? `VOLUME \`${databricks.catalog}\`.${databricks.schema}.${volume}`;
      return `REVOKE ${privilege.replaceAll("_", " ")} ON ${on} FROM \`${principal}\``;
    })
    .join("; ");

type Options = Pick<WorkspaceCheckOptions, "stage" | "client" | "executors">;

export async function factsAreClosed({ stage, client, executors }: Options): Promise<Finding> {
  const { facts } = stage.databricks.volumes;
  return await unlessUnseen(stage, async () => {
    const holdings = await seer(client, stage)("volume", facts);
    const owners = await ownersOf(client.http, stage, facts);
    const { facts: factsVolume, plans: plansVolume } = volumePathsOf(stage.databricks);
    const mayRead = holdings.some(({ principal }) => executors.includes(principal));
    const why = mayRead
      ? await whyExecutorsRead({ files: client.files, factsVolume, plansVolume })
      : undefined;
    return factsFinding({ stage, executors, holdings, owners }, why);
  });
}

export const plansAreClosed = (options: Options): Promise<Finding> =>
  volumeIsClosed(options, "plans", plansFinding);

export const codeIsClosed = (options: Options): Promise<Finding> =>
  volumeIsClosed(options, "company_codebase", codeFinding);

async function volumeIsClosed(
  { stage, client, executors }: Options,
  which: "plans" | "company_codebase",
  finding: (closed: Closed) => Finding,
): Promise<Finding> {
  const volume = stage.databricks.volumes[which];
  return await unlessUnseen(stage, async () => {
    const holdings = await seer(client, stage)("volume", volume);
    const owners = await ownersOf(client.http, stage, volume);
    return finding({ stage, executors, holdings, owners });
  });
}

export const storageIsClosed = async ({ stage, client }: Options): Promise<Finding> =>
  await unlessUnseen(stage, async () =>
    rawAccessFinding(stage, await seer(client, stage)("schema")),
  );

export async function controllersAreAlone({ stage, client }: Options): Promise<Finding> {
  const { client_id } = stage.databricks;
  const roles = await rolesOn(client.http, client_id);
  return roles.kind === "seen"
    ? usersFinding(stage, holdersOf(roles.ruleSet))
    : skipped(
        `who may act as the controllers is shown to their managers alone (${roles.why})`,
        `look as an account administrator: Service principals → ${client_id} → Permissions`,
      );
}

const Owned = z.object({ owner: z.string().optional() });

async function ownersOf(
  http: Options["client"]["http"],
  { databricks: { catalog, schema } }: Stage,
  volume: string,
): Promise<readonly string[]> {
  const things = [
    `volumes/${catalog}.${schema}.${volume}`,
    `schemas/${catalog}.${schema}`,
    `catalogs/${catalog}`,
  ];
  const owners = await Promise.all(
    things.map(async (thing) => {
      const path = `/api/2.1/unity-catalog/${thing}`;
      return Owned.parse(await askForJson(http, { method: "GET", path, rate: "get" })).owner;
    }),
  );
  return [...new Set(owners.filter((owner) => owner !== undefined))];
}
