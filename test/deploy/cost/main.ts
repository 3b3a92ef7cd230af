// `node test/deploy/cost/main.ts`: what a run costs, in counts that are measured and prices that
// are listed. Prints the README's table.
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startWorkspace, type Workspace } from "embedded-databricks-workspace";
import * as z from "zod";
import { memoryMegabytes } from "../../../infra/constructs/consumer.ts";
import { queueNames } from "../../../infra/constructs/traffic.ts";
import type { BusEvent } from "../../../local/aws/event-bridge.ts";
import type { Invocation } from "../../../local/aws/event-source-mapping.ts";
import { type Plane, type PlaneOptions, startPlane } from "../../../local/plane/start-plane.ts";
import type { WorkspaceAccess } from "../../../local/plane/workspace-access.ts";
import { nextLook } from "../../../shared/domain/cadence.ts";
import { Outcome } from "../../../shared/domain/facts.ts";
import { metrics } from "../../../shared/domain/metrics.ts";
import { learned, type Pace } from "../../../shared/domain/pace.ts";
import { type ServiceName, sweepEverySeconds, topology } from "../../../shared/topology.ts";
import { stageOf, templateOf } from "../../infra/support.ts";
import { projectRoot } from "../tools.ts";
import { type Counts, rowsOf, type Spent, type Standing } from "./prices.ts";

const RUNS = 12;
/** Apart: over a day messages seldom meet, and batches would make each run look cheaper. */
const EVERY_MS = 4_000;
/** As if the workspace were in the same region. */
const LATENCY_MS = 50;
const DURATION_SECONDS = 600;
const KNOWN_RUNS = 20;
const TIME_SCALE = 0.1;
/** One in three looks for strays as well. */
const SWEEPS = 3;
const TICK_MS = sweepEverySeconds * 1000 * TIME_SCALE;
const SqlFaults = z.object({ faults: z.array(z.object({ seen: z.number() })) });
/** Longer than the window of records: the submission is in the books before the outcome is. */
const parameters = { pause_seconds: 8 };

const counts = await measure();
const looks = looksOf(DURATION_SECONDS);
const standing = standingOf();
console.log(
  `measured with ${RUNS} runs of one iteration, a workspace that answers in ${LATENCY_MS} ms:`,
);
console.log({ ...counts, looks, ...standing });
for (const line of rowsOf(counts, standing, looks)) console.log(line);

/**
 * How often a run is looked at, of a workload with runs behind it that took as long, more or less.
 */
function looksOf(durationSeconds: number): number {
  let run: Pace = {};
  for (let i = 0; i < KNOWN_RUNS; i++)
    run = learned(run, durationSeconds * (0.8 + (0.4 * (i % 5)) / 4));
  const look = { phase: "running", pace: { before: {}, run }, jitter: 0.5 } as const;
  let looks = 0;
  for (let age = 0; age < durationSeconds; looks++)
    age += nextLook({ ...look, ageSeconds: age, ranSeconds: age });
  return looks;
}

/**
 * What the template of a stage holds, and every combination of dimensions, which CloudWatch bills
 * as a metric of its own.
 */
function standingOf(): Standing {
  const template = templateOf(stageOf(), []);
  const count = (type: string) => Object.keys(template.findResources(type)).length;
  const perMetric = Object.values(metrics).map((shape) =>
    "by" in shape ? 1 + Outcome.options.length : 1,
  );
  return {
    alarms: count("AWS::CloudWatch::Alarm"),
    mappings: count("AWS::Lambda::EventSourceMapping"),
    metrics: perMetric.reduce((sum, combinations) => sum + combinations, 0),
  };
}

async function measure(): Promise<Counts> {
  const folder = mkdtempSync(join(tmpdir(), "signalbox-cost-"));
  const seen: Seen = {
    invocations: [],
    ended: [],
    logBytes: 0,
    merges: 0,
    pollersCalls: 0,
    sweeps: 0,
  };
  await using workspace = await startWorkspace({
    data: join(folder, "workspace"),
    latencyMs: LATENCY_MS,
    principals: [{ displayName: "controllers" }, { displayName: "executors" }],
  });
  await using plane = await startPlane({
    folder: join(folder, "plane"),
    workspace: () => accessOf(workspace, join(folder, "workspace")),
    timeScale: TIME_SCALE,
    codebase: data(),
    onInvoked: (invocation) => seen.invocations.push(invocation),
    onEvent: (event) => seen.ended.push(event),
    onLog: (service, line) => {
      seen.logBytes += Buffer.byteLength(line) + 1;
      if (line.includes('"records.merged"')) seen.merges++;
      if (line.includes('"sweep.finished"')) seen.sweeps++;
      // The workspace cannot tell the services apart; each counts its own calls.
      if (service === "run-poller") seen.pollersCalls += callsIn(line);
    },
  });
  const before = workspace.requests().length;
  // A fault that does nothing, but counts the statements that it might have struck.
  await workspace.admin("POST", "/sql-faults", { delay_ms: 0 });
  for (let i = 0; i < RUNS; i++) {
    await plane.send({ ticket_id: `COST-${i}`, workload: "weather-report", parameters });
    await sleep(EVERY_MS);
  }
  while (seen.ended.length < RUNS) await sleep(200);
  await sleep(3_000);
  const { faults } = SqlFaults.parse(await workspace.admin("GET", "/sql-faults"));
  const statements = faults.reduce((sum, fault) => sum + fault.seen, 0);
  const requests = workspace.requests().slice(before);
  return countsOf(seen, requests, statements, await measureSweeps(plane, workspace, seen));
}

type Seen = {
  readonly invocations: Invocation[];
  readonly ended: BusEvent[];
  logBytes: number;
  merges: number;
  pollersCalls: number;
  sweeps: number;
};

function callsIn(line: string): number {
  if (!line.includes('"platform.asked"')) return 0;
  return z.object({ count: z.number() }).parse(JSON.parse(line)).count;
}

type Sweeps = Pick<Counts, "perSweep" | "callsPerSweep">;

/** While nothing is open: the larger part of a quiet day. */
async function measureSweeps(plane: Plane, workspace: Workspace, seen: Seen): Promise<Sweeps> {
  const before = { requests: workspace.requests().length, sweeps: seen.sweeps };
  let ms = 0;
  for (let i = 0; i < SWEEPS; i++) {
    const startMs = performance.now();
    await plane.aws.invoke("orchestrator", { schedule: "sweep" });
    ms += performance.now() - startMs;
    await sleep(TICK_MS);
  }
  // The plane's own schedule sweeps as well.
  const calls = workspace.requests().slice(before.requests).filter(isOurs).length;
  return {
    perSweep: spent(ms / 1000 / SWEEPS, "orchestrator"),
    callsPerSweep: calls / (seen.sweeps - before.sweeps),
  };
}

function spent(seconds: number, service: ServiceName): Spent {
  return { seconds, gigabyteSeconds: (seconds * memoryMegabytes[service]) / 1024 };
}

/** What the functions ask: executors and people have other user agents. */
function isOurs({ user_agent = "" }: Requests[number]): boolean {
  return user_agent.startsWith("signalbox/");
}
type Requests = ReturnType<Workspace["requests"]>;

function countsOf(seen: Seen, requests: Requests, statements: number, sweeps: Sweeps): Counts {
  const { invocations } = seen;
  const watches = invocations.filter(({ queueArn }) => queueArn.endsWith("-watches"));
  const others = invocations.filter((invocation) => !watches.includes(invocation));
  const messages = (of: readonly Invocation[]) =>
    of.reduce((sum, { messageIds }) => sum + messageIds.length, 0);
  // Only the ledger speaks Thrift.
  const rest = requests.filter(isOurs).filter(({ path }) => !path.startsWith("/sql/"));
  return {
    messagesPerRun: messages(others) / RUNS,
    invocationsPerRun: others.length / RUNS,
    perRun: sumOf(others, RUNS),
    perLook: sumOf(watches, Math.max(1, watches.length)),
    callsPerRun: (rest.length - seen.pollersCalls) / RUNS,
    callsPerLook: seen.pollersCalls / Math.max(1, messages(watches)),
    mergesPerRun: seen.merges / RUNS,
    statementsPerMerge: statements / Math.max(1, seen.merges),
    logBytesPerMessage: seen.logBytes / Math.max(1, messages(invocations)),
    ...sweeps,
  };
}

/** Of so many things: an invocation of each function costs by its memory. */
function sumOf(invocations: readonly Invocation[], of: number): Spent {
  const each = invocations.map(({ durationMs, queueArn }) =>
    spent(durationMs / 1000, consumerOf(queueArn)),
  );
  return {
    seconds: each.reduce((sum, { seconds }) => sum + seconds, 0) / of,
    gigabyteSeconds: each.reduce((sum, { gigabyteSeconds }) => sum + gigabyteSeconds, 0) / of,
  };
}

function consumerOf(queueArn: string): ServiceName {
  const queue = queueNames.find((name) => queueArn.endsWith(`-${name}`));
  if (queue === undefined) throw new Error(`${queueArn} is no queue of the topology`);
  return topology[queue].consumer;
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
