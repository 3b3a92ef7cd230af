// One operation of the Thrift service: its status, its schema, its pages.
import type { SqlResult } from "../engine.ts";
import { SqlError } from "../errors.ts";
import type { Execution } from "../execution.ts";
import type { FetchRequest } from "./requests.ts";
import { thriftRows, thriftSchema } from "./rows.ts";

export const SUCCESS = { statusCode: 0 };
const OPERATION_STATE = { RUNNING: 1, FINISHED: 2, CANCELED: 3, FAILED: 5, TIMEDOUT: 8 } as const;
const COLUMN_BASED_SET = 1;
const FETCH_FIRST = 4;
const FETCH_PRIOR = 1;
const PAGE_ROWS_MAX = 100_000;

export type Operation = {
  readonly execution: Execution;
  /** The principal that may ask for it. */
  readonly principalId: string;
  readonly sessionKey: string;
  /** The next row that FETCH_NEXT gives. */
  position: number;
};
/** A statement that runs may have one; one that failed has none, nor has DDL. */
export function hasResultSet(execution: Execution): boolean {
  const result = execution.result();
  return result === undefined ? execution.state() === "RUNNING" : result.columns.length > 0;
}

export function operationStatus(operation: Operation): object {
  const { execution } = operation;
  const state = execution.state();
  const error = execution.error();
  return {
    status: SUCCESS,
    operationState: OPERATION_STATE[state],
    hasResultSet: hasResultSet(execution),
    ...(error && {
      sqlState: error.sqlState,
      errorCode: 0,
      errorMessage: error.message,
      displayMessage: error.message,
    }),
  };
}

export function resultMetadata(operation: Operation): object {
  const { execution } = operation;
  // Of a statement that failed there is nothing to tell, and the driver is not told so here: it
  // finds no rows (docs/facts/databricks.md#fetch-all-is-silent).
  const columns = execution.state() === "FAILED" ? [] : execution.result()?.columns;
  if (columns === undefined) return { status: errorStatus(notFinished(operation)) };
  return {
    status: SUCCESS,
    schema: thriftSchema(columns),
    resultFormat: COLUMN_BASED_SET,
    lz4Compressed: false,
    isStagingOperation: false,
  };
}

export async function fetchResults(operation: Operation, request: FetchRequest): Promise<object> {
  const result = operation.execution.result();
  if (result === undefined) return { status: errorStatus(notFinished(operation)) };
  if (request.orientation === FETCH_FIRST) operation.position = 0;
  if (request.startRowOffset != null) operation.position = request.startRowOffset.toNumber();
  if (request.orientation === FETCH_PRIOR)
    return {
      status: errorStatus(
        new SqlError("INVALID_FETCH_ORIENTATION", "HY106", "FETCH_PRIOR is not supported"),
      ),
    };
  const answer = await page(operation, result, request.maxRows.toNumber());
  if (request.includeResultSetMetadata !== true) return answer;
  return { ...answer, resultSetMetadata: resultMetadata(operation) };
}

export async function page(
  operation: Operation,
  result: SqlResult,
  rowsMax: number,
): Promise<object> {
  const from = operation.position;
  const asked = rowsMax > 0 ? Math.min(rowsMax, PAGE_ROWS_MAX) : PAGE_ROWS_MAX;
  const rows = await result.read(from, from + asked);
  operation.position = from + rows.length;
  return {
    status: SUCCESS,
    hasMoreRows: operation.position < result.rowCount,
    results: thriftRows(result.columns, rows, from),
  };
}

function notFinished(operation: Operation): SqlError {
  return (
    operation.execution.error() ??
    new SqlError(
      "OPERATION_NOT_FINISHED",
      "HY010",
      "The operation is still running: ask for its status first",
    )
  );
}

export function errorStatus(error: SqlError): object {
  return {
    statusCode: 3,
    sqlState: error.sqlState,
    errorCode: 0,
    errorMessage: error.message,
    displayMessage: error.message,
  };
}
