// SQL answered by real Spark with Delta Lake: a client of Spark's own Thrift server, which speaks Hive's older dialect.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { WorkspaceContext } from "../../context.ts";
import {
  rowsInMemory,
  type SessionOptions,
  type SqlEngine,
  type SqlParameter,
  type SqlResult,
  type SqlSession,
} from "../engine.ts";
import { SqlError } from "../errors.ts";
import { thriftClient } from "../thrift/codec.ts";
import { sparkError } from "./errors.ts";
import { startSpark } from "./process.ts";
import { cellsOf, columnsOf, type RowSet, type TableSchema } from "./rows.ts";
import { withoutCatalog, withParameters } from "./statements.ts";

const START_MS_MAX = 120_000;
/** HIVE_CLI_SERVICE_PROTOCOL_V10: column-based results. */
const PROTOCOL = 9;
const PAGE_ROWS = 10_000;

/** Starts Spark, which takes 5 to 15 s. @throws Error when it is not installed or does not come up */
export async function openSparkEngine(context: WorkspaceContext): Promise<SqlEngine> {
  const spark = await startSpark(join(context.folder, "spark"));
  const hive = hiveClient(spark.port);
  const deadline = context.clock.nowMs() + START_MS_MAX;
  for (;;) {
    const tail = spark.ended();
    if (tail !== undefined) throw new Error(`Spark ended before it answered:\n${tail}`);
    const first = await hive.openSession().catch(() => undefined);
    if (first !== undefined) {
      await hive.closeSession(first);
      break;
    }
    if (context.clock.nowMs() > deadline)
      throw new Error(`Spark did not answer within ${START_MS_MAX / 1000} s.`);
    await sleep(200);
  }
  return {
    openSession: (options) => openSession(hive, options),
    [Symbol.asyncDispose]: () => spark[Symbol.asyncDispose](),
  };
}

/** The workspace's catalog `main` is Spark's only one; it has no principals: everybody who may enter may do everything. */
async function openSession(hive: HiveClient, options: SessionOptions): Promise<SqlSession> {
  const catalog = options.catalog?.toLowerCase() ?? "main";
  if (catalog !== "main")
    throw new SqlError(
      "NO_SUCH_CATALOG_EXCEPTION",
      "42704",
      `Catalog '${catalog}' was not found: Spark has the one catalog 'main' here`,
    );
  const session = await hive.openSession();
  let schema = options.schema ?? "default";
  const run = async (
    statement: string,
    parameters: readonly SqlParameter[],
    signal: AbortSignal,
  ) => {
    const moved =
      /^\s*use\s+(?:catalog\s+main|(?:schema\s+|database\s+)?(?:main\.)?`?(\w+)`?)\s*;?\s*$/i.exec(
        statement,
      );
    if (/^\s*use\s+catalog\s+main\s*;?\s*$/i.test(statement)) return rowsInMemory([], []);
    const result = await hive.execute(
      session,
      withParameters(withoutCatalog(statement), parameters),
      signal,
    );
    if (moved?.[1] !== undefined) schema = moved[1];
    return result;
  };
  if (options.schema !== undefined)
    await run(`USE \`${options.schema.replaceAll("`", "``")}\``, [], new AbortController().signal);
  return {
    catalog: () => "main",
    schema: () => schema,
    execute: run,
    close: () => hive.closeSession(session),
  };
}

type Handle = object;
type HiveClient = {
  readonly openSession: () => Promise<Handle>;
  readonly closeSession: (session: Handle) => Promise<void>;
  readonly execute: (session: Handle, statement: string, signal: AbortSignal) => Promise<SqlResult>;
};
type Status = {
  readonly statusCode: number;
  readonly sqlState?: string | null;
  readonly errorMessage?: string | null;
};
type OperationStatus = {
  readonly operationState: number;
  readonly sqlState?: string | null;
  readonly errorMessage?: string | null;
};

const FINISHED = 2;
const RUNNING_STATES = new Set([0, 1, 7]);
const FETCH_NEXT = 0;

function hiveClient(port: number): HiveClient {
  const { connection, client, structs } = thriftClient(port, "/cliservice", "workspace");
  // Every failure also reaches the call that it belongs to.
  connection.on("error", () => undefined);
  const call = <T extends { readonly status: Status }>(
    method: string,
    struct: string,
    fields: object,
  ): Promise<T> =>
    new Promise((resolve, reject) => {
      const Request = structs[struct];
      const send = client[method];
      if (Request === undefined || send === undefined)
        throw new Error(`the Thrift code has no ${method}`);
      const late = (error: Error) => reject(error);
      connection.once("error", late);
      send.call(client, new Request(fields), (error, reply) => {
        connection.off("error", late);
        if (error) return reject(error instanceof Error ? error : new Error(String(error)));
        const answer = reply as T;
        return answer.status.statusCode > 2 ? reject(sparkError(answer.status)) : resolve(answer);
      });
    });
  return {
    openSession: async () =>
      (
        await call<{ status: Status; sessionHandle: Handle }>("OpenSession", "TOpenSessionReq", {
          client_protocol: PROTOCOL,
          configuration: {},
        })
      ).sessionHandle,
    closeSession: async (sessionHandle) => {
      await call("CloseSession", "TCloseSessionReq", { sessionHandle });
    },
    execute: async (sessionHandle, statement, signal) => {
      signal.throwIfAborted();
      const { operationHandle } = await call<{
        status: Status;
        operationHandle: Handle & { hasResultSet: boolean };
      }>("ExecuteStatement", "TExecuteStatementReq", { sessionHandle, statement, runAsync: true });
      const cancel = () =>
        void call("CancelOperation", "TCancelOperationReq", { operationHandle }).catch(
          () => undefined,
        );
      signal.addEventListener("abort", cancel);
      try {
        await untilFinished(
          () => call("GetOperationStatus", "TGetOperationStatusReq", { operationHandle }),
          signal,
        );
        return operationHandle.hasResultSet
          ? await fetchAll(call, operationHandle)
          : rowsInMemory([], []);
      } finally {
        signal.removeEventListener("abort", cancel);
        await call("CloseOperation", "TCloseOperationReq", { operationHandle }).catch(
          () => undefined,
        );
      }
    },
  };
}

/** Asks more and more seldom: a SELECT takes tens of milliseconds, a MERGE seconds. */
async function untilFinished(
  ask: () => Promise<OperationStatus & { readonly status: Status }>,
  signal: AbortSignal,
): Promise<void> {
  for (let waitMs = 5; ; waitMs = Math.min(waitMs * 1.5, 100)) {
    const { operationState, sqlState, errorMessage } = await ask();
    signal.throwIfAborted();
    if (operationState === FINISHED) return;
    if (!RUNNING_STATES.has(operationState)) throw sparkError({ sqlState, errorMessage });
    await sleep(waitMs);
  }
}

async function fetchAll(
  call: <T extends { readonly status: Status }>(
    method: string,
    struct: string,
    fields: object,
  ) => Promise<T>,
  operationHandle: Handle,
): Promise<SqlResult> {
  const { schema } = await call<{ status: Status; schema: TableSchema }>(
    "GetResultSetMetadata",
    "TGetResultSetMetadataReq",
    { operationHandle },
  );
  const columns = columnsOf(schema);
  // DDL answers a table without columns, or one called Result.
  if (columns.length === 0) return rowsInMemory([], []);
  const rows = [];
  for (;;) {
    const { results } = await call<{ status: Status; results: RowSet }>(
      "FetchResults",
      "TFetchResultsReq",
      { operationHandle, orientation: FETCH_NEXT, maxRows: PAGE_ROWS },
    );
    const page = cellsOf(columns, results);
    if (page.length === 0) return rowsInMemory(columns, rows);
    rows.push(...page);
  }
}
