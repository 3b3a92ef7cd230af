// In which order the sweep comes to silent markers, and which of them it need not read, if there
// are more than a tick has time for.
import { type Marker, markerName } from "../../shared/domain/facts.ts";
import type { MarkerListing, MarkersPort } from "../../shared/ports.ts";

/**
 * Puts the oldest and the youngest in turns. A marker that has been silent for days, and cannot be
 * healed, must not keep the sweep from one that fell silent just now.
 */
export function inSweepOrder(silent: readonly MarkerListing[]): readonly MarkerListing[] {
  const byAge = silent.toSorted((a, b) => a.modifiedMs - b.modifiedMs);
  const half = Math.ceil(byAge.length / 2);
  const youngest = byAge.slice(half).toReversed();
  return byAge.slice(0, half).flatMap((old, i) => [old, ...youngest.slice(i, i + 1)]);
}

type Remembered = { readonly modifiedMs: number; readonly marker: Marker };

/** Of each environment: its own ports, its own memory. */
const memories = new WeakMap<MarkersPort["markers"], Map<string, Remembered>>();
const REMEMBERED_MAX = 20_000;

/** The marker as this environment read it last; undefined if it has been written since. */
export function remembered(
  { markers }: MarkersPort,
  { key, modifiedMs }: MarkerListing,
): Marker | undefined {
  const known = memories.get(markers)?.get(markerName(key));
  return known?.modifiedMs === modifiedMs ? known.marker : undefined;
}

/**
 * Keeps a marker that waits for its next heal. Hundreds of them would otherwise be read again at
 * each tick.
 */
export function remember(
  { markers }: MarkersPort,
  { key, modifiedMs }: MarkerListing,
  marker: Marker,
): void {
  const memory = memories.get(markers) ?? new Map<string, Remembered>();
  if (memory.size >= REMEMBERED_MAX) memory.clear();
  memories.set(markers, memory.set(markerName(key), { modifiedMs, marker }));
}
