// One function as Lambda runs it: JSON in, JSON out, a context with a deadline, and a timeout that
// ends it.
import { randomUUID } from "node:crypto";
import type { Context } from "aws-lambda";
import {
  contextOf,
  type FunctionEnvironment,
  type InvocationFacts,
  startEnvironment,
} from "./function-environment.ts";
import { ACCOUNT_ID, REGION } from "./queue-shape.ts";

/** The export of a service's handler.ts. */
export type LambdaHandler = (event: never, context: Context) => unknown;

export type FunctionShape = {
  readonly name: string;
  /**
   * A module that exports `handler`, run in an environment of its own; or a handler of this
   * process.
   */
  readonly code: URL | LambdaHandler;
  readonly timeoutSeconds: number;
  readonly memoryMb?: number;
  /** The variables of the environment. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Each line that the environment writes. */
  readonly onLine?: (line: string) => void;
  /** Called before each invocation: the moment to renew it. */
  readonly beforeInvoked?: () => void;
};

export type LambdaFunction = AsyncDisposable & {
  readonly name: string;
  readonly timeoutSeconds: number;
  /** Resolves when the code is loaded. @throws the error of loading it */
  readonly ready: () => Promise<void>;
  /** Like a deployment: the next invocation meets new code; what runs ends with the old. */
  readonly renew: () => void;
  /** Runs the handler once. @throws the error of the handler, or FunctionTimeoutError */
  readonly invoke: (event: unknown) => Promise<unknown>;
};

/**
 * The handler had not answered at its timeout: Lambda ends its environment, and the invocation has
 * failed.
 */
class FunctionTimeoutError extends Error {
  override readonly name = "FunctionTimeoutError";
}

// Lambda's limit: the request and the response of a synchronous invocation have at most 6 MB each.
export const PAYLOAD_BYTES_MAX = 6 * 1024 * 1024;
const MEMORY_MB = 512;

export function lambdaFunction(shape: FunctionShape): LambdaFunction {
  const { name, timeoutSeconds } = shape;
  const runner = runnerOf(shape);
  return {
    name,
    timeoutSeconds,
    ready: runner.ready,
    renew: runner.renew,
    invoke: async (event) => {
      shape.beforeInvoked?.();
      const invocation = {
        functionName: name,
        functionArn: functionArn(name),
        memoryMb: shape.memoryMb ?? MEMORY_MB,
        requestId: randomUUID(),
        endsMs: Date.now() + timeoutSeconds * 1000,
      };
      const input = bounded(name, "event", JSON.stringify(event)) ?? "null";
      const output = await beforeTimeout(shape, runner, invocation, input);
      return parsed(bounded(name, "response", output));
    },
    [Symbol.asyncDispose]: runner[Symbol.asyncDispose],
  };
}

export const functionArn = (name: string): string =>
  `arn:aws:lambda:${REGION}:${ACCOUNT_ID}:function:${name}`;

type Runner = Pick<FunctionEnvironment, "run" | "kill"> &
  AsyncDisposable & { readonly ready: () => Promise<void>; readonly renew: () => void };

const runnerOf = (shape: FunctionShape): Runner =>
  shape.code instanceof URL ? inEnvironment(shape, shape.code) : inProcess(shape.code);

/** An environment that ended, by a crash or by a timeout, is replaced at the next invocation. */
function inEnvironment(shape: FunctionShape, module: URL): Runner {
  const start = () =>
    startEnvironment({
      module,
      variables: shape.variables ?? {},
      onLine: shape.onLine ?? ((line) => console.error(line)),
    });
  let environment = start();
  const running = new Map<FunctionEnvironment, number>();
  const count = (of: FunctionEnvironment, more: 1 | -1): void => {
    const left = (running.get(of) ?? 0) + more;
    if (left > 0) running.set(of, left);
    else running.delete(of);
    if (left === 0 && of !== environment) void of[Symbol.asyncDispose]();
  };
  return {
    ready: () => environment.ready,
    renew: () => {
      const old = environment;
      environment = start();
      if (!running.has(old)) void old[Symbol.asyncDispose]();
    },
    run: async (event, invocation) => {
      if (environment.isOver()) environment = start();
      const own = environment;
      count(own, 1);
      try {
        return await own.run(event, invocation);
      } finally {
        count(own, -1);
      }
    },
    kill: (reason) => {
      for (const each of new Set([environment, ...running.keys()])) each.kill(reason);
    },
    [Symbol.asyncDispose]: async () => {
      const all = new Set([environment, ...running.keys()]);
      await Promise.all([...all].map((each) => each[Symbol.asyncDispose]()));
    },
  };
}

/**
 * One process cannot kill its own code, so a late call goes on alone, and does what a late call may
 * always do.
 */
const inProcess = (handler: LambdaHandler): Runner => ({
  ready: async () => {},
  renew: () => {},
  run: async (event, invocation) =>
    JSON.stringify(await handler(JSON.parse(event) as never, contextOf(invocation))),
  kill: () => {},
  [Symbol.asyncDispose]: async () => {},
});

async function beforeTimeout(
  { name, timeoutSeconds }: FunctionShape,
  runner: Runner,
  invocation: InvocationFacts,
  event: string,
): Promise<string | undefined> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const what = `${name} ${invocation.requestId}: Task timed out`;
    const error = new FunctionTimeoutError(`${what} after ${timeoutSeconds.toFixed(2)} seconds`);
    late.reject(error);
    runner.kill(error);
  }, timeoutSeconds * 1000);
  try {
    return await Promise.race([runner.run(event, invocation), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function bounded(
  name: string,
  what: "event" | "response",
  text: string | undefined,
): string | undefined {
  const bytes = Buffer.byteLength(text ?? "");
  if (bytes > PAYLOAD_BYTES_MAX)
    throw new Error(
      `the ${what} of ${name} has ${bytes} bytes; Lambda carries at most ${PAYLOAD_BYTES_MAX}`,
    );
  return text;
}

const parsed = (text: string | undefined): unknown =>
  text === undefined ? undefined : JSON.parse(text);
