// `node test/infra/bench/main.ts`: how long a deployed bundle takes from the start of its process until its handler is ready, and its size.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildBundles } from "../../../infra/bundles.ts";
import { functionEnvironment } from "../function-environment.ts";

const PROCESSES = 15;
const budgets = [
  { service: "orchestrator", msMax: 250 },
  { service: "run-poller", msMax: 250 },
  { service: "ingester", msMax: 700 },
] as const;

const bundles = await buildBundles({ out: mkdtempSync(join(tmpdir(), "signalbox-bench-")) });
for (const { service, msMax } of budgets) {
  const { folder } = bundles[service];
  const files = readdirSync(folder).filter((name) => name.endsWith(".mjs"));
  const bytes = files.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  const env = functionEnvironment(service);
  // performance.now() counts from the start of the process, so Node's own start is part of it.
  const script = 'await import("./handler.mjs"); console.log(performance.now());';
  const times = Array.from({ length: PROCESSES }, () =>
    Number(
      execFileSync(process.execPath, ["--input-type=module", "-e", script], { cwd: folder, env }),
    ),
  ).toSorted((a, b) => a - b);
  const median = times[Math.floor(PROCESSES / 2)] ?? Number.NaN;
  console.log(
    `${service.padEnd(12)}  ${(bytes / 1000).toFixed(0).padStart(5)} kB  ready after ${median.toFixed(0)} ms (median of ${PROCESSES}, budget ${msMax} ms)`,
  );
}
