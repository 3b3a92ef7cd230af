// The loop, with a workspace that is slow on purpose: what of a run's time and of its calls is ours (design §15).
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { queueArn, sourceQueueName } from "../../local/aws/queue-shape.ts";
import { sqsEventOf } from "../../local/aws/sqs-event.ts";
import { recordOf } from "../../shared/domain/messages.ts";
import { topology } from "../../shared/topology.ts";
import { type BenchPlane, startBenchPlane, WORKLOAD } from "./bench-plane.ts";
import { type Figure, ofTimes } from "./figure.ts";

/** As if the workspace were in the same region, and the warehouse had more to do than us. */
const LATENCY_MS = 50;
const STATEMENT_MS = 1_000;
const RUNS = 4;
const ITERATIONS = 3;
const ENDINGS = 100;
const SWEEPS = 5;

export async function measureLoop(): Promise<readonly Figure[]> {
  await using plane = await startBenchPlane();
  await plane.workspace.admin("PATCH", "/settings", { latencyMs: LATENCY_MS });
  await plane.workspace.admin("POST", "/sql-faults", { delay_ms: STATEMENT_MS });
  const first = await play(plane, "BENCH-0", 1);
  const runs: Played[] = [];
  for (let i = 1; i <= RUNS; i++) runs.push(await play(plane, `BENCH-${i}`, 1));
  const long = await play(plane, "BENCH-LONG", ITERATIONS);
  await plane.workspace.admin("PATCH", "/settings", { latencyMs: 0 });
  return [
    ...timesOf(first, runs),
    ...callsOf(runs, long),
    await measureBatch(plane, "BENCH-0"),
    ...(await measureIdle(plane)),
  ];
}

type Played = {
  readonly submittedMs: number;
  readonly recordedMs: number;
  /** Databricks calls of the services, without those that look, sweep, sign in or speak SQL. */
  readonly calls: number;
};

/** One run, alone: from its ticket to the end of all that it sets in motion. */
async function play(plane: BenchPlane, ticket_id: string, iterations: number): Promise<Played> {
  const from = plane.lines.length;
  const before = (await plane.asked()).length;
  const sentMs = performance.now();
  await plane.send({ ticket_id, workload: WORKLOAD, parameters: { iterations } });
  const lineOf = (event: string, state?: string) =>
    plane.line(
      from,
      `${event} of ${ticket_id}`,
      (line) =>
        line.event === event &&
        line.run_id === ticket_id &&
        (state === undefined || line.state === state) &&
        (event !== "attempt.looked" || line.iter_n === iterations),
    );
  const submitted = await lineOf("attempt.submitted");
  const over = await lineOf("attempt.looked", "over");
  // Announced as soon as it is in the ledger, and never before.
  const announced = await lineOf("outcome.announced");
  if (announced.outcome !== "succeeded")
    throw new Error(`${ticket_id} ended as ${announced.outcome}, and should have succeeded`);
  await untilQuiet(plane);
  const asked = (await plane.asked()).slice(before).filter(isOfARun).length;
  return {
    submittedMs: submitted.atMs - sentMs,
    recordedMs: announced.atMs - over.atMs - topology.records.windowSeconds * 1000,
    calls: asked - looksIn(plane, from),
  };
}

/** Only the sweep lists anything: the others find facts by their paths (design §2). Signing in is not a run's. */
const isOfARun = ({ method, path }: { readonly method: string; readonly path: string }): boolean =>
  !path.startsWith("/sql/") &&
  !path.startsWith("/oidc/") &&
  !path.endsWith("/runs/list") &&
  !(method === "GET" && path.startsWith("/api/2.0/fs/directories/"));

/** What the run-poller asked, by its own count: the workspace cannot tell the services apart. */
const looksIn = (plane: BenchPlane, from: number): number =>
  plane.lines
    .slice(from)
    .filter(({ service, event }) => service === "run-poller" && event === "platform.asked")
    .reduce((sum, { count = 0 }) => sum + count, 0);

async function untilQuiet(plane: BenchPlane): Promise<void> {
  const asked = async () => (await plane.asked()).filter(isOfARun).length;
  for (let before = -1, now = await asked(); now !== before; now = await asked()) {
    before = now;
    await sleep(1_000);
  }
}

function timesOf(first: Played, runs: readonly Played[]): readonly Figure[] {
  const submission = { unit: "ms", budget: { atMost: 1_000 } } as const;
  return [
    {
      what: `message to submission, ${LATENCY_MS} ms a call`,
      ...ofTimes(runs.map(({ submittedMs }) => submittedMs)),
      ...submission,
    },
    { what: "the same, of a new instance", value: first.submittedMs, ...submission },
    {
      what: `run over to outcome in the ledger, ${STATEMENT_MS / 1000} s a statement`,
      ...ofTimes(runs.map(({ recordedMs }) => recordedMs)),
      unit: "ms",
      budget: { atMost: 5_000 },
    },
  ];
}

/** Runs of one iteration and of several: what each further one adds is an iteration, and the rest is the run's own. */
function callsOf(runs: readonly Played[], long: Played): readonly Figure[] {
  const { value: short } = ofTimes(runs.map(({ calls }) => calls));
  const iteration = (long.calls - short) / (ITERATIONS - 1);
  const unit = "calls";
  return [
    { what: "Databricks calls of an iteration", value: iteration, unit, budget: { atMost: 18 } },
    {
      what: "Databricks calls of a run beside it",
      value: short - iteration,
      unit,
      budget: { atMost: 8 },
    },
  ];
}

const Faults = z.object({ faults: z.array(z.object({ seen: z.number() })) });

/** Statements that reached the engine while something was done. */
async function statementsOf(plane: BenchPlane, work: () => Promise<void>): Promise<number> {
  await plane.workspace.admin("DELETE", "/sql-faults");
  // A fault that does nothing, but count what it might have struck.
  await plane.workspace.admin("POST", "/sql-faults", { delay_ms: 0 });
  await work();
  const { faults } = Faults.parse(await plane.workspace.admin("GET", "/sql-faults"));
  return faults.reduce((sum, { seen }) => sum + seen, 0);
}

/** Endings with facts of their own, handed to the ingester in one batch, as its mapping would. */
async function measureBatch(plane: BenchPlane, like: string): Promise<Figure> {
  const runIds = Array.from({ length: ENDINGS }, (_, i) => `BATCH-${i + 1}`);
  await copyFacts(plane, like, runIds);
  const messages = runIds.map((run_id, i) => ({
    MessageId: `batch-${i}`,
    Body: JSON.stringify(recordOf({ run_id, chapter: 1, iter_n: 1, attempt: 1 }, "outcome", true)),
  }));
  const arn = queueArn(sourceQueueName("signalbox-local", "records"));
  const from = plane.lines.length;
  const statements = await statementsOf(plane, async () => {
    await plane.aws.invoke("ingester", sqsEventOf(arn, messages));
    const lastId = runIds.at(-1) ?? "";
    await plane.line(from, "the last announcement", (line) => line.run_id === lastId);
  });
  const rows = await plane.query("SELECT run_id FROM run_state WHERE run_id LIKE 'BATCH-%'");
  if (rows.length !== ENDINGS)
    throw new Error(`${rows.length} of ${ENDINGS} endings are in the ledger`);
  return {
    what: `SQL statements for a batch of ${ENDINGS} endings`,
    value: statements,
    unit: "statements",
    budget: { atMost: 4 },
  };
}

const FACTS = [
  "ticket.json",
  "iter_001.attempt_001.manifest.json",
  "iter_001.attempt_001.submission.json",
  "iter_001.attempt_001.decision.json",
  "outcome_1.json",
];

async function copyFacts(
  plane: BenchPlane,
  like: string,
  runIds: readonly string[],
): Promise<void> {
  const { workspace, facts } = plane;
  const pathOf = (runId: string, name: string) => `/api/2.0/fs/files${facts}/run_${runId}/${name}`;
  for (const name of FACTS) {
    const text = await workspace.call("GET", pathOf(like, name));
    await Promise.all(
      runIds.map((id) => workspace.call("PUT", pathOf(id, name), text.replaceAll(like, id))),
    );
  }
}

/** Nothing is open: what a sweep still asks, and whether anybody wakes the warehouse. */
async function measureIdle(plane: BenchPlane): Promise<readonly Figure[]> {
  await untilQuiet(plane);
  const from = plane.lines.length;
  const before = (await plane.asked()).length;
  const statements = await statementsOf(plane, async () => {
    for (let i = 0; i < SWEEPS; i++) await plane.aws.invoke("orchestrator", { schedule: "sweep" });
  });
  const asked = (await plane.asked()).slice(before);
  // Besides those that were asked for here, the plane's own schedule may have fired.
  const sweeps = plane.lines.slice(from).filter(({ event }) => event === "sweep.finished").length;
  const files = asked.filter(({ path }) => path.startsWith("/api/2.0/fs/")).length;
  return [
    {
      what: "SQL statements while idle",
      value: statements,
      unit: "statements",
      budget: { atMost: 0 },
    },
    {
      what: "Files calls of an idle sweep",
      value: files / sweeps,
      unit: "calls",
      budget: { atMost: 1 },
    },
  ];
}
