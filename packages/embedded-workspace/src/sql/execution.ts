// One statement under way: started, waited for, cancelled, timed out. Thrift and the Statement
// Execution API share it.
import type { Settings } from "../context.ts";
import type { SqlParameter, SqlResult, SqlSession } from "./engine.ts";
import { SqlError, sqlErrorOf } from "./errors.ts";

type ExecutionState = "RUNNING" | "FINISHED" | "FAILED" | "CANCELED" | "TIMEDOUT";

export type Execution = {
  readonly state: () => ExecutionState;
  readonly result: () => SqlResult | undefined;
  readonly error: () => SqlError | undefined;
  /** Resolves, never rejects, when it has ended or `waitMs` have passed. */
  readonly wait: (waitMs: number) => Promise<void>;
  /** Ends it unless it has ended. The engine stops as soon as it can; the state changes at once. */
  readonly cancel: () => void;
};

/**
 * The limit that a statement gets: the one asked for (0 is nothing), within what the workspace
 * allows.
 */
export function timeLimitMs({ statementSecondsMax }: Settings, askedMs = 0): number {
  const most = statementSecondsMax * 1000;
  return askedMs > 0 ? Math.min(askedMs, most) : most;
}

/** Runs a statement in a session, at most so long. */
export function startExecution(
  session: SqlSession,
  statement: string,
  parameters: readonly SqlParameter[],
  timeoutMs: number,
): Execution {
  const abort = new AbortController();
  const ended = Promise.withResolvers<void>();
  let state: ExecutionState = "RUNNING";
  let result: SqlResult | undefined;
  let error: SqlError | undefined;
  const end = (next: ExecutionState, failure?: SqlError) => {
    if (state !== "RUNNING") return;
    state = next;
    error = failure;
    clearTimeout(timer);
    ended.resolve();
  };
  const stop = (next: "CANCELED" | "TIMEDOUT", failure: SqlError) => {
    end(next, failure);
    abort.abort(failure);
  };
  const timer = setTimeout(() => stop("TIMEDOUT", timedOut(timeoutMs)), timeoutMs);
  session.execute(statement, parameters, abort.signal).then(
    (answer) => {
      result = answer;
      end("FINISHED");
    },
    (thrown) => end("FAILED", sqlErrorOf(thrown)),
  );
  return {
    state: () => state,
    result: () => (state === "FINISHED" ? result : undefined),
    error: () => error,
    wait: (waitMs) => waitFor(ended.promise, waitMs),
    cancel: () => stop("CANCELED", cancelled()),
  };
}

/** The error of a cancelled statement. */
function cancelled(): SqlError {
  return new SqlError("OPERATION_CANCELED", "HY008", "Operation has been canceled");
}

function timedOut(timeoutMs: number): SqlError {
  return new SqlError(
    "STATEMENT_TIMEOUT",
    "57KD0",
    `Query has been timed out due to inactivity or its limit of ${timeoutMs / 1000} seconds`,
  );
}

/**
 * Waits as `wait` does; when the client goes meanwhile, nobody can ever ask for the statement, and
 * it is cancelled.
 */
export async function waitWhileThere(
  execution: Execution,
  waitMs: number,
  gone: AbortSignal,
): Promise<void> {
  if (gone.aborted) execution.cancel();
  gone.addEventListener("abort", execution.cancel);
  await execution.wait(waitMs);
  gone.removeEventListener("abort", execution.cancel);
}

async function waitFor(ended: Promise<void>, waitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, waitMs);
  });
  await Promise.race([ended, late]);
  clearTimeout(timer);
}
