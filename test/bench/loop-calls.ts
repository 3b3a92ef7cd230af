// How often the loop asks Databricks: for a run, and while there is nothing to do.
import { setTimeout as sleep } from "node:timers/promises";
import { freshMarker } from "../../shared/domain/marker.ts";
import { type Record, recordOf } from "../../shared/domain/messages.ts";
import type { BenchPlane } from "./bench-plane.ts";
import type { Figure } from "./figure.ts";

const ITERATIONS = 3;
const SWEEPS = 5;

/**
 * Runs of one iteration and of several: what each further one adds is an iteration, and the rest is
 * the run's own.
 */
export async function measureCalls(plane: BenchPlane): Promise<readonly Figure[]> {
  const short = await callsOf(plane, "CALLS-SHORT", 1);
  const long = await callsOf(plane, "CALLS-LONG", ITERATIONS);
  const of = (kind: keyof Calls) => {
    const iteration = (long[kind] - short[kind]) / (ITERATIONS - 1);
    return { iteration, run: short[kind] - iteration };
  };
  const loop = of("loop");
  const ledger = of("ledger");
  const unit = "calls";
  return [
    {
      what: "Databricks calls of an iteration",
      value: loop.iteration,
      unit,
      budget: { atMost: 18 },
    },
    { what: "of a run beside its iterations", value: loop.run, unit, budget: { atMost: 8 } },
    { what: "for the ledger, of an iteration", value: ledger.iteration, unit },
    { what: "for the ledger, of a run beside them", value: ledger.run, unit },
  ];
}

/** Without SQL, which is counted in statements, and without those that look. */
type Calls = { readonly loop: number; readonly ledger: number };

async function callsOf(plane: BenchPlane, runId: string, iterations: number): Promise<Calls> {
  await untilQuiet(plane); // whoever ran before may still be removing its marker
  const from = plane.lines.length;
  const before = (await plane.asked()).length;
  const run = await plane.start(runId, iterations);
  await run.line("outcome.recorded", () => true);
  await untilQuiet(plane);
  const all = (await plane.asked()).slice(before).filter(isOfARun).length;
  const looks = looksIn(plane, from);
  const ledger = await ledgerCallsOf(plane, runId, iterations);
  return { loop: all - looks - ledger, ledger };
}

/** Only the sweep lists anything: the others find facts by their paths. */
const isOfARun = ({ method, path }: { readonly method: string; readonly path: string }): boolean =>
  !path.startsWith("/sql/") &&
  !path.endsWith("/runs/list") &&
  !(method === "GET" && path.startsWith("/api/2.0/fs/directories/"));

/** What the run-poller asked, by its own count: the workspace cannot tell the services apart. */
const looksIn = (plane: BenchPlane, from: number): number =>
  plane.lines
    .slice(from)
    .filter(({ service, event }) => service === "run-poller" && event === "platform.asked")
    .reduce((sum, { count = 0 }) => sum + count, 0);

/**
 * The run's records once more, alone: they ask what they asked the first time, because all of them
 * may be repeated.
 */
async function ledgerCallsOf(
  plane: BenchPlane,
  run_id: string,
  iterations: number,
): Promise<number> {
  const record = (i: number, of: Record["of"]) =>
    recordOf({ run_id, chapter: 1, iter_n: i, attempt: 1 }, of);
  const records = Array.from({ length: iterations }, (_, i) => [
    record(i + 1, "submission"),
    record(i + 1, i + 1 < iterations ? "decision" : "outcome"),
  ]).flat();
  await plane.markers.write(freshMarker({ run_id, chapter: 1 }, Date.now()));
  const before = (await plane.asked()).length;
  await plane.hand("records", records);
  return (await plane.asked()).slice(before).filter(isOfARun).length;
}

async function untilQuiet(plane: BenchPlane): Promise<void> {
  const asked = async () => (await plane.asked()).filter(isOfARun).length;
  for (let before = -1, now = await asked(); now !== before; now = await asked()) {
    before = now;
    await sleep(1_000);
  }
}

/** Nothing is open: what a sweep still asks, and whether anybody wakes the warehouse. */
export async function measureIdle(plane: BenchPlane): Promise<readonly Figure[]> {
  await untilQuiet(plane);
  const from = plane.lines.length;
  const before = (await plane.asked()).length;
  const statements = await plane.statements(async () => {
    for (let i = 0; i < SWEEPS; i++) await plane.aws.invoke("orchestrator", { schedule: "sweep" });
  });
  const asked = (await plane.asked()).slice(before);
  // Besides those that were asked for here, the plane's own schedule may have fired.
  const sweeps = plane.lines.slice(from).filter(({ event }) => event === "sweep.finished").length;
  const files = asked.filter(({ path }) => path.startsWith("/api/2.0/fs/")).length;
  return [
    {
      what: "SQL statements while nothing is open",
      value: statements,
      unit: "statements",
      budget: { atMost: 0 },
    },
    {
      what: "Files calls of a sweep then",
      value: files / sweeps,
      unit: "calls",
      budget: { atMost: 1 },
    },
  ];
}
