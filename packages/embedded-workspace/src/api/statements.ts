// The Statement Execution API: SQL over plain JSON, with the same engine as Thrift
// (docs/facts/databricks.md#statement-execution).
import { randomUUID } from "node:crypto";
import * as z from "zod";
import type { WorkspaceContext } from "../context.ts";
import { ApiError, type ApiReply, type ApiRequest, type Route } from "../route.ts";
import type { SqlParameter, SqlResult } from "../sql/engine.ts";
import { SqlError, sqlErrorOf } from "../sql/errors.ts";
import { type Execution, startExecution, timeLimitMs, waitWhileThere } from "../sql/execution.ts";
import { type OpenSql, sqlOf } from "../sql/open.ts";
import { type Chunk, type Chunks, chunksOf, csvOf } from "../sql/statement-results.ts";
import { typeSql } from "../sql/types.ts";

const BASE = "/api/2.0/sql/statements";
/** A statement may be 16 MiB; JSON may write a character in six. */
const STATEMENT_BYTES_MAX = 16 * 1024 * 1024;
const INLINE_BYTES_MAX = 26_214_400;
const HOUR_MS = 3_600_000;
/** Results live one hour after success, statements at least twelve. */
const RESULT_MS = HOUR_MS;
const STATEMENT_MS = 12 * HOUR_MS;
const LINK_MS = 15 * 60_000;

const ExecuteRequest = z.object({
  warehouse_id: z.string().min(1),
  statement: z.string().min(1),
  catalog: z.string().optional(),
  schema: z.string().optional(),
  parameters: z
    .array(
      z.object({
        name: z.string().min(1),
        type: z.string().optional(),
        value: z.string().nullish(),
      }),
    )
    .default([]),
  wait_timeout: z
    .string()
    .regex(/^\d+s$/, "must be a number of seconds such as 10s")
    .default("10s"),
  on_wait_timeout: z.enum(["CONTINUE", "CANCEL"]).default("CONTINUE"),
  disposition: z.enum(["INLINE", "EXTERNAL_LINKS"]).default("INLINE"),
  format: z.enum(["JSON_ARRAY", "ARROW_STREAM", "CSV"]).default("JSON_ARRAY"),
  row_limit: z.number().int().positive().optional(),
  byte_limit: z.number().int().positive().optional(),
  query_tags: z.array(z.unknown()).max(20).optional(),
});
type ExecuteRequest = z.infer<typeof ExecuteRequest>;

type Statement = {
  readonly id: string;
  readonly principalId: string;
  readonly request: ExecuteRequest;
  readonly execution: Execution;
  /** Its chunks once it has ended well, or why they cannot be given. */
  readonly chunks: Promise<Chunks | SqlError | undefined>;
  endedAt: number | undefined;
};

export function statementRoutes(context: WorkspaceContext): Route[] {
  const statements = new Map<string, Statement>();
  const links = new Map<
    string,
    { readonly statement: Statement; readonly index: number; readonly until: number }
  >();
  const state: State = { context, open: sqlOf(context), statements, links };
  return [
    {
      method: "POST",
      path: BASE,
      bytesMax: 6 * STATEMENT_BYTES_MAX,
      handle: (request) => execute(state, request),
    },
    {
      method: "GET",
      path: `${BASE}/:id`,
      handle: async (request) => reply(await described(state, find(state, request))),
    },
    {
      method: "GET",
      path: `${BASE}/:id/result/chunks/:index`,
      handle: (request) => getChunk(state, request),
    },
    {
      method: "POST",
      path: `${BASE}/:id/cancel`,
      handle: async (request) => cancel(find(state, request)),
    },
    {
      method: "GET",
      path: "/api/2.0/sql/results/:link",
      open: true,
      handle: (request) => getLink(state, request),
    },
  ];
}

type State = {
  readonly context: WorkspaceContext;
  readonly open: OpenSql;
  readonly statements: Map<string, Statement>;
  readonly links: Map<
    string,
    { readonly statement: Statement; readonly index: number; readonly until: number }
  >;
};

async function execute(state: State, request: ApiRequest): Promise<ApiReply> {
  const { context } = state;
  context.principals.requireEntitled(request.principal);
  const body = await request.json(ExecuteRequest);
  const waitMs = checked(context, body);
  forgetOld(state);
  const engine = await state.open();
  const parameters = body.parameters.map(
    ({ name, type, value }): SqlParameter => ({
      name,
      ...(type !== undefined && { type }),
      value: value ?? null,
    }),
  );
  const session = await engine
    .openSession({ principal: request.principal, catalog: body.catalog, schema: body.schema })
    .catch(sqlErrorOf);
  const execution =
    session instanceof SqlError
      ? failed(session)
      : startExecution(session, body.statement, parameters, timeLimitMs(context.settings));
  const statement: Statement = {
    id: randomUUID(),
    principalId: request.principal.id,
    request: body,
    execution,
    chunks: chunksAtEnd(execution, body),
    endedAt: undefined,
  };
  void statement.chunks.then(() => {
    statement.endedAt = context.clock.nowMs();
    return session instanceof SqlError ? undefined : session.close();
  });
  state.statements.set(statement.id, statement);
  await waitWhileThere(execution, waitMs, request.gone());
  if (execution.state() === "RUNNING" && body.on_wait_timeout === "CANCEL" && waitMs > 0)
    execution.cancel();
  return reply(await described(state, statement));
}

/** @throws ApiError 400, 404, 501. The milliseconds to wait otherwise */
function checked(context: WorkspaceContext, body: ExecuteRequest): number {
  if (body.warehouse_id !== context.warehouseId)
    throw new ApiError(404, "NOT_FOUND", `SQL warehouse ${body.warehouse_id} does not exist.`);
  const seconds = Number(body.wait_timeout.slice(0, -1));
  if (seconds !== 0 && (seconds < 5 || seconds > 50))
    throw invalid(`wait_timeout must be 0s or between 5s and 50s; it was ${body.wait_timeout}`);
  if (Buffer.byteLength(body.statement) > STATEMENT_BYTES_MAX)
    throw invalid("statement must not be larger than 16 MiB");
  if (body.disposition === "INLINE" && body.format !== "JSON_ARRAY")
    throw invalid(`the disposition INLINE needs the format JSON_ARRAY; it was ${body.format}`);
  if (body.format === "ARROW_STREAM")
    throw new ApiError(
      501,
      "NOT_IMPLEMENTED",
      "The embedded workspace has no ARROW_STREAM results: use JSON_ARRAY or CSV.",
    );
  return seconds * 1000;
}

function invalid(message: string): ApiError {
  return new ApiError(400, "INVALID_PARAMETER_VALUE", `${message}.`);
}

function failed(error: SqlError): Execution {
  return {
    state: () => "FAILED",
    result: () => undefined,
    error: () => error,
    wait: async () => undefined,
    cancel: () => undefined,
  };
}

async function chunksAtEnd(
  execution: Execution,
  body: ExecuteRequest,
): Promise<Chunks | SqlError | undefined> {
  await execution.wait(2 ** 31 - 1);
  const result = execution.result();
  if (result === undefined) return undefined;
  const chunks = await chunksOf(result, {
    rows: body.row_limit,
    bytes: body.byte_limit,
    ...(body.disposition === "INLINE" && { bytesCounted: INLINE_BYTES_MAX }),
  }).catch(sqlErrorOf);
  if (
    chunks instanceof SqlError ||
    body.disposition !== "INLINE" ||
    chunks.byteCount <= INLINE_BYTES_MAX
  )
    return chunks;
  return new SqlError(
    "INLINE_BYTE_LIMIT_EXCEEDED",
    "54000",
    `Inline byte limit exceeded. Statements executed with disposition=INLINE can have a result size of at most ${INLINE_BYTES_MAX} bytes. Please execute the statement with disposition=EXTERNAL_LINKS if you want to download the full result`,
  );
}

/** Another principal's statement is as unknown as one that never was. */
function find(state: State, request: ApiRequest): Statement {
  forgetOld(state);
  const statement = state.statements.get(request.params["id"] ?? "");
  if (statement === undefined || statement.principalId !== request.principal.id)
    throw new ApiError(
      404,
      "NOT_FOUND",
      `The statement ${request.params["id"]} was not found. Statements are forgotten twelve hours after their end.`,
    );
  return statement;
}

function forgetOld({ context, statements, links }: State): void {
  const now = context.clock.nowMs();
  for (const [id, statement] of statements)
    if (isOlder(context, statement, STATEMENT_MS)) statements.delete(id);
  for (const [id, link] of links) if (link.until < now) links.delete(id);
}

function isOlder({ clock }: WorkspaceContext, { endedAt }: Statement, ms: number): boolean {
  return endedAt !== undefined && (clock.nowMs() - endedAt) * clock.timeScale > ms;
}

async function described(state: State, statement: Statement): Promise<object> {
  const { execution, id } = statement;
  const running = execution.state() === "RUNNING";
  const chunks = running ? undefined : await statement.chunks;
  const error = chunks instanceof SqlError ? chunks : execution.error();
  const cancelled = execution.state() === "CANCELED";
  if (running) return { statement_id: id, status: { state: "RUNNING" } };
  if (cancelled) return { statement_id: id, status: { state: "CANCELED" } };
  if (error !== undefined)
    return {
      statement_id: id,
      status: {
        state: "FAILED",
        error: { error_code: "BAD_REQUEST", message: error.message },
        sql_state: error.sqlState,
      },
    };
  const result = execution.result();
  if (result === undefined || chunks === undefined || chunks instanceof SqlError)
    throw new Error("a statement that ended well has a result");
  if (isOlder(state.context, statement, RESULT_MS))
    return { statement_id: id, status: { state: "CLOSED" } };
  const first = chunks.chunks[0];
  return {
    statement_id: id,
    status: { state: "SUCCEEDED" },
    manifest: manifest(statement, result, chunks),
    result:
      first === undefined
        ? { chunk_index: 0, row_offset: 0, row_count: 0, data_array: [] }
        : await chunkBody(state, statement, result, chunks, first),
  };
}

function manifest({ request }: Statement, result: SqlResult, chunks: Chunks): object {
  return {
    format: request.format,
    schema: {
      column_count: result.columns.length,
      columns: result.columns.map(({ name, type }, position) => ({
        name,
        type_text: typeSql(type),
        type_name: TYPE_NAMES[type.kind] ?? type.kind,
        position,
        ...(type.kind === "DECIMAL" && { type_precision: type.precision, type_scale: type.scale }),
      })),
    },
    total_chunk_count: chunks.chunks.length,
    chunks: chunks.chunks.map(chunkInfo),
    total_row_count: chunks.rowCount,
    total_byte_count: chunks.byteCount,
    truncated: chunks.truncated,
  };
}

/** The API's enumeration calls some types otherwise. */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  TINYINT: "BYTE",
  SMALLINT: "SHORT",
  BIGINT: "LONG",
  VOID: "NULL",
  VARCHAR: "STRING",
  TIMESTAMP_NTZ: "TIMESTAMP_NTZ",
};

function chunkInfo(chunk: Chunk): object {
  return {
    chunk_index: chunk.chunkIndex,
    row_offset: chunk.rowOffset,
    row_count: chunk.rowCount,
    byte_count: chunk.byteCount,
  };
}

async function chunkBody(
  state: State,
  statement: Statement,
  result: SqlResult,
  { chunks }: Chunks,
  chunk: Chunk,
): Promise<object> {
  const { chunkIndex } = chunk;
  const next = chunks[chunkIndex + 1] && {
    next_chunk_index: chunkIndex + 1,
    next_chunk_internal_link: `${BASE}/${statement.id}/result/chunks/${chunkIndex + 1}?row_offset=${chunk.rowOffset + chunk.rowCount}`,
  };
  if (statement.request.disposition === "INLINE")
    return {
      ...chunkInfo(chunk),
      ...next,
      data_array: await result.read(chunk.rowOffset, chunk.rowOffset + chunk.rowCount),
    };
  const link = randomUUID();
  const until = state.context.clock.nowMs() + LINK_MS;
  state.links.set(link, { statement, index: chunkIndex, until });
  return {
    external_links: [
      {
        ...chunkInfo(chunk),
        ...next,
        external_link: `${state.context.url}/api/2.0/sql/results/${link}`,
        expiration: new Date(until).toISOString(),
      },
    ],
  };
}

async function getChunk(state: State, request: ApiRequest): Promise<ApiReply> {
  const statement = find(state, request);
  const result = statement.execution.result();
  const chunks = result === undefined ? undefined : await statement.chunks;
  if (
    result === undefined ||
    chunks === undefined ||
    chunks instanceof SqlError ||
    isOlder(state.context, statement, RESULT_MS)
  )
    throw new ApiError(
      404,
      "NOT_FOUND",
      `The statement ${statement.id} has no result: it did not succeed, or its result is closed.`,
    );
  const chunk = chunks.chunks[Number(request.params["index"])];
  if (chunk === undefined)
    throw new ApiError(
      404,
      "NOT_FOUND",
      `The result has ${chunks.chunks.length} chunks, counted from 0; there is no chunk ${request.params["index"]}.`,
    );
  return reply(await chunkBody(state, statement, result, chunks, chunk));
}

/** A link carries its own permission: it is fetched without the Authorization header. */
async function getLink(state: State, request: ApiRequest): Promise<ApiReply> {
  forgetOld(state);
  const link = state.links.get(request.params["link"] ?? "");
  const result = link?.statement.execution.result();
  const chunks = await link?.statement.chunks;
  if (
    link === undefined ||
    result === undefined ||
    chunks === undefined ||
    chunks instanceof SqlError
  )
    throw new ApiError(
      403,
      "PERMISSION_DENIED",
      "This link is not valid, or it has expired: ask for the chunk again.",
    );
  const chunk = chunks.chunks[link.index];
  const rows =
    chunk === undefined ? [] : await result.read(chunk.rowOffset, chunk.rowOffset + chunk.rowCount);
  if (link.statement.request.format === "JSON_ARRAY") return reply(rows);
  const names = result.columns.map((column) => column.name);
  return { status: 200, headers: { "content-type": "text/csv" }, body: csvOf(names, rows) };
}

function cancel(statement: Statement): ApiReply {
  statement.execution.cancel();
  return { status: 204 };
}

function reply(body: unknown): ApiReply {
  return { status: 200, body };
}
