// Markers as whoever goes through their listing reads them.
import { UnreadableMarkerError } from "../domain/errors.ts";
import type { Marker } from "../domain/facts.ts";
import { freshMarker } from "../domain/marker.ts";
import type { MarkerListing, MarkersPort } from "../ports.ts";

/** A marker whose text is none counts as a fresh one of its last write; undefined where it has gone since. */
export async function listedMarker(
  { markers }: MarkersPort,
  { key, modifiedMs }: MarkerListing,
): Promise<Marker | undefined> {
  try {
    return await markers.read(key);
  } catch (error) {
    if (error instanceof UnreadableMarkerError) return freshMarker(key, modifiedMs);
    throw error;
  }
}
