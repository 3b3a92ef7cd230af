// The embedded AWS: queues, functions, event source mappings, schedules, secrets and a bus, in one
// process on 127.0.0.1.
import { SQSClient } from "@aws-sdk/client-sqs";
import { type QueueName, type ServiceName, topology } from "../../shared/topology.ts";
import { startAwsJsonServer } from "./aws-json-server.ts";
import { type EventBusShape, eventBridge } from "./event-bridge.ts";
import { type EventSourceMapping, type Invocation, startMapping } from "./event-source-mapping.ts";
import { type LambdaFunction, type LambdaHandler, lambdaFunction } from "./lambda-function.ts";
import { createPrincipals, type KeyRing, type Keys, type Principals } from "./principals.ts";
import {
  ACCOUNT_ID,
  deadLetterQueueName,
  deadLetterShape,
  listenerQueueName,
  listenerShapes,
  queueArn,
  queueNames,
  queueShapes,
  REGION,
  sourceQueueName,
} from "./queue-shape.ts";
import { type ScheduleShape, startScheduler } from "./scheduler.ts";
import { createSecretsManager } from "./secrets-manager.ts";
import type { MessageStore } from "./sqs/message-store.ts";
import { createSqs } from "./sqs/sqs-service.ts";

/** The part of a function's environment that a deployment sets for AWS. */
type Environment = Readonly<Record<string, string>>;

/** As in a deployment: the sweep's, those of workloads, and those that Lambda had taken already. */
const startDeadLetters = ["sweep", "workloads", "failed-starts"] as const;
type StartDeadLetters = (typeof startDeadLetters)[number];

export type Schedule = {
  readonly name: string;
  /** `rate(5 minutes)` or `cron(0 6 * * ? *)`, in UTC. */
  readonly expression: string;
  readonly target: ServiceName;
  /**
   * The function's input; `<aws.scheduler.scheduled-time>` and similar placeholders are filled in.
   */
  readonly input: unknown;
  /** Further tries if the function fails; then the input is a dead letter. Default 2. */
  readonly retriesMax?: number;
  /** The queue of failed starts: `schedule-<name>`. */
  readonly deadLetters: StartDeadLetters;
  /** When it was made, if that was before. */
  readonly createdMs?: number | undefined;
  /** See ScheduleShape. */
  readonly timeScale?: number;
};

export type AwsOptions = {
  /**
   * The stack's name, as part of the names of queues, functions and schedules: `<stack>-tickets`.
   */
  readonly stack: string;
  /**
   * Each service's handler: a module that exports it, run in an environment of its own, or a
   * function of this process.
   */
  readonly functions: Readonly<Record<ServiceName, URL | LambdaHandler>>;
  /**
   * The variables that a deployment would set in the functions' environment, beside
   * `Aws.environment`.
   */
  readonly variables?: Environment;
  readonly schedules?: readonly Schedule[];
  /** The texts of secrets, by name. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly eventBus: EventBusShape;
  /** The port of all services; 0 (default): any free one. */
  readonly port?: number | undefined;
  /** The file of SQS' messages. Absent: they are gone with the process. */
  readonly messages?: string;
  /** The keys of before, of a plane that is kept. */
  readonly keys?: KeyRing | undefined;
  /** Called before each invocation: the moment to renew a function. */
  readonly beforeInvoked?: (service: ServiceName) => void;
  readonly onInvoked?: (invocation: Invocation) => void;
  /** Each line that a function writes, as CloudWatch Logs would get it. */
  readonly onLine?: (service: ServiceName, line: string) => void;
  /**
   * Called with each trouble that Lambda and Scheduler would put into their metrics. Default:
   * stderr.
   */
  readonly onTrouble?: (sentence: string) => void;
};

export type Aws = AsyncDisposable & {
  /** The variables that every function gets about AWS, except its keys. */
  readonly environment: Environment;
  /** The client of an on-call person: orders, dead letters, replays. */
  readonly sqs: SQSClient;
  /** The client of an upstream system: tickets, and nothing else. */
  readonly upstream: SQSClient;
  /** Keys as variables of the environment, for a process of that principal. */
  readonly keysOf: (who: "on-call" | "upstream") => Environment;
  readonly queueUrl: (queue: QueueName) => string;
  /** The dead-letter queue of a queue, or of a schedule: `schedule-<name>`. */
  readonly deadLetterUrl: (of: string) => string;
  readonly putSecret: (name: string, text: string) => void;
  /** All keys, for a plane that is kept. */
  readonly keys: KeyRing;
  readonly port: number;
  /** The queue that hears every event of the bus. */
  readonly listenerUrl: string;
  /** How many messages a queue holds, by its name with the stack's. */
  readonly depth: MessageStore["depth"];
  /** The next invocation of it meets its code and its files as they are now. */
  readonly renew: (service: ServiceName) => void;
  /** Takes these schedules instead of those before. @throws Error with one sentence */
  readonly reschedule: (schedules: readonly Schedule[]) => void;
  /** Starts a function directly, as a person with the console would. */
  readonly invoke: (service: ServiceName, event: unknown) => Promise<unknown>;
};

/**
 * Starts everything. Disposing stops the schedules and the polling, waits for the work in hand, and
 * closes the servers.
 */
export async function startAws(options: AwsOptions): Promise<Aws> {
  const onTrouble = options.onTrouble ?? ((sentence: string) => console.error(sentence));
  await using started = new AsyncDisposableStack();
  const { stack } = options;
  const principals = createPrincipals(stack, options.keys);
  const {
    sqsService,
    secrets,
    place: sqsServer,
  } = await startServices(options, principals, started);
  const environment = environmentOf(options, sqsServer);
  const clientOf = (who: Parameters<Principals["keysOf"]>[0]) =>
    started.adopt(clientFor(sqsServer.endpoint, principals.keysOf(who)), (client) =>
      client.destroy(),
    );
  const functions = functionsOf(options, environment, principals);
  for (const each of Object.values(functions)) started.use(each);
  await Promise.all(Object.values(functions).map((each) => each.ready()));
  // Pollers hold long polls open, so they get sockets of their own, and nobody else waits for one.
  const pollers = clientOf("aws");
  const [sqs, upstream] = [clientOf("on-call"), clientOf("upstream")];
  const settings = { ...options, onTrouble };
  const mappings = startMappings(pollers, sqsServer, functions, settings);
  started.defer(async () => void (await Promise.all(mappings.map((mapping) => mapping.stop()))));
  const shapesOf = scheduleShapes(sqsServer, functions, stack);
  const scheduler = startScheduler(shapesOf(options.schedules ?? []), { sqs: pollers, onTrouble });
  started.defer(() => scheduler.stop());
  const running = started.move();
  return {
    environment,
    sqs,
    upstream,
    keysOf: (who) => keyVariables(principals.keysOf(who)),
    queueUrl: (queue) => sqsServer.queueUrl(sourceQueueName(options.stack, queue)),
    deadLetterUrl: (of) => sqsServer.queueUrl(deadLetterQueueName(options.stack, of)),
    putSecret: secrets.put,
    keys: principals.keys,
    port: Number(new URL(sqsServer.endpoint).port),
    listenerUrl: sqsServer.queueUrl(listenerQueueName(stack)),
    depth: sqsService.store.depth,
    renew: (service) => functions[service].renew(),
    reschedule: (schedules) => scheduler.replace(shapesOf(schedules)),
    invoke: (service, event) => functions[service].invoke(event),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** The services of AWS that have an address, all at one. */
async function startServices(
  options: AwsOptions,
  { principalOf }: Principals,
  started: AsyncDisposableStack,
) {
  const { stack } = options;
  const shapes = [
    ...queueShapes(stack),
    ...startDeadLetters.map((of) => deadLetterShape(stack, `schedule-${of}`)),
    ...listenerShapes(stack),
  ];
  let endpoint = "";
  const sqsService = started.use(createSqs({ file: options.messages, endpoint: () => endpoint }));
  for (const shape of shapes) sqsService.create(shape);
  // Only the functions receive from these, and the former functions are gone.
  for (const queue of queueNames) sqsService.store.release(sourceQueueName(stack, queue));
  const secrets = createSecretsManager(options.secrets ?? {});
  // As the example of a rule in the stack: every event, to a queue of its own.
  const events = eventBridge(options.eventBus, (event) =>
    sqsService.put(listenerQueueName(stack), JSON.stringify(event)),
  );
  const server = started.use(
    await startAwsJsonServer([sqsService.service, secrets.service, events], {
      port: options.port,
      principalOf,
    }),
  );
  endpoint = server.endpoint;
  const place: Place = { endpoint, queueUrl: (name) => `${endpoint}/${ACCOUNT_ID}/${name}` };
  return { sqsService, secrets, place };
}

const clientFor = (endpoint: string, credentials: Keys): SQSClient =>
  new SQSClient({ endpoint, region: REGION, credentials });

/** The keys are set, so that nothing looks for the machine's own, which must never be used. */
const keyVariables = ({ accessKeyId, secretAccessKey }: Keys): Environment => ({
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
});

/** Where the embedded AWS is found. */
type Place = { readonly endpoint: string; readonly queueUrl: (name: string) => string };

function environmentOf(options: AwsOptions, sqs: Place): Environment {
  const urls = queueNames.flatMap((queue) => [
    [`QUEUE_URL_${queue.toUpperCase()}`, sqs.queueUrl(sourceQueueName(options.stack, queue))],
    [
      `DEAD_LETTER_URL_${queue.toUpperCase()}`,
      sqs.queueUrl(deadLetterQueueName(options.stack, queue)),
    ],
  ]);
  return {
    AWS_REGION: REGION,
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    // Calls to any other service end here with a clear error, too, and never at the real one.
    AWS_ENDPOINT_URL: sqs.endpoint,
    EVENT_BUS_NAME: options.eventBus.name,
    ...Object.fromEntries(urls),
  };
}

function functionsOf(
  options: AwsOptions,
  environment: Environment,
  { keysOf, ownRoles }: Principals,
): Functions {
  const { stack, onLine, beforeInvoked } = options;
  const functionOf = (service: ServiceName) =>
    lambdaFunction({
      name: `${stack}-${service}`,
      code: options.functions[service],
      timeoutSeconds: timeoutOf(service),
      variables: {
        ...environment,
        ...keyVariables(keysOf(service)),
        SIGNALBOX_OWN_ROLES: ownRoles.join(","),
        ...options.variables,
        AWS_LAMBDA_FUNCTION_NAME: `${stack}-${service}`,
        NODE_ENV: "production",
      },
      ...(onLine !== undefined && { onLine: (line: string) => onLine(service, line) }),
      ...(beforeInvoked !== undefined && { beforeInvoked: () => beforeInvoked(service) }),
    });
  return {
    orchestrator: functionOf("orchestrator"),
    "run-poller": functionOf("run-poller"),
    ingester: functionOf("ingester"),
  };
}

/** A function has one timeout, whichever queue starts it. */
const timeoutOf = (service: ServiceName): number =>
  Math.max(
    ...Object.values(topology)
      .filter(({ consumer }) => consumer === service)
      .map(({ timeoutSeconds }) => timeoutSeconds),
  );

type Functions = Readonly<Record<ServiceName, LambdaFunction>>;
type Settings = AwsOptions & { readonly onTrouble: (sentence: string) => void };

const startMappings = (
  client: SQSClient,
  sqs: Place,
  functions: Functions,
  { stack, onInvoked, onTrouble }: Settings,
): readonly EventSourceMapping[] =>
  queueNames.map((queue) => {
    const { consumer, batchSize, windowSeconds, concurrencyMax } = topology[queue];
    const name = sourceQueueName(stack, queue);
    return startMapping(client, functions[consumer], {
      queueUrl: sqs.queueUrl(name),
      queueArn: queueArn(name),
      batchSize,
      windowSeconds,
      concurrencyMax,
      ...(onInvoked !== undefined && { onInvoked }),
      onTrouble,
    });
  });

const scheduleShapes =
  (sqs: Place, functions: Functions, stack: string) =>
  (schedules: readonly Schedule[]): readonly ScheduleShape[] =>
    schedules.map((schedule) => ({
      name: `${stack}-${schedule.name}`,
      expression: schedule.expression,
      target: functions[schedule.target],
      input: JSON.stringify(schedule.input),
      retriesMax: schedule.retriesMax ?? 2,
      createdMs: schedule.createdMs,
      ...(schedule.timeScale !== undefined && { timeScale: schedule.timeScale }),
      deadLetterUrl: sqs.queueUrl(deadLetterQueueName(stack, `schedule-${schedule.deadLetters}`)),
    }));
