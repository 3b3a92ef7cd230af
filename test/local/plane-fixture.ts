// A plane for tests: the embedded servers, a folder of its own, and two workloads that do what a
// test asks of them.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BusEvent } from "../../local/aws/event-bridge.ts";
import { outcomesIn } from "../../local/plane/observe.ts";
import { type Plane, startPlane } from "../../local/plane/start-plane.ts";
import { embeddedWorkspace } from "../../local/plane/workspace-access.ts";
import type { OutcomeEvent } from "../../shared/domain/events.ts";
import { until } from "./aws-fixture.ts";

const root = join(import.meta.dirname, "..", "..");

/** Runs code that a ticket brings along. */
const PROBE = `v: 1
planner: { kind: artifact, artifact: probe.py, inline: true }
task: { kind: spark_python_task, compute: { serverless: { environment_version: "4" } } }
limits: { iterations: 1, attempts: 2, timeout_seconds: 120, queue_seconds: 600 }
writes: [main.work.daily]
`;

/** Whose submission Databricks refuses for good. */
const REFUSED = `v: 1
planner: { kind: artifact, artifact: refused.py }
task: { kind: spark_python_task, compute: { existing_cluster_id: 0000-000000-nobody } }
limits: { iterations: 1, attempts: 1, timeout_seconds: 120, queue_seconds: 600 }
`;

export type TestPlane = Plane & {
  readonly events: readonly BusEvent[];
  readonly log: readonly {
    readonly event: string;
    readonly run_id?: string;
    readonly chapter?: number;
    readonly reason?: string;
    readonly trace_id?: string;
  }[];
  /** Waits for a chapter's announcement, and for the ledger to have it. */
  readonly outcomeOf: (runId: string, chapter?: number) => Promise<OutcomeEvent>;
  /** A fact, once it is there. */
  readonly fact: (path: string) => Promise<Record<string, unknown>>;
};

export async function testPlane(): Promise<TestPlane> {
  const folder = mkdtempSync(join(tmpdir(), "plane-"));
  const workloads = join(folder, "workloads");
  for (const workload of ["weather-report", "evaluation-agent"])
    cpSync(join(root, "workloads", workload), join(workloads, workload), { recursive: true });
  mkdirSync(join(workloads, "probe"));
  writeFileSync(join(workloads, "probe", "recipe.yaml"), PROBE);
  writeFileSync(join(workloads, "probe", "probe.py"), "");
  mkdirSync(join(workloads, "refused"));
  writeFileSync(join(workloads, "refused", "recipe.yaml"), REFUSED);
  writeFileSync(join(workloads, "refused", "refused.py"), "");
  const events: BusEvent[] = [];
  const log: TestPlane["log"][number][] = [];
  const plane = await startPlane({
    folder: join(folder, "plane"),
    workspace: embeddedWorkspace,
    workloads,
    codebase: [
      {
        path: "data/weather.csv",
        content: readFileSync(join(root, "node_modules/vega-datasets/data/weather.csv")),
      },
    ],
    onEvent: (event) => events.push(event),
    onLog: (_service, line) => log.push(JSON.parse(line)),
  });
  return {
    ...plane,
    events,
    log,
    outcomeOf: async (runId, chapter = 1) => {
      const find = () =>
        outcomesIn(events).find((each) => each.run_id === runId && each.chapter === chapter);
      await until(`the outcome of ${runId}`, () => find() !== undefined);
      const isRecorded = (line: TestPlane["log"][number]) =>
        line.event === "outcome.recorded" && line.run_id === runId && line.chapter === chapter;
      await until(`the books of ${runId}`, () => log.some(isRecorded));
      return find() as OutcomeEvent;
    },
    fact: async (path) => {
      const { catalog, schema } = plane.access;
      const at = `/Volumes/${catalog}/${schema}/facts/${path}`;
      const read = () => plane.client.files.read(at, 1024 * 1024);
      await until(`the fact ${path}`, async () => (await read()).kind === "found");
      const file = await read();
      return file.kind === "found" ? JSON.parse(Buffer.from(file.content).toString("utf8")) : {};
    },
    [Symbol.asyncDispose]: async () => {
      await plane[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
