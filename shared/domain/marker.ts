// The arithmetic of a marker. It holds the youngest watch, as (iteration, attempt, number), so that
// watches neither multiply nor starve.
import type { ChapterKey, Marker } from "./facts.ts";
import { isoOf, msOf } from "./time.ts";

export type Attempt = { readonly iter_n: number; readonly attempt: number };

/**
 * The age at which a look touches the marker: about one look in ten minutes does. An older marker
 * may have lost its watch.
 */
export const TOUCH_SECONDS = 600;
/**
 * Nor more looks: where each of them may come twice, watches that nobody outnumbers would double
 * again and again.
 */
export const TOUCH_LOOKS = 12;
/** Longer than any delay allows: the chain of messages is broken. */
export const SILENT_SECONDS = 1_800;
/** A heal should have worked within the half hour after it. After that, a person should look. */
const LONG_SILENT_SECONDS = 3_600;

/**
 * The number of an attempt's youngest watch, as its marker has it. A later attempt outranks every
 * number: a watch of an earlier one is too old.
 */
export function numberOf(marker: Marker | undefined, key: Attempt): number {
  if (marker?.iter_n === undefined || marker.attempt === undefined) return 0;
  if (marker.iter_n === key.iter_n && marker.attempt === key.attempt) return marker.number;
  const later =
    marker.iter_n > key.iter_n || (marker.iter_n === key.iter_n && marker.attempt > key.attempt);
  return later ? Number.POSITIVE_INFINITY : 0;
}

export const isOfAttempt = (marker: Marker | undefined, key: Attempt): boolean =>
  marker?.iter_n === key.iter_n && marker.attempt === key.attempt;

/**
 * Whether the marker holds a younger watch than this one. Copies of one watch that look at the same
 * time raise the marker to the same number, so the time of the touch decides among them: the last
 * goes on, whose touch the marker has.
 */
export function isOutnumbered(
  marker: Marker | undefined,
  watch: Attempt & { readonly number: number; readonly touched_at?: string | undefined },
): boolean {
  const number = numberOf(marker, watch);
  if (number !== watch.number || marker === undefined) return number > watch.number;
  const { touched_at } = watch;
  return (
    isOfAttempt(marker, watch) &&
    touched_at !== undefined &&
    msOf(marker.touched_at) > msOf(touched_at)
  );
}

/** The first marker of an open chapter. */
export const freshMarker = ({ run_id, chapter }: ChapterKey, nowMs: number): Marker => ({
  v: 1,
  run_id,
  chapter,
  number: 0,
  heals: 0,
  touched_at: isoOf(nowMs),
});

/**
 * The marker after a look touched it: the attempt and the number of the watch that goes on. Heals
 * start over.
 */
export const touched = (
  chapter: ChapterKey,
  key: Attempt,
  number: number,
  nowMs: number,
): Marker => ({
  ...freshMarker(chapter, nowMs),
  iter_n: key.iter_n,
  attempt: key.attempt,
  number,
});

/**
 * A number above the marker's for a new watch of this attempt, and the marker that holds it. If the
 * marker is at a later attempt already, it stays there, and the watch gets a number that ends it at
 * its first look.
 */
export function raised(
  marker: Marker | undefined,
  chapter: ChapterKey,
  key: Attempt,
  nowMs: number,
): { readonly number: number; readonly marker: Marker } {
  const above = numberOf(marker, key) + 1;
  if (marker !== undefined && above === Number.POSITIVE_INFINITY)
    return { number: 1, marker: { ...marker, heals: 0, touched_at: isoOf(nowMs) } };
  return { number: above, marker: touched(chapter, key, above, nowMs) };
}

/**
 * The marker after the sweep healed it: the next heal waits twice as long, until a look touches it.
 */
export const healed = (marker: Marker, by: Marker, nowMs: number): Marker => ({
  ...by,
  heals: marker.heals + 1,
  touched_at: isoOf(nowMs),
});

/** True if it was healed, and has still shown no sign of life for over an hour. */
export const isLongSilent = (marker: Marker, nowMs: number, timeScale: number): boolean =>
  marker.heals > 0 && nowMs - aliveAtMs(marker, timeScale) > LONG_SILENT_SECONDS * timeScale * 1000;

const HEAL_DOUBLINGS_MAX = 6;

/** How long a marker is left alone after its heals: 30 min, 1 h, 2 h, … at most 32 h. */
export const healWaitSeconds = (heals: number): number =>
  SILENT_SECONDS * 2 ** Math.min(HEAL_DOUBLINGS_MAX, heals);

/**
 * The time of the chapter's last sign of life, in epoch milliseconds, or a little later. A heal
 * overwrites the time with its own, but comes only when the wait before it is over.
 */
export const aliveAtMs = (marker: Marker, timeScale: number): number => {
  const doubled = Math.min(HEAL_DOUBLINGS_MAX, marker.heals);
  // 1 + 2 + 4 + …, and then the longest wait again and again.
  const waits = 2 ** doubled - 1 + (marker.heals - doubled) * 2 ** HEAL_DOUBLINGS_MAX;
  return msOf(marker.touched_at) - waits * SILENT_SECONDS * timeScale * 1000;
};
