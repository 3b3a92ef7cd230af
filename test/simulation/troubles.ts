// Cases that are not waited for: a schedule that finds the platform out of order three times in a
// row leaves it alone until its next tick, and a run under our token that we may not see is refused
// once permissions cannot show late any more.
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import { factRef, isStopped, type Manifest } from "../../shared/domain/facts.ts";
import type { LogFields } from "../../shared/log.ts";
import { MINUTE, SECOND, type VirtualClock } from "./clock.ts";
import type { Environment } from "./environment.ts";
import type { Files } from "./files.ts";
import { isWithin, type Weather } from "./weather.ts";

type Deps = {
  readonly clock: VirtualClock;
  readonly weather: Weather;
  readonly files: Files;
  readonly violate: (what: string, detail: string) => void;
};
type Count = { sinceMs: number; troubles: number };

const TROUBLES_MAX = 3;

/** Ten minutes, and what a call and our own clocks may take. */
const HIDDEN_FOR = 10 * MINUTE + 45 * SECOND;

function checkHidden(
  files: Files,
  { run_id, reason = "" }: LogFields,
  nowMs: number,
  violate: Deps["violate"],
): void {
  if (!reason.includes("which the controllers may not see")) return;
  for (const { ref, fact, atMs } of files.all()) {
    const plan = fact as Manifest;
    const isOpen =
      ref.kind === "manifest" &&
      plan.run_id === run_id &&
      !isStopped(plan) &&
      files.get(factRef.submission(plan)) === undefined;
    if (isOpen && nowMs - atMs > HIDDEN_FOR) violate("a stranger is waited for", ref.path);
  }
}

/**
 * Told of each log line. While nothing can be read, every item that is worked on fails at its first
 * call.
 */
export function createTroubles({ clock, weather, files, violate }: Deps) {
  const counts = new WeakMap<Environment, Count>();
  return (env: Environment, event: string, fields: LogFields = {}): void => {
    if (event === "message.waited") checkHidden(files, fields, clock.nowMs(), violate);
    if (event !== "marker.failed") return;
    const { error } = fields;
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
