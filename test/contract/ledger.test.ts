import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { DatabricksSql } from "../../shared/adapters/databricks-sql.ts";
import { createDeltaLedger, readLedger } from "../../shared/adapters/delta-ledger.ts";
import { SqlError } from "../../shared/adapters/sql-error.ts";
import { applySqlFolder, statementsOf } from "../../shared/adapters/sql-files.ts";
import { systemClock, systemRandom } from "../../shared/adapters/system.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import { ledgerTables, noRows } from "../../shared/domain/ledger-rows.ts";
import { createMemoryLedger } from "../support/memory/ledger.ts";
import { endings, ledgerContract, stateRow } from "./ledger.ts";
import { type Connected, type Fixture, startFixture } from "./workspace-fixture.ts";

const TABLES = join(import.meta.dirname, "..", "..", "infra", "databricks", "tables");

describe("over memory", () => {
  ledgerContract(async () => {
    const { ledger, tables } = createMemoryLedger();
    return {
      ledger,
      rows: async (table) =>
        [...tables[table].values()].map((row) =>
          "version" in row ? { ...row, version: String(row.version) } : row,
        ),
    };
  });
});

describe("over a warehouse, through the official driver", () => {
  let fixture: Fixture;
  let connected: Connected;
  beforeAll(async () => {
    fixture = await startFixture();
    connected = fixture.connect();
    expect(await applySqlFolder(connected.sql, TABLES)).toBe(4);
  });
  afterEach(() => fixture.workspace.clearFaults());
  afterAll(() => fixture[Symbol.asyncDispose]());

  const ledgerOf = ({ sql }: Connected) =>
    createDeltaLedger({ ...systemClock, sql, random: systemRandom });

  describe("the tables", () => {
    beforeEach(async () => {
      await using session = await connected.sql.open();
      for (const table of Object.keys(ledgerTables)) await session.execute(`DROP TABLE ${table}`);
      await applySqlFolder(connected.sql, TABLES);
    });

    ledgerContract(async () => ({
      ...ledgerOf(connected),
      rows: async (table) => (await readLedger(connected.sql, table)).map(asWritten),
    }));
  });

  test("a hundred endings are four statements, and no endings are none", async () => {
    const statements: string[] = [];
    const sql: DatabricksSql = {
      open: async () => {
        const session = await connected.sql.open();
        return {
          execute: (statement, parameters) => {
            statements.push(statement.split(" AS ")[0] ?? "");
            return session.execute(statement, parameters);
          },
          [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
        };
      },
    };
    const { ledger } = createDeltaLedger({ ...systemClock, sql, random: systemRandom });
    await ledger.merge(endings(100));
    expect(statements.toSorted()).toEqual([
      "MERGE INTO execution_requests",
      "MERGE INTO execution_results",
      "MERGE INTO run_state",
      "MERGE INTO telemetry",
    ]);
    expect(statements.at(-1)).toBe("MERGE INTO run_state");
    await ledger.merge(noRows);
    expect(statements).toHaveLength(4);
  });

  test("applying the tables again changes nothing", async () => {
    await ledgerOf(connected).ledger.merge({
      ...noRows,
      run_state: [stateRow({ run_id: "kept" })],
    });
    await applySqlFolder(connected.sql, TABLES);
    const rows = await readLedger(connected.sql, "run_state");
    expect(rows.map((row) => row["run_id"])).toContain("kept");
  });

  const merging = (port = connected) =>
    ledgerOf(port).ledger.merge({ ...noRows, run_state: [stateRow()] });
  const THRIFT = "POST /sql/1.0/warehouses/*";

  test.each([
    { what: "503", fault: { status: 503 } },
    { what: "429", fault: { status: 429 } },
    { what: "a web page", fault: { kind: "html", status: 502 } },
    { what: "a reset", fault: { kind: "reset" } },
    { what: "403", fault: { status: 403 } },
  ] as const)("a warehouse that answers with $what is waited for", async ({ fault }) => {
    fixture.workspace.fail({ route: THRIFT, ...fault });
    const failing = merging();
    await expect(failing).rejects.toBeInstanceOf(PlatformTroubleError);
    await expect(failing).rejects.toThrow(/the warehouse/);
  });

  test("a token that expired early is replaced once, and the rows are there", async () => {
    const port = fixture.connect();
    await merging(port);
    fixture.workspace.fail({ route: THRIFT, status: 401, times: 1 });
    await merging(port);
  });

  test("a warehouse that is not there is trouble", async () => {
    await expect(merging(fixture.connect("https://127.0.0.1:9"))).rejects.toBeInstanceOf(
      PlatformTroubleError,
    );
  });

  test("a table that is missing is waited for: somebody must run the bootstrap", async () => {
    await using session = await connected.sql.open();
    await session.execute("DROP TABLE run_state");
    try {
      await expect(merging()).rejects.toBeInstanceOf(PlatformTroubleError);
    } finally {
      await applySqlFolder(connected.sql, TABLES);
    }
  });

  test("a statement that is wrong in itself says its SQLSTATE", async () => {
    await using session = await connected.sql.open();
    const failing = session.execute("SELECT CAST(:x AS INT)", { x: "seven" });
    await expect(failing).rejects.toMatchObject({ name: "SqlError", sqlState: "22018" });
    await expect(failing).rejects.toBeInstanceOf(SqlError);
  });
});

/** The driver reads times as Dates or text without a zone, and nested columns as they are. */
function asWritten(row: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      /(_at|_expiry|^timestamp)$/.test(name) && value !== null ? isoOf(value) : value,
    ]),
  );
}

const isoOf = (value: unknown): string =>
  new Date(value instanceof Date ? value : `${String(value).replace(" ", "T")}Z`).toISOString();

describe("a file of statements", () => {
  test.each([
    { text: "", expected: [] },
    { text: "SELECT 1", expected: ["SELECT 1"] },
    { text: "SELECT 1;\nSELECT 2;\n", expected: ["SELECT 1", "SELECT 2"] },
    { text: "SELECT ';' ; SELECT 'it''s;'", expected: ["SELECT ';'", "SELECT 'it''s;'"] },
    { text: "-- a; b\nSELECT 1 -- c;\n;", expected: ["SELECT 1"] },
    { text: '/* a; */ SELECT `x;y` FROM "z;";', expected: ['SELECT `x;y` FROM "z;"'] },
    { text: "SELECT 'a\\';b';", expected: ["SELECT 'a\\';b'"] },
  ])("$text", ({ text, expected }) => {
    expect(statementsOf(text)).toEqual(expected);
  });
});
