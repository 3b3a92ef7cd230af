// Databricks' Thrift service over any SQL engine: sessions, operations, direct results, paging
// (docs/facts/databricks.md#thrift-sequence).
import type { Settings } from "../../context.ts";
import type { Principal } from "../../route.ts";
import type { SqlEngine, SqlSession } from "../engine.ts";
import { sqlErrorOf } from "../errors.ts";
import { type Execution, startExecution, timeLimitMs, waitWhileThere } from "../execution.ts";
import type { ThriftHandlers } from "./codec.ts";
import { type ListingRequest, listing } from "./listings.ts";
import {
  errorStatus,
  fetchResults,
  hasResultSet,
  type Operation,
  operationStatus,
  page,
  resultMetadata,
  SUCCESS,
} from "./operations.ts";
import {
  type DirectRequest,
  type ExecuteRequest,
  type FetchRequest,
  type Handle,
  type InfoRequest,
  keyOf,
  newHandle,
  type OfOperation,
  type OfSession,
  type OpenSessionRequest,
  parameterOf,
} from "./requests.ts";

/**
 * SPARK_CLI_SERVICE_PROTOCOL_V8: below it, the driver silently drops parameters
 * (docs/facts/databricks.md#parameters-need-protocol-v8).
 */
const PROTOCOL = 42248;
/** Results no larger than this come with the answer to ExecuteStatement. */
const DIRECT_ROWS_MAX = 100_000;
/** How long ExecuteStatement waits for a statement to end before it answers "running". */
const DIRECT_WAIT_MS = 1000;

/**
 * Sessions and operations of one workspace. `handlersFor` binds the calls of one HTTP request to
 * who sent it.
 */
export type ThriftService = {
  /** `gone` aborts when the client has gone before the answer. */
  readonly handlersFor: (principal: Principal, gone: AbortSignal) => ThriftHandlers;
};

export function createThriftService(
  engine: () => Promise<SqlEngine>,
  settings: Settings,
): ThriftService {
  const sessions = new Map<string, Session>();
  const operations = new Map<string, Operation>();
  const shared = { engine, settings, sessions, operations };
  return { handlersFor: (principal, gone) => handlers({ ...shared, principal, gone }) };
}

type Session = { readonly sql: SqlSession; readonly principal: Principal };
type Service = {
  readonly engine: () => Promise<SqlEngine>;
  readonly sessions: Map<string, Session>;
  readonly operations: Map<string, Operation>;
  readonly settings: Settings;
  readonly principal: Principal;
  readonly gone: AbortSignal;
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
          const limitMs = timeLimitMs(service.settings);
          return start(service, type, startExecution(sql, call, [], limitMs), request);
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
    const sessionKey = keyOf(request.sessionHandle.sessionId);
    service.sessions.delete(sessionKey);
    for (const [key, operation] of service.operations) {
      if (operation.sessionKey !== sessionKey) continue;
      operation.execution.cancel();
      service.operations.delete(key);
    }
    await session.sql.close();
    return { status: SUCCESS };
  });
}

function executeStatement(service: Service, request: ExecuteRequest): Promise<object> {
  return withSession(service, request, (session) => {
    const askedMs = (request.queryTimeout?.toNumber() ?? 0) * 1000;
    const timeoutMs = timeLimitMs(service.settings, askedMs);
    const parameters = (request.parameters ?? []).map(parameterOf);
    const sql = limited(session.sql, request.resultRowLimit?.toNumber());
    const execution = startExecution(sql, request.statement, parameters, timeoutMs);
    return start(service, 0, execution, request);
  });
}

/** A session whose results end after so many rows. */
function limited(sql: SqlSession, rowsMax: number | undefined): SqlSession {
  if (rowsMax === undefined || rowsMax <= 0) return sql;
  return {
    ...sql,
    execute: async (statement, parameters, signal) => {
      const result = await sql.execute(statement, parameters, signal);
      const rowCount = Math.min(result.rowCount, rowsMax);
      return { ...result, rowCount, read: (from, to) => result.read(from, Math.min(to, rowCount)) };
    },
  };
}

/**
 * Registers an operation; when it ends soon enough, status, schema and first rows travel with the
 * answer.
 */
async function start(
  service: Service,
  operationType: number,
  execution: Execution,
  request: DirectRequest & OfSession,
): Promise<object> {
  const operationId = newHandle();
  const operation: Operation = {
    execution,
    principalId: service.principal.id,
    sessionKey: keyOf(request.sessionHandle.sessionId),
    position: 0,
  };
  // Before the wait: a session that is closed meanwhile ends what it has begun.
  service.operations.set(keyOf(operationId), operation);
  const directMs = request.getDirectResults ? DIRECT_WAIT_MS : 0;
  const waitMs = request.runAsync === false ? 2 ** 31 - 1 : directMs;
  await waitWhileThere(execution, waitMs, service.gone);
  // A statement that failed has no result set: a driver that does not look at the status sees no
  // rows (docs/facts/databricks.md#fetch-all-is-silent).
  const handle = { operationId, operationType, hasResultSet: hasResultSet(execution) };
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
  // Not closed either: the Python connector fetches when it was given no rows, and needs the
  // operation for that.
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

/** Others than its opener cannot use a session: the answer is as if it were not there. */
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
  if (operation === undefined || operation.principalId !== service.principal.id)
    return { status: invalidHandle("OperationHandle") };
  return use(operation);
}

function invalidHandle(what: string): object {
  const message = `Invalid ${what}: it was never given out, or it is closed`;
  return { statusCode: 4, sqlState: "HY000", errorMessage: message, displayMessage: message };
}
