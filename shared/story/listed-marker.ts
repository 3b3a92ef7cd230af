// Reads markers that a listing named.
import { UnreadableMarkerError } from "../domain/errors.ts";
import type { Marker } from "../domain/facts.ts";
import { freshMarker } from "../domain/marker.ts";
import type { MarkerListing, MarkersPort } from "../ports.ts";

/**
 * The marker behind a listing's entry. If its file is not valid JSON, a fresh marker of its last
 * write stands for it; undefined if it has gone since.
 */
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
