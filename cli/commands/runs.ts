// `signalbox runs`: lists open chapters, and when each last showed a sign of life. It reads the
// markers, so no warehouse wakes up.
import { parseArgs } from "node:util";
import type { Marker } from "../../shared/domain/facts.ts";
import { aliveAtMs } from "../../shared/domain/marker.ts";
import { listedMarker } from "../../shared/story/listed-marker.ts";
import { openFacts, stageOf, stageOptions } from "../stage-context.ts";
import { table } from "../terminal.ts";
import type { Command } from "../usage.ts";

export const runs: Command = {
  usage: "runs --stage <stage> [--json] [--stages <folder>]",
  summary: "the runs that are open, the longest silent first",
  run: async (args, io) => {
    const { values } = parseArgs({
      args: [...args],
      options: { ...stageOptions, json: { type: "boolean", default: false } },
    });
    const stage = stageOf(values);
    await using facts = await openFacts(stage, io);
    const listed = await facts.markers.list();
    const read = await Promise.all(listed.map((listing) => listedMarker(facts, listing)));
    const markers = read.filter((marker) => marker !== undefined);
    const open = longestSilentFirst(markers, stage.limits.time_scale, Date.now());
    if (values.json) io.printJson(open);
    else for (const line of linesOf(open)) io.print(line);
    return 0;
  },
};

/**
 * A marker, and how long its chapter has shown no sign of life: at least so long if the sweep has
 * healed it since.
 */
type OpenRun = Marker & { readonly silent_seconds: number };

export const longestSilentFirst = (
  markers: readonly Marker[],
  timeScale: number,
  nowMs: number,
): readonly OpenRun[] =>
  markers
    .map((marker) => {
      const silentMs = nowMs - aliveAtMs(marker, timeScale);
      return { ...marker, silent_seconds: Math.max(0, Math.round(silentMs / 1000)) };
    })
    .toSorted((a, b) => b.silent_seconds - a.silent_seconds);

export function linesOf(runs: readonly OpenRun[]): readonly string[] {
  if (runs.length === 0) return ["no run is open"];
  const rows = runs.map((run) => [
    run.run_id,
    String(run.chapter),
    run.iter_n === undefined ? "not submitted" : `${run.iter_n}.${run.attempt}`,
    `${run.heals === 0 ? "" : "over "}${agoOf(run.silent_seconds)} ago`,
    run.heals === 0 ? "" : `healed ${run.heals} times`,
  ]);
  return table([["RUN", "CHAPTER", "ATTEMPT", "LAST SIGN OF LIFE", ""], ...rows]);
}

/** `95 s`, `12 min`, `3.5 h`, `4.0 days`. */
export function agoOf(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${(seconds / 3_600).toFixed(1)} h`;
  return `${(seconds / 86_400).toFixed(1)} days`;
}
