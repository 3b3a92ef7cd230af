// `npm run torture [-- --kills 100 --tickets 30 --seed N]`: the long version. The short one is a
// test.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { torture } from "./torture.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "100" },
    tickets: { type: "string", default: "30" },
    seed: { type: "string", default: String(Date.now() % 100_000) },
  },
});
const folder = mkdtempSync(join(tmpdir(), "torture-"));
console.log(`seed ${values.seed}, in ${folder}`);
const { faults, ...figures } = await torture({
  folder,
  kills: Number(values.kills),
  tickets: Number(values.tickets),
  seed: Number(values.seed),
  print: console.log,
});
console.log(JSON.stringify(figures));
for (const fault of faults) console.log(`✗ ${fault}`);
console.log(faults.length === 0 ? "Nothing was lost, and nothing ran twice." : "It failed.");
process.exitCode = faults.length === 0 ? 0 : 1;
