// A function's environment, as Lambda has it: its own thread, its own variables, its output caught,
// ended at a timeout.
import { createInterface } from "node:readline";
import { Worker } from "node:worker_threads";
import type { Context } from "aws-lambda";

/** The facts of an invocation, from which the handler's context is made. */
export type InvocationFacts = {
  readonly functionName: string;
  readonly functionArn: string;
  readonly memoryMb: number;
  readonly requestId: string;
  /** Epoch milliseconds. */
  readonly endsMs: number;
};

/** A message to the thread. It is JSON as text: nothing else crosses the border of a function. */
export type Invoke = {
  readonly id: number;
  readonly event: string;
  readonly invocation: InvocationFacts;
};
/** A message from the thread: an answer, or an error. */
export type Reply = {
  readonly response?: string | undefined;
  readonly error?: { readonly name: string; readonly message: string; readonly stack?: string };
};

export type EnvironmentShape = {
  /** The module that exports `handler`. */
  readonly module: URL;
  /** All variables that it sees: none of the user's own leaks into a function. */
  readonly variables: Readonly<Record<string, string>>;
  /** Each line that it writes to stdout or stderr. */
  readonly onLine: (line: string) => void;
};

export type FunctionEnvironment = AsyncDisposable & {
  /** Resolves when the module has been imported. @throws the error of the import */
  readonly ready: Promise<void>;
  /** @throws the error of the handler, or the reason why the environment ended */
  readonly run: (event: string, invocation: InvocationFacts) => Promise<string | undefined>;
  /** Kills the environment, and every invocation in it. */
  readonly kill: (reason: Error) => void;
  readonly isOver: () => boolean;
};

const WORKER = new URL("./function-worker.ts", import.meta.url);

/**
 * Starts an environment. One environment runs overlapping invocations; Lambda would start several.
 */
export function startEnvironment(shape: EnvironmentShape): FunctionEnvironment {
  const worker = new Worker(WORKER, {
    workerData: { module: shape.module.href },
    env: { ...shape.variables },
    execArgv: [],
    stdout: true,
    stderr: true,
  });
  for (const stream of [worker.stdout, worker.stderr])
    createInterface({ input: stream }).on("line", shape.onLine);
  const ready = Promise.withResolvers<void>();
  ready.promise.catch(() => {}); // whoever awaits it hears; nobody need await it
  const waiting = new Map<number, PromiseWithResolvers<string | undefined>>();
  let over: Error | undefined;
  const end = (reason: Error): void => {
    over ??= reason;
    ready.reject(over);
    for (const { reject } of waiting.values()) reject(over);
    waiting.clear();
  };
  worker.on("message", (message: { readonly ready: true } | (Reply & { readonly id: number })) => {
    if ("ready" in message) return ready.resolve();
    const call = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error === undefined) call?.resolve(message.response);
    else call?.reject(errorOf(message.error));
  });
  worker.on("error", (error) => end(error instanceof Error ? error : new Error(String(error))));
  worker.on("exit", (code) => end(new Error(`the function's environment exited with ${code}`)));
  let calls = 0;
  return {
    ready: ready.promise,
    run: async (event, invocation) => {
      if (over !== undefined) throw over;
      const call = Promise.withResolvers<string | undefined>();
      const id = ++calls;
      waiting.set(id, call);
      worker.postMessage({ id, event, invocation } satisfies Invoke);
      return await call.promise;
    },
    kill: (reason) => {
      end(reason);
      void worker.terminate();
    },
    isOver: () => over !== undefined,
    [Symbol.asyncDispose]: async () => void (await worker.terminate()),
  };
}

/** The error as it was thrown, as far as it can cross the border. */
const errorOf = ({ name, message, stack }: NonNullable<Reply["error"]>): Error =>
  Object.assign(new Error(message), { name, stack });

export function contextOf(invocation: InvocationFacts): Context {
  const { functionName, functionArn, memoryMb, requestId, endsMs } = invocation;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName,
    functionVersion: "$LATEST",
    invokedFunctionArn: functionArn,
    memoryLimitInMB: String(memoryMb),
    awsRequestId: requestId,
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: `${new Date().toISOString().slice(0, 10).replaceAll("-", "/")}/[$LATEST]local`,
    getRemainingTimeInMillis: () => Math.max(0, endsMs - Date.now()),
    done: unsupported,
    fail: unsupported,
    succeed: unsupported,
  };
}

// Removed since the runtime of Node.js 24, which knows no callbacks.
const unsupported = (): never => {
  throw new Error("context.done, fail and succeed are gone: return a promise");
};
