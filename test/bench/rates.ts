// Bursts of tickets against a modelled workspace, in virtual time, through the real client: how
// long they wait for their submission, how much of the platform's limits is used, and whether runs
// under way wait behind them.
import type { Figure } from "./figure.ts";
import { type Burst, type Outcome, playBurst } from "./rates-model.ts";

const at = (tickets: number, everySeconds = 0): readonly number[] =>
  Array.from({ length: tickets }, (_, i) => i * everySeconds);
const usual = { turnsPerSecond: 1, callMs: [40, 120], instancesTimes: 1, hasLimits: true } as const;
const HOURLY_QUOTA = 10_000;

export async function measureRates(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  const play = async (burst: Partial<Burst>, of: (outcome: Outcome) => readonly Figure[]) =>
    figures.push(...of(await playBurst({ ...usual, ticketsAt: [], ...burst })));
  const stub = { turnsPerSecond: 0, callMs: [50, 51], hasLimits: false } as const;
  await play({ ...stub, ticketsAt: at(200) }, (outcome) => [
    seconds("200 tickets, 50 ms a call, no limits: submitted p95", p95(outcome.submitted), 20),
    seconds("the same, until all is recorded", outcome.wallSeconds, 30),
  ]);
  await play({ ticketsAt: at(200), callMs: [50, 51], turnsPerSecond: 0 }, (outcome) => [
    seconds("200 tickets, the platform's limits: submitted p95", p95(outcome.submitted), 30),
    used("the same, of the Files API's calls a second", outcome, 77),
  ]);
  await play({ ticketsAt: at(2_000) }, (outcome) => [
    used("2,000 tickets, of the Files API's calls a second", outcome, 88),
    refused("the same, answers that are 429", outcome, 5),
    seconds("the same, turns of runs under way p95", p95(outcome.turns), 2),
  ]);
  await play({ ticketsAt: at(2_000), instancesTimes: 2.5 }, (outcome) => [
    refused("2,000 tickets, 30 instances, answers that are 429", outcome, 10),
    seconds("the same, turns p95", p95(outcome.turns), 2),
  ]);
  await play(
    { ticketsAt: at(HOURLY_QUOTA, 3_600 / HOURLY_QUOTA), turnsPerSecond: 0 },
    (outcome) => [seconds("10,000 tickets in an hour, submitted p95", p95(outcome.submitted), 2)],
  );
  await play({ ticketsAt: at(20_000), turnsPerSecond: 0.25 }, (outcome) => [
    seconds("20,000 tickets at once, turns p95", p95(outcome.turns), 2),
    seconds("the same, until all are submitted", Math.max(...outcome.submitted), 9_000),
  ]);
  return figures;
}

const p95 = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.ceil(0.95 * values.length) - 1] ?? Number.NaN;

const seconds = (what: string, value: number, atMost: number): Figure => ({
  what,
  value,
  unit: "s",
  budget: { atMost },
});
const used = (what: string, { filesPerSecond }: Outcome, atLeast: number): Figure => ({
  what,
  value: filesPerSecond,
  unit: "% of its 100",
  budget: { atLeast },
});
const refused = (what: string, { refusedShare }: Outcome, atMost: number): Figure => ({
  what,
  value: 100 * refusedShare,
  unit: "%",
  budget: { atMost },
});
