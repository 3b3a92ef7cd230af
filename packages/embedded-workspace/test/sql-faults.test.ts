// Statements that fail or dawdle on purpose, seen through the unmodified driver.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startWorkspace, type Workspace } from "../src/workspace.ts";
import { connect, type SqlClient } from "./sql-support.ts";

let workspace: Workspace;
let sql: SqlClient;

beforeAll(async () => {
  workspace = await startWorkspace();
  sql = await connect(workspace);
  await sql.run("CREATE TABLE counted (n INT)");
});
afterAll(async () => {
  await sql[Symbol.asyncDispose]();
  await workspace.close();
});
beforeEach(async () => {
  await workspace.admin("DELETE", "/sql-faults");
  await sql.run("DELETE FROM counted");
});

const inject = (fault: object) => workspace.admin("POST", "/sql-faults", fault);
const rows = async () => (await sql.run("SELECT * FROM counted")).length;

test.each([
  { when: "before", effect: 0 },
  { when: "after", effect: 1 },
])("a statement that fails $when its effect leaves $effect rows", async ({ when, effect }) => {
  await inject({ sql_state: "2D521", statement_matches: "^insert", when, times: 1 });
  expect(await sql.stateOf("INSERT INTO counted VALUES (1)")).toBe("2D521");
  expect(await rows()).toBe(effect);
  expect(await sql.stateOf("INSERT INTO counted VALUES (2)")).toBe("");
});

test("without sql_state a statement is only late, and every one is counted", async () => {
  await inject({ delay_ms: 300, statement_matches: "^INSERT" });
  const startMs = performance.now();
  await sql.run("INSERT INTO counted VALUES (1)");
  // A lower bound: however slow the machine, the statement must not be faster than it was asked to be.
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(290);
  expect(await rows()).toBe(1);
  expect(await workspace.admin("GET", "/sql-faults")).toMatchObject({
    faults: [{ seen: 1, struck: 1 }],
  });
});

test.each([{ sql_state: "short" }, { delay_ms: -1 }, { sqlstate: "2D521" }])(
  "a fault that makes no sense is refused: %j",
  async (fault) => {
    await expect(inject(fault)).rejects.toThrow(/answered 400/);
  },
);
