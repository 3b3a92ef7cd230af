// The markers of open chapters: read strongly, overwritten, and listed as they were some seconds
// ago.
import { markerOf, markerPath, markerText } from "../../shared/adapters/fact-text.ts";
import { type ChapterKey, type Marker, markerName } from "../../shared/domain/facts.ts";
import { msOf } from "../../shared/domain/time.ts";
import type { MarkerListing } from "../../shared/ports.ts";
import type { VirtualClock } from "./clock.ts";
import { deepFreeze } from "./freeze.ts";
import type { Caller } from "./port-call.ts";
import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";
import type { Weather } from "./weather.ts";

type Deps = {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly weather: Weather;
  readonly trace: Trace;
};

type Listed = { marker: Marker; atMs: number; seenMs: number; beforeMs: number | undefined };

export function createMarkers({ clock, random, weather, trace }: Deps) {
  const markers = new Map<string, Marker>();
  const laid = new Map<string, Marker>();
  const listed = new Map<string, Listed>();
  const removed = new Map<string, { readonly listed: Listed; readonly seenMs: number }>();
  const onMarkerWritten: ((marker: Marker, caller: Caller) => void)[] = [];
  const onMarkerRemoved: ((key: ChapterKey, caller: Caller, writtenMs: number) => void)[] = [];
  const seenMs = (): number => clock.nowMs() + random.between(0, weather.lagMsMax);
  return {
    markers,
    onMarkerWritten,
    onMarkerRemoved,
    readMarker: (key: ChapterKey) => markers.get(markerName(key)) ?? laid.get(markerName(key)),
    /** It was there before the world began, and does not count as one of its chapters. */
    layMarker: (marker: Marker) => {
      const atMs = msOf(marker.touched_at);
      laid.set(markerName(marker), marker);
      listed.set(markerName(marker), { marker, atMs, seenMs: atMs, beforeMs: undefined });
    },
    writeMarker: (marker: Marker, caller: Caller) => {
      const name = markerName(marker);
      const before = listed.get(name);
      // What cannot be read back would block its chapter for ever: the real reader says so.
      markers.set(name, deepFreeze(markerOf(markerPath(marker), Buffer.from(markerText(marker)))));
      listed.set(name, {
        marker,
        atMs: clock.nowMs(),
        seenMs: seenMs(),
        beforeMs: before?.atMs,
      });
      trace.say(() => `✎ open/${name} ${JSON.stringify(marker)}`);
      for (const listener of onMarkerWritten) listener(marker, caller);
    },
    removeMarker: (key: ChapterKey, caller: Caller) => {
      const name = markerName(key);
      const entry = listed.get(name);
      if (entry === undefined) return;
      markers.delete(name);
      listed.delete(name);
      removed.set(name, { listed: entry, seenMs: seenMs() });
      trace.say(() => `␡ open/${name}`);
      for (const listener of onMarkerRemoved) listener(key, caller, entry.atMs);
    },
    listMarkers: (): readonly MarkerListing[] => {
      const nowMs = clock.nowMs();
      const present = [...listed.values()].flatMap((entry) => {
        const modifiedMs = entry.seenMs > nowMs ? entry.beforeMs : entry.atMs;
        return modifiedMs === undefined ? [] : [listingOf(entry.marker, modifiedMs)];
      });
      const ghosts = [...removed]
        .filter(([name, gone]) => gone.seenMs > nowMs && !listed.has(name))
        .map(([, gone]) => listingOf(gone.listed.marker, gone.listed.atMs));
      return [...present, ...ghosts];
    },
  };
}

const listingOf = ({ run_id, chapter }: Marker, modifiedMs: number): MarkerListing => ({
  key: { run_id, chapter },
  modifiedMs,
});
