// What an older plane lacks, or has too much of: columns of the ledger, and executors that may read the facts.

import type { DatabricksSql } from "../shared/adapters/databricks-sql.ts";
import { createFacts, createMarkers } from "../shared/adapters/volume-facts.ts";
import type { VolumeFiles } from "../shared/adapters/volume-files.ts";
import { factRef } from "../shared/domain/facts.ts";
import type { LedgerTable } from "../shared/domain/ledger-rows.ts";

/** Columns that came later than their table. */
const added: Readonly<Partial<Record<LedgerTable, Readonly<Record<string, string>>>>> = {
  run_state: { generation: "STRING" },
  execution_requests: { generation: "STRING" },
  execution_results: { generation: "STRING" },
};

type Session = Awaited<ReturnType<DatabricksSql["open"]>>;

export type MissingColumn = {
  readonly table: string;
  readonly column: string;
  readonly type: string;
};

/** What a table of before does not have yet. */
export async function missingColumns(session: Session): Promise<readonly MissingColumn[]> {
  const missing: MissingColumn[] = [];
  for (const [table, columns] of Object.entries(added)) {
    const rows = await session.execute(`DESCRIBE TABLE ${table}`);
    const there = new Set(rows.map((row) => String(row["col_name"]).toLowerCase()));
    for (const [column, type] of Object.entries(columns))
      if (!there.has(column)) missing.push({ table, column, type });
  }
  return missing;
}

/** Adds what is missing, and says what it added. */
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
 * Why executors must go on reading the facts, where manifests and code were once: undefined as soon as nothing needs it any more. The
 * functions of before plan there until they are replaced, and what they had planned is read when it begins, which nobody sees from
 * outside: so a run of before (its ticket has no seed) is a reason for as long as it is open. Its retries later on are none: what is
 * planned now is read in the volume plans, whatever ticket it is of.
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
