// Upgrades an older plane: it adds missing columns of the ledger, and stops executors from reading
// the facts.

import type { DatabricksSql } from "../shared/adapters/databricks-sql.ts";
import { columnTypesOf } from "../shared/adapters/ledger-merges.ts";
import { createFacts, createMarkers } from "../shared/adapters/volume-facts.ts";
import type { VolumeFiles } from "../shared/adapters/volume-files.ts";
import { factRef } from "../shared/domain/facts.ts";
import { type LedgerTable, ledgerTables } from "../shared/domain/ledger-rows.ts";

type Session = Awaited<ReturnType<DatabricksSql["open"]>>;

export type MissingColumn = {
  readonly table: string;
  readonly column: string;
  readonly type: string;
};

/**
 * The columns that the ingester writes and an older table does not have yet, quoted where they must
 * be.
 */
export async function missingColumns(session: Session): Promise<readonly MissingColumn[]> {
  const missing: MissingColumn[] = [];
  for (const table of Object.keys(ledgerTables) as LedgerTable[]) {
    const rows = await session.execute(`DESCRIBE TABLE ${table}`);
    const there = new Set(rows.map((row) => String(row["col_name"]).toLowerCase()));
    for (const [column, type] of columnTypesOf(table))
      if (!there.has(column.replaceAll("`", ""))) missing.push({ table, column, type });
  }
  return missing;
}

/** Adds the missing columns, and reports them. */
export async function addColumns(session: Session): Promise<readonly string[]> {
  const missing = await missingColumns(session);
  for (const { table, column, type } of missing)
    await session.execute(`ALTER TABLE ${table} ADD COLUMNS (${column} ${type})`);
  return missing.map(({ table, column }) => `column ${column} of ${table}: added`);
}

type Place = {
  readonly files: VolumeFiles;
  /** `/Volumes/…/facts` */
  readonly factsVolume: string;
  readonly plansVolume: string;
};

/**
 * Why executors must go on reading the facts, where manifests and code were once: undefined as soon
 * as nothing needs it any more. The functions of before plan there until they are replaced, and
 * what they had planned is read when it begins, which nobody sees from outside: so a run of before
 * (its ticket has no seed) is a reason for as long as it is open. Its retries later on are none:
 * what is planned now is read in the volume plans, whatever ticket it is of.
 */
export async function whyExecutorsRead({
  files,
  factsVolume,
  plansVolume,
}: Place): Promise<string | undefined> {
  if ((await files.listPage(plansVolume)).length === 0)
    return "the functions have planned nothing in the volume plans yet";
  const { facts } = createFacts({ files, factsVolume });
  const { markers } = createMarkers({ files, factsVolume });
  for (const { key } of await markers.list()) {
    const ticket = (await facts.read(factRef.ticket(key.run_id)))?.fact;
    if (ticket !== undefined && ticket.seed === undefined)
      return `a run that was accepted before is open (${key.run_id}, chapter ${key.chapter})`;
  }
  return undefined;
}
