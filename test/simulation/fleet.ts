// Lambda: environments that start cold, stay warm, are cut off at their timeout and die; each of
// them runs the real handlers.
import type { Context, SQSBatchResponse, SQSEvent } from "aws-lambda";
import { type QueueName, type ServiceName, topology } from "../../shared/topology.ts";
import { SECOND, type VirtualClock } from "./clock.ts";
import { die, type Environment, type Pulse, thaw } from "./environment.ts";
import type { Random } from "./random.ts";
import { isReadable } from "./readable.ts";
import type { Trace } from "./trace.ts";

type SqsHandler = (event: SQSEvent, context: Context) => Promise<SQSBatchResponse>;
export type Handlers = Readonly<Partial<Record<QueueName, SqsHandler>>> & {
  readonly scheduled?: (input: unknown) => Promise<unknown>;
};

/** How an invocation ended: with an answer, by throwing, or by dying. */
export type Ended<Answer> =
  | { readonly kind: "answered"; readonly answer: Answer }
  | { readonly kind: "threw"; readonly error: unknown }
  | { readonly kind: "died" };

export type Fleet = {
  readonly deliver: (
    queue: QueueName,
    event: SQSEvent,
    then: (ended: Ended<SQSBatchResponse>) => void,
  ) => void;
  readonly schedule: (input: unknown, then: (ended: Ended<unknown>) => void) => void;
  /** Everything that runs or is warm dies at once. */
  readonly blackout: () => void;
  readonly running: () => number;
};

type Deps = {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly trace: Trace;
  readonly pulse: Pulse;
  /** How far the clock of an environment may be off. */
  readonly skewMsMax: number;
  readonly create: (env: Environment) => Handlers;
  readonly onError: (error: unknown) => void;
  /** Something was deployed since it began. */
  readonly isOutdated: (env: Environment) => boolean;
};
type Warm = { readonly env: Environment; readonly handlers: Handlers };

const ORCHESTRATOR_TIMEOUT = topology.turns.timeoutSeconds * SECOND;

export function createFleet(deps: Deps): Fleet {
  const { clock, random, trace, pulse, skewMsMax } = deps;
  const idle: Record<ServiceName, Warm[]> = { orchestrator: [], "run-poller": [], ingester: [] };
  const busy = new Set<Warm>();
  let born = 0;

  function start(service: ServiceName): Warm {
    const id = ++born;
    const env: Environment = {
      id,
      name: `${service}#${id}`,
      service,
      bornMs: clock.nowMs(),
      pulse,
      skewMs: random.between(-skewMsMax, skewMsMax),
      purpose: "schedule",
      failed: new Set(),
      isDead: false,
      isRunning: false,
      pending: 0,
      sinceMs: clock.nowMs(),
      frozen: [],
      onDeath: undefined,
    };
    return { env, handlers: deps.create(env) };
  }

  function acquire(service: ServiceName): Warm {
    let warm = idle[service].pop();
    while (warm !== undefined && (warm.env.isDead || deps.isOutdated(warm.env)))
      warm = idle[service].pop();
    // Lambda throws environments away as it likes, with all that was unfinished in them.
    return warm === undefined || random.chance(0.05) ? start(service) : warm;
  }

  function invoke<Answer>(
    service: ServiceName,
    purpose: Environment["purpose"],
    timeoutMs: number,
    work: (handlers: Handlers, context: Context) => Promise<Answer>,
    then: (ended: Ended<Answer>) => void,
    check: (env: Environment, answer: Answer) => void = () => {},
  ): void {
    const warm = acquire(service);
    const { env } = warm;
    const endsMs = clock.nowMs() + timeoutMs;
    const timeout = clock.at(endsMs, () => {
      trace.say(() => `✗ ${env.name} is cut off by Lambda's timeout`);
      die(env);
    });
    let isOver = false;
    const finish = (ended: Ended<Answer>): void => {
      if (isOver) return;
      isOver = true;
      timeout.cancelled = true;
      busy.delete(warm);
      env.onDeath = undefined;
      env.isRunning = false;
      if (!env.isDead) idle[service].push(warm);
      then(ended);
    };
    busy.add(warm);
    env.onDeath = () => {
      trace.say(() => `✗ ${env.name} dies`);
      finish({ kind: "died" });
    };
    thaw(env, purpose, clock.nowMs());
    const isFresh = env.sinceMs === clock.nowMs();
    work(warm.handlers, contextOf(env, endsMs, clock)).then(
      (answer) => {
        // Calls that nobody awaited would be frozen with the environment, or die with it.
        if (!isOver && isFresh && env.pending > 0 && isAllDone(answer))
          deps.onError(new Error(`${env.name} answered before ${env.pending} of its calls`));
        if (!isOver && isFresh) check(env, answer);
        finish({ kind: "answered", answer });
      },
      (error: unknown) => {
        // A schedule may fail: it comes again. A wrapped handler answers, whatever happens.
        if (!isOver && purpose !== "schedule") deps.onError(error);
        finish({ kind: "threw", error });
      },
    );
  }

  return {
    deliver: (queue, event, then) => {
      const { consumer, timeoutSeconds } = topology[queue];
      invoke(
        consumer,
        queue,
        timeoutSeconds * SECOND,
        (handlers, context) => handlers[queue]!(event, context),
        then,
        (env, answer) => {
          for (const id of contradictions(queue, event, env, answer))
            deps.onError(
              new Error(`${env.name} says of ${id} that it failed, and that it did not`),
            );
        },
      );
    },
    schedule: (input, then) =>
      invoke(
        "orchestrator",
        "schedule",
        ORCHESTRATOR_TIMEOUT,
        (handlers) => handlers.scheduled!(input),
        then,
      ),
    blackout: () => {
      for (const warm of [...busy]) die(warm.env);
      for (const service of Object.keys(idle) as ServiceName[])
        for (const { env } of idle[service].splice(0)) die(env);
    },
    running: () => busy.size,
  };
}

/**
 * What the answer calls failed is what the log calls failed; of what cannot even be read, nothing
 * need be said.
 */
function contradictions(
  queue: QueueName,
  { Records }: SQSEvent,
  { failed }: Environment,
  { batchItemFailures }: SQSBatchResponse,
): readonly string[] {
  const named = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
  return Records.filter(({ messageId }) => named.has(messageId) !== failed.has(messageId))
    .filter(({ body }) => isReadable(queue, body))
    .map(({ messageId }) => messageId);
}

const isAllDone = (answer: unknown): boolean =>
  (answer as SQSBatchResponse | undefined)?.batchItemFailures.length === 0;

const contextOf = (env: Environment, endsMs: number, clock: VirtualClock): Context => ({
  callbackWaitsForEmptyEventLoop: false,
  functionName: env.service,
  functionVersion: "$LATEST",
  invokedFunctionArn: `arn:aws:lambda:eu-central-1:000000000000:function:${env.service}`,
  memoryLimitInMB: "512",
  awsRequestId: `${env.name}@${clock.nowMs()}`,
  logGroupName: `/aws/lambda/${env.service}`,
  logStreamName: env.name,
  getRemainingTimeInMillis: () => endsMs - clock.nowMs(),
  done: () => {},
  fail: () => {},
  succeed: () => {},
});
