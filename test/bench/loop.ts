// The loop, with a workspace that is slow on purpose: what of a run's time and of its calls is ours
// (docs/architecture.md#budgets).
import { topology } from "../../shared/topology.ts";
import { type BenchPlane, startBenchPlane } from "./bench-plane.ts";
import { type Figure, ofTimes } from "./figure.ts";
import { measureBatch } from "./loop-batch.ts";
import { measureCalls, measureIdle } from "./loop-calls.ts";

/** As if the workspace were in the same region, and its warehouse had more to do than us. */
const LATENCY_MS = 50;
const STATEMENT_MS = 1_000;
const RUNS = 3;

export async function measureLoop(): Promise<readonly Figure[]> {
  await using plane = await startBenchPlane();
  const times = await measureTimes(plane);
  const calls = await measureCalls(plane);
  return [...times, ...calls, ...(await measureBatch(plane)), ...(await measureIdle(plane))];
}

async function measureTimes(plane: BenchPlane): Promise<readonly Figure[]> {
  const { admin } = plane.workspace;
  await admin("PATCH", "/settings", { latencyMs: LATENCY_MS });
  await admin("POST", "/sql-faults", { delay_ms: STATEMENT_MS });
  const first = await timesOf(plane, "TIME-0");
  const runs: Times[] = [];
  for (let i = 1; i <= RUNS; i++) runs.push(await timesOf(plane, `TIME-${i}`));
  await admin("PATCH", "/settings", { latencyMs: 0 });
  await admin("DELETE", "/sql-faults");
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

type Times = {
  /** From the message's sending to the submission that Databricks accepted. */
  readonly submittedMs: number;
  /**
   * From the look that sees the run's end to the announcement, without the window in which records
   * gather.
   */
  readonly recordedMs: number;
};

/** One run of one iteration, alone. */
async function timesOf(plane: BenchPlane, runId: string): Promise<Times> {
  const sentMs = performance.now();
  const run = await plane.start(runId, 1);
  const submitted = await run.line("attempt.submitted", () => true);
  const over = await run.line("attempt.looked", ({ state }) => state === "over");
  const recorded = await run.line("outcome.recorded", () => true);
  return {
    submittedMs: submitted.atMs - sentMs,
    recordedMs: recorded.atMs - over.atMs - topology.records.windowSeconds * 1000,
  };
}
