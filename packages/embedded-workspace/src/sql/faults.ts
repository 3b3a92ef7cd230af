// Statements that fail or dawdle on purpose: `POST $DATABRICKS_WORKSPACE_ADMIN/sql-faults`. Over either engine.
import { createHash, randomInt, randomUUID } from "node:crypto";
import * as z from "zod";
import type { Clock, WorkspaceContext } from "../context.ts";
import type { SqlEngine, SqlSession } from "./engine.ts";
import { SqlError } from "./errors.ts";

/** The body of a POST. A write conflict that is worth another try: `{"sql_state": "2D521", "statement_matches": "^MERGE"}`. */
const SqlFaultRequest = z.strictObject({
  /** Without it the statement is only late, by `delay_ms`, and answers as ever. */
  sql_state: z
    .string()
    .regex(/^[0-9A-Z]{5}$/, "must be five digits or capital letters")
    .optional(),
  /** Default: the class that Delta or Spark has for this SQLSTATE. */
  error_class: z
    .string()
    .regex(/^[A-Z][A-Z0-9_.]*$/)
    .optional(),
  message: z.string().optional(),
  /** A regular expression, without regard to case, that the statement's text must match. Default: every statement. */
  statement_matches: z.string().default(""),
  /** before: nothing happens; after: the statement takes effect and its answer is this error. */
  when: z.enum(["before", "after"]).default("before"),
  delay_ms: z.number().int().min(0).max(600_000).default(0),
  times: z.number().int().min(1).optional(),
  /** How many matching statements pass first. */
  skip: z.number().int().min(0).default(0),
  probability: z.number().min(0).max(1).default(1),
  /** The same seed strikes the same statements of a sequence. */
  seed: z
    .number()
    .int()
    .min(0)
    .default(() => randomInt(2 ** 31)),
});
type SqlFaultRequest = z.infer<typeof SqlFaultRequest>;

type Armed = {
  readonly id: string;
  readonly request: SqlFaultRequest;
  readonly pattern: RegExp;
  seen: number;
  struck: number;
};

/** Classes and words of what is worth making happen. */
const KNOWN: Readonly<Record<string, readonly [string, string]>> = {
  "2D521": [
    "DELTA_CONCURRENT_APPEND.WITHOUT_HINT",
    "Transaction conflict detected. A concurrent transaction added files to the root of the table. Please try the operation again",
  ],
  "21506": [
    "DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE",
    "Cannot perform Merge as multiple source rows matched and attempted to modify the same target row",
  ],
  HY008: ["OPERATION_CANCELED", "Operation has been canceled"],
  "57KD0": ["STATEMENT_TIMEOUT", "Statement has timed out"],
  XX000: ["INTERNAL_ERROR", "Eagerly executed command failed"],
};

/** Makes an engine fail by the faults that are armed at the time of each statement. Adds the routes that arm them. */
export function createSqlFaults(context: WorkspaceContext): (engine: SqlEngine) => SqlEngine {
  const armed = new Map<string, Armed>();
  addAdminRoutes(context, armed);
  return (engine) => failing(engine, context, armed);
}

function failing(
  engine: SqlEngine,
  context: WorkspaceContext,
  armed: Map<string, Armed>,
): SqlEngine {
  const wrapped = (session: SqlSession): SqlSession => ({
    ...session,
    execute: async (statement, parameters, signal) => {
      const fault = strike(armed, statement);
      if (fault === undefined) return session.execute(statement, parameters, signal);
      await pause(context.clock, fault, signal);
      if (fault.sql_state === undefined) return session.execute(statement, parameters, signal);
      if (fault.when === "after") await session.execute(statement, parameters, signal);
      throw errorOf(fault, fault.sql_state);
    },
  });
  return {
    openSession: async (options) => wrapped(await engine.openSession(options)),
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

function strike(armed: Map<string, Armed>, statement: string): SqlFaultRequest | undefined {
  for (const fault of armed.values()) {
    const { request } = fault;
    if (!fault.pattern.test(statement)) continue;
    if (request.times !== undefined && fault.struck >= request.times) continue;
    const seen = fault.seen++;
    if (seen < request.skip || draw(request.seed, seen) >= request.probability) continue;
    fault.struck++;
    return request;
  }
  return undefined;
}

/** A number from 0 to 1 that seed and count determine. */
function draw(seed: number, count: number): number {
  return createHash("sha256").update(`${seed}:${count}`).digest().readUInt32BE() / 2 ** 32;
}

async function pause(clock: Clock, fault: SqlFaultRequest, signal: AbortSignal): Promise<void> {
  if (fault.delay_ms > 0) await clock.sleep(fault.delay_ms * clock.timeScale, signal);
}

function errorOf(fault: SqlFaultRequest, sqlState: string): SqlError {
  const [errorClass, message] = KNOWN[sqlState] ?? [
    "INJECTED_FAULT",
    "This statement was made to fail",
  ];
  return new SqlError(fault.error_class ?? errorClass, sqlState, fault.message ?? message);
}

function addAdminRoutes({ adminRoute }: WorkspaceContext, armed: Map<string, Armed>): void {
  adminRoute({
    method: "POST",
    path: "/sql-faults",
    handle: async (request) => {
      const fault = await request.json(SqlFaultRequest);
      const id = randomUUID();
      armed.set(id, {
        id,
        request: fault,
        pattern: new RegExp(fault.statement_matches, "i"),
        seen: 0,
        struck: 0,
      });
      return { status: 200, body: { id, ...fault } };
    },
  });
  adminRoute({
    method: "GET",
    path: "/sql-faults",
    handle: async () => ({
      status: 200,
      body: {
        faults: [...armed.values()].map(({ id, request, seen, struck }) => ({
          id,
          ...request,
          seen,
          struck,
        })),
      },
    }),
  });
  adminRoute({
    method: "DELETE",
    path: "/sql-faults",
    handle: async () => {
      const removed = armed.size;
      armed.clear();
      return { status: 200, body: { removed } };
    },
  });
}
