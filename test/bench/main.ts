// npm run bench -- [--only PART]…      how fast it is, against its budgets
// (docs/architecture.md#budgets), with the machine named. A figure beyond its budget is said to be
// over, and fails nothing: a busy machine is no fault. Only what does not run is one.
import { parseArgs } from "node:util";
import { tableOf } from "../../local/plane/table.ts";
import { measureBundles } from "./bundles.ts";
import { measureBurst } from "./burst.ts";
import { measureExecutor } from "./executor.ts";
import { cellsOf, columns, type Figure, isOver } from "./figure.ts";
import { measureLoop } from "./loop.ts";
import { machineLines } from "./machine.ts";
import { measurePace } from "./pace.ts";
import { measureRates } from "./rates.ts";
import { measureSimulation } from "./simulation.ts";
import { measureWorkspace } from "./workspace.ts";

const parts = {
  workspace: measureWorkspace,
  loop: measureLoop,
  pace: async () => measurePace(),
  rates: measureRates,
  burst: measureBurst,
  bundles: measureBundles,
  simulation: measureSimulation,
  executor: measureExecutor,
} as const satisfies Record<string, () => Promise<readonly Figure[]>>;
type Part = keyof typeof parts;

const chosen = chosenParts(process.argv.slice(2));
if (chosen === undefined) process.exitCode = 2;
else await measure(chosen);

async function measure(names: readonly Part[]): Promise<void> {
  const startMs = performance.now();
  for (const line of await machineLines()) console.log(line);
  const figures: Figure[] = [];
  for (const name of names) {
    try {
      const measured = await parts[name]();
      figures.push(...measured);
      console.log(`\n${name}`);
      for (const line of tableOf(columns, measured.map(cellsOf))) console.log(line);
    } catch (error) {
      process.exitCode = 1;
      console.error(`\n${name} could not be measured:`, error);
    }
  }
  const promised = figures.filter(({ budget }) => budget !== undefined);
  const over = promised.filter(isOver).length;
  const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
  console.log(`\n${promised.length - over} of ${promised.length} budgets kept; took ${seconds} s`);
}

function chosenParts(argv: readonly string[]): readonly Part[] | undefined {
  const all = Object.keys(parts) as Part[];
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: { only: { type: "string", multiple: true } },
    });
    const named = values.only ?? all;
    const unknown = named.find((name) => !all.some((part) => part === name));
    if (unknown !== undefined) throw new Error(`--only ${unknown}: there is no such part`);
    return all.filter((part) => named.includes(part));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    console.error(`${message}\n\nnpm run bench -- [--only ${all.join(" | ")}]…`);
    return undefined;
  }
}
