// Writers that meet: what the ledger does with SQLSTATE 2D521, without a warehouse and without
// waiting.
import { expect, test } from "vitest";
import type { DatabricksSql } from "../../shared/adapters/databricks-sql.ts";
import { createDeltaLedger } from "../../shared/adapters/delta-ledger.ts";
import { sqlFailure } from "../../shared/adapters/sql-error.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import { noRows } from "../../shared/domain/ledger-rows.ts";
import { stateRow } from "./ledger.ts";

/** As the driver throws them. */
const operationError = (sqlState: string, message: string) =>
  Object.assign(new Error(message), { errorCode: "ERROR", response: { sqlState } });
const statusError = (message: string) => ({ name: "Status Error", message, code: -1 });

function ledgerWith(failures: readonly unknown[]) {
  const left = [...failures];
  const sleeps: number[] = [];
  let statements = 0;
  const sql: DatabricksSql = {
    open: async () => ({
      execute: async () => {
        statements++;
        const failure = left.shift();
        if (failure !== undefined) throw sqlFailure("MERGE INTO run_state", failure);
        return [];
      },
      [Symbol.asyncDispose]: async () => {},
    }),
  };
  const clock = {
    nowMs: () => 0,
    // Pauses are over at once; the deadline of the whole never comes.
    sleep: async (ms: number) => void sleeps.push(ms),
    timer: () => () => {},
  };
  const { ledger } = createDeltaLedger({ clock, sql, random: () => 0.5 });
  return {
    merge: () => ledger.merge({ ...noRows, run_state: [stateRow()] }),
    statements: () => statements,
    sleeps,
  };
}

const CONFLICTS = [
  operationError("2D521", "[DELTA_CONCURRENT_APPEND.WITHOUT_HINT] Transaction conflict detected."),
  statusError("[DELTA_METADATA_CHANGED] The metadata of the Delta table has been changed."),
  statusError("[DELTA_CONCURRENT_DELETE_READ.WITH_PARTITION_HINT] SQLSTATE: 2D521"),
];

test("a MERGE that met another is repeated, with pauses that grow", async () => {
  const { merge, statements, sleeps } = ledgerWith(CONFLICTS);
  await merge();
  expect(statements()).toBe(4);
  expect(sleeps).toEqual([200, 400, 800]);
});

test("writers that meet for ever are trouble, after a bounded number of tries", async () => {
  const { merge, statements } = ledgerWith(Array.from({ length: 50 }, () => CONFLICTS[0]));
  await expect(merge()).rejects.toBeInstanceOf(PlatformTroubleError);
  expect(statements()).toBe(6);
});

test.each([
  {
    what: "two source rows for one target row",
    error: operationError("21506", "[DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE] …"),
  },
  {
    what: "rows that were lost on the way",
    error: operationError(
      "P0001",
      "[USER_RAISED_EXCEPTION] ledger: run_state: rows read: -1, rows sent: 1",
    ),
  },
  { what: "a value that is no time", error: operationError("22018", "[CAST_INVALID_INPUT] …") },
  {
    what: "a synchronous error",
    error: statusError("[DIVIDE_BY_ZERO] Division by zero. SQLSTATE: 22012"),
  },
])("$what is no trouble of the platform's, and not repeated", async ({ error }) => {
  const { merge, statements } = ledgerWith([error]);
  await expect(merge()).rejects.toMatchObject({ name: "SqlError" });
  expect(statements()).toBe(1);
});

test.each([
  {
    what: "HTTP 503",
    error: Object.assign(new Error("bad HTTP status code: 503"), { statusCode: 503 }),
  },
  {
    what: "a lost connection",
    error: Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }),
  },
  { what: "a socket that hung up", error: new Error("socket hang up") },
  {
    what: "given-up tries",
    error: {
      name: "RetryError",
      errorCode: "ATTEMPTS_EXCEEDED",
      payload: Object.assign(new Error("x"), { statusCode: 429 }),
    },
  },
  {
    what: "a time limit",
    error: Object.assign(new Error("The operation is in a timed out state"), {
      errorCode: "TIMEOUT",
      response: {},
    }),
  },
  {
    what: "somebody's cancel",
    error: Object.assign(new Error("canceled"), { errorCode: "CANCELED", response: {} }),
  },
  { what: "a missing table", error: operationError("42P01", "[TABLE_OR_VIEW_NOT_FOUND] …") },
  { what: "a missing grant", error: operationError("42501", "[INSUFFICIENT_PERMISSIONS] …") },
])("$what is waited out", async ({ error }) => {
  const { merge, statements } = ledgerWith([error]);
  await expect(merge()).rejects.toBeInstanceOf(PlatformTroubleError);
  expect(statements()).toBe(1);
});
