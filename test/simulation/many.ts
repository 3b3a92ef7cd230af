// Many worlds: what they covered, and which of them broke. One after another in this thread, or on
// several at once.
import { Worker } from "node:worker_threads";
import { addCoverage, type Coverage, createCoverage } from "./coverage.ts";
import { type Report, simulate, type WorldOptions } from "./world.ts";

/** Plain data: it comes from other threads. */
export type Broken = Pick<Report, "seed" | "isCalm" | "violations">;

export type Many = {
  readonly seeds: number;
  readonly seconds: number;
  readonly coverage: Coverage;
  readonly broken: readonly Broken[];
  /** Sums and maxima over all worlds. */
  readonly totals: Totals;
};
type Totals = {
  databricksRuns: number;
  chapters: number;
  looks: number;
  announcements: number;
  carried: number;
  liveWatchesMax: number;
  watchesMax: number;
};

export type ManyOptions = Omit<WorldOptions, "print"> & { readonly untilBroken?: boolean };

/** Some worlds, as a worker is asked for them. */
export type Portion = {
  readonly first: number;
  readonly seeds: number;
  readonly options: ManyOptions;
};

const noTotals = (): Totals => ({
  databricksRuns: 0,
  chapters: 0,
  looks: 0,
  announcements: 0,
  carried: 0,
  liveWatchesMax: 0,
  watchesMax: 0,
});

export async function simulateMany(
  first: number,
  seeds: number,
  options: ManyOptions = {},
): Promise<Many> {
  const coverage = createCoverage();
  const broken: Broken[] = [];
  const totals = noTotals();
  const startedMs = performance.now();
  let seed = first;
  for (; seed < first + seeds; seed++) {
    const report = await simulate(seed, options);
    addCoverage(coverage, report.coverage);
    add(totals, report.stats);
    const { isCalm, violations } = report;
    if (violations.size === 0) continue;
    broken.push({ seed, isCalm, violations });
    if (options.untilBroken === true) break;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  return { seeds: Math.min(seed - first + 1, seeds), seconds, coverage, broken, totals };
}

/** Enough worlds to be worth a message between threads, and few enough that all end together. */
const PORTION_MAX = 20;

/**
 * The same worlds on several threads. With `untilBroken`, those under way are played to their end.
 */
export async function simulateOn(
  threads: number,
  first: number,
  seeds: number,
  options: ManyOptions = {},
): Promise<Many> {
  const startedMs = performance.now();
  const coverage = createCoverage();
  const totals = noTotals();
  const broken: Broken[] = [];
  let [next, played] = [first, 0];
  const end = first + seeds;
  const size = Math.max(1, Math.min(PORTION_MAX, Math.ceil(seeds / (4 * threads))));
  const isDone = (): boolean => next >= end || (options.untilBroken === true && broken.length > 0);
  const work = async (): Promise<void> => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url));
    try {
      while (!isDone()) {
        const portion = { first: next, seeds: Math.min(size, end - next), options };
        next += portion.seeds;
        const many = await askedOf(worker, portion);
        played += many.seeds;
        addCoverage(coverage, many.coverage);
        add(totals, many.totals);
        broken.push(...many.broken);
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: threads }, work));
  const seconds = (performance.now() - startedMs) / 1000;
  const inOrder = broken.toSorted((a, b) => a.seed - b.seed);
  return { seeds: played, seconds, coverage, broken: inOrder, totals };
}

const askedOf = (worker: Worker, portion: Portion): Promise<Many> =>
  new Promise((resolve, reject) => {
    worker.removeAllListeners();
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.postMessage(portion);
  });

function add(totals: Totals, more: Readonly<Totals>): void {
  for (const key of ["databricksRuns", "chapters", "looks", "announcements", "carried"] as const)
    totals[key] += more[key];
  for (const key of ["liveWatchesMax", "watchesMax"] as const)
    totals[key] = Math.max(totals[key], more[key]);
}

/** What to type to see a world that broke, and what broke in it. */
export const brokenLines = ({ seed, violations, isCalm }: Broken): readonly string[] => [
  `seed ${seed} broke; see it with: npm run sim -- --seed ${seed}${isCalm ? " --calm" : ""}`,
  ...[...violations].map(([what, detail]) => `  ${what} ${detail}`),
];
