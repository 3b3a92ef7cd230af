// Spark in executed code, without pyspark: the workspace's own tables, under the executors' own
// grants.
import { afterAll, beforeAll, expect, test } from "vitest";
import { workspaceClient } from "../../cli/workspace-client.ts";
import { type TestPlane, testPlane } from "./plane-fixture.ts";

let plane: TestPlane;
beforeAll(async () => {
  plane = await testPlane();
  const who = `\`${plane.access.executorsId}\``;
  for (const statement of [
    "CREATE SCHEMA IF NOT EXISTS main.work",
    `GRANT USE CATALOG ON CATALOG main TO ${who}`,
    `GRANT USE SCHEMA, CREATE TABLE, SELECT, MODIFY ON SCHEMA main.work TO ${who}`,
    "CREATE TABLE main.ops.secret_books AS SELECT 1 AS x",
  ])
    await sql(statement);
}, 60_000);
afterAll(() => plane[Symbol.asyncDispose]());

async function sql(statement: string) {
  await using client = workspaceClient(plane.access.operator);
  await using session = await client.sql("main", "ops").open();
  return await session.execute(statement);
}

const ran = async (ticket_id: string, code: string) => {
  const artifact = { inline: `from signalbox_executor import context\n${code}` };
  await plane.send({ ticket_id, workload: "probe", artifact });
  const outcome = await plane.outcomeOf(ticket_id);
  const decision = await plane.fact(`run_${ticket_id}/iter_001.attempt_001.decision.json`);
  return { outcome, decision };
};

test("what is written by name is there for everybody, is read back with its types, and is reported", async () => {
  const { outcome, decision } = await ran(
    "SPARK-1",
    `
import datetime, decimal
spark = context.spark
query = "SELECT 1 AS n, 2.5D AS d, true AS b, 'ü' AS s, DATE'2015-01-02' AS day, 1.10BD AS m, CAST(NULL AS INT) AS nothing"
spark.sql(query).write.mode("overwrite").saveAsTable("main.work.daily")
spark.sql(query).write.mode("append").saveAsTable("main.work.daily")
frame = spark.table("main.work.daily")
frame.show()
row = frame.first()
assert (row.n, row["d"], row.b, row.s, row.nothing) == (1, 2.5, True, "ü", None), row
assert row.day == datetime.date(2015, 1, 2) and row.m == decimal.Decimal("1.10"), row
assert row.asDict()["n"] == row[0] == 1 and frame.columns[0] == "n"
assert frame.count() == 2 and len(frame.limit(1).collect()) == 1
big = spark.sql("SELECT * FROM range(20000)").collect()
context.metric("big", len(big))
`,
  );
  expect(outcome).toMatchObject({ outcome: "succeeded", metrics: { big: 20_000 } });
  expect(decision["result"]).toMatchObject({ produced_tables: ["main.work.daily"] });
  expect(await sql("SELECT count(*) AS c FROM main.work.daily")).toHaveLength(1);
}, 60_000);

test.each([
  {
    what: "a table that the recipe does not write",
    code: 'context.spark.sql("SELECT 1 AS x").write.saveAsTable("main.work.other")',
    words: /main\.work\.other.*is not among the tables that this workload may write/,
  },
  {
    what: "a table that its principal may not read",
    code: 'context.spark.table("main.ops.secret_books").collect()',
    words: /SparkError.*(PERMISSION|privilege|SELECT)/i,
  },
  {
    what: "what the client lacks",
    code: 'context.spark.table("main.work.daily").groupBy("n")',
    words: /DataFrame\.groupBy does not exist in this thin client/,
  },
  {
    what: "a name that is SQL",
    code: 'context.spark.table("x; DROP TABLE main.work.daily")',
    words: /is no table's name/,
  },
])(
  "refused, with a sentence: $what",
  async ({ what, code, words }) => {
    const { outcome } = await ran(`SPARK-${what.split(" ").join("-")}`, code);
    expect(outcome).toMatchObject({ outcome: "failed", reason: expect.stringMatching(words) });
  },
  60_000,
);

test("nothing that is printed shows the token of the run's principal", async () => {
  await ran("SPARK-TOKEN", 'print(context._plan["access"]["token"])');
  const manifest = await plane.fact("run_SPARK-TOKEN/iter_001.attempt_001.manifest.json");
  const log = await plane.client.files.read(`${manifest["scratchpad"]}/stdout.log`, 4096);
  expect(log.kind === "found" && Buffer.from(log.content).toString()).toBe("[REDACTED]\n");
}, 60_000);
