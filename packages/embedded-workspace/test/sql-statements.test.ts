// The Statement Execution API (docs/facts/databricks.md#statement-execution), over HTTP as a client
// sees it.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startWorkspace, type Workspace } from "../src/workspace.ts";
import { type Client, clientOf } from "./client.ts";

const STATEMENTS = "/api/2.0/sql/statements";
const LONG =
  "SELECT count(*) AS n FROM range(100000) a CROSS JOIN range(100000) b WHERE a.id * b.id % 7 = 1";

let workspace: Workspace;
let http: Client;
beforeAll(async () => {
  workspace = await startWorkspace();
  http = clientOf(workspace);
});
afterAll(async () => {
  await http[Symbol.asyncDispose]();
  await workspace.close();
});

const execute = (statement: string, more: object = {}) =>
  http.post(STATEMENTS, { warehouse_id: workspace.context.warehouseId, statement, ...more });

describe("fact #statement-execution: a statement", () => {
  test("answers schema and rows as arrays of strings", async () => {
    const { status, json } = await execute(
      "SELECT :a AS a, :b AS b, CAST(null AS STRING) AS c, array(1) AS d, CAST(1.5 AS DECIMAL(5,2)) AS e",
      {
        parameters: [
          { name: "a", type: "INT", value: "5" },
          { name: "b", value: "x" },
        ],
      },
    );
    expect(status).toBe(200);
    expect(json.status).toEqual({ state: "SUCCEEDED" });
    expect(json.result.data_array).toEqual([["5", "x", null, "[1]", "1.50"]]);
    expect(json.manifest).toMatchObject({
      format: "JSON_ARRAY",
      total_row_count: 1,
      total_chunk_count: 1,
      truncated: false,
    });
    expect(json.manifest.schema.columns).toEqual([
      { name: "a", type_text: "INT", type_name: "INT", position: 0 },
      { name: "b", type_text: "STRING", type_name: "STRING", position: 1 },
      { name: "c", type_text: "STRING", type_name: "STRING", position: 2 },
      { name: "d", type_text: "ARRAY<INT>", type_name: "ARRAY", position: 3 },
      {
        name: "e",
        type_text: "DECIMAL(5,2)",
        type_name: "DECIMAL",
        position: 4,
        type_precision: 5,
        type_scale: 2,
      },
    ]);
  });

  test("fact #failed-statement-is-200: that fails is HTTP 200 with state FAILED", async () => {
    const { status, json } = await execute("SELECT 1 / 0");
    expect(status).toBe(200);
    expect(json.status).toEqual({
      state: "FAILED",
      sql_state: "22012",
      error: { error_code: "BAD_REQUEST", message: expect.stringMatching(/^\[DIVIDE_BY_ZERO\]/) },
    });
    expect(json.result).toBeUndefined();
  });

  test("in a schema that is not there is FAILED too", async () => {
    const { status, json } = await execute("SELECT 1", { catalog: "main", schema: "nope" });
    expect([status, json.status.state, json.status.sql_state]).toEqual([200, "FAILED", "42704"]);
  });

  test("that takes longer than its wait runs on, is polled and cancelled", async () => {
    const { json } = await execute(LONG, { wait_timeout: "0s" });
    expect(json.status).toEqual({ state: "RUNNING" });
    const path = `${STATEMENTS}/${json.statement_id}`;
    expect((await http.get(path)).json.status.state).toBe("RUNNING");
    expect((await http.post(`${path}/cancel`, {})).status).toBe(204);
    expect((await http.get(path)).json.status.state).toBe("CANCELED");
  });

  test("may be cancelled when its wait is over", async () => {
    const { json } = await execute(LONG, { wait_timeout: "5s", on_wait_timeout: "CANCEL" });
    expect(json.status.state).toBe("CANCELED");
  });

  test("gives large results in chunks that link to the next", async () => {
    const { json } = await execute("SELECT id FROM range(25000) ORDER BY id");
    expect(json.manifest.chunks.map((chunk: { row_count: number }) => chunk.row_count)).toEqual([
      10_000, 10_000, 5_000,
    ]);
    const rows = [...json.result.data_array];
    let next: string | undefined = json.result.next_chunk_internal_link;
    while (next !== undefined) {
      const chunk = await http.get(next);
      rows.push(...chunk.json.data_array);
      next = chunk.json.next_chunk_internal_link;
    }
    expect(rows).toEqual(Array.from({ length: 25_000 }, (_, id) => [String(id)]));
    expect((await http.get(`${STATEMENTS}/${json.statement_id}/result/chunks/3`)).status).toBe(404);
  });

  test("gives external links that need no token", async () => {
    const { json } = await execute("SELECT id, 'a,\"b\"' AS text FROM range(2)", {
      disposition: "EXTERNAL_LINKS",
      format: "CSV",
    });
    const [link] = json.result.external_links;
    expect(Date.parse(link.expiration)).toBeGreaterThan(0);
    const path = new URL(link.external_link).pathname;
    const { text } = await http.get(path, { token: null });
    expect(text).toBe('id,text\r\n0,"a,""b"""\r\n1,"a,""b"""\r\n');
    expect((await http.get(`${path}x`, { token: null })).status).toBe(403);
  });

  test("is cut by row_limit and says so", async () => {
    const { json } = await execute("SELECT id FROM range(10)", { row_limit: 3 });
    expect(json.manifest).toMatchObject({ total_row_count: 3, truncated: true });
  });

  test("larger than 25 MiB inline fails and says what to do", async () => {
    const { json } = await execute("SELECT repeat('x', 100000) AS x FROM range(300)");
    expect(json.status.state).toBe("FAILED");
    expect(json.status.error.message).toContain("EXTERNAL_LINKS");
  });

  test("of somebody else, or of nobody, is not found", async () => {
    const { json } = await execute("SELECT 1");
    const stranger = workspace.addPrincipal({ displayName: "statements-stranger" });
    const path = `${STATEMENTS}/${json.statement_id}`;
    expect((await http.get(path, { token: stranger.token })).status).toBe(404);
    expect((await http.get(`${STATEMENTS}/0`)).status).toBe(404);
  });
});

test.each([
  ["without a warehouse", { statement: "SELECT 1" }, 400],
  ["for another warehouse", { warehouse_id: "nope", statement: "SELECT 1" }, 404],
  ["without a statement", { warehouse_id: "W" }, 400],
  ["with a wait of 3s", { warehouse_id: "W", statement: "SELECT 1", wait_timeout: "3s" }, 400],
  ["with a wait of 1m", { warehouse_id: "W", statement: "SELECT 1", wait_timeout: "1m" }, 400],
  ["with CSV inline", { warehouse_id: "W", statement: "SELECT 1", format: "CSV" }, 400],
  [
    "for Arrow",
    {
      warehouse_id: "W",
      statement: "SELECT 1",
      format: "ARROW_STREAM",
      disposition: "EXTERNAL_LINKS",
    },
    501,
  ],
])("a request %s is refused", async (_, body, expected) => {
  const warehouse =
    "warehouse_id" in body && body.warehouse_id === "W"
      ? { warehouse_id: workspace.context.warehouseId }
      : {};
  const { status, json } = await http.post(STATEMENTS, { ...body, ...warehouse });
  expect(status).toBe(expected);
  expect(json.message).toMatch(/\w{3,} .*\w/);
});
