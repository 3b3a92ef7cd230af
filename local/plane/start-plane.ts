// A whole plane in one process: a workspace, the embedded AWS, and the three services, each in an
// environment of its own.
import { randomUUID } from "node:crypto";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { bootstrap } from "../../cli/bootstrap.ts";
import { prepareSecretScope } from "../../cli/secret-scope.ts";
import { secretOf, type WorkspaceClient, workspaceClient } from "../../cli/workspace-client.ts";
import type { SourceFile } from "../../infra/executor.ts";
import { eventBusName } from "../../infra/names.ts";
import { scratchpadsOf } from "../../infra/workloads.ts";
import type { Row } from "../../shared/adapters/databricks-sql.ts";
import type { ServiceName } from "../../shared/topology.ts";
import type { BusEvent } from "../aws/event-bridge.ts";
import type { Invocation } from "../aws/event-source-mapping.ts";
import { type Aws, startAws } from "../aws/start-aws.ts";
import { claimFolder } from "./folder.ts";
import { type Kept, readKept, writeKept } from "./kept.ts";
import { putSecrets } from "./own-secrets.ts";
import { keptSchedules, schedulesOf } from "./schedules.ts";
import { SECRET_ID, STACK, variablesOf } from "./variables.ts";
import { openWorkloadFolder, type WorkloadChange, type WorkloadFolder } from "./workload-folder.ts";
import type { WorkspaceAccess } from "./workspace-access.ts";

const root = join(import.meta.dirname, "..", "..");

export type PlaneOptions = {
  /** Emptied at the start, unless the plane in it is kept. */
  readonly folder: string;
  /**
   * Goes on with the plane in the folder, if there is one: its messages, facts, runs, workspace,
   * schedules, keys and port.
   */
  readonly keeps?: boolean | undefined;
  /** The port of the embedded AWS. Default: the one of before, or any free one. */
  readonly port?: number | undefined;
  /** Called once the folder exists. */
  readonly workspace: (folder: string) => Promise<WorkspaceAccess> | WorkspaceAccess;
  /** Multiplies the plane's own waits. Default 0.02: the first look comes after a second. */
  readonly timeScale?: number;
  /** A folder of workloads. Default: the project's. */
  readonly workloads?: string;
  /** Reviewed code and data for company_codebase. */
  readonly codebase?: readonly SourceFile[];
  /** Put into the secret scope of the stack, by name, for executed code to read. */
  readonly secrets?: Readonly<Record<string, string>> | undefined;
  /** Called with each step of the start, as a line of text. What it throws ends the start. */
  readonly say?: (line: string) => void;
  /** Called when workloads have changed, or cannot be taken as they are now. */
  readonly onWorkloads?: (change: WorkloadChange) => void;
  /** Called with each log line of the services, parsed if it is JSON. */
  readonly onLog?: (service: ServiceName, line: string) => void;
  readonly onEvent?: (event: BusEvent) => void;
  readonly onInvoked?: (invocation: Invocation) => void;
};

export type Plane = AsyncDisposable & {
  readonly planeId: string;
  /** Absolute. */
  readonly folder: string;
  /** The folder of its workloads. */
  readonly workloads: string;
  readonly access: WorkspaceAccess;
  /** A client of the operator. */
  readonly client: WorkspaceClient;
  readonly aws: Aws;
  /**
   * Puts a message on `tickets`, as an upstream system does: an object as JSON, a text as it is.
   */
  readonly send: (message: object | string) => Promise<void>;
  /** Puts a message on `orders`, as a person does. */
  readonly order: (message: object) => Promise<void>;
  /** Runs one statement in the plane's schema, through the unmodified driver. */
  readonly query: (statement: string) => Promise<readonly Row[]>;
};

/** Starts a plane. Disposing waits for the work in hand, and ends every process that it started. */
export async function startPlane(options: PlaneOptions): Promise<Plane> {
  await using started = new AsyncDisposableStack();
  const workloads = openWorkloadFolder(options.workloads ?? join(root, "workloads"));
  const claimed = started.use(claimFolder(options.folder, options.keeps !== true));
  const { folder } = claimed;
  if (claimed.isEmptied)
    options.say?.(
      `emptied ${folder}: the plane of before is gone, with its facts and runs (npm run dev keeps its own)`,
    );
  const access = started.use(await options.workspace(join(folder, "workspace")));
  const client = started.use(workspaceClient(access.operator));
  const { planeId, executorPath } = await prepare(options, { access, client, workloads });
  const aws = await startServices(options, { folder, access, executorPath, workloads }, started);
  const running = started.move();
  return {
    planeId,
    folder,
    workloads: options.workloads ?? join(root, "workloads"),
    access,
    client,
    aws,
    send: async (message) => {
      const MessageBody = typeof message === "string" ? message : JSON.stringify(message);
      await aws.upstream.send(
        new SendMessageCommand({ QueueUrl: aws.queueUrl("tickets"), MessageBody }),
      );
    },
    order: async (message) => {
      const MessageBody = JSON.stringify(message);
      await aws.sqs.send(new SendMessageCommand({ QueueUrl: aws.queueUrl("orders"), MessageBody }));
    },
    query: async (statement) => {
      await using session = await client.sql(access.catalog, access.schema).open();
      return await session.execute(statement);
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

type Prepared = {
  readonly access: WorkspaceAccess;
  readonly client: WorkspaceClient;
  readonly workloads: WorkloadFolder;
};

async function prepare(options: PlaneOptions, { access, client, workloads }: Prepared) {
  const { executorsId: executor } = access;
  const { planeId, executorPath } = await bootstrap(client, {
    stack: STACK,
    catalog: access.catalog,
    schema: access.schema,
    controllers: access.controllersId,
    executors: [executor],
    scratchpads: scratchpadsOf({ executor, volume: "scratchpad" }, workloads.current()),
    onCall: access.onCallId,
    planeId: randomUUID(),
    nowIso: new Date().toISOString(),
    codebase: options.codebase ?? [],
    ...(options.say !== undefined && { say: options.say }),
  });
  await prepareSecretScope(client.http, STACK, [executor]);
  for (const line of await putSecrets(client.http, STACK, options.secrets ?? {}))
    options.say?.(line);
  return { planeId, executorPath };
}

type Context = {
  readonly folder: string;
  readonly access: WorkspaceAccess;
  readonly executorPath: string;
  readonly workloads: WorkloadFolder;
};

// How often the folder of workloads is looked at while no message comes. Each message looks, too.
const LOOK_EVERY_MS = 500;

async function startServices(
  options: PlaneOptions,
  context: Context,
  started: AsyncDisposableStack,
): Promise<Aws> {
  const { folder, workloads } = context;
  const timeScale = options.timeScale ?? 0.02;
  let kept = readKept(folder);
  const keep = (change: Partial<Kept>): void => {
    kept = { ...kept, ...change };
    writeKept(folder, kept);
  };
  const schedules = () => schedulesOf(workloads.current(), kept.schedules, timeScale);
  const look = (): void => {
    const change = workloads.look();
    if (change === undefined) return;
    if (change.kind === "taken") {
      aws?.renew("orchestrator");
      aws?.reschedule(schedules());
      keep({ schedules: keptSchedules(change.workloads, kept.schedules, Date.now()) });
    }
    options.onWorkloads?.(change);
  };
  let aws: Aws | undefined;
  const running = await startOn(options.port ?? kept.port, options.port !== undefined, (port) =>
    startAws({
      ...awsOptionsOf(options, context, timeScale),
      schedules: schedules(),
      port,
      keys: kept.keys,
      beforeInvoked: (service) => void (service === "orchestrator" && look()),
    }),
  );
  aws = started.use(running);
  keep({
    port: running.port,
    keys: running.keys,
    schedules: keptSchedules(workloads.current(), kept.schedules, Date.now()),
  });
  const looking = setInterval(look, LOOK_EVERY_MS);
  started.defer(() => clearInterval(looking));
  return running;
}

/** The port of before is a convenience, one that was asked for is not. */
async function startOn(
  port: number | undefined,
  isAsked: boolean,
  start: (port: number) => Promise<Aws>,
): Promise<Aws> {
  if (port === undefined || isAsked) return await start(port ?? 0);
  try {
    return await start(port);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes("is in use")) throw error;
    return await start(0);
  }
}

function awsOptionsOf(options: PlaneOptions, context: Context, timeScale: number) {
  const { folder, access } = context;
  const { onLog, onEvent, onInvoked } = options;
  return {
    stack: STACK,
    functions: {
      orchestrator: new URL("../../services/orchestrator/handler.ts", import.meta.url),
      "run-poller": new URL("../../services/run-poller/handler.ts", import.meta.url),
      ingester: new URL("../../services/ingester/handler.ts", import.meta.url),
    },
    variables: variablesOf(
      { ...context, workloads: options.workloads ?? join(root, "workloads") },
      timeScale,
    ),
    messages: join(folder, "messages.sqlite"),
    secrets: { [SECRET_ID]: secretOf(access.controllers.credentials) },
    eventBus: {
      name: eventBusName(STACK),
      file: join(folder, "events.jsonl"),
      ...(onEvent !== undefined && { listener: onEvent }),
    },
    onLine: (service: ServiceName, line: string) => {
      appendFileSync(join(folder, "log.jsonl"), `${line}\n`);
      onLog?.(service, line);
    },
    ...(onInvoked !== undefined && { onInvoked }),
  };
}
