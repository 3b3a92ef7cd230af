import { expect, test } from "vitest";
import { sweep } from "../../services/orchestrator/sweep.ts";
import {
  PlatformTroubleError,
  PoisonMessageError,
  UnreadableMarkerError,
} from "../../shared/domain/errors.ts";
import type { FactKind, FactRef, Marker } from "../../shared/domain/facts.ts";
import { freshMarker, SILENT_SECONDS } from "../../shared/domain/marker.ts";
import type { MarkerListing } from "../../shared/ports.ts";
import { outcome, t0 } from "../domain/examples.ts";
import { settings } from "../support/plane.ts";

/** A plane whose runs are all over, with markers that are still there. */
function createPlane(read: (runId: string) => Marker) {
  const sent: unknown[] = [];
  const written: Marker[] = [];
  const logged: string[] = [];
  const keys = ["a", "b", "c"].map((run_id) => ({ run_id, chapter: 1 }));
  return {
    sent,
    written,
    logged,
    deps: {
      facts: {
        read: async ({ kind, path }: FactRef<FactKind>) => {
          if (path.startsWith("run_torn")) throw new PoisonMessageError("the fact is no JSON");
          return (kind === "outcome" ? { fact: outcome, sha256: "" } : undefined) as never;
        },
        create: async () => {
          throw new Error("a sweep creates no facts");
        },
      },
      markers: {
        list: async (): Promise<MarkerListing[]> =>
          keys.map((key, i) => ({ key, modifiedMs: t0 + i })),
        read: async ({ run_id }: { run_id: string }) => read(run_id),
        write: async (marker: Marker) => void written.push(marker),
        remove: async () => {},
      },
      queues: {
        send: async (queue: string, message: object) =>
          void sent.push([queue, "run_id" in message && message.run_id]),
      },
      clock: {
        nowMs: () => t0 + (SILENT_SECONDS + 1) * 1000,
        sleep: async () => {},
        timer: () => () => {},
      },
      log: (event: string) => void logged.push(event),
      settings,
    },
  };
}

test("a marker file that is not valid JSON is healed as a fresh one, and written again", async () => {
  const plane = createPlane((run_id) => {
    if (run_id === "a") throw new UnreadableMarkerError("the marker open/a.1 is no JSON");
    return freshMarker({ run_id, chapter: 1 }, t0);
  });
  await sweep(plane.deps);
  expect(plane.sent).toEqual([
    ["records", "a"],
    ["records", "b"],
    ["records", "c"],
  ]);
  expect(plane.written.map(({ run_id, heals }) => [run_id, heals])).toEqual([
    ["a", 1],
    ["b", 1],
    ["c", 1],
  ]);
});

test("a chapter whose facts nobody can read does not keep the sweep from the others", async () => {
  const plane = createPlane((run_id) =>
    freshMarker({ run_id: run_id === "a" ? "torn" : run_id, chapter: 1 }, t0),
  );
  const { deps } = plane;
  const listed = await deps.markers.list();
  const torn = { ...listed[0]!, key: { run_id: "torn", chapter: 1 } };
  await sweep({
    ...deps,
    markers: { ...deps.markers, list: async () => [torn, ...listed.slice(1)] },
  });
  expect(plane.sent).toEqual([
    ["records", "b"],
    ["records", "c"],
  ]);
  expect(plane.logged).toContain("marker.failed");
});

test.each([
  { given: "one chapter is in trouble", troubled: ["a"], healed: ["b", "c", "d", "e"] },
  { given: "every second one is", troubled: ["a", "c", "e"], healed: ["b", "d"] },
  { given: "three in a row are", troubled: ["a", "b", "c"], healed: [] },
])("where $given, the sweep heals $healed, and does not throw", async ({ troubled, healed }) => {
  const plane = createPlane((run_id) => {
    if (troubled.includes(run_id)) throw new PlatformTroubleError("403 PERMISSION_DENIED");
    return freshMarker({ run_id, chapter: 1 }, t0);
  });
  const listed = ["a", "b", "c", "d", "e"].map((run_id, i) => ({
    key: { run_id, chapter: 1 },
    modifiedMs: t0 + i,
  }));
  const { deps } = plane;
  await sweep({ ...deps, markers: { ...deps.markers, list: async () => listed } });
  expect(plane.sent).toEqual(healed.map((run_id) => ["records", run_id]));
  expect(plane.logged.filter((event) => event === "marker.failed")).toHaveLength(troubled.length);
  expect(plane.logged.at(-1)).toBe("sweep.finished");
});
