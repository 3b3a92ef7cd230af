// What only the owner of a thing may do with it in SQL (or a holder of MANAGE), whatever else somebody may create beside it.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startWorkspace, type Workspace } from "../src/workspace.ts";
import { connect, type SqlClient } from "./sql-support.ts";

let workspace: Workspace;
let owner: SqlClient;
let creator: SqlClient;
let manager: SqlClient;
let bob = "";
beforeAll(async () => {
  workspace = await startWorkspace();
  owner = await connect(workspace);
  for (const made of [
    "CREATE SCHEMA own",
    "CREATE TABLE own.t (a INT) TBLPROPERTIES ('delta.columnMapping.mode' = 'name')",
    "INSERT INTO own.t VALUES (1)",
    "CREATE VIEW own.v AS SELECT a FROM own.t",
    "CREATE VOLUME own.files",
  ])
    await owner.run(made);
  const named = async (displayName: string, ...grants: string[]) => {
    const { id, token } = workspace.addPrincipal({ displayName });
    for (const grant of ["USE CATALOG ON CATALOG main", ...grants])
      await owner.run(`GRANT ${grant} TO \`${id}\``);
    return { id, sql: await connect(workspace, { token }) };
  };
  const everything = ["USE SCHEMA", "CREATE TABLE", "CREATE VOLUME", "CREATE FUNCTION", "SELECT"];
  const may = [...everything, "MODIFY"].map((privilege) => `${privilege} ON SCHEMA main.own`);
  ({ id: bob, sql: creator } = await named("bob", ...may));
  ({ sql: manager } = await named("mary", "USE SCHEMA ON SCHEMA main.own", ...manages));
});
afterAll(async () => {
  for (const client of [owner, creator, manager]) await client[Symbol.asyncDispose]();
  await workspace.close();
});

const manages = ["MANAGE ON SCHEMA main.own", "SELECT ON SCHEMA main.own"];

describe("who may create, select and modify, but owns nothing", () => {
  test.each([
    "CREATE OR REPLACE VIEW own.v AS SELECT 'pwn' AS a",
    "CREATE OR REPLACE VIEW own.t AS SELECT 'pwn' AS a",
    "CREATE OR REPLACE TABLE own.v (a INT)",
    "CREATE OR REPLACE TABLE own.t (a INT)",
    "CREATE OR REPLACE TABLE own.t AS SELECT 2 AS a",
    "DROP VIEW own.v",
    "DROP TABLE own.t",
    "DROP VOLUME own.files",
    "DROP SCHEMA own CASCADE",
    "ALTER VIEW own.v RENAME TO own.w",
    "ALTER TABLE own.t RENAME TO own.u",
    "ALTER TABLE own.t RENAME COLUMN a TO b",
    "ALTER TABLE own.t ADD CONSTRAINT c CHECK (a > 0)",
    "ALTER TABLE own.t DROP CONSTRAINT IF EXISTS c",
    "ALTER TABLE own.t CLUSTER BY (a)",
    "COMMENT ON VIEW own.v IS 'mine'",
    "GRANT SELECT ON VIEW own.v TO `account users`",
    "REVOKE SELECT ON TABLE own.t FROM `account users`",
  ])("%s: 42501", async (statement) => {
    expect(await creator.stateOf(statement)).toBe("42501");
    expect(await owner.run("SELECT a FROM own.v")).toEqual([{ a: 1 }]);
  });

  test.each<[string, string]>([
    ["CREATE VIEW own.v AS SELECT 'pwn' AS a", "42P07"],
    ["CREATE VIEW IF NOT EXISTS own.v AS SELECT 'pwn' AS a", ""],
    ["CREATE OR REPLACE VIEW own.bobs AS SELECT 1 AS a", ""],
    ["CREATE OR REPLACE VIEW own.bobs AS SELECT 2 AS a", ""],
    ["ALTER TABLE own.t ADD COLUMNS (c STRING)", ""],
    ["COMMENT ON TABLE own.t IS 'seen by bob'", ""],
    ["DROP VIEW own.bobs", ""],
  ])("%s: '%s'", async (statement, state) => {
    expect(await creator.stateOf(statement)).toBe(state);
    expect(await owner.run("SELECT a FROM own.v")).toEqual([{ a: 1 }]);
  });
});

test("a holder of MANAGE replaces a view, which then reads with the rights of who wrote it", async () => {
  await owner.run("CREATE TABLE secret (a INT)");
  await owner.run("CREATE VIEW own.shared AS SELECT 1 AS a");
  await manager.run("CREATE OR REPLACE VIEW own.shared AS SELECT a + 1 AS a FROM own.t");
  expect(await owner.run("SELECT a FROM own.shared")).toEqual([{ a: 2 }]);
  expect(
    await manager.stateOf("CREATE OR REPLACE VIEW own.shared AS SELECT * FROM main.default.secret"),
  ).toBe("42501");
});

test("a new name keeps the owner and the grants, and the old name keeps neither", async () => {
  await owner.run("CREATE TABLE own.before (a INT)");
  await owner.run(`GRANT MODIFY ON TABLE own.before TO \`${bob}\``);
  await manager.run("ALTER TABLE own.before RENAME TO own.after");
  const owners = workspace.context.grants;
  expect(owners.ownerOf({ type: "table", name: "main.own.after" })).toBe(
    workspace.administrator.id,
  );
  expect(owners.ownerOf({ type: "table", name: "main.own.before" })).toBeUndefined();
  expect(owners.show({ type: "table", name: "main.own.after" })).toEqual([
    { principal: bob, privileges: ["MODIFY"] },
  ]);
});

test("of a table and a view that are made under one name at a time, one is refused", async () => {
  const both = await Promise.all([
    owner.stateOf("CREATE TABLE own.once AS SELECT id FROM range(100000)"),
    creator.stateOf("CREATE VIEW own.once AS SELECT 1 AS a"),
  ]);
  expect(both.filter((state) => state === "")).toHaveLength(1);
});
