// The warehouse sleeps between the boundaries of the plane's windows: in a calm world nobody wakes
// it in between.
import { jitterOf } from "../../shared/domain/cadence.ts";
import { MINUTE, SECOND } from "./clock.ts";
import type { LivenessDeps } from "./liveness-deps.ts";

/** Records become visible together, and a batch takes its time. */
const AWAKE_FOR = 2 * MINUTE;

export function watchWindows({ clock, ledger, weather, planeId, violate }: LivenessDeps): void {
  const windowMs = weather.ledgerWindowSeconds * SECOND;
  if (weather.isFaulty || windowMs === 0) return;
  const shiftMs = jitterOf(planeId) * windowMs;
  ledger.onState.push((_before, row) => {
    const sinceBoundaryMs = (clock.nowMs() - shiftMs) % windowMs;
    if (sinceBoundaryMs > AWAKE_FOR + weather.recordsHoldMsMax)
      violate("the warehouse was woken within a window", `${row.run_id} ${row.version}`);
  });
}
