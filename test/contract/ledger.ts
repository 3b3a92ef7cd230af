// The contract of every ledger: the four tables, by key, and never backwards.
import { expect, test } from "vitest";
import {
  type ExecutionRequestRow,
  type ExecutionResultRow,
  type LedgerRows,
  type LedgerTable,
  noRows,
  type RunStateRow,
  type TelemetryRow,
  versionOf,
} from "../../shared/domain/ledger-rows.ts";
import type { LedgerPort } from "../../shared/ports.ts";

export type LedgerUnderTest = LedgerPort & {
  /** All rows of a table; times as ISO text, 64-bit numbers as text. */
  readonly rows: (table: LedgerTable) => Promise<readonly Readonly<Record<string, unknown>>[]>;
};

const AT = "2026-11-21T06:00:00.123Z";
const LATER = "2026-11-21T06:10:00.000Z";

export const stateRow = (more: Partial<RunStateRow> = {}): RunStateRow => ({
  run_id: "ORD-1",
  workload: "weather-report",
  current_mode: "PROD",
  fsm_state: "running",
  chapter: 1,
  iter_n: 1,
  attempt: 1,
  lease_owner: null,
  lease_expiry: null,
  capsule: null,
  latest_request_path: null,
  latest_result_path: null,
  outcome: null,
  reason: null,
  created_at: AT,
  updated_at: AT,
  version: versionOf({ chapter: 1, iter_n: 1, attempt: 1 }, "running"),
  generation: "0123456789",
  ...more,
});

const requestRow = (more: Partial<ExecutionRequestRow> = {}): ExecutionRequestRow => ({
  run_id: "ORD-1",
  iter_n: 1,
  attempt: 1,
  artifact_path: "/Volumes/main/ops/facts/run_ORD-1/files/x/main.py",
  artifact_hash: "a".repeat(64),
  job_submit_payload: '{"tasks":[{"task_key":"main; DROP TABLE run_state; --\'"}]}',
  databricks_run_id: "9223372036854775807",
  run_url: "https://workspace.example/#job/1/run/2",
  submitted_at: AT,
  submitted_by_worker: "orchestrator",
  generation: "0123456789",
  ...more,
});

const resultRow = (more: Partial<ExecutionResultRow> = {}): ExecutionResultRow => ({
  run_id: "ORD-1",
  iter_n: 1,
  attempt: 1,
  verdict: "succeeded",
  status: "SUCCESS",
  error_type: null,
  error_summary: null,
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Spark substitutes this where it is not told otherwise
  parsed_summary: "Grüße 🚦 \\ \" ' ${b} :rows \n end",
  capsule_delta: '{"a":null}',
  metrics: { "relevance/mean": 0.1 + 0.2, zero: 0, tiny: 5e-324, big: 1.7e308 },
  produced_artifacts: [{ path: "/Volumes/a/b/c/d", sha256: "b".repeat(64), bytes: 2 ** 40 }],
  produced_tables: ["main.ops.daily"],
  started_at: AT,
  ended_at: LATER,
  duration_seconds: 1.5,
  termination_code: "SUCCESS",
  run_url: null,
  generation: "0123456789",
  ...more,
});

const telemetryRow = (more: Partial<TelemetryRow> = {}): TelemetryRow => ({
  event_id: "plane/ORD-1/1/1.1/attempt.submitted",
  event_type: "attempt.submitted",
  component: "orchestrator",
  run_id: "ORD-1",
  iter_n: 1,
  attempt: 1,
  timestamp: AT,
  trace_id: null,
  metadata: "{}",
  ...more,
});

const state = (row: Partial<RunStateRow>): LedgerRows => ({
  ...noRows,
  run_state: [stateRow(row)],
});

/** What as many runs that ended bring together. */
export function endings(count: number): LedgerRows {
  const ids = Array.from({ length: count }, (_, i) => `run-${i}`);
  return {
    run_state: ids.map((run_id) => stateRow({ run_id, fsm_state: "over" })),
    execution_requests: ids.map((run_id) => requestRow({ run_id })),
    execution_results: ids.map((run_id) => resultRow({ run_id })),
    telemetry: ids.map((event_id) => telemetryRow({ event_id })),
  };
}

export function ledgerContract(open: () => Promise<LedgerUnderTest>): void {
  test("rows of all four tables come back as they went in", async () => {
    const { ledger, rows } = await open();
    await ledger.merge({
      run_state: [stateRow({ capsule: '{"best":1}' })],
      execution_requests: [requestRow()],
      execution_results: [resultRow()],
      telemetry: [telemetryRow()],
    });
    const expectedState = stateRow({ capsule: '{"best":1}' });
    expect(await rows("run_state")).toEqual([
      { ...expectedState, version: String(expectedState.version) },
    ]);
    expect(await rows("execution_requests")).toEqual([requestRow()]);
    expect(await rows("execution_results")).toEqual([resultRow()]);
    expect(await rows("telemetry")).toEqual([telemetryRow()]);
  });

  test("no rows are no work", async () => {
    const { ledger, rows } = await open();
    await ledger.merge(noRows);
    expect(await rows("run_state")).toEqual([]);
  });

  test("a row that knows little may be merged: what is not known is null, and nothing is lost", async () => {
    const { ledger, rows } = await open();
    const bare = resultRow({
      status: null,
      parsed_summary: null,
      capsule_delta: null,
      metrics: {},
      produced_artifacts: [],
      produced_tables: [],
      started_at: null,
      ended_at: null,
      duration_seconds: null,
      termination_code: null,
    });
    await ledger.merge({ ...noRows, execution_results: [bare] });
    expect(await rows("execution_results")).toEqual([bare]);
  });

  test("the same rows again change nothing", async () => {
    const { ledger, rows } = await open();
    const batch = {
      run_state: [stateRow()],
      execution_requests: [requestRow()],
      execution_results: [resultRow()],
      telemetry: [telemetryRow()],
    };
    await ledger.merge(batch);
    await ledger.merge(batch);
    for (const table of Object.keys(batch) as LedgerTable[])
      expect(await rows(table)).toHaveLength(1);
  });

  test("what was inserted stays, whatever comes later under its key", async () => {
    const { ledger, rows } = await open();
    await ledger.merge({ ...noRows, execution_results: [resultRow({ verdict: "succeeded" })] });
    await ledger.merge({ ...noRows, execution_results: [resultRow({ verdict: "unknown" })] });
    expect(await rows("execution_results")).toMatchObject([{ verdict: "succeeded" }]);
  });

  test.each([
    { when: "a later version", version: 1_001_0012, expected: "decided" },
    { when: "the same version again", version: 1_001_0011, expected: "running" },
    { when: "a late, older version", version: 1_001_0010, expected: "running" },
  ])("$when leaves the row $expected", async ({ version, expected }) => {
    const { ledger, rows } = await open();
    await ledger.merge(state({ version: 1_001_0011 }));
    await ledger.merge(state({ version, fsm_state: "decided" }));
    expect(await rows("run_state")).toMatchObject([{ fsm_state: expected }]);
  });

  test("a later state keeps what only an earlier one knew, and the earliest time of creation", async () => {
    const { ledger, rows } = await open();
    await ledger.merge(
      state({ version: 10, capsule: '{"a":1}', latest_request_path: "r1", created_at: LATER }),
    );
    await ledger.merge(
      state({ version: 11, latest_result_path: "p1", reason: "why", created_at: AT }),
    );
    await ledger.merge(
      state({
        version: 12,
        fsm_state: "over",
        outcome: "succeeded",
        created_at: LATER,
        updated_at: LATER,
      }),
    );
    expect(await rows("run_state")).toEqual([
      {
        ...stateRow({
          fsm_state: "over",
          outcome: "succeeded",
          capsule: '{"a":1}',
          latest_request_path: "r1",
          latest_result_path: "p1",
          updated_at: LATER,
        }),
        version: "12",
      },
    ]);
  });

  test("a ticket id that is used again has rows of its own, and those of before stay as they are", async () => {
    const { ledger, rows } = await open();
    const generations = [null, "aaaaaaaaaa", "bbbbbbbbbb"];
    for (const generation of [...generations, ...generations])
      await ledger.merge({
        run_state: [stateRow({ generation, reason: `run ${generation}` })],
        execution_requests: [requestRow({ generation })],
        execution_results: [resultRow({ generation })],
        telemetry: [],
      });
    for (const table of ["run_state", "execution_requests", "execution_results"] as const) {
      const found = (await rows(table)).map((row) => row["generation"]);
      expect(found.toSorted()).toEqual(generations.toSorted());
    }
    const later = stateRow({ generation: null, version: 99_999_999, reason: "of before" });
    await ledger.merge({ ...noRows, run_state: [later] });
    const reasons = (await rows("run_state")).map((row) => String(row["reason"]));
    expect(reasons.toSorted()).toEqual(["of before", "run aaaaaaaaaa", "run bbbbbbbbbb"]);
  });

  test("attempts, iterations and runs are rows of their own", async () => {
    const { ledger, rows } = await open();
    const keys = [
      { run_id: "a", iter_n: 1, attempt: 1 },
      { run_id: "a", iter_n: 1, attempt: 2 },
      { run_id: "a", iter_n: 2, attempt: 1 },
      { run_id: "b", iter_n: 1, attempt: 1 },
    ];
    await ledger.merge({ ...noRows, execution_requests: keys.map(requestRow) });
    expect(await rows("execution_requests")).toMatchObject(keys);
  });

  test("writers that meet leave each row once, and the latest state", async () => {
    const { ledger, rows } = await open();
    await Promise.all(
      Array.from({ length: 4 }, (_, i) =>
        ledger.merge({
          ...state({ version: 100 + i, reason: `writer ${i}` }),
          telemetry: [telemetryRow(), telemetryRow({ event_id: `own ${i}` })],
        }),
      ),
    );
    expect(await rows("run_state")).toMatchObject([{ version: "103", reason: "writer 3" }]);
    expect(await rows("telemetry")).toHaveLength(5);
  });

  test("a hundred endings are one batch", async () => {
    const { ledger, rows } = await open();
    await ledger.merge(endings(100));
    for (const table of [
      "run_state",
      "execution_requests",
      "execution_results",
      "telemetry",
    ] as const)
      expect(await rows(table)).toHaveLength(100);
  });

  test("a row that breaks its shape is refused, and nothing of its table is written", async () => {
    const { ledger, rows } = await open();
    const bad = resultRow({ metrics: { rmse: Number.NaN } });
    await expect(
      ledger.merge({ ...noRows, execution_results: [resultRow({ run_id: "good" }), bad] }),
    ).rejects.toThrow();
    expect(await rows("execution_results")).toEqual([]);
  });
}
