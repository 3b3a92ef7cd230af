// The rows, the MERGEs and the tables are written down in three places: here they are held against
// each other.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mergeStatement, selectStatement } from "../../shared/adapters/ledger-merges.ts";
import { statementsOf } from "../../shared/adapters/sql-files.ts";
import { type LedgerTable, ledgerTables } from "../../shared/domain/ledger-rows.ts";

const tables = Object.keys(ledgerTables) as LedgerTable[];
const TABLES = join(import.meta.dirname, "..", "..", "infra", "databricks", "tables");

/** The columns of a CREATE TABLE, in their order. */
function columnsOf(table: LedgerTable): readonly string[] {
  const [statement = ""] = statementsOf(readFileSync(join(TABLES, `${table}.sql`), "utf8"));
  const body = /\(\n([\s\S]*?)\n\)\nUSING DELTA/.exec(statement)?.[1] ?? "";
  return body.split("\n").map((line) => line.trim().split(" ")[0]?.replaceAll("`", "") ?? "");
}

test.each(tables)("%s: table, row and MERGE have the same columns", (table) => {
  const columns = columnsOf(table);
  expect(columns).toEqual(Object.keys(ledgerTables[table].row.shape));
  const inserted = /INSERT \(([^)]*)\)/.exec(mergeStatement(table))?.[1]?.replaceAll("`", "");
  expect(inserted?.split(", ")).toEqual(columns);
  for (const column of columns) expect(selectStatement(table)).toContain(column);
});

test.each(tables)("%s: the MERGE's key is the row's", (table) => {
  const on = /\nON ([^\n]*)/.exec(mergeStatement(table))?.[1];
  // Rows of before have no generation, and are found all the same.
  const equal = (key: string) => (key === "generation" ? "<=>" : "=");
  expect(on).toBe(
    ledgerTables[table].key.map((key) => `t.${key} ${equal(key)} s.${key}`).join(" AND "),
  );
});

test("only the state of a run is ever updated, and only by a later version", () => {
  for (const table of tables)
    expect(mergeStatement(table).includes("UPDATE")).toBe(table === "run_state");
  expect(mergeStatement("run_state")).toContain(
    "WHEN MATCHED AND s.version > t.version THEN UPDATE",
  );
});

test.each(tables)("%s: nothing but parameters comes from outside", (table) => {
  expect(
    mergeStatement(table)
      .match(/:(rows|n)\b/g)
      ?.toSorted(),
  ).toEqual([":n", ":n", ":rows"]);
});
