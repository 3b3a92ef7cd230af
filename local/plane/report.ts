// Reports the end of the scenario: reads it back through SQL, from the dead letters and from
// Databricks, and checks it.
import { join } from "node:path";
import {
  databricksRunsOf,
  metricsOf,
  openMarkersOf,
  outcomesIn,
  rejectionsIn,
  resultsOf,
  runStateOf,
  takeDeadLetters,
} from "./observe.ts";
import { expectedRuns, faultsIn, type Seen } from "./scenario.ts";
import type { Story } from "./story.ts";
import { metricsText, tableOf } from "./table.ts";

/** Prints everything, and returns the exit code: 0 only if all ended as they must. */
export async function report(story: Story, print: (line: string) => void): Promise<number> {
  const { plane, events } = story;
  const letters = await takeDeadLetters(plane);
  const seen: Seen = {
    announced: outcomesIn(events),
    rejected: rejectionsIn(events).length,
    runState: await runStateOf(plane),
    results: await resultsOf(plane),
    letters,
    databricksRuns: await databricksRunsOf(plane),
    open: await openMarkersOf(plane),
  };
  const section = (title: string, lines: readonly string[]) => {
    print("");
    print(title);
    for (const line of lines) print(`  ${line}`);
  };
  section(
    "run_state, as SQL reads it back",
    tableOf(
      ["run_id", "workload", "outcome", "chapter", "iter_n", "attempt", "reason"],
      seen.runState,
    ),
  );
  section(
    "execution_results: metrics of each iteration",
    tableOf(
      ["run_id", "iter_n", "attempt", "verdict", "metrics"],
      seen.results.map((row) => ({ ...row, metrics: metricsText(metricsOf(row["metrics"])) })),
    ),
  );
  section("dead letters", tableOf(["queue", "body", "reason"], letters));
  section("what became of the rest", whatBecame(seen));
  section("where to look", placesOf(story));
  return conclude(faultsIn(seen), story, print);
}

const whatBecame = ({ databricksRuns, announced }: Seen): readonly string[] =>
  expectedRuns.map(({ run_id }) => {
    const runs = databricksRuns.filter((name) => name.includes(`/${run_id}/`)).length;
    const events = announced.filter((event) => event.run_id === run_id);
    const sent = run_id === "REPORT-2015" ? "sent twice: " : "";
    return `${run_id}: ${sent}one run, ${runs} Databricks ${runs === 1 ? "run" : "runs"}, announced as ${events[0]?.outcome ?? "nothing"}`;
  });

function placesOf({ plane }: Story): readonly string[] {
  const { access, folder } = plane;
  const volumes = join(access.embedded?.volumesFolder ?? "/Volumes", access.catalog, access.schema);
  return [
    `facts          ${join(volumes, "facts")}`,
    `results        ${join(volumes, "scratchpad")}`,
    `announcements  ${join(folder, "events.jsonl")}`,
    `log            ${join(folder, "log.jsonl")}`,
  ];
}

function conclude(
  faults: readonly string[],
  { seconds }: Story,
  print: (line: string) => void,
): number {
  print("");
  if (faults.length === 0) {
    print(`All ended as they must, in ${seconds.toFixed(1)} s.`);
    return 0;
  }
  print(`Not all ended as they must, after ${seconds.toFixed(1)} s:`);
  for (const fault of faults) print(`  ✗ ${fault}`);
  return 1;
}
