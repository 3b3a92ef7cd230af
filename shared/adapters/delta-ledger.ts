// LedgerPort over Delta tables: at most one MERGE for each table that has rows.
import { PlatformTroubleError } from "../domain/errors.ts";
import { type LedgerRows, type LedgerTable, ledgerTables } from "../domain/ledger-rows.ts";
import type { ClockPort, LedgerPort } from "../ports.ts";
import type { DatabricksSql, Row, SqlSession } from "./databricks-sql.ts";
import { mergeStatement, selectStatement } from "./ledger-merges.ts";
import { isConflict } from "./sql-error.ts";

export type DeltaLedgerOptions = ClockPort & {
  readonly sql: DatabricksSql;
  /** 0 ≤ random() < 1; writers that met once must not meet again. */
  readonly random: () => number;
};

export const createDeltaLedger = (options: DeltaLedgerOptions): LedgerPort => ({
  ledger: { merge: (rows) => merge(options, rows) },
});

/** Reads all rows of a table, for people. 64-bit numbers are text. */
export async function readLedger(sql: DatabricksSql, table: LedgerTable): Promise<readonly Row[]> {
  await using session = await sql.open();
  return await session.execute(selectStatement(table));
}

/**
 * A handler has 60 s. A warehouse that takes longer is starting, and the records wait for it in
 * their queue.
 */
const MERGE_MS_MAX = 30_000;

async function merge(options: DeltaLedgerOptions, rows: LedgerRows): Promise<void> {
  if (Object.values(rows).every((tableRows) => tableRows.length === 0)) return;
  const tooLong = Promise.withResolvers<never>();
  const stop = options.clock.timer(MERGE_MS_MAX, () =>
    tooLong.reject(
      new PlatformTroubleError(
        `the warehouse has not answered within ${MERGE_MS_MAX / 1000} s: it may be starting`,
      ),
    ),
  );
  // A MERGE that still happens after that does no harm: the same rows again change nothing.
  const merging = mergeAll(options, rows);
  merging.catch(() => {});
  try {
    await Promise.race([merging, tooLong.promise]);
  } finally {
    stop();
  }
}

async function mergeAll(options: DeltaLedgerOptions, rows: LedgerRows): Promise<void> {
  await using session = await options.sql.open();
  const write = (table: LedgerTable) => mergeTable(options, session, table, rows[table]);
  // `run_state` comes last, because it points to the others.
  const others = ["execution_requests", "execution_results", "telemetry"] as const;
  const settled = await Promise.allSettled(others.map(write));
  for (const result of settled) if (result.status === "rejected") throw result.reason;
  await write("run_state");
}

async function mergeTable(
  options: DeltaLedgerOptions,
  session: SqlSession,
  table: LedgerTable,
  rows: readonly unknown[],
): Promise<void> {
  const checked = rows.map((row) => ledgerTables[table].row.parse(row));
  for (const part of partsOf(checked.map((row) => JSON.stringify(row))))
    await repeated(options, table, async () => {
      await session.execute(mergeStatement(table), { rows: `[${part.join(",")}]`, n: part.length });
    });
}

// A statement may have 16 MiB (Databricks). Ordinary batches are far smaller, and stay one
// statement.
const PART_CHARS_MAX = 6 * 1024 * 1024;

function partsOf(texts: readonly string[]): readonly (readonly string[])[] {
  const parts: string[][] = [];
  let chars = Number.POSITIVE_INFINITY;
  for (const text of texts) {
    chars += text.length + 1;
    if (chars > PART_CHARS_MAX) {
      parts.push([]);
      chars = text.length;
    }
    parts.at(-1)?.push(text);
  }
  return parts;
}

// Two ingesters write at a time; N writers were seen to need N tries at most
// (docs/facts/databricks.md#merges-that-meet).
const TRIES_MAX = 6;

async function repeated(
  { clock, random }: DeltaLedgerOptions,
  table: LedgerTable,
  statement: () => Promise<void>,
): Promise<void> {
  for (let tried = 1; ; tried++) {
    try {
      return await statement();
    } catch (error) {
      if (!isConflict(error)) throw error;
      if (tried === TRIES_MAX)
        throw new PlatformTroubleError(
          `${table}: ${TRIES_MAX} MERGEs met other writers' (SQLSTATE 2D521)`,
          { cause: error },
        );
      await clock.sleep(100 * 2 ** tried * (0.5 + random()));
    }
  }
}
