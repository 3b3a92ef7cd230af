// A burst of tickets through the real handlers on one machine, against a workspace that takes its
// time for each answer and whose runs fail as soon as they are submitted: nothing but our own calls
// is in the way.
import { setTimeout as sleep } from "node:timers/promises";
import { type BenchPlane, startBenchPlane } from "./bench-plane.ts";
import type { Figure } from "./figure.ts";

const LATENCY_MS = 50;
const TICKETS = 200;
const SECONDS_MAX = 300;

export const measureBurst = (): Promise<readonly Figure[]> => measuredBurst(TICKETS);

export async function measuredBurst(tickets: number): Promise<readonly Figure[]> {
  await using plane = await startBenchPlane();
  const { admin } = plane.workspace;
  await admin("POST", "/scripts", { result: { result_state: "FAILED" } });
  await (await plane.start("BURST-0", 1)).line("outcome.announced", () => true);
  await admin("PATCH", "/settings", { latencyMs: LATENCY_MS });
  const from = plane.lines.length;
  const startMs = performance.now();
  await Promise.all(Array.from({ length: tickets }, (_, i) => plane.start(`BURST-${i + 1}`, 1)));
  const announced = await untilAll(plane, from, tickets, "outcome.announced");
  const submitted = timesOf(plane, from, "attempt.submitted");
  const heals = timesOf(plane, from, "marker.healed").length;
  const waited = timesOf(plane, from, "message.waited").length;
  const secondsAt = (ms: number): number => (ms - startMs) / 1000;
  return [
    {
      what: `${tickets} tickets at once, ${LATENCY_MS} ms a call: submitted p95`,
      value: secondsAt(submitted[Math.ceil(0.95 * submitted.length) - 1] ?? Number.NaN),
      unit: "s",
      budget: { atMost: 20 },
    },
    {
      what: "the same, until the last is announced",
      value: secondsAt(announced),
      unit: "s",
      budget: { atMost: 30 },
    },
    { what: "the same, heals of healthy runs", value: heals, unit: "heals", budget: { atMost: 0 } },
    { what: "the same, messages that waited", value: waited, unit: "messages" },
  ];
}

const timesOf = ({ lines }: BenchPlane, from: number, event: string): readonly number[] =>
  lines.slice(from).flatMap((line) => (line.event === event ? [line.atMs] : []));

/** When the last of them came. @throws Error where that takes too long */
async function untilAll(
  plane: BenchPlane,
  from: number,
  many: number,
  event: string,
): Promise<number> {
  const endsMs = performance.now() + SECONDS_MAX * 1000;
  for (;;) {
    const times = timesOf(plane, from, event);
    if (times.length >= many) return times[many - 1] ?? Number.NaN;
    if (performance.now() > endsMs)
      throw new Error(`${many - times.length} of ${many} runs are not over after ${SECONDS_MAX} s`);
    await sleep(100);
  }
}
