// Many worlds, one after another: what they covered, and which of them broke.
import { addCoverage, type Coverage, createCoverage } from "./coverage.ts";
import { type Report, simulate, type WorldOptions } from "./world.ts";

export type Many = {
  readonly seeds: number;
  readonly seconds: number;
  readonly coverage: Coverage;
  readonly broken: readonly Report[];
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

export async function simulateMany(
  first: number,
  seeds: number,
  options: WorldOptions & { readonly untilBroken?: boolean } = {},
): Promise<Many> {
  const coverage = createCoverage();
  const broken: Report[] = [];
  const totals: Totals = {
    databricksRuns: 0,
    chapters: 0,
    looks: 0,
    announcements: 0,
    carried: 0,
    liveWatchesMax: 0,
    watchesMax: 0,
  };
  const startedMs = performance.now();
  let seed = first;
  for (; seed < first + seeds; seed++) {
    const report = await simulate(seed, options);
    addCoverage(coverage, report.coverage);
    add(totals, report);
    if (report.violations.size === 0) continue;
    broken.push(report);
    if (options.untilBroken === true) break;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  return { seeds: Math.min(seed - first + 1, seeds), seconds, coverage, broken, totals };
}

function add(totals: Totals, { stats }: Report): void {
  for (const key of ["databricksRuns", "chapters", "looks", "announcements", "carried"] as const)
    totals[key] += stats[key];
  for (const key of ["liveWatchesMax", "watchesMax"] as const)
    totals[key] = Math.max(totals[key], stats[key]);
}

/** What to type to see a world that broke, and what broke in it. */
export const brokenLines = ({ seed, violations, isCalm }: Report): readonly string[] => [
  `seed ${seed} broke; see it with: npm run sim -- --seed ${seed}${isCalm ? " --calm" : ""}`,
  ...[...violations].map(([what, detail]) => `  ${what} ${detail}`),
];
