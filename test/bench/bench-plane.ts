// A plane whose workspace is a process of its own: the real handlers, each in an environment of its own, and what they say.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { type LogLine, logLineOf } from "../../local/plane/progress.ts";
import { type Plane, startPlane } from "../../local/plane/start-plane.ts";
import type { WorkspaceAccess } from "../../local/plane/workspace-access.ts";
import { startWorkspaceProcess, type WorkspaceProcess } from "./workspace-process.ts";

export const WORKLOAD = "bench";
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
  Pick<Plane, "aws" | "send" | "query"> & {
    readonly workspace: WorkspaceProcess;
    /** The catalog path of the facts, without a slash at the end. */
    readonly facts: string;
    /** What the services logged, and when it was heard here (as performance.now() has it). */
    readonly lines: readonly Heard[];
    /** The first line from the index on that fits; waited for. @throws Error after two minutes */
    readonly line: (from: number, what: string, fits: (line: Heard) => boolean) => Promise<Heard>;
    /** What the services have asked of Databricks, the oldest first. */
    readonly asked: () => Promise<readonly Asked[]>;
  };
export type Heard = LogLine & { readonly atMs: number };

const Asked = z.object({
  method: z.string(),
  path: z.string(),
  user_agent: z.string().default(""),
});
type Asked = z.infer<typeof Asked>;
const RequestLog = z.object({ requests: z.array(Asked) });
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
  const running = started.move();
  return {
    aws: plane.aws,
    send: plane.send,
    query: plane.query,
    workspace,
    facts: `/Volumes/${plane.access.catalog}/${plane.access.schema}/facts`,
    lines,
    line: async (from, what, fits) => {
      for (let left = 12_000; left > 0; left--) {
        const found = lines.slice(from).find(fits);
        if (found !== undefined) return found;
        await sleep(10);
      }
      throw new Error(`it took more than two minutes, and did not come: ${what}`);
    },
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
