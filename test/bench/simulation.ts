// The simulation: how many worlds of it one core plays in a second.
import { simulateMany } from "../simulation/many.ts";
import { type Figure, ofRates } from "./figure.ts";

const WARM_SEEDS = 60;
/** Worlds differ: fewer would measure which ones were played. */
const SEEDS = 60;
const SLICES = 3;

export async function measureSimulation(): Promise<readonly Figure[]> {
  const { stackTraceLimit } = Error;
  // As `npm run sim` does: nobody reads the stacks of simulated trouble, and they are dear.
  Error.stackTraceLimit = 0;
  try {
    await simulateMany(1, WARM_SEEDS);
    const before = process.threadCpuUsage();
    const rates: number[] = [];
    for (let i = 0; i < SLICES; i++) {
      const { seconds } = await simulateMany(1 + WARM_SEEDS + i * SEEDS, SEEDS);
      rates.push(SEEDS / seconds);
    }
    const { user, system } = process.threadCpuUsage(before);
    const perCpuSecond = (SLICES * SEEDS) / ((user + system) / 1e6);
    return [
      {
        what: "simulated worlds, one process",
        ...ofRates(rates),
        unit: "a second",
        budget: { atLeast: 25 },
        beside: { what: "in a second of the thread's own", value: perCpuSecond },
      },
    ];
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
