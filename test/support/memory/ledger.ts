// LedgerPort over memory: four tables by key, `run_state` guarded by its version, as the MERGEs
// have it.
import {
  type ExecutionRequestRow,
  type ExecutionResultRow,
  type LedgerRows,
  ledgerTables,
  type RunStateRow,
  type TelemetryRow,
} from "../../../shared/domain/ledger-rows.ts";
import type { LedgerPort } from "../../../shared/ports.ts";

export type MemoryLedger = LedgerPort & {
  readonly tables: {
    readonly run_state: Map<string, RunStateRow>;
    readonly execution_requests: Map<string, ExecutionRequestRow>;
    readonly execution_results: Map<string, ExecutionResultRow>;
    readonly telemetry: Map<string, TelemetryRow>;
  };
};

export function createMemoryLedger(): MemoryLedger {
  const tables: MemoryLedger["tables"] = {
    run_state: new Map(),
    execution_requests: new Map(),
    execution_results: new Map(),
    telemetry: new Map(),
  };
  return {
    tables,
    ledger: {
      merge: async (rows: LedgerRows) => {
        check(rows);
        for (const row of rows.execution_requests)
          insert(tables.execution_requests, attempt(row), row);
        for (const row of rows.execution_results)
          insert(tables.execution_results, attempt(row), row);
        for (const row of rows.telemetry) insert(tables.telemetry, row.event_id, row);
        for (const row of rows.run_state)
          tables.run_state.set(run(row), merged(tables.run_state.get(run(row)), row));
      },
    },
  };
}

function check(rows: LedgerRows): void {
  for (const table of [
    "execution_requests",
    "execution_results",
    "telemetry",
    "run_state",
  ] as const)
    for (const row of rows[table]) ledgerTables[table].row.parse(row);
}

type OfRun = { readonly run_id: string; readonly generation: string | null };
/** Of a run without a generation, its id alone. */
const run = ({ run_id, generation }: OfRun): string =>
  generation === null ? run_id : `${run_id}/${generation}`;
const attempt = (row: OfRun & { iter_n: number; attempt: number }): string =>
  `${run(row)}/${row.iter_n}.${row.attempt}`;

function insert<Row>(table: Map<string, Row>, key: string, row: Row): void {
  if (!table.has(key)) table.set(key, row);
}

function merged(had: RunStateRow | undefined, row: RunStateRow): RunStateRow {
  if (had === undefined) return row;
  if (row.version <= had.version) return had;
  return {
    ...row,
    capsule: row.capsule ?? had.capsule,
    latest_request_path: row.latest_request_path ?? had.latest_request_path,
    latest_result_path: row.latest_result_path ?? had.latest_result_path,
    // biome-ignore lint/complexity/useMathMinMax: these are texts
    created_at: had.created_at < row.created_at ? had.created_at : row.created_at,
  };
}
