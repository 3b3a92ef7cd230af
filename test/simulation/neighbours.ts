// Other runs of the executors' principal: whatever lies in the scratchpad they may read, rewrite,
// delete and create. Their results are perfect, but for one thing: the attempt has not written
// them. Before an attempt is over they can make it fail; after that nothing that they do may
// matter.
import { HOUR, MINUTE, type VirtualClock } from "./clock.ts";
import { type Databricks, manifestedOf, resultPath } from "./databricks.ts";
import type { Files } from "./files.ts";
import type { Random } from "./random.ts";
import { resultBytes } from "./results.ts";
import type { Run } from "./runs.ts";
import type { Trace } from "./trace.ts";
import type { Weather } from "./weather.ts";

type Deps = {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly weather: Weather;
  readonly trace: Trace;
  readonly files: Files;
  readonly databricks: Databricks;
};

export function bringNeighbours(deps: Deps): void {
  const { clock, random, weather, databricks } = deps;
  if (weather.neighbours === 0) return;
  databricks.onStart.push((run) => {
    if (!random.chance(weather.neighbours)) return;
    const x = random.next();
    if (x < 0.12) clock.after(random.between(0, 10 * MINUTE), () => createFirst(deps, run));
    else if (x < 0.25)
      clock.at(endOf(run) + random.between(0, 5 * MINUTE), () => remove(deps, run));
    // At the last moment, or between the end and the judgement.
    else clock.at(endOf(run) + random.between(0, 2 * MINUTE), () => rewrite(deps, run));
  });
}

const endOf = ({ endMs, startedMs }: Run): number =>
  Number.isFinite(endMs) ? endMs : startedMs + HOUR;

function createFirst(deps: Deps, run: Run): void {
  if (!deps.databricks.isActive(run)) return;
  deps.databricks.denyResult(run);
  rewrite(deps, run);
}

/** Valid in every respect, and better than the truth. */
function rewrite({ clock, trace, files }: Deps, run: Run): void {
  const manifested = manifestedOf(files, run);
  if (manifested === undefined) return;
  trace.say(() => `✋ somebody rewrites the result of run ${run.id}`);
  const forged = resultBytes(
    {
      kind: "of other parameters",
      status: "SUCCESS",
      transient: true,
      error: 0,
      rows: 500,
      finished: true,
      isFickle: false,
      fromMs: clock.nowMs(),
    },
    manifested,
    clock.nowMs(),
  );
  files.volumes.set(resultPath(manifested), () => forged);
}

function remove({ trace, files }: Deps, run: Run): void {
  const manifested = manifestedOf(files, run);
  if (manifested === undefined) return;
  trace.say(() => `✋ somebody deletes the result of run ${run.id}`);
  files.volumes.delete(resultPath(manifested));
}
