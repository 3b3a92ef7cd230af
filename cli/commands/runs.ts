// `signalbox runs`: what is open, and when it last showed a sign of life. Reads the markers: no warehouse wakes up.
import { parseArgs } from "node:util";
import type { Marker } from "../../shared/domain/facts.ts";
import { msOf } from "../../shared/domain/time.ts";
import { openFacts, stageOf, stageOptions } from "../stage-context.ts";
import { type Command, table } from "../usage.ts";

export const runs: Command = {
  usage: "runs --stage <stage> [--json]",
  summary: "the runs that are open, the longest silent first",
  run: async (args, io) => {
    const { values } = parseArgs({
      args: [...args],
      options: { ...stageOptions, json: { type: "boolean", default: false } },
    });
    await using facts = await openFacts(stageOf(values), io);
    const listed = await facts.markers.list();
    const read = await Promise.all(listed.map(({ key }) => facts.markers.read(key)));
    const open = read
      .filter((marker) => marker !== undefined)
      .toSorted((a, b) => msOf(a.touched_at) - msOf(b.touched_at));
    if (values.json) io.print(JSON.stringify(open));
    else for (const line of linesOf(open, Date.now())) io.print(line);
    return 0;
  },
};

export function linesOf(markers: readonly Marker[], nowMs: number): readonly string[] {
  if (markers.length === 0) return ["no run is open"];
  const rows = markers.map((marker) => [
    marker.run_id,
    String(marker.chapter),
    marker.iter_n === undefined ? "not submitted" : `${marker.iter_n}.${marker.attempt}`,
    `${agoOf(nowMs - msOf(marker.touched_at))} ago`,
    marker.heals === 0 ? "" : `healed ${marker.heals} times`,
  ]);
  return table([["RUN", "CHAPTER", "ATTEMPT", "LAST SIGN OF LIFE", ""], ...rows]);
}

/** `95 s`, `12 min`, `3.5 h`, `4.0 days`. */
export function agoOf(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${(seconds / 3_600).toFixed(1)} h`;
  return `${(seconds / 86_400).toFixed(1)} days`;
}
