// A plane whose workspace is a process of its own: the real handlers, each in an environment of its
// own, and what they say.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SQSEvent } from "aws-lambda";
import * as z from "zod";
import { queueArn, sourceQueueName } from "../../local/aws/queue-shape.ts";
import { sqsEventOf } from "../../local/aws/sqs-event.ts";
import { type LogLine, logLineOf } from "../../local/plane/progress.ts";
import { type Plane, startPlane } from "../../local/plane/start-plane.ts";
import type { WorkspaceAccess } from "../../local/plane/workspace-access.ts";
import { createMarkers } from "../../shared/adapters/volume-facts.ts";
import type { MarkersPort } from "../../shared/ports.ts";
import { type QueueName, topology } from "../../shared/topology.ts";
import { startWorkspaceProcess, type WorkspaceProcess } from "./workspace-process.ts";

/** As local/plane names it. */
const STACK = "signalbox-local";
const WORKLOAD = "bench";
const RECIPE = `v: 1
planner: { kind: artifact, artifact: count.py }
task: { kind: spark_python_task, compute: { serverless: { environment_version: "4" } } }
limits: { iterations: 9, attempts: 1, timeout_seconds: 120, queue_seconds: 600 }
`;
const ARTIFACT = `from signalbox_executor import context
done = context.capsule.get("done", 0) + 1
context.capsule["done"] = done
if done >= context.parameters["iterations"]:
    context.finish("counted")
`;

export type BenchPlane = AsyncDisposable &
  Pick<Plane, "aws" | "query"> &
  MarkersPort & {
    readonly workspace: WorkspaceProcess;
    /** `/Volumes/<catalog>/<schema>/facts` */
    readonly factsVolume: string;
    /** What the services logged, and when it was heard here (as performance.now() has it). */
    readonly lines: readonly Heard[];
    /** Sends a ticket whose run has so many iterations. */
    readonly start: (runId: string, iterations: number) => Promise<StartedRun>;
    /** Invokes the queue's consumer with these messages, as one batch. */
    readonly hand: (queue: QueueName, messages: readonly object[]) => Promise<void>;
    /** How many SQL statements reached the engine while something was done. */
    readonly statements: (work: () => Promise<void>) => Promise<number>;
    /** What the services have asked of Databricks, the oldest first. */
    readonly asked: () => Promise<readonly Asked[]>;
  };

type StartedRun = {
  /** Its first line with this event that fits; waited for. @throws Error after two minutes */
  readonly line: (event: string, fits: (line: Heard) => boolean) => Promise<Heard>;
};
type Heard = LogLine & { readonly atMs: number };

const Asked = z.object({
  method: z.string(),
  path: z.string(),
  user_agent: z.string().default(""),
});
type Asked = z.infer<typeof Asked>;
const RequestLog = z.object({ requests: z.array(Asked) });
const SqlFaults = z.object({ faults: z.array(z.object({ seen: z.number() })) });
const Principal = z.object({ id: z.string(), clientSecret: z.string() });

export async function startBenchPlane(): Promise<BenchPlane> {
  await using started = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "signalbox-bench-"));
  started.defer(() => rmSync(folder, { recursive: true, force: true }));
  const workspace = started.use(await startWorkspaceProcess());
  const lines: Heard[] = [];
  const plane = started.use(
    await startPlane({
      folder: join(folder, "plane"),
      workspace: () => accessTo(workspace),
      workloads: workloadsIn(folder),
      onLog: (_service, text) => {
        const line = logLineOf(text);
        if (line !== undefined) lines.push({ ...line, atMs: performance.now() });
      },
    }),
  );
  const factsVolume = `/Volumes/${plane.access.catalog}/${plane.access.schema}/facts`;
  const running = started.move();
  return {
    aws: plane.aws,
    query: plane.query,
    workspace,
    factsVolume,
    ...createMarkers({ files: plane.client.files, factsVolume }),
    lines,
    start: async (ticket_id, iterations) => {
      const from = lines.length;
      await plane.send({ ticket_id, workload: WORKLOAD, parameters: { iterations } });
      return {
        line: (event, fits) =>
          firstLine(lines, from, `${event} of ${ticket_id}`, (line) => {
            if (line.event !== event || line.run_id !== ticket_id) return false;
            return fits(line);
          }),
      };
    },
    hand: async (queue, messages) => {
      const event = eventOf(queue, messages);
      await plane.aws.invoke(topology[queue].consumer, event);
    },
    statements: (work) => statementsOf(workspace, work),
    asked: async () => {
      const { requests } = RequestLog.parse(await workspace.admin("GET", "/requests"));
      // The services say their version; the command line, which bootstraps, does not.
      return requests.filter(({ user_agent }) => user_agent.startsWith("signalbox/"));
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function workloadsIn(folder: string): string {
  const workload = join(folder, "workloads", WORKLOAD);
  mkdirSync(workload, { recursive: true });
  writeFileSync(join(workload, "recipe.yaml"), RECIPE);
  writeFileSync(join(workload, "count.py"), ARTIFACT);
  return join(folder, "workloads");
}

/** As local/plane/workspace-access.ts makes it for a workspace of this process. */
async function accessTo(workspace: WorkspaceProcess): Promise<WorkspaceAccess> {
  const add = async (displayName: string, admin: boolean) =>
    Principal.parse(await workspace.admin("POST", "/principals", { displayName, admin }));
  const loginOf = (clientId: string, clientSecret: string) => ({
    host: workspace.variable("DATABRICKS_HOST"),
    httpPath: workspace.variable("DATABRICKS_HTTP_PATH"),
    credentials: { kind: "oauth-m2m", clientId, clientSecret } as const,
    caFile: workspace.caFile,
  });
  const controllers = await add("controllers", true);
  const executors = await add("executors", false);
  return {
    operator: loginOf(
      workspace.variable("DATABRICKS_CLIENT_ID"),
      workspace.variable("DATABRICKS_CLIENT_SECRET"),
    ),
    controllers: loginOf(controllers.id, controllers.clientSecret),
    controllersId: controllers.id,
    executorsId: executors.id,
    catalog: "main",
    schema: "ops",
    [Symbol.asyncDispose]: async () => {}, // whoever started the workspace ends it
  };
}

async function firstLine(
  lines: readonly Heard[],
  from: number,
  what: string,
  fits: (line: Heard) => boolean,
): Promise<Heard> {
  for (let left = 12_000; left > 0; left--) {
    const found = lines.slice(from).find(fits);
    if (found !== undefined) return found;
    await sleep(10);
  }
  throw new Error(`it took more than two minutes, and did not come: ${what}`);
}

function eventOf(queue: QueueName, messages: readonly object[]): SQSEvent {
  const arn = queueArn(sourceQueueName(STACK, queue));
  return sqsEventOf(
    arn,
    messages.map((message, i) => ({ MessageId: `bench-${i}`, Body: JSON.stringify(message) })),
  );
}

async function statementsOf(
  { admin }: WorkspaceProcess,
  work: () => Promise<void>,
): Promise<number> {
  // A fault that does nothing, but counts what it might have struck.
  await admin("POST", "/sql-faults", { delay_ms: 0 });
  await work();
  const { faults } = SqlFaults.parse(await admin("GET", "/sql-faults"));
  await admin("DELETE", "/sql-faults");
  return faults.reduce((sum, { seen }) => sum + seen, 0);
}
