// SQL over Thrift with the unmodified driver: the oddities that clients have learnt to live with.
import { DBSQLClient } from "@databricks/sql";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startWorkspace, type Workspace } from "../src/workspace.ts";
import { type Client, clientOf } from "./client.ts";
import { connect, type Row, type SqlClient } from "./sql-support.ts";

let workspace: Workspace;
let http: Client;
let sql: SqlClient;
beforeAll(async () => {
  workspace = await startWorkspace();
  http = clientOf(workspace);
  sql = await connect(workspace);
});
afterAll(async () => {
  await sql[Symbol.asyncDispose]();
  await http[Symbol.asyncDispose]();
  await workspace.close();
});

/** Long enough to be cancelled: some seconds of counting. */
const LONG =
  "SELECT count(*) AS n FROM range(100000) a CROSS JOIN range(100000) b WHERE a.id * b.id % 7 = 1";

describe("fact #thrift-over-https: the wire", () => {
  test("fact #thrift-sequence: a small result travels with ExecuteStatement; nothing more is asked", async () => {
    const asked = () => workspace.requests({ route: "/sql/1.0/warehouses" }).length;
    await sql.run("SELECT 1");
    const before = asked();
    expect(await sql.run("SELECT 1 AS x")).toEqual([{ x: 1 }]);
    expect(asked() - before).toBeLessThanOrEqual(1);
  });

  test("fact #thrift-sequence: large results come in pages, each row once and in order", async () => {
    const operation = await sql.session.executeStatement(
      "SELECT id, concat('row ', id) AS name FROM range(250000) ORDER BY id",
    );
    let seen = 0;
    for await (const row of operation.iterateRows()) {
      const { id, name } = row as Row;
      if (id !== seen || name !== `row ${seen}`) throw new Error(`row ${seen} is ${id}`);
      seen++;
    }
    expect(seen).toBe(250_000);
    await operation.close();
  });

  test("fact #thrift-columns: every type arrives as the driver reads it from columns", async () => {
    const [row] =
      await sql.run(`SELECT true AS bool, 1Y AS tiny, 2S AS small, 3 AS int, 4L AS big, 1.5 AS dec, 1.5D AS dbl, CAST(0.5 AS FLOAT) AS flt,
      'ü' AS str, date'2024-02-29' AS date, timestamp'2024-01-01 10:00:00.120' AS ts, unhex('00FF') AS bin,
      array(1, null) AS arr, map('k', 1.5D) AS map, named_struct('a', 1, 'b', null) AS struct, null AS nothing`);
    expect(row).toEqual({
      bool: true,
      tiny: 1,
      small: 2,
      int: 3,
      big: 4,
      dec: 1.5,
      dbl: 1.5,
      flt: 0.5,
      str: "ü",
      date: "2024-02-29",
      ts: "2024-01-01 10:00:00.12",
      bin: Buffer.from([0, 255]),
      arr: [1, null],
      map: { k: 1.5 },
      struct: { a: 1, b: null },
      nothing: null,
    });
  });

  test("fact #thrift-null-bitmap: the bitmap of NULLs holds beyond eight rows", async () => {
    const rows = await sql.run(
      "SELECT if(id % 3 = 0, null, CAST(id AS INT)) AS x FROM range(20) ORDER BY id",
    );
    expect(rows.map((row) => row.x)).toEqual(
      Array.from({ length: 20 }, (_, i) => (i % 3 === 0 ? null : i)),
    );
  });

  test("fact #thrift-handles-are-uuids #parameters-need-protocol-v8: handles are UUIDs, and parameters arrive because the protocol is V8 or later", async () => {
    const operation = await sql.session.executeStatement("SELECT :p AS p", {
      namedParameters: { p: "x" },
    });
    expect(operation.id).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(await operation.fetchAll()).toEqual([{ p: "x" }]);
  });

  test("fact #large-bigint-reads-as-infinity: a BIGINT beyond 2^53 reads as Infinity, and exact as a STRING", async () => {
    expect(
      await sql.run("SELECT 9007199254740993 AS n, CAST(9007199254740993 AS STRING) AS s"),
    ).toEqual([{ n: Number.POSITIVE_INFINITY, s: "9007199254740993" }]);
  });
});

describe("errors", () => {
  test("fact #fetch-all-is-silent: after a failure fetchAll is silently empty; finished() tells", async () => {
    const operation = await sql.session.executeStatement("SELECT 1 / 0");
    expect(await operation.fetchAll()).toEqual([]);
    await expect(operation.finished()).rejects.toMatchObject({
      name: "Error",
      errorCode: "ERROR",
      response: { sqlState: "22012" },
    });
  });

  test("fact #error-message-begins-with-its-class: the error's message begins with its class and names the SQLSTATE", async () => {
    const error = await sql.failure("SELECT * FROM nowhere");
    expect(error.message).toMatch(/^\[TABLE_OR_VIEW_NOT_FOUND\] .*SQLSTATE: 42P01$/s);
    expect(error.response.displayMessage).toBe(error.message);
  });

  test("fact #open-session-may-fail-with-503: OpenSession may fail with 503, which the driver does not repeat", async () => {
    workspace.fail({ route: "POST /sql/1.0/warehouses/*", status: 503, times: 1 });
    await expect(sql.driver.openSession()).rejects.toMatchObject({ statusCode: 503 });
    workspace.clearFaults();
    await (await sql.driver.openSession()).close();
  });

  test("a schema or catalog that is not there cannot be opened", async () => {
    await expect(sql.driver.openSession({ initialCatalog: "nope" })).rejects.toMatchObject({
      message: expect.stringContaining("[NO_SUCH_CATALOG_EXCEPTION]"),
    });
    await expect(
      sql.driver.openSession({ initialCatalog: "main", initialSchema: "nope" }),
    ).rejects.toMatchObject({ message: expect.stringContaining("[SCHEMA_NOT_FOUND]") });
  });

  test("an unknown warehouse is 404, a body that is not Thrift 400", async () => {
    expect((await http.post("/sql/1.0/warehouses/unknown", Buffer.alloc(20))).status).toBe(404);
    const path = workspace.env["DATABRICKS_HTTP_PATH"] ?? "";
    expect((await http.post(path, Buffer.from("not thrift"))).status).toBe(400);
    expect(
      (await http.post(path, Buffer.from("not thrift, and longer than a header is"))).status,
    ).toBe(400);
  });
});

describe("statements under way", () => {
  test("cancel ends a statement at once", async () => {
    const operation = await sql.session.executeStatement(LONG);
    await operation.cancel();
    await expect(operation.finished()).rejects.toMatchObject({ errorCode: "CANCELED" });
  });

  test("a query timeout ends it with state TIMEOUT", async () => {
    const operation = await sql.session.executeStatement(LONG, { queryTimeout: 2 });
    await expect(operation.finished()).rejects.toMatchObject({ errorCode: "TIMEOUT" });
  });

  test("a cancelled MERGE has changed nothing, and the table is free again", async () => {
    await sql.run("CREATE TABLE slow (n BIGINT) USING DELTA");
    const operation = await sql.session.executeStatement(`INSERT INTO slow ${LONG}`);
    await operation.cancel();
    await sql.run("INSERT INTO slow VALUES (1)");
    expect(await sql.run("SELECT n FROM slow")).toEqual([{ n: 1 }]);
  });

  test("statements of one session run side by side", async () => {
    const long = await sql.session.executeStatement(LONG);
    expect(await sql.run("SELECT 1 AS x")).toEqual([{ x: 1 }]);
    await long.cancel();
  });
});

describe("who may", () => {
  test("a principal without grants gets 42501, and with SELECT reads only", async () => {
    await sql.run("CREATE TABLE guarded (a INT) USING DELTA");
    await sql.run("INSERT INTO guarded VALUES (1)");
    const reader = workspace.addPrincipal({ displayName: "reader" });
    await using theirs = await connect(workspace, { token: reader.token });
    expect(await theirs.stateOf("SELECT * FROM guarded")).toBe("42501");
    expect(await theirs.stateOf("CREATE TABLE mine (a INT)")).toBe("42501");
    for (const grant of [
      "USE CATALOG ON CATALOG main",
      "USE SCHEMA ON SCHEMA main.default",
      "SELECT ON TABLE guarded",
    ])
      await sql.run(`GRANT ${grant} TO \`${reader.id}\``);
    expect(await theirs.run("SELECT * FROM guarded")).toEqual([{ a: 1 }]);
    expect(await theirs.stateOf("INSERT INTO guarded VALUES (2)")).toBe("42501");
    expect(await theirs.stateOf("DROP TABLE guarded")).toBe("42501");
    const [shown] = await sql.run("SHOW GRANTS ON TABLE guarded");
    expect(shown).toMatchObject({ ActionType: "SELECT", ObjectKey: "main.default.guarded" });
    await sql.run(`REVOKE SELECT ON TABLE guarded FROM \`${reader.id}\``);
    expect(await theirs.stateOf("SELECT * FROM guarded")).toBe("42501");
  });

  test("fact #status-error-is-no-error: a session of somebody else gives a StatusError, which is no Error and has no sqlState", async () => {
    const client = new DBSQLClient({ logger: { log: () => undefined } });
    const stranger = workspace.addPrincipal({ displayName: "stranger" });
    let token = workspace.administrator.token;
    await client.connect({
      host: "localhost",
      port: workspace.port,
      path: workspace.env["DATABRICKS_HTTP_PATH"] ?? "",
      authType: "custom",
      provider: { authenticate: async () => ({ Authorization: `Bearer ${token}` }) },
      customCaCert: workspace.caPem,
      telemetryEnabled: false,
    });
    const session = await client.openSession();
    token = stranger.token;
    const thrown: Row = await session.executeStatement("SELECT 1").catch((error: unknown) => error);
    expect(thrown).toMatchObject({
      name: "Status Error",
      message: expect.stringContaining("SessionHandle"),
    });
    expect(thrown instanceof Error).toBe(false);
    expect(thrown.response).toBeUndefined();
    token = workspace.administrator.token;
    await client.close();
  });
});

describe("metadata changes and conflicts", () => {
  test("fact #metadata-changes-kill-writers: any change of metadata kills the MERGEs that run meanwhile", async () => {
    await sql.run("CREATE TABLE meta (k BIGINT) USING DELTA");
    const slow = sql
      .stateOf(
        "MERGE INTO meta t USING (SELECT count(*) AS k FROM range(100000) a CROSS JOIN range(2000) b WHERE a.id * b.id % 7 = 1) s ON t.k = s.k WHEN NOT MATCHED THEN INSERT *",
      )
      .finally(() => {
        running = false;
      });
    let running = true;
    for (let i = 0; running; i++)
      await sql.run(`ALTER TABLE meta SET TBLPROPERTIES ('x' = '${i}')`);
    expect(await slow).toBe("2D521");
    expect(await sql.run("SELECT count(*) AS n FROM meta")).toEqual([{ n: 0 }]);
  });

  test("fact #create-if-not-exists-does-not-migrate: CREATE IF NOT EXISTS does not migrate", async () => {
    await sql.run("CREATE TABLE kept (a INT) USING DELTA");
    await sql.run(
      "CREATE TABLE IF NOT EXISTS kept (a INT, b STRING) USING DELTA TBLPROPERTIES ('p' = 'q')",
    );
    expect(await sql.run("SHOW COLUMNS IN kept")).toEqual([{ col_name: "a" }]);
  });

  test("fact #merges-that-meet #concurrency-errors: conflicts on demand, before or after the effect, so many times", async () => {
    await sql.run("CREATE TABLE faulty (a INT) USING DELTA");
    await http.admin("POST", "/sql-faults", {
      sql_state: "2D521",
      statement_matches: "^INSERT INTO faulty",
      times: 1,
    });
    await http.admin("POST", "/sql-faults", {
      sql_state: "2D521",
      statement_matches: "^INSERT INTO faulty",
      times: 1,
      when: "after",
    });
    for (const expected of ["2D521", "2D521", ""])
      expect(await sql.stateOf("INSERT INTO faulty VALUES (1)")).toBe(expected);
    expect(await sql.run("SELECT count(*) AS n FROM faulty")).toEqual([{ n: 2 }]);
    const { json } = await http.admin("GET", "/sql-faults");
    expect(json.faults.map((fault: Row) => fault.struck)).toEqual([1, 1]);
    expect((await http.admin("DELETE", "/sql-faults")).json).toEqual({ removed: 2 });
  });

  test("the same seed strikes the same statements", async () => {
    const struck = async () => {
      await http.admin("POST", "/sql-faults", {
        sql_state: "2D521",
        statement_matches: "seeded",
        probability: 0.5,
        seed: 7,
      });
      const states: string[] = [];
      for (let i = 0; i < 12; i++) states.push(await sql.stateOf("SELECT 'seeded'"));
      await http.admin("DELETE", "/sql-faults");
      return states;
    };
    const first = await struck();
    expect(await struck()).toEqual(first);
    expect(new Set(first)).toEqual(new Set(["", "2D521"]));
  });
});

test("metadata calls list catalogs, schemas, tables and columns", async () => {
  await sql.run(
    "CREATE OR REPLACE TABLE listed (a INT NOT NULL COMMENT 'key', b ARRAY<STRING>) USING DELTA",
  );
  const all = async (operation: Promise<{ fetchAll: () => Promise<unknown> }>) =>
    (await (await operation).fetchAll()) as Row[];
  expect(await all(sql.session.getCatalogs())).toContainEqual({ TABLE_CAT: "main" });
  expect(await all(sql.session.getSchemas({ catalogName: "main" }))).toContainEqual({
    TABLE_SCHEM: "default",
    TABLE_CATALOG: "main",
  });
  const [table] = await all(
    sql.session.getTables({ catalogName: "main", schemaName: "default", tableName: "liste_" }),
  );
  expect(table).toMatchObject({ TABLE_NAME: "listed", TABLE_TYPE: "TABLE" });
  const columns = await all(
    sql.session.getColumns({ catalogName: "main", schemaName: "default", tableName: "listed" }),
  );
  expect(
    columns.map(({ COLUMN_NAME, TYPE_NAME, NULLABLE, REMARKS }) => [
      COLUMN_NAME,
      TYPE_NAME,
      NULLABLE,
      REMARKS,
    ]),
  ).toEqual([
    ["a", "INT", 0, "key"],
    ["b", "ARRAY<STRING>", 1, ""],
  ]);
});
