// The bundles that are deployed: how large they are, and how long a fresh process takes until their
// handler is ready.
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bundles, buildBundles } from "../../infra/bundles.ts";
import type { ServiceName } from "../../shared/topology.ts";
import { functionEnvironment } from "../infra/function-environment.ts";
import { type Figure, median, ofTimes } from "./figure.ts";
import { emptyNode, inTurns, node, processMs } from "./processes.ts";

/** docs/architecture.md#budgets */
const budgets = [
  { service: "orchestrator", kilobytesMax: 1_000, msMax: 250 },
  { service: "run-poller", kilobytesMax: 1_000, msMax: 250 },
  { service: "ingester", kilobytesMax: 2_700, msMax: 700 },
] as const;

const ROUNDS = 11;

type Bundle = Bundles[ServiceName];

export async function measureBundles(): Promise<readonly Figure[]> {
  const out = mkdtempSync(join(tmpdir(), "signalbox-bench-"));
  try {
    const bundles = await buildBundles({ out });
    const driver = driverChunk(bundles.ingester);
    const ms = await inTurns(ROUNDS, {
      empty: () => processMs(emptyNode, "first word"),
      orchestrator: () => readyMs("orchestrator", bundles.orchestrator),
      "run-poller": () => readyMs("run-poller", bundles["run-poller"]),
      ingester: () => readyMs("ingester", bundles.ingester),
      withDriver: () => readyMs("ingester", bundles.ingester, driver),
    });
    const beside = { what: "an empty Node process", value: median(ms.empty) };
    return [
      ...budgets.map(({ service, kilobytesMax }) => ({
        what: `${service}: code of the bundle`,
        value: bytesOf(bundles[service]) / 1000,
        unit: "kB",
        budget: { atMost: kilobytesMax },
      })),
      ...budgets.map(({ service, msMax }) => ({
        what: `${service}: process start to handler ready`,
        ...ofTimes(ms[service]),
        unit: "ms",
        budget: { atMost: msMax },
        beside,
      })),
      {
        what: "ingester: the same, and the SQL driver that the first record loads",
        ...ofTimes(ms.withDriver),
        unit: "ms",
        budget: { atMost: 700 },
        beside,
      },
    ];
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/**
 * As the runtime of a function does: it imports the handler, in the folder of the code, with the
 * template's variables.
 */
function readyMs(service: ServiceName, { folder }: Bundle, more?: string): Promise<number> {
  const imports = ["handler.mjs", ...(more === undefined ? [] : [more])];
  const load = imports.map((name) => `await import("./${name}");`).join("");
  return processMs(
    {
      ...node("-e", `(async () => { ${load} console.log(); })();`),
      cwd: folder,
      env: environmentOf(service),
    },
    "first word",
  );
}

const environments = new Map<ServiceName, Record<string, string>>();
/** Synthesised once: that takes longer than what is measured. */
function environmentOf(service: ServiceName): Record<string, string> {
  const known = environments.get(service) ?? functionEnvironment(service);
  environments.set(service, known);
  return known;
}

/** Everything that Node may load: the handler and its chunks, without source maps and workloads. */
const bytesOf = ({ folder }: Bundle): number =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".mjs"))
    .reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);

/** The chunk that holds the SQL driver. @throws Error where there is none of its own */
function driverChunk({ metafile }: Bundle): string {
  const [path, ...others] = Object.entries(metafile.outputs)
    .filter(([, { inputs }]) =>
      Object.keys(inputs).some((input) => input.includes("node_modules/@databricks/sql/")),
    )
    .map(([output]) => output);
  if (path === undefined || others.length > 0 || path.endsWith("handler.mjs"))
    throw new Error("the ingester's bundle has no single chunk with the SQL driver");
  return path.slice(path.lastIndexOf("/") + 1);
}
