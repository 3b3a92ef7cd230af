// The ledger's own statements, on every engine of the embedded workspace: same rows in, same rows
// out, errors with the same SQLSTATE.
import { readdirSync, readFileSync } from "node:fs";
import { startWorkspace, type Workspace } from "embedded-databricks-workspace";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mergeStatement, selectStatement } from "../../shared/adapters/ledger-merges.ts";
import { connect, type Row, type SqlClient } from "../support/sql-driver.ts";

type Table = Parameters<typeof mergeStatement>[0];
const tables = new URL("../../infra/databricks/tables/", import.meta.url);
const ddl = readdirSync(tables)
  .filter((file) => file.endsWith(".sql"))
  .map((file) => readFileSync(new URL(file, tables), "utf8"));

export function ledgerSqlContract(engine: "duckdb" | "spark"): void {
  describe(`the ledger's SQL on ${engine}`, () => {
    let workspace: Workspace;
    let sql: SqlClient;
    beforeAll(async () => {
      workspace = await startWorkspace({ sql: engine });
      sql = await connect(workspace);
      for (const statement of ddl) await sql.run(statement);
    }, 180_000);
    afterAll(async () => {
      await sql?.[Symbol.asyncDispose]();
      await workspace?.close();
    }, 60_000);

    const merge = (table: Table, rows: readonly Row[], n = rows.length) =>
      sql.run(mergeStatement(table), { namedParameters: { rows: JSON.stringify(rows), n } });
    const mergeText = (table: Table, rows: string, n: number) =>
      sql.failure(mergeStatement(table), { namedParameters: { rows, n } });
    const select = (table: Table) => sql.run(selectStatement(table));
    const counters = (updated: number, inserted: number) => [
      {
        num_affected_rows: updated + inserted,
        num_updated_rows: updated,
        num_deleted_rows: 0,
        num_inserted_rows: inserted,
      },
    ];

    test("the tables can be created again, and nothing changes", async () => {
      for (const statement of ddl) expect(await sql.run(statement)).toEqual([]);
    });

    test("a newer version updates the row, an older or equal one changes nothing", async () => {
      const row = runState("guard", 100);
      expect(await merge("run_state", [row])).toEqual(counters(0, 1));
      expect(await merge("run_state", [{ ...row, version: 101, fsm_state: "over" }])).toEqual(
        counters(1, 0),
      );
      for (const version of [101, 99])
        expect(await merge("run_state", [{ ...row, version, fsm_state: "late" }])).toEqual(
          counters(0, 0),
        );
      const [read] = (await select("run_state")).filter((each) => each.run_id === "guard");
      expect(read).toMatchObject({ version: "101", fsm_state: "over" });
    });

    test("of two rows for one key in one batch the right one stays", async () => {
      const rows = [runState("twice", 7), runState("twice", 9), runState("twice", 8)];
      expect(await merge("run_state", rows)).toEqual(counters(0, 1));
      const [read] = (await select("run_state")).filter((each) => each.run_id === "twice");
      expect(read.version).toBe("9");
    });

    test("insert-only tables keep the first row of a key", async () => {
      const row = request("first", 1);
      expect(await merge("execution_requests", [row])).toEqual(counters(0, 1));
      expect(await merge("execution_requests", [{ ...row, artifact_hash: "other" }])).toEqual(
        counters(0, 0),
      );
      const [read] = (await select("execution_requests")).filter((each) => each.run_id === "first");
      expect(read).toMatchObject({ artifact_hash: "hash", databricks_run_id: "9007199254740993" });
    });

    test("nested values, nulls, odd characters and 64-bit numbers come back as they went in", async () => {
      const row = result("nested");
      await merge("execution_results", [row]);
      const read = await sql.run(
        `SELECT error_summary, metrics, produced_artifacts[0].bytes AS bytes, produced_tables, run_url,
           CAST(produced_artifacts[0].bytes AS STRING) AS exact, started_at, duration_seconds
         FROM execution_results WHERE run_id = 'nested'`,
      );
      expect(read).toEqual([
        {
          error_summary: row.error_summary,
          metrics: { rmse: 1.25, "a b": -0.5 },
          bytes: 9007199254740991,
          produced_tables: ["main.default.t", "x"],
          run_url: null,
          exact: "9007199254740991",
          started_at: "2026-01-01 10:11:12.123",
          duration_seconds: 1.5,
        },
      ]);
    });

    test("`timestamp` is a column's name too", async () => {
      const row = telemetry("e1");
      expect(await merge("telemetry", [row, telemetry("e2")])).toEqual(counters(0, 2));
      const [read] = (await select("telemetry")).filter((each) => each.event_id === "e1");
      expect(read.timestamp).toBe("2026-01-01 00:00:00");
    });

    test.each([
      ["truncated text", `[${JSON.stringify(runState("bad", 1))}`, 1, "22023"],
      ["text that is no JSON", "nonsense", 1, "22023"],
      ["null", "null", 1, "22023"],
      [
        "a fraction for an INT",
        JSON.stringify([{ ...runState("bad", 1), iter_n: 1.5 }]),
        1,
        "22023",
      ],
      ["text for an INT", JSON.stringify([{ ...runState("bad", 1), iter_n: "1" }]), 1, "22023"],
      [
        "a boolean for an INT",
        JSON.stringify([{ ...runState("bad", 1), iter_n: true }]),
        1,
        "22023",
      ],
      ["a number beyond INT", JSON.stringify([{ ...runState("bad", 1), iter_n: 3e9 }]), 1, "22023"],
      ["fewer rows than were sent", JSON.stringify([runState("bad", 1)]), 2, "P0001"],
      ["nothing at all", "", 1, "P0001"],
      [
        "a missing NOT NULL column",
        JSON.stringify([{ ...runState("bad", 1), iter_n: null }]),
        1,
        "23502",
      ],
      [
        "a time that is none",
        JSON.stringify([{ ...runState("bad", 1), created_at: "x" }]),
        1,
        "22018",
      ],
    ])("%s is refused", async (_, rows, n, sqlState) => {
      const error = await mergeText("run_state", rows, n);
      expect(error.response.sqlState).toBe(sqlState);
      expect(error.message).toMatch(/^\[[A-Z_.]+\] /);
      expect((await select("run_state")).filter((each) => each.run_id === "bad")).toEqual([]);
    });

    test("a run id that is no number is refused", async () => {
      const error = await mergeText(
        "execution_requests",
        JSON.stringify([{ ...request("bad", 1), databricks_run_id: "12x" }]),
        1,
      );
      expect(error.response.sqlState).toBe("22018");
    });

    test("a table for appends only takes neither updates nor deletes", async () => {
      expect(await sql.stateOf("DELETE FROM telemetry WHERE event_id = 'e1'")).toBe("42809");
      expect(await sql.stateOf("UPDATE telemetry SET component = 'x'")).toBe("42809");
    });

    test("concurrent MERGEs lose nothing and double nothing", async () => {
      const writers = engine === "spark" ? 3 : 8;
      const keys = engine === "spark" ? 2 : 6; // a MERGE takes seconds there
      const write = async (writer: number) => {
        await using own = await connect(workspace);
        for (let key = 0; key < keys; key++)
          await repeated(() =>
            own.run(mergeStatement("run_state"), {
              namedParameters: {
                rows: JSON.stringify([
                  runState(`race-${key}`, writer + 1),
                  runState(`own-${writer}-${key}`, 1),
                ]),
                n: 2,
              },
            }),
          );
      };
      await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
      const [all] = await sql.run(
        "SELECT count(*) AS n, count(DISTINCT run_id) AS ids FROM run_state WHERE run_id LIKE 'race-%' OR run_id LIKE 'own-%'",
      );
      expect(all).toEqual({ n: keys * (writers + 1), ids: keys * (writers + 1) });
      const [oldest] = await sql.run(
        "SELECT min(version) AS v FROM run_state WHERE run_id LIKE 'race-%'",
      );
      expect(oldest.v).toBe(writers);
    }, 600_000);

    test("a thousand rows in one MERGE", async () => {
      const rows = Array.from({ length: 1000 }, (_, i) => telemetry(`many-${i}`));
      expect(await merge("telemetry", rows)).toEqual(counters(0, 1000));
    }, 60_000);
  });
}

/**
 * Writers that met try again: on open-source Delta even those of different rows meet
 * (docs/facts/databricks.md#merges-that-meet).
 */
async function repeated(statement: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await statement();
      return;
    } catch (error) {
      const { response } = error as Row;
      if (response?.sqlState !== "2D521" || tries === 20) throw error;
    }
  }
}

const runState = (run_id: string, version: number): Row => ({
  run_id,
  workload: "weather-model",
  current_mode: "PROD",
  fsm_state: "running",
  chapter: 1,
  iter_n: 1,
  attempt: 1,
  lease_owner: null,
  lease_expiry: null,
  capsule: "{}",
  latest_request_path: null,
  latest_result_path: null,
  outcome: null,
  reason: null,
  created_at: "2026-01-01T00:00:00Z",
  updated_at: "2026-01-01T00:00:00.5Z",
  version,
});

const request = (run_id: string, attempt: number): Row => ({
  run_id,
  iter_n: 1,
  attempt,
  artifact_path: "/Volumes/main/default/files/a.py",
  artifact_hash: "hash",
  job_submit_payload: '{"tasks":[]}',
  databricks_run_id: "9007199254740993",
  run_url: "https://example.test/run/1",
  submitted_at: "2026-01-01T00:00:00Z",
  submitted_by_worker: "w",
});

const result = (run_id: string): Row => ({
  run_id,
  iter_n: 1,
  attempt: 1,
  verdict: "succeeded",
  status: "SUCCESS",
  error_type: null,
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Spark would substitute it, were it not told not to
  error_summary: 'it\'s "odd": \\ \n\t ü 漢 😀 ${b} -- ; /* */',
  parsed_summary: "",
  capsule_delta: "{}",
  metrics: { rmse: 1.25, "a b": -0.5 },
  produced_artifacts: [{ path: "p", sha256: "s", bytes: 9007199254740991 }],
  produced_tables: ["main.default.t", "x"],
  started_at: "2026-01-01T10:11:12.123Z",
  ended_at: "2026-01-01T11:11:12+01:00",
  duration_seconds: 1.5,
  termination_code: "SUCCESS",
  run_url: null,
});

const telemetry = (event_id: string): Row => ({
  event_id,
  event_type: "t",
  component: "c",
  run_id: null,
  iter_n: null,
  attempt: null,
  timestamp: "2026-01-01T00:00:00Z",
  trace_id: null,
  metadata: "{}",
});
