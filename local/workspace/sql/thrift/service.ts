// Databricks' Thrift service over any SQL engine: sessions, operations, direct results, paging (databricks-facts §8.2, §8.3).
import { randomBytes, randomUUID } from "node:crypto";
import type { Principal } from "../../route.ts";
import type { SqlEngine, SqlParameter, SqlResult, SqlSession } from "../engine.ts";
import { SqlError, sqlErrorOf } from "../errors.ts";
import { type Execution, startExecution } from "../execution.ts";
import type { Int64, ThriftHandlers } from "./codec.ts";
import { type ListingRequest, listing } from "./listings.ts";
import { thriftRows, thriftSchema } from "./rows.ts";

/** SPARK_CLI_SERVICE_PROTOCOL_V8: below it, the driver silently drops parameters (databricks-facts §8.3). */
const PROTOCOL = 42248;
/** Results no larger than this come with the answer to ExecuteStatement. */
const DIRECT_ROWS_MAX = 100_000;
/** How long ExecuteStatement waits for a statement to end before it answers "running". */
const DIRECT_WAIT_MS = 1000;
const PAGE_ROWS_MAX = 100_000;
const SUCCESS = { statusCode: 0 };

const OPERATION_STATE = { RUNNING: 1, FINISHED: 2, CANCELED: 3, FAILED: 5, TIMEDOUT: 8 } as const;
const COLUMN_BASED_SET = 1;
const FETCH_FIRST = 4;
const FETCH_PRIOR = 1;

/** Sessions and operations of one workspace. `handlersFor` binds the calls of one HTTP request to who sent it. */
export type ThriftService = { readonly handlersFor: (principal: Principal) => ThriftHandlers };

export function createThriftService(engine: () => Promise<SqlEngine>): ThriftService {
  const sessions = new Map<string, Session>();
  const operations = new Map<string, Operation>();
  return { handlersFor: (principal) => handlers({ engine, sessions, operations, principal }) };
}

type Session = { readonly sql: SqlSession; readonly principal: Principal };
type Operation = {
  readonly handle: object;
  readonly execution: Execution;
  readonly session: Session;
  /** The next row that FETCH_NEXT gives. */
  position: number;
};
type Service = {
  readonly engine: () => Promise<SqlEngine>;
  readonly sessions: Map<string, Session>;
  readonly operations: Map<string, Operation>;
  readonly principal: Principal;
};

function handlers(service: Service): ThriftHandlers {
  return {
    OpenSession: (request: OpenSessionRequest) => openSession(service, request),
    CloseSession: (request: OfSession) => closeSession(service, request),
    ExecuteStatement: (request: ExecuteRequest) => executeStatement(service, request),
    GetOperationStatus: (request: OfOperation) =>
      withOperation(service, request, async (operation) => operationStatus(operation)),
    GetResultSetMetadata: (request: OfOperation) =>
      withOperation(service, request, async (operation) => resultMetadata(operation)),
    FetchResults: (request: FetchRequest) =>
      withOperation(service, request, (operation) => fetchResults(operation, request)),
    CancelOperation: (request: OfOperation) =>
      withOperation(service, request, async (operation) => {
        operation.execution.cancel();
        return { status: SUCCESS };
      }),
    CloseOperation: (request: OfOperation) =>
      withOperation(service, request, async (operation) => {
        operation.execution.cancel();
        service.operations.delete(keyOf(request.operationHandle.operationId));
        return { status: SUCCESS };
      }),
    GetInfo: async (request: InfoRequest) => ({
      status: SUCCESS,
      infoValue: { stringValue: INFO.get(request.infoType) ?? "" },
    }),
    ...listingHandlers(service),
  };
}

const INFO: ReadonlyMap<number, string> = new Map([
  [13, "Spark SQL"],
  [17, "Spark SQL"],
  [18, "4.0.0"],
]);

const LISTINGS = [
  ["GetTypeInfo", 1],
  ["GetCatalogs", 2],
  ["GetSchemas", 3],
  ["GetTables", 4],
  ["GetTableTypes", 5],
  ["GetColumns", 6],
  ["GetFunctions", 7],
  ["GetPrimaryKeys", 8],
  ["GetCrossReference", 8],
] as const;

function listingHandlers(service: Service): ThriftHandlers {
  return Object.fromEntries(
    LISTINGS.map(([call, type]) => [
      call,
      (request: ListingRequest & OfSession & DirectRequest) =>
        withSession(service, request, (session) => {
          const sql: SqlSession = {
            ...session.sql,
            execute: (_statement, _parameters, signal) =>
              listing(call, request, session.sql, signal),
          };
          return start(service, session, type, startExecution(sql, call, [], 0), request);
        }),
    ]),
  );
}

async function openSession(service: Service, request: OpenSessionRequest): Promise<object> {
  try {
    const engine = await service.engine();
    const sql = await engine.openSession({
      principal: service.principal,
      catalog: request.initialNamespace?.catalogName ?? undefined,
      schema: request.initialNamespace?.schemaName ?? undefined,
      configuration: request.configuration ?? {},
    });
    const sessionId = newHandle();
    service.sessions.set(keyOf(sessionId), { sql, principal: service.principal });
    return {
      status: SUCCESS,
      serverProtocolVersion: PROTOCOL,
      sessionHandle: { sessionId },
      initialNamespace: { catalogName: sql.catalog(), schemaName: sql.schema() },
      canUseMultipleCatalogs: true,
    };
  } catch (thrown) {
    return { status: errorStatus(sqlErrorOf(thrown)), serverProtocolVersion: PROTOCOL };
  }
}

async function closeSession(service: Service, request: OfSession): Promise<object> {
  return withSession(service, request, async (session) => {
    service.sessions.delete(keyOf(request.sessionHandle.sessionId));
    for (const [key, operation] of service.operations) {
      if (operation.session !== session) continue;
      operation.execution.cancel();
      service.operations.delete(key);
    }
    await session.sql.close();
    return { status: SUCCESS };
  });
}

function executeStatement(service: Service, request: ExecuteRequest): Promise<object> {
  return withSession(service, request, (session) => {
    const timeoutMs = (request.queryTimeout?.toNumber() ?? 0) * 1000;
    const parameters = (request.parameters ?? []).map(parameterOf);
    const execution = startExecution(session.sql, request.statement, parameters, timeoutMs);
    return start(service, session, 0, execution, request);
  });
}

/** Registers an operation; when it ends soon enough, status, schema and first rows travel with the answer. */
async function start(
  service: Service,
  session: Session,
  operationType: number,
  execution: Execution,
  request: DirectRequest,
): Promise<object> {
  const operationId = newHandle();
  await execution.wait(request.getDirectResults ? DIRECT_WAIT_MS : 0);
  if (request.runAsync === false) await execution.wait(2 ** 31 - 1);
  // A statement that failed has no result set: a driver that does not look at the status sees no rows (databricks-facts §8.4).
  const handle = { operationId, operationType, hasResultSet: hasResultSet(execution) };
  const operation: Operation = { handle, execution, session, position: 0 };
  service.operations.set(keyOf(operationId), operation);
  const answer = { status: SUCCESS, operationHandle: handle };
  if (!request.getDirectResults || execution.state() === "RUNNING") return answer;
  const rowsMax = Math.min(request.getDirectResults.maxRows.toNumber(), DIRECT_ROWS_MAX);
  return {
    ...answer,
    directResults: await directResults(service, operation, operationId, rowsMax),
  };
}

async function directResults(
  service: Service,
  operation: Operation,
  operationId: Handle,
  rowsMax: number,
): Promise<object> {
  const result = operation.execution.result();
  if (result === undefined) return { operationStatus: operationStatus(operation) };
  // Without columns there are no rows to send: the driver would ask for the rest of them for ever.
  const resultSet = result.columns.length > 0 && (await page(operation, result, rowsMax));
  // Not closed either: the Python connector fetches when it was given no rows, and needs the operation for that.
  const whole = resultSet !== false && operation.position >= result.rowCount;
  if (whole) service.operations.delete(keyOf(operationId));
  return {
    operationStatus: operationStatus(operation),
    resultSetMetadata: resultMetadata(operation),
    ...(resultSet && { resultSet }),
    // Closing says that there is nothing more to ask for.
    ...(whole && { closeOperation: { status: SUCCESS } }),
  };
}

/** A statement that runs may have one; one that failed has none, nor has DDL. */
function hasResultSet(execution: Execution): boolean {
  const result = execution.result();
  return result === undefined ? execution.state() === "RUNNING" : result.columns.length > 0;
}

function operationStatus(operation: Operation): object {
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

function resultMetadata(operation: Operation): object {
  const { execution } = operation;
  // Of a statement that failed there is nothing to tell, and the driver is not told so here: it finds no rows (databricks-facts §8.4).
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

async function fetchResults(operation: Operation, request: FetchRequest): Promise<object> {
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

async function page(operation: Operation, result: SqlResult, rowsMax: number): Promise<object> {
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

/** Who did not open a session cannot use it, and is told the same as if it were not there. */
async function withSession(
  service: Service,
  request: OfSession,
  use: (session: Session) => Promise<object>,
): Promise<object> {
  const session = service.sessions.get(keyOf(request.sessionHandle.sessionId));
  if (session === undefined || session.principal.id !== service.principal.id)
    return { status: invalidHandle("SessionHandle") };
  return use(session);
}

async function withOperation(
  service: Service,
  request: OfOperation,
  use: (operation: Operation) => Promise<object>,
): Promise<object> {
  const operation = service.operations.get(keyOf(request.operationHandle.operationId));
  if (operation === undefined || operation.session.principal.id !== service.principal.id)
    return { status: invalidHandle("OperationHandle") };
  return use(operation);
}

function invalidHandle(what: string): object {
  const message = `Invalid ${what}: it was never given out, or it is closed`;
  return { statusCode: 4, sqlState: "HY000", errorMessage: message, displayMessage: message };
}

function errorStatus(error: SqlError): object {
  return {
    statusCode: 3,
    sqlState: error.sqlState,
    errorCode: 0,
    errorMessage: error.message,
    displayMessage: error.message,
  };
}

/** NULL has neither type nor value; ordinals have neither name nor ordinal, only an order (databricks-facts §8.3). */
function parameterOf(parameter: ParameterRequest): SqlParameter {
  const value = parameter.value;
  const text =
    value?.stringValue ?? value?.doubleValue?.toString() ?? value?.booleanValue?.toString() ?? null;
  return {
    ...(parameter.name != null && { name: parameter.name }),
    ...(parameter.type != null && { type: parameter.type }),
    value: text,
  };
}

type Handle = { readonly guid: Buffer; readonly secret: Buffer };

/** The guid must be an RFC 4122 UUID: the driver prints it as one and refuses anything else (databricks-facts §8.3). */
function newHandle(): Handle {
  return { guid: Buffer.from(randomUUID().replaceAll("-", ""), "hex"), secret: randomBytes(16) };
}

function keyOf(handle: Handle): string {
  return `${Buffer.from(handle.guid).toString("hex")}${Buffer.from(handle.secret).toString("hex")}`;
}

type OfSession = { readonly sessionHandle: { readonly sessionId: Handle } };
type OfOperation = { readonly operationHandle: { readonly operationId: Handle } };
type DirectRequest = {
  readonly runAsync?: boolean | null;
  readonly getDirectResults?: { readonly maxRows: Int64 } | null;
};
type OpenSessionRequest = {
  readonly initialNamespace?: {
    readonly catalogName?: string | null;
    readonly schemaName?: string | null;
  } | null;
  readonly configuration?: Record<string, string> | null;
};
type ParameterRequest = {
  readonly name?: string | null;
  readonly type?: string | null;
  readonly value?: {
    readonly stringValue?: string | null;
    readonly doubleValue?: number | null;
    readonly booleanValue?: boolean | null;
  } | null;
};
type ExecuteRequest = OfSession &
  DirectRequest & {
    readonly statement: string;
    readonly queryTimeout?: Int64 | null;
    readonly parameters?: readonly ParameterRequest[] | null;
  };
type FetchRequest = OfOperation & {
  readonly orientation?: number | null;
  readonly maxRows: Int64;
  readonly startRowOffset?: Int64 | null;
  readonly includeResultSetMetadata?: boolean | null;
};
type InfoRequest = { readonly infoType: number };
