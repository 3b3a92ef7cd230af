// The sweep heals what is silent, ever more rarely: 30 min after the last sign of life, then after
// 1 h, 2 h, … of its own heals.
import { markerName } from "../../shared/domain/facts.ts";
import { HOUR, MINUTE } from "./clock.ts";
import type { LivenessDeps } from "./liveness-deps.ts";
import { parsed } from "./parsed.ts";

const SILENT = 30 * MINUTE;
/** A sweep reads the clock before its write lands. */
const TOLERANCE = 3 * MINUTE;

type Signs = { atMs: number; heals: number };

export function watchHeals({ clock, sqs, files, weather, violate }: LivenessDeps): void {
  const signs = new Map<string, Signs>();
  files.onMarkerWritten.push((marker, caller) => {
    const name = markerName(marker);
    if (caller.purpose !== "schedule") signs.set(name, { atMs: clock.nowMs(), heals: 0 });
  });
  sqs.onSend.push((queue, body, { caller }) => {
    if (caller?.purpose !== "schedule" || queue === "tickets") return;
    const { run_id, chapter } = parsed<{ run_id: string; chapter: number }>(body);
    const name = markerName({ run_id, chapter });
    const last = signs.get(name);
    if (!weather.isFaulty) violate("something had to be healed without any fault", name);
    // A sign of life that came while the sweep was at work is not its fault.
    if (last === undefined || last.atMs > caller.sinceMs) return;
    const nowMs = clock.nowMs();
    const silentMs = nowMs - last.atMs;
    if (silentMs < Math.min(SILENT * 2 ** last.heals, 32 * HOUR) - TOLERANCE)
      violate("healed too early", `${name}, heal ${last.heals + 1} after ${silentMs / MINUTE} min`);
    signs.set(name, { atMs: nowMs, heals: last.heals + 1 });
  });
}
