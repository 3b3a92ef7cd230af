// The machine, in a few lines: no figure means anything without it.
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { ofTimes } from "./figure.ts";
import { emptyNode, inTurns, processMs } from "./processes.ts";

const ROUNDS = 9;

/** What it is, how busy it is, and how fast at the plainest thing that is measured here. */
export async function machineLines(): Promise<readonly string[]> {
  const cores = availableParallelism();
  const load = loadavg()[0] ?? 0;
  const busy = load > 0.5 * cores ? ": it is shared, so every time below is an upper bound" : "";
  const times = await inTurns(ROUNDS, { empty: () => processMs(emptyNode, "first word") });
  const empty = ofTimes(times.empty);
  return [
    `${cpus()[0]?.model.trim() ?? "unknown processor"}, ${cores} cores, ${(totalmem() / 2 ** 30).toFixed(1)} GiB, ${process.platform} ${release()}`,
    `Node ${process.versions.node}; an empty process of it takes ${empty.value.toFixed(0)} ms, at best ${empty.best?.toFixed(0)} ms`,
    `load average over the last minute ${load.toFixed(1)}${busy}`,
  ];
}
