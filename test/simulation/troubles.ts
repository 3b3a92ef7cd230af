// A schedule that finds the platform out of order three times in a row leaves it alone until its next tick.
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import type { VirtualClock } from "./clock.ts";
import type { Environment } from "./environment.ts";
import { isWithin, type Weather } from "./weather.ts";

type Deps = {
  readonly clock: VirtualClock;
  readonly weather: Weather;
  readonly violate: (what: string, detail: string) => void;
};
type Count = { sinceMs: number; troubles: number };

const TROUBLES_MAX = 3;

/** Told of each log line. While nothing can be read, every item that is worked on fails at its first call. */
export function createTroubles({ clock, weather, violate }: Deps) {
  const counts = new WeakMap<Environment, Count>();
  return (env: Environment, event: string, error: unknown): void => {
    if (event !== "marker.failed") return;
    const had = counts.get(env);
    const isSame = had !== undefined && had.sinceMs === env.sinceMs;
    const count = isSame ? had : { sinceMs: env.sinceMs, troubles: 0 };
    counts.set(env, count);
    const isTrouble =
      error instanceof PlatformTroubleError && isWithin(weather.outages.reads, clock.nowMs());
    count.troubles = isTrouble ? count.troubles + 1 : 0;
    if (count.troubles > TROUBLES_MAX)
      violate("the sweep asks again and again what is out of order", env.name);
  };
}
