// Once in some worlds everything of ours is off for a while, or the facts volume can only be read:
// at the worst moment, between two steps. Databricks goes on.
import { HOUR, SECOND, START, type VirtualClock } from "./clock.ts";
import type { Databricks } from "./databricks.ts";
import type { Files } from "./files.ts";
import type { Fleet } from "./fleet.ts";
import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";
import type { Weather } from "./weather.ts";

/** Until when nothing of ours runs. */
export type Dark = { untilMs: number };

type Deps = {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly weather: Weather;
  readonly trace: Trace;
  readonly files: Files;
  readonly databricks: Databricks;
  readonly fleet: Fleet;
};

export function strikeBlackout(deps: Deps, dark: Dark): void {
  const { clock, random, weather, trace, files, databricks, fleet } = deps;
  const { blackout } = weather;
  if (blackout === undefined) return;
  let seen = 0;
  const happened = (what: string): void => {
    if (what !== blackout.after || ++seen !== blackout.count) return;
    if (clock.nowMs() > START + weather.activeMs * 0.8) return;
    // At once, or while the answers of the next calls are awaited.
    if (blackout.of === "writes") {
      const toMs = Math.min(clock.nowMs() + blackout.lastsMs, weather.faultsEndMs);
      weather.outages.writes = { fromMs: clock.nowMs(), toMs };
      return;
    }
    clock.after(random.chance(0.5) ? 0 : random.between(0, 3 * SECOND), () => {
      trace.say(() => "✗ blackout: everything that runs dies");
      dark.untilMs = clock.nowMs() + blackout.lastsMs;
      weather.faultsEndMs = Math.max(weather.faultsEndMs, dark.untilMs + 3 * HOUR);
      fleet.blackout();
    });
  };
  files.onMarkerWritten.push(() => happened("marker"));
  files.onFact.push(({ ref }) => happened(ref.kind));
  databricks.onStart.push(() => happened("run"));
}
