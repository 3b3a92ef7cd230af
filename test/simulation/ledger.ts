// The ledger's tables and the event bus, as far as promises are made about them: insert-only rows
// by key, one guarded row a run, and what upstream systems have heard.
import type { OutcomeEvent, RejectedEvent } from "../../shared/domain/events.ts";
import {
  type ExecutionRequestRow,
  type ExecutionResultRow,
  type LedgerRows,
  type LedgerTable,
  ledgerTables,
  type RunStateRow,
  type TelemetryRow,
} from "../../shared/domain/ledger-rows.ts";
import type { VirtualClock } from "./clock.ts";
import { deepFreeze } from "./freeze.ts";
import type { Caller } from "./port-call.ts";
import type { Trace } from "./trace.ts";

export type Ledger = {
  /** By runText. */
  readonly runState: ReadonlyMap<string, RunStateRow>;
  /** By rowText. */
  readonly requests: ReadonlyMap<string, ExecutionRequestRow>;
  readonly results: ReadonlyMap<string, ExecutionResultRow>;
  readonly telemetry: ReadonlyMap<string, TelemetryRow>;
  /** One statement: a merge of several tables can be cut off between two of them. */
  readonly mergeTable: (table: LedgerTable, rows: LedgerRows) => void;
  readonly onState: ((
    before: RunStateRow | undefined,
    row: RunStateRow,
    batch: LedgerRows,
  ) => void)[];
};

export const tablesInOrder = Object.keys(ledgerTables) as LedgerTable[];

export const attemptText = (row: { run_id: string; iter_n: number; attempt: number }): string =>
  `${row.run_id}/${row.iter_n}.${row.attempt}`;

/** One of the runs that may have had the same id, one after the other. */
type OfRun = { readonly run_id: string; readonly generation?: string | null | undefined };
export const runText = ({ run_id, generation }: OfRun): string => `${run_id}/${generation ?? ""}`;
export const rowText = (row: OfRun & { iter_n: number; attempt: number }): string =>
  `${runText(row)}/${row.iter_n}.${row.attempt}`;
/**
 * By which upstream systems tell one outcome from another: what the event's id says behind the
 * plane's.
 */
export const eventText = ({ generation, run_id, chapter }: OfRun & { chapter: number }): string =>
  [run_id, ...(generation == null ? [] : [generation]), chapter].join("/");

export function createLedger(
  trace: Trace,
  violate: (what: string, detail: string) => void,
): Ledger {
  const runState = new Map<string, RunStateRow>();
  const requests = new Map<string, ExecutionRequestRow>();
  const results = new Map<string, ExecutionResultRow>();
  const telemetry = new Map<string, TelemetryRow>();
  const onState: Ledger["onState"] = [];
  return {
    runState,
    requests,
    results,
    telemetry,
    onState,
    mergeTable: (table, rows) => {
      switch (table) {
        case "execution_requests":
          return insert(requests, rows.execution_requests, rowText);
        case "execution_results":
          return insert(results, rows.execution_results, rowText);
        case "telemetry":
          return insert(telemetry, rows.telemetry, (row) => row.event_id);
        case "run_state":
          for (const row of onePerKey(rows.run_state, runText)) mergeState(row, rows);
      }
    },
  };

  /**
   * MERGE … WHEN MATCHED AND source.version > target.version THEN UPDATE … WHEN NOT MATCHED THEN
   * INSERT.
   */
  function mergeState(row: RunStateRow, batch: LedgerRows): void {
    const before = runState.get(runText(row));
    if (before !== undefined && before.version >= row.version) return;
    runState.set(
      runText(row),
      deepFreeze(before === undefined ? { ...row } : updated(before, row)),
    );
    trace.mix(row.version, row.outcome?.length ?? 0);
    trace.say(
      () => `≡ run_state ${row.run_id} ${row.fsm_state} ${row.version} ${row.outcome ?? ""}`,
    );
    for (const listener of onState) listener(before, row, batch);
  }

  function insert<Row>(
    table: Map<string, Row>,
    rows: readonly Row[],
    keyOf: (row: Row) => string,
  ): void {
    for (const row of onePerKey(rows, keyOf)) {
      const key = keyOf(row);
      if (table.has(key)) continue;
      table.set(key, deepFreeze({ ...row }));
      trace.mix(table.size, key.length);
    }
  }

  /**
   * Delta raises on two source rows for one target row, and inserts a new key twice
   * (docs/facts/databricks.md#merge-duplicate-source).
   */
  function onePerKey<Row>(rows: readonly Row[], keyOf: (row: Row) => string): readonly Row[] {
    if (new Set(rows.map(keyOf)).size !== rows.length)
      violate("one statement had two rows for one key", rows.map(keyOf).join(", "));
    return rows;
  }
}

/** What the later record does not know stays as it was (shared/adapters/ledger-merges.ts). */
const updated = (before: RunStateRow, row: RunStateRow): RunStateRow => ({
  ...row,
  capsule: row.capsule ?? before.capsule,
  latest_request_path: row.latest_request_path ?? before.latest_request_path,
  latest_result_path: row.latest_result_path ?? before.latest_result_path,
  created_at: [before.created_at, row.created_at].toSorted()[0] ?? row.created_at,
});

export type Bus = {
  /** By eventText. */
  readonly announced: ReadonlyMap<string, readonly OutcomeEvent[]>;
  /** When upstream systems first and last heard of a run. */
  readonly heardMs: ReadonlyMap<string, { readonly firstMs: number; readonly lastMs: number }>;
  readonly rejected: readonly RejectedEvent[];
  readonly announce: (event: OutcomeEvent, caller: Caller) => void;
  readonly reject: (event: RejectedEvent) => void;
  readonly onAnnounce: ((event: OutcomeEvent, caller: Caller) => void)[];
};

export function createBus(clock: VirtualClock, trace: Trace): Bus {
  const heardMs = new Map<string, { readonly firstMs: number; readonly lastMs: number }>();
  const announced = new Map<string, OutcomeEvent[]>();
  const rejected: RejectedEvent[] = [];
  const onAnnounce: Bus["onAnnounce"] = [];
  return {
    announced,
    heardMs,
    rejected,
    onAnnounce,
    announce: (event, caller) => {
      trace.say(() => `♪ ${event.run_id} chapter ${event.chapter}: ${event.outcome}`);
      trace.mix(event.chapter, event.outcome.length);
      const key = event.id.slice(event.plane_id.length + 1);
      const lastMs = clock.nowMs();
      heardMs.set(event.run_id, {
        firstMs: heardMs.get(event.run_id)?.firstMs ?? lastMs,
        lastMs,
      });
      announced.set(key, [...(announced.get(key) ?? []), event]);
      for (const listener of onAnnounce) listener(event, caller);
    },
    reject: (event) => {
      trace.say(() => `♪ ticket ${event.ticket_id} rejected: ${event.reason}`);
      rejected.push(event);
    },
  };
}
