// The contract of SQL on DuckDB, and every statement that was measured on Spark.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SqlEngine, SqlSession } from "../src/sql/engine.ts";
import { sqlOf } from "../src/sql/open.ts";
import { startWorkspace, type Workspace } from "../src/workspace.ts";
import { inOrder, measuredOnSpark, sqlContract } from "./sql-contract.ts";

sqlContract("duckdb");

describe("DuckDB answers as Spark 4.2 does", () => {
  let workspace: Workspace;
  let engine: SqlEngine;
  let session: SqlSession;
  beforeAll(async () => {
    workspace = await startWorkspace();
    engine = await sqlOf(workspace.context)();
    session = await engine.openSession({ principal: workspace.context.principals.administrator });
  });
  afterAll(() => workspace.close());

  test.each(measuredOnSpark)("$sql", async ({ sql, types, rows, sqlState }) => {
    const answer = session.execute(sql, [], new AbortController().signal);
    if (sqlState !== undefined) {
      await expect(answer).rejects.toMatchObject({ name: "SqlError", sqlState });
      return;
    }
    const result = await answer;
    expect(inOrder(sql, await result.read(0, 1000))).toEqual(inOrder(sql, rows ?? []));
    expect(result.columns.map((column) => column.type.kind)).toEqual(types);
  });
});
