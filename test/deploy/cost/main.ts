// `node test/deploy/cost/main.ts`: what a run costs, in counts that are measured and prices that are listed. Prints the README's table.
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { BusEvent } from "../../../local/aws/event-bridge.ts";
import type { Invocation } from "../../../local/aws/event-source-mapping.ts";
import { type PlaneOptions, startPlane } from "../../../local/plane/start-plane.ts";
import type { WorkspaceAccess } from "../../../local/plane/workspace-access.ts";
import { startWorkspace, type Workspace } from "../../../local/workspace/workspace.ts";
import { nextLook } from "../../../shared/domain/cadence.ts";
import { projectRoot } from "../tools.ts";
import { type Counts, rowsOf } from "./prices.ts";

const RUNS = 12;
/** Apart: over a day messages seldom meet, and batches would make each run look cheaper. */
const EVERY_MS = 4_000;
/** As if the workspace were in the same region. */
const LATENCY_MS = 50;
const DURATION_SECONDS = 600;
/** Longer than the window of records: the submission is in the books before the outcome is. */
const parameters = { pause_seconds: 8 };

const counts = await measure();
console.log(
  `measured with ${RUNS} runs of one iteration, a workspace that answers in ${LATENCY_MS} ms:`,
);
console.log(counts);
for (const line of rowsOf(counts, looksOf(DURATION_SECONDS))) console.log(line);

/** How often a run of an unknown workload is looked at. */
function looksOf(durationSeconds: number): number {
  let looks = 0;
  for (let age = 0; age < durationSeconds; looks++) age += nextLook(age, "running", undefined, 0.5);
  return looks;
}

async function measure(): Promise<Counts> {
  const folder = mkdtempSync(join(tmpdir(), "signalbox-cost-"));
  const invocations: Invocation[] = [];
  const ended: BusEvent[] = [];
  let merges = 0;
  await using workspace = await startWorkspace({
    data: join(folder, "workspace"),
    latencyMs: LATENCY_MS,
    principals: [{ displayName: "controllers", admin: true }, { displayName: "executors" }],
  });
  await using plane = await startPlane({
    folder: join(folder, "plane"),
    workspace: () => accessOf(workspace, join(folder, "workspace")),
    timeScale: 0.1,
    codebase: data(),
    onInvoked: (invocation) => invocations.push(invocation),
    onEvent: (event) => ended.push(event),
    onLog: (_service, line) => {
      if (line.includes('"records.merged"')) merges++;
    },
  });
  const before = workspace.requests().length;
  for (let i = 0; i < RUNS; i++) {
    await plane.send({ ticket_id: `COST-${i}`, workload: "weather-report", parameters });
    await sleep(EVERY_MS);
  }
  while (ended.length < RUNS) await sleep(200);
  await sleep(3_000);
  const requests = workspace.requests().slice(before);
  return countsOf(invocations, requests, merges);
}

function countsOf(
  invocations: readonly Invocation[],
  requests: ReturnType<Workspace["requests"]>,
  merges: number,
): Counts {
  const ofQueue = (name: string) =>
    invocations.filter(({ queueArn }) => queueArn.endsWith(`-${name}`));
  const messages = (of: readonly Invocation[]) =>
    of.reduce((sum, { messageIds }) => sum + messageIds.length, 0);
  const ms = (of: readonly Invocation[]) => of.reduce((sum, { durationMs }) => sum + durationMs, 0);
  const watches = ofQueue("watches");
  const others = invocations.filter((invocation) => !watches.includes(invocation));
  // What the functions ask: executors and people have other user agents, and only the ledger speaks Thrift.
  const ours = requests.filter(({ user_agent = "" }) => user_agent.startsWith("signalbox/"));
  const ledger = requests.filter(({ path }) => path.startsWith("/sql/"));
  const looks = ours.filter(({ path }) => path.endsWith("/jobs/runs/get"));
  return {
    messagesPerRun: messages(others) / RUNS,
    invocationsPerRun: others.length / RUNS,
    msPerRun: ms(others) / RUNS,
    msPerLook: ms(watches) / Math.max(1, watches.length),
    callsPerRun: (ours.length - looks.length) / RUNS,
    thriftCallsPerRun: ledger.length / RUNS,
    mergesPerRun: merges / RUNS,
  };
}

function accessOf(workspace: Workspace, folder: string): WorkspaceAccess {
  const loginOf = (name: string) => {
    const { id, clientSecret } = workspace.principal(name);
    return {
      host: workspace.url,
      httpPath: workspace.env["DATABRICKS_HTTP_PATH"] ?? "",
      credentials: { kind: "oauth-m2m", clientId: id, clientSecret } as const,
      caFile: join(folder, "ca.pem"),
    };
  };
  return {
    operator: loginOf("administrator"),
    controllers: loginOf("controllers"),
    controllersId: workspace.principal("controllers").id,
    executorsId: workspace.principal("executors").id,
    catalog: "main",
    schema: "ops",
    [Symbol.asyncDispose]: async () => {},
  };
}

function data(): NonNullable<PlaneOptions["codebase"]> {
  return ["weather.csv"].map((name) => ({
    path: `data/${name}`,
    content: readFileSync(join(projectRoot, "node_modules", "vega-datasets", "data", name)),
  }));
}
