import { expect, test } from "vitest";
import { PlatformTroubleError, UnreadableMarkerError } from "../../shared/domain/errors.ts";
import type { Marker } from "../../shared/domain/facts.ts";
import { freshMarker } from "../../shared/domain/marker.ts";
import { listedMarker } from "../../shared/story/listed-marker.ts";
import { t0 } from "../domain/examples.ts";

const key = { run_id: "ORD-1", chapter: 1 };
const portOf = (read: () => Promise<Marker | undefined>) => ({
  markers: { read, list: async () => [], write: async () => {}, remove: async () => {} },
});
const listing = { key, modifiedMs: t0 };

test("a marker file that is not valid JSON counts as a fresh one of its last write", async () => {
  const torn = portOf(() => Promise.reject(new UnreadableMarkerError("open/ORD-1.1 is no JSON")));
  expect(await listedMarker(torn, listing)).toEqual(freshMarker(key, t0));
});

test("what can be read is read, what has gone is gone, and trouble stays trouble", async () => {
  const marker = freshMarker(key, t0 + 1);
  expect(
    await listedMarker(
      portOf(async () => marker),
      listing,
    ),
  ).toBe(marker);
  expect(
    await listedMarker(
      portOf(async () => undefined),
      listing,
    ),
  ).toBeUndefined();
  const down = portOf(() => Promise.reject(new PlatformTroubleError("503")));
  await expect(listedMarker(down, listing)).rejects.toBeInstanceOf(PlatformTroubleError);
});
