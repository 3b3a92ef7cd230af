// npm run sim -- --seeds 1000 [--first 1] [--calm] many worlds: what they covered, and what broke;
// on all cores npm run sim -- --seeds 1000 --jobs 1 the same in one thread npm run sim -- --seed 42
// [--calm] one world, told line by line: its faults first npm run sim -- --seeds 300 --until-broken
// ends at the first world that breaks npm run sim -- --seeds 300 --calm-first 30 calm worlds
// before, and nothing else if one of them breaks
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { coverageTable } from "./coverage.ts";
import { brokenLines, type Many, type ManyOptions, simulateMany, simulateOn } from "./many.ts";
import { simulate } from "./world.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "500" },
    first: { type: "string", default: "1" },
    seed: { type: "string" },
    calm: { type: "boolean", default: false },
    tickets: { type: "string", default: "4" },
    "until-broken": { type: "boolean", default: false },
    "calm-first": { type: "string" },
    jobs: { type: "string", default: String(availableParallelism()) },
  },
});
const options = { isCalm: values.calm, tickets: wholeNumber("tickets", values.tickets) };

if (values.seed === undefined) {
  const first = wholeNumber("first", values.first);
  const seeds = wholeNumber("seeds", values.seeds);
  const untilBroken = values["until-broken"];
  const many = { ...options, untilBroken, stopsEarly: untilBroken };
  const calmFirst = values["calm-first"];
  const calm =
    calmFirst === undefined
      ? undefined
      : await played(1, wholeNumber("calm-first", calmFirst), { ...many, isCalm: true });
  tellMany(calm !== undefined && calm.broken.length > 0 ? calm : await played(first, seeds, many));
} else {
  const seed = wholeNumber("seed", values.seed);
  const report = await simulate(seed, { ...options, print: (line) => console.log(line) });
  console.log(`hash ${report.hash()}`);
  for (const [what, detail] of report.violations) console.log(`broken: ${what} ${detail}`);
  if (report.violations.size > 0) process.exitCode = 1;
}

async function played(first: number, seeds: number, options: ManyOptions): Promise<Many> {
  const jobs = wholeNumber("jobs", values.jobs);
  if (jobs > 1) return await simulateOn(jobs, first, seeds, options);
  // Nobody reads the stacks of simulated trouble, and they are dear.
  Error.stackTraceLimit = 0;
  return await simulateMany(first, seeds, options);
}

function tellMany({ seeds, seconds, coverage, broken, totals }: Many): void {
  console.log(coverageTable(coverage));
  const per = (n: number): string => (n / Math.max(1, totals.databricksRuns)).toFixed(1);
  console.log(
    `\n${seeds} seeds in ${seconds.toFixed(1)} s (${(seeds / seconds).toFixed(0)} a second): ` +
      `${totals.databricksRuns} Databricks runs, ${totals.chapters} chapters; ${per(totals.looks)} looks a run; ` +
      `at most ${totals.liveWatchesMax} watches of one attempt at once, ${totals.watchesMax} in all`,
  );
  for (const report of broken) for (const line of brokenLines(report)) console.log(line);
  console.log(broken.length === 0 ? "nothing broke" : `${broken.length} seeds broke`);
  if (broken.length > 0) process.exitCode = 1;
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  console.error(`--${name} is ${text}, but must be a whole number above 0`);
  process.exit(2);
}
