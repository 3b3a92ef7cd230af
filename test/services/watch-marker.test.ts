// The marker holds the youngest watch: who touches it, who ends, and who waits, so that watches
// neither multiply nor starve.
import { expect, test } from "vitest";
import { requeueWatch } from "../../services/run-poller/watch-run.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import type { Marker } from "../../shared/domain/facts.ts";
import { freshMarker, touched } from "../../shared/domain/marker.ts";
import { accepted, at, manifest, t0 } from "../domain/examples.ts";
import { deliver } from "../support/deliver.ts";
import { chapter, first } from "../support/facts.ts";
import { readAt, underWayPlane, watch, watchesSentBy } from "../support/under-way.ts";

const fresh = freshMarker(chapter, t0);
const after = (seconds: number): number => t0 + seconds * 1000;
const touchedAt = (seconds: number, number = 0, key: { iter_n: number; attempt: number } = first) =>
  touched(chapter, key, number, after(seconds));
const withoutDelays = (effects: readonly string[]) =>
  effects.map((effect) => effect.replace(/ in \d+ s$/, ""));

type Row = {
  readonly given: string;
  readonly marker: Marker | undefined;
  readonly number: number;
  readonly does: readonly string[];
};
const touches = (number: number): readonly string[] => [
  `send watches 1.1 #${number}`,
  `write marker 1 at 1.1 #${number}`,
];

test.each<Row>([
  { given: "is gone", marker: undefined, number: 0, does: touches(1) },
  { given: "has seen no look", marker: fresh, number: 0, does: touches(1) },
  { given: "is at this watch, and old", marker: touchedAt(-571, 2), number: 2, does: touches(3) },
  {
    given: "is at this watch, and young",
    marker: touchedAt(-570, 2),
    number: 2,
    does: ["send watches 1.1 #2"],
  },
  {
    given: "was healed: its heals start over",
    marker: { ...touchedAt(-700, 4), heals: 3 },
    number: 4,
    does: touches(5),
  },
  {
    given: "lags behind a watch whose touch failed",
    marker: touchedAt(-700, 2),
    number: 3,
    does: touches(4),
  },
  {
    given: "lags so far behind that the watch's number is made up",
    marker: touchedAt(-700, 2),
    number: 1_000_000,
    does: touches(103),
  },
  { given: "is ahead of this watch", marker: touchedAt(0, 3), number: 2, does: [] },
  {
    given: "is at a later try",
    marker: touchedAt(0, 0, { iter_n: 1, attempt: 2 }),
    number: 99,
    does: [],
  },
  {
    given: "is at a later iteration",
    marker: touchedAt(0, 0, { iter_n: 2, attempt: 1 }),
    number: 99,
    does: [],
  },
])("a first look, where the marker $given, does: $does", async ({ marker, number, does }) => {
  const plane = await underWayPlane(30, { marker });
  await deliver(plane.ports, { ...watch, number });
  expect(withoutDelays(plane.effects())).toEqual(does);
});

test("a first look at a later iteration outranks every number of an earlier one", async () => {
  const plane = await underWayPlane(30, { marker: touchedAt(0, 900, { iter_n: 1, attempt: 7 }) });
  const second = { ...first, iter_n: 2 };
  await plane.lay("submission", { ...accepted, ...second });
  await deliver(plane.ports, { ...watch, ...second });
  expect(withoutDelays(plane.effects())).toEqual([
    "send watches 2.1 #1",
    "write marker 1 at 2.1 #1",
  ]);
  expect(await plane.markers.read(chapter)).toEqual(touchedAt(30, 1, second));
});

test("a watch that is outnumbered still says that its run is over", async () => {
  const words = { lifeCycleState: "TERMINATED", state: "TERMINATED" };
  const plane = await underWayPlane(30, { marker: touchedAt(0, 9), words });
  await deliver(plane.ports, watch);
  expect(plane.effects()).toEqual(["send reports 1.1"]);
});

test.each([
  { given: "nine minutes ago", second: 60, again: false },
  { given: "ten minutes ago", second: -1, again: true },
  { given: "in a future that only a forger knows", second: 9_000, again: true },
])("a watch that read the marker $given reads it again: $again", async ({ second, again }) => {
  const plane = await underWayPlane(600);
  await deliver(plane.ports, readAt(second));
  expect(plane.calls().includes("read marker 1")).toBe(again);
});

test("a watch that only read a young marker is due again ten minutes after the marker's touch", async () => {
  const plane = await underWayPlane(300, { marker: touchedAt(200) });
  await deliver(plane.ports, watch);
  expect(watchesSentBy(plane)).toMatchObject([{ number: 0, touched_at: at(200) }]);
});

test("two watches of one attempt: the first to touch goes on, the other ends at its next look", async () => {
  const plane = await underWayPlane(30);
  await deliver(plane.ports, watch);
  await deliver(plane.ports, watch);
  expect(withoutDelays(plane.effects())).toEqual(touches(1));
});

const readOnly = () => {
  throw new PlatformTroubleError("the volume is read only");
};

test("a marker that cannot be written sends no second watch, and that is said", async () => {
  const plane = await underWayPlane(30);
  plane.meanwhile("write marker 1 at 1.1 #1", readOnly);
  await deliver(plane.ports, watch);
  expect(watchesSentBy(plane)).toMatchObject([{ number: 1, touched_at: at(30) }]);
  expect(plane.logged.at(-1)).toMatchObject([
    "platform.troubled",
    { ...chapter, reason: "the volume is read only" },
  ]);
});

const waits = { delaySeconds: 120, traceparent: manifest.traceparent };
const goesOn = ["send watches 1.1 #2 in 120 s"];
const raises = ["send watches 1.1 #3 in 120 s", "write marker 1 at 1.1 #3"];

test.each<Row>([
  { given: "is gone, and with it the chapter", marker: undefined, number: 2, does: [] },
  { given: "is ahead of it", marker: touchedAt(0, 3), number: 2, does: [] },
  {
    given: "is at a later try",
    marker: touchedAt(0, 0, { iter_n: 1, attempt: 2 }),
    number: 2,
    does: [],
  },
  { given: "is at it, and young", marker: touchedAt(0, 2), number: 2, does: goesOn },
  { given: "is at it, and old", marker: touchedAt(-700, 2), number: 2, does: raises },
  { given: "has seen no look", marker: fresh, number: 2, does: raises },
  {
    given: "lags so far behind that the watch's number is made up",
    marker: touchedAt(-700, 2),
    number: 1_000_000,
    does: ["send watches 1.1 #103 in 120 s", "write marker 1 at 1.1 #103"],
  },
])("a watch that waits out trouble, where the marker $given, does: $does", async (row) => {
  const plane = await underWayPlane(30, { marker: row.marker });
  await requeueWatch(plane.ports, { ...watch, number: row.number, tries: 4 }, waits);
  expect(plane.effects()).toEqual(row.does);
  for (const { options } of plane.sent) expect(options).toEqual(waits);
  for (const next of watchesSentBy(plane)) expect(next.tries).toBe(4);
});

test("a watch waits as it is where the trouble is the marker's own", async () => {
  const plane = await underWayPlane(30);
  plane.meanwhile("read marker 1", () => {
    throw new PlatformTroubleError("503 TEMPORARILY_UNAVAILABLE");
  });
  await requeueWatch(plane.ports, { ...watch, number: 2 }, waits);
  expect(plane.effects()).toEqual(goesOn);
});

test("a watch that waits sends no second one where its marker cannot be written", async () => {
  const plane = await underWayPlane(30);
  plane.meanwhile("write marker 1 at 1.1 #3", readOnly);
  await requeueWatch(plane.ports, { ...watch, number: 2 }, waits);
  expect(plane.effects()).toEqual(raises.slice(0, 1));
  expect(plane.events()).toEqual(["platform.troubled"]);
});

test("where the last touch failed, looks are rare until one succeeds: copies of a watch are outnumbered by nobody", async () => {
  const marker = touched(chapter, first, 3, t0 + 50_000);
  const plane = await underWayPlane(60, { marker });
  const behind = { ...readAt(50), number: 4, looks: 16, looks_then: 4 };
  await deliver(plane.ports, behind);
  const [next] = watchesSentBy(plane);
  expect(plane.effects()).toEqual(["send watches 1.1 #5 in 300 s", "write marker 1 at 1.1 #5"]);
  // The next look makes sure that the touch has been written.
  expect(next).toMatchObject({ looks: 17, looks_then: 4 });
  plane.forget();
  await deliver(plane.ports, next!);
  expect(plane.effects()[0]).toMatch(/^send watches 1\.1 #6 in [1-9] s$/);
});
