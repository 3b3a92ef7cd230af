// A whole plane in one process: a workspace, the embedded AWS, and the three services, each in an
// environment of its own.
import { randomUUID } from "node:crypto";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { bootstrap } from "../../cli/bootstrap.ts";
import { secretOf, type WorkspaceClient, workspaceClient } from "../../cli/workspace-client.ts";
import type { SourceFile } from "../../infra/executor.ts";
import { eventBusName } from "../../infra/names.ts";
import { readWorkloads, scheduledOf, scratchpadsOf } from "../../infra/workloads.ts";
import type { Row } from "../../shared/adapters/databricks-sql.ts";
import { type ServiceName, sweepEverySeconds } from "../../shared/topology.ts";
import type { BusEvent } from "../aws/event-bridge.ts";
import type { Invocation } from "../aws/event-source-mapping.ts";
import { type Aws, type Schedule, startAws } from "../aws/start-aws.ts";
import { claimFolder, releaseFolder } from "./folder.ts";
import type { WorkspaceAccess } from "./workspace-access.ts";

const STACK = "signalbox-local";
const SECRET_ID = "signalbox/local/databricks";
const root = join(import.meta.dirname, "..", "..");

export type PlaneOptions = {
  /** Emptied at the start, kept at the end. */
  readonly folder: string;
  /**
   * Goes on with the plane in the folder: its facts, its runs, its workspace. Messages in queues
   * are lost.
   */
  readonly keeps?: boolean | undefined;
  /** Called once the folder exists. */
  readonly workspace: (folder: string) => Promise<WorkspaceAccess> | WorkspaceAccess;
  /** Multiplies the plane's own waits. Default 0.02: the first look comes after a second. */
  readonly timeScale?: number;
  /** A folder of workloads. Default: the project's. */
  readonly workloads?: string;
  /** Reviewed code and data for company_codebase. */
  readonly codebase?: readonly SourceFile[];
  /** Called with each step of the bootstrap, as a line of text. */
  readonly say?: (line: string) => void;
  /** Called with each log line of the services, parsed if it is JSON. */
  readonly onLog?: (service: ServiceName, line: string) => void;
  readonly onEvent?: (event: BusEvent) => void;
  readonly onInvoked?: (invocation: Invocation) => void;
};

export type Plane = AsyncDisposable & {
  readonly planeId: string;
  /** Absolute. */
  readonly folder: string;
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
  const { folder, isEmptied } = claimFolder(options.folder, options.keeps);
  if (isEmptied)
    options.say?.(
      `emptied ${folder}: the plane of before is gone, with its facts and runs (--keep goes on with one)`,
    );
  started.defer(() => releaseFolder(folder));
  const access = started.use(await options.workspace(join(folder, "workspace")));
  const client = started.use(workspaceClient(access.operator));
  const { planeId, executorPath } = await bootstrap(client, {
    stack: STACK,
    catalog: access.catalog,
    schema: access.schema,
    controllers: access.controllersId,
    executors: [access.executorsId],
    scratchpads: scratchpadsOf(
      { executor: access.executorsId, volume: "scratchpad" },
      readWorkloads(options.workloads ?? join(root, "workloads")),
    ),
    onCall: access.onCallId,
    planeId: randomUUID(),
    nowIso: new Date().toISOString(),
    codebase: options.codebase ?? [],
    ...(options.say !== undefined && { say: options.say }),
  });
  const aws = started.use(await startServices(options, { folder, access, executorPath }));
  const running = started.move();
  return {
    planeId,
    folder,
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

type Context = {
  readonly folder: string;
  readonly access: WorkspaceAccess;
  readonly executorPath: string;
};

function startServices(options: PlaneOptions, context: Context): Promise<Aws> {
  const { folder } = context;
  const timeScale = options.timeScale ?? 0.02;
  const workloads = options.workloads ?? join(root, "workloads");
  return startAws({
    stack: STACK,
    functions: {
      orchestrator: new URL("../../services/orchestrator/handler.ts", import.meta.url),
      "run-poller": new URL("../../services/run-poller/handler.ts", import.meta.url),
      ingester: new URL("../../services/ingester/handler.ts", import.meta.url),
    },
    variables: variablesOf(context, timeScale, workloads),
    schedules: schedulesOf(workloads),
    secrets: { [SECRET_ID]: secretOf(context.access.controllers.credentials) },
    eventBus: {
      name: eventBusName(STACK),
      file: join(folder, "events.jsonl"),
      ...(options.onEvent !== undefined && { listener: options.onEvent }),
    },
    timeScale,
    onLine: (service, line) => {
      appendFileSync(join(folder, "log.jsonl"), `${line}\n`);
      options.onLog?.(service, line);
    },
    ...(options.onInvoked !== undefined && { onInvoked: options.onInvoked }),
  });
}

/** The variables that a deployment sets in the functions' environment. */
const variablesOf = (
  { access, executorPath }: Context,
  timeScale: number,
  workloads: string,
): Readonly<Record<string, string>> => ({
  DATABRICKS_HOST: access.controllers.host,
  DATABRICKS_AUTH: access.controllers.credentials.kind,
  DATABRICKS_SECRET_ID: SECRET_ID,
  DATABRICKS_HTTP_PATH: access.controllers.httpPath,
  ...(access.controllers.caFile !== undefined && {
    SIGNALBOX_CA_FILE: access.controllers.caFile,
  }),
  SIGNALBOX_CATALOG: access.catalog,
  SIGNALBOX_SCHEMA: access.schema,
  SIGNALBOX_STACK: STACK,
  SIGNALBOX_RUN_AS: access.executorsId,
  SIGNALBOX_CONTROLLERS: access.controllersId,
  SIGNALBOX_EXECUTOR_PATH: executorPath,
  SIGNALBOX_TIME_SCALE: String(timeScale),
  SIGNALBOX_WORKLOADS: workloads,
  // Here one environment does the work that Lambda would spread over many, so the share of all of
  // them is its own.
  SIGNALBOX_INSTANCES: "1",
});

/**
 * The sweep, and one schedule for each workload whose recipe has one; as the CDK app makes them.
 */
function schedulesOf(workloads: string): readonly Schedule[] {
  const sweep: Schedule = {
    name: "sweep",
    expression: `rate(${sweepEverySeconds / 60} minutes)`,
    target: "orchestrator",
    input: { schedule: "sweep" },
    retriesMax: 0, // a tick that is late is useless: the next one comes
  };
  const ofWorkloads = scheduledOf(readWorkloads(workloads)).map(
    ({ workload, schedule }): Schedule => ({
      name: workload,
      expression: schedule,
      target: "orchestrator",
      input: {
        schedule: "workload",
        workload,
        scheduled_time: "<aws.scheduler.scheduled-time>",
      },
    }),
  );
  return [sweep, ...ofWorkloads];
}
