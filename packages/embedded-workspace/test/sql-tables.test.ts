// Tables, views, volumes and grants as SQL on DuckDB: what a statement must answer when it is executed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startWorkspace, type Workspace } from "../src/workspace.ts";
import { connect, type SqlClient } from "./sql-support.ts";

const MAIN = join(import.meta.dirname, "../src/main.ts");

let workspace: Workspace;
let sql: SqlClient;
beforeAll(async () => {
  workspace = await startWorkspace();
  sql = await connect(workspace);
});
afterAll(async () => {
  await sql[Symbol.asyncDispose]();
  await workspace.close();
});

/** Statements one after another: the last one's rows as arrays, or the SQLSTATE with which any of them failed. */
async function outcome(script: string): Promise<unknown> {
  const statements = script.split(";").filter((statement) => statement.trim() !== "");
  let rows: object[] = [];
  try {
    for (const statement of statements) rows = await sql.run(statement);
  } catch (error) {
    const { response } = error as { response?: { sqlState: string } };
    return response?.sqlState ?? String(error);
  }
  return rows.map((row) => Object.values(row));
}

describe("statements", () => {
  test.each<[string, unknown]>([
    [
      "CREATE TABLE a1 (x INT, y STRING); INSERT INTO a1 VALUES (1, 'a'), (2, NULL); SELECT * FROM a1 ORDER BY x",
      [
        [1, "a"],
        [2, null],
      ],
    ],
    ["CREATE TABLE a2 (x INT NOT NULL); INSERT INTO a2 VALUES (NULL)", "23502"],
    [
      "CREATE TABLE a3 (x INT, y INT); INSERT INTO a3 (y) VALUES (5); SELECT * FROM a3",
      [[null, 5]],
    ],
    [
      "CREATE TABLE a4 (x INT, y INT); INSERT INTO a4 BY NAME SELECT 1 AS y, 2 AS x; SELECT * FROM a4",
      [[2, 1]],
    ],
    ["CREATE TABLE a5 (x INT); INSERT INTO a5 VALUES (1, 2)", "21S01"],
    ["CREATE TABLE a6 (x INT); INSERT INTO a6 VALUES ('abc')", "22018"],
    ["CREATE TABLE a7 (x TINYINT); INSERT INTO a7 VALUES (300)", "22003"],
    ["CREATE TABLE a8 (x VARCHAR(3)); INSERT INTO a8 VALUES ('abcd')", "22001"],
    ["CREATE TABLE a9 (x INT); INSERT INTO a9 (nope) VALUES (1)", "42703"],
    [
      "CREATE TABLE b1 (x INT, d INT DEFAULT 7) TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported'); INSERT INTO b1 (x) VALUES (1); INSERT INTO b1 VALUES (2, DEFAULT); SELECT d FROM b1",
      [[7], [7]],
    ],
    ["CREATE TABLE b2 (x INT DEFAULT 7)", "0AKDE"],
    [
      "CREATE TABLE b3 AS SELECT 1 AS x, 'a' AS y; DESCRIBE b3",
      [
        ["x", "int", null],
        ["y", "string", null],
      ],
    ],
    [
      "CREATE TABLE b4 (x INT); INSERT INTO b4 VALUES (1); INSERT OVERWRITE b4 VALUES (2); SELECT * FROM b4",
      [[2]],
    ],
    [
      "CREATE TABLE b5 (x INT); INSERT INTO b5 VALUES (1), (2); UPDATE b5 SET x = x + 10 WHERE x = 2; SELECT x FROM b5 ORDER BY x",
      [[1], [12]],
    ],
    ["CREATE TABLE b6 (x INT); INSERT INTO b6 VALUES (1), (2); DELETE FROM b6 WHERE x = 1", [[1]]],
    [
      "CREATE TABLE b7 (x INT); INSERT INTO b7 VALUES (1); TRUNCATE TABLE b7; SELECT count(*) FROM b7",
      [[0]],
    ],
    ["CREATE TABLE b8 (x INT); UPDATE b8 SET x = 'y'", [[0]]],
    [
      "CREATE TABLE b9 (x INT); ALTER TABLE b9 ADD CONSTRAINT pos CHECK (x > 0); INSERT INTO b9 VALUES (-1)",
      "23001",
    ],
    [
      "CREATE TABLE c1 (x INT); INSERT INTO c1 VALUES (1); ALTER TABLE c1 ADD COLUMN y STRING; SELECT * FROM c1",
      [[1, null]],
    ],
    ["CREATE TABLE c2 (x INT, y INT); ALTER TABLE c2 DROP COLUMN y", "0AKDC"],
    [
      "CREATE TABLE c3 (x INT, y INT) TBLPROPERTIES ('delta.columnMapping.mode' = 'name'); ALTER TABLE c3 DROP COLUMN y; ALTER TABLE c3 RENAME COLUMN x TO z; SHOW COLUMNS IN c3",
      [["z"]],
    ],
    ["CREATE TABLE c4 (x INT) CLUSTER BY (x) PARTITIONED BY (x)", "42908"],
    ["CREATE TABLE c5 (x INT) CLUSTER BY (nope)", "42703"],
    ["CREATE TABLE c6 (x INT) USING PARQUET", "0A000"],
    ["CREATE TABLE c7 (x INT, X STRING)", "42711"],
    ["CREATE TABLE c8 (x INT); CREATE TABLE c8 (x INT)", "42P07"],
    ["CREATE TABLE c9 (x INT); CREATE OR REPLACE TABLE c9 (y STRING); SHOW COLUMNS IN c9", [["y"]]],
    ["CREATE TABLE d1 (x INT); DROP TABLE d1; SELECT * FROM d1", "42P01"],
    ["DROP TABLE IF EXISTS never_was", []],
    ["DROP TABLE never_was", "42P01"],
    [
      "CREATE TABLE d2 (x INT); CREATE VIEW v2 AS SELECT x + 1 AS y FROM d2; INSERT INTO d2 VALUES (1); SELECT * FROM v2",
      [[2]],
    ],
    ["CREATE VIEW v3 (a, b) AS SELECT 1, 2; SELECT b, a FROM v3", [[2, 1]]],
    ["CREATE VIEW v4 AS SELECT 1 AS x; DROP TABLE v4", "42809"],
    ["CREATE TEMPORARY VIEW v5 AS SELECT 9 AS x; SELECT * FROM v5", [[9]]],
    ["CREATE VIEW v6 AS SELECT 1 AS x; INSERT INTO v6 VALUES (1)", "42809"],
    [
      "CREATE TABLE e1 (x INT) COMMENT 'words' TBLPROPERTIES ('k' = 'v'); SHOW TBLPROPERTIES e1 ('k')",
      [["k", "v"]],
    ],
    [
      "CREATE TABLE e2 (x INT); COMMENT ON TABLE e2 IS 'said'; SELECT comment FROM information_schema.tables WHERE table_name = 'e2'",
      [["said"]],
    ],
    [
      "CREATE TABLE e3 (x INT); INSERT INTO e3 VALUES (1); SELECT operation FROM (SELECT 1 AS operation)",
      [[1]],
    ],
    [
      "CREATE TABLE E4 (Mixed INT); INSERT INTO e4 VALUES (1); SELECT MIXED FROM main.DEFAULT.e4",
      [[1]],
    ],
    [
      "CREATE TABLE `odd-name` (`a b` INT); INSERT INTO `odd-name` VALUES (1); SELECT `a b` FROM main.default.`odd-name`",
      [[1]],
    ],
    ["CREATE TABLE `a b` (x INT)", "42602"],
    [
      "CREATE SCHEMA s1; CREATE TABLE s1.t (x INT); INSERT INTO s1.t VALUES (3); SELECT x FROM main.s1.t",
      [[3]],
    ],
    ["CREATE SCHEMA s2; CREATE TABLE s2.t (x INT); DROP SCHEMA s2", "2BP01"],
    [
      "CREATE SCHEMA s3; CREATE TABLE s3.t (x INT); DROP SCHEMA s3 CASCADE; SELECT * FROM s3.t",
      "42P01",
    ],
    ["CREATE SCHEMA s4; CREATE SCHEMA s4", "42P06"],
    ["CREATE SCHEMA IF NOT EXISTS s4; SHOW SCHEMAS LIKE 's4'", [["s4"]]],
    ["CREATE VOLUME vol1 COMMENT 'x'; SHOW VOLUMES LIKE 'vol1'", [["default", "vol1"]]],
    ["CREATE VOLUME vol2; CREATE VOLUME vol2", "42710"],
    ["CREATE VOLUME IF NOT EXISTS vol2; DROP VOLUME vol2; DROP VOLUME vol2", "42704"],
    ["LIST '/Volumes/main/default/files'", []],
    ["LIST '/Volumes/main/default/nope'", "42704"],
    ["GRANT SELECT ON TABLE never_was TO `account users`", "42P01"],
    ["GRANT NONSENSE ON SCHEMA main.default TO `account users`", "22023"],
    ["USE SCHEMA nope", "42704"],
    ["USE CATALOG nope", "42704"],
    ["SET TIME ZONE 'Europe/Berlin'", "0A000"],
    ["SET ansi_mode = false", "0A000"],
    ["OPTIMIZE a1", "0A000"],
    ["EXPLAIN SELECT 1", "0A000"],
    ["SELECT * FROM a1 VERSION AS OF 1", "0A000"],
    ["COPY INTO a1 FROM '/x'", "0A000"],
    ["SELECT * FROM read_files('/x')", "42883"],
    ["SELECT read_csv('/etc/passwd')", "42883"],
    ["SELECT * FROM '/etc/passwd'", "42601"],
    ["SELECT * FROM `/etc/passwd`", "42P01"],
    ["PRAGMA version", "42601"],
    ["ATTACH '/tmp/x.db'", "42601"],
    ["", []],
  ])("%s", async (script, expected) => {
    expect(await outcome(script)).toEqual(expected);
  });
});

test("an empty statement is refused", async () => {
  expect(await sql.stateOf(" ")).toBe("42617");
});

test("DESCRIBE HISTORY counts the versions of a table", async () => {
  await sql.run("CREATE TABLE hist (x INT)");
  await sql.run("INSERT INTO hist VALUES (1)");
  await sql.run("DELETE FROM hist");
  const rows = await sql.run("DESCRIBE HISTORY hist");
  expect(rows.map(({ version, operation }) => `${version} ${operation}`)).toEqual([
    "2 DELETE",
    "1 WRITE",
    "0 CREATE TABLE",
  ]);
});

test("SHOW CREATE TABLE makes the same table again", async () => {
  await sql.run(
    "CREATE TABLE orig (a BIGINT NOT NULL COMMENT 'it\\'s', b MAP<STRING, ARRAY<STRUCT<x: INT, `y z`: DECIMAL(5,2)>>>, c VARIANT) USING DELTA CLUSTER BY (a) COMMENT 'whole' TBLPROPERTIES ('delta.appendOnly' = 'true')",
  );
  const [created] = await sql.run("SHOW CREATE TABLE orig");
  const described = await sql.run("DESCRIBE orig");
  await sql.run("DROP TABLE orig");
  await sql.run(created.createtab_stmt);
  expect(await sql.run("DESCRIBE orig")).toEqual(described);
});

test("tables, views and their rows survive a restart of a workspace with a data folder", async () => {
  const data = mkdtempSync(join(tmpdir(), "sql-data-"));
  try {
    await using first = await startWorkspace({ data });
    {
      await using client = await connect(first);
      await client.run(
        "CREATE TABLE kept (a INT NOT NULL, b MAP<STRING, INT>) TBLPROPERTIES ('delta.appendOnly' = 'true')",
      );
      await client.run("INSERT INTO kept VALUES (1, map('k', 2))");
      await client.run("CREATE VIEW seen AS SELECT a FROM kept");
    }
    await first.close();
    await using second = await startWorkspace({ data });
    await using client = await connect(second);
    expect(await client.run("SELECT * FROM kept")).toEqual([{ a: 1, b: { k: 2 } }]);
    expect(await client.run("SELECT * FROM seen")).toEqual([{ a: 1 }]);
    expect(await client.stateOf("DELETE FROM kept")).toBe("42809");
    expect(await client.stateOf("INSERT INTO kept VALUES (null, null)")).toBe("23502");
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
});

test("what a statement has answered survives SIGKILL", async () => {
  const data = mkdtempSync(join(tmpdir(), "sql-killed-"));
  const child = spawn(process.execPath, [MAIN, "--data", data, "--quiet"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const env = await environmentOf(child.stdout);
    {
      await using client = await connect({
        port: Number(new URL(env["DATABRICKS_HOST"] ?? "").port),
        caPem: readFileSync(env["NODE_EXTRA_CA_CERTS"] ?? "", "utf8"),
        env,
      });
      await client.run("CREATE TABLE kept (a INT) USING DELTA");
      for (let a = 1; a <= 3; a++)
        await client.run("INSERT INTO kept VALUES (:a)", { namedParameters: { a } });
    }
    child.kill("SIGKILL");
    await once(child, "exit");
    await using restarted = await startWorkspace({ data });
    await using client = await connect(restarted);
    expect(await client.run("SELECT a FROM kept ORDER BY a")).toEqual([
      { a: 1 },
      { a: 2 },
      { a: 3 },
    ]);
  } finally {
    child.kill("SIGKILL");
    rmSync(data, { recursive: true, force: true });
  }
});

/** The variables that the command prints for a shell. */
async function environmentOf(stdout: AsyncIterable<Buffer>): Promise<Record<string, string>> {
  let text = "";
  for await (const chunk of stdout) {
    text += chunk;
    if (text.includes("DATABRICKS_WORKSPACE_ADMIN") && text.endsWith("\n")) break;
  }
  const lines = text.matchAll(/^export (\w+)='?(.*?)'?$/gm);
  return Object.fromEntries([...lines].map(([, name = "", value = ""]) => [name, value]));
}
