// The sweep heals chains of messages that broke: what it sends for where the facts end, and how
// often.
import { expect, test } from "vitest";
import { sweep } from "../../services/orchestrator/sweep.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import type { Marker } from "../../shared/domain/facts.ts";
import { freshMarker, touched } from "../../shared/domain/marker.ts";
import {
  accepted,
  at,
  decision,
  lastDecision,
  manifest,
  outcome,
  refused,
  stoppedManifest,
  t0,
} from "../domain/examples.ts";
import { chapter, first, retryFact, ticketFact } from "../support/facts.ts";
import { createPlane, type GivenFacts } from "../support/plane.ts";

const HALF_AN_HOUR = 1_800;
const ticket = { ticket: ticketFact };
const submitted = { ...ticket, manifest, submission: accepted };

/** A plane half an hour after the last sign of life of its one open chapter. */
async function silentPlane(facts: GivenFacts, marker: Marker = freshMarker(chapter, t0)) {
  const plane = createPlane();
  await plane.given(facts);
  await plane.markers.write(marker);
  plane.at(HALF_AN_HOUR + 1);
  return plane;
}

test.each<{ given: string; facts: GivenFacts; sends: string }>([
  { given: "a ticket", facts: ticket, sends: "turns 1.1" },
  { given: "a manifest without a submission", facts: { ...ticket, manifest }, sends: "turns 1.1" },
  { given: "a decision that asks for more", facts: { ...submitted, decision }, sends: "turns 2.1" },
  {
    given: "a refused submission",
    facts: { ...submitted, submission: refused },
    sends: "reports 1.1",
  },
  {
    given: "a stopped manifest",
    facts: { ...ticket, manifest: stoppedManifest },
    sends: "reports 1.1",
  },
  {
    given: "a decision whose outcome is missing",
    facts: { ...submitted, decision: lastDecision },
    sends: "reports 1.1",
  },
  {
    given: "an outcome",
    facts: { ...submitted, decision: lastDecision, outcome },
    sends: "records 1.1 outcome",
  },
])("where the facts end with $given, the marker is written, then $sends is sent", async (row) => {
  const plane = await silentPlane(row.facts);
  await sweep(plane.ports);
  expect(plane.effects()).toEqual(["write marker 1, healed 1", `send ${row.sends}`]);
  expect(plane.sent[0]?.options.traceparent).toBe(ticketFact.traceparent);
  expect(plane.logged).toMatchObject([
    ["marker.healed", { ...chapter, count: 1 }],
    ["sweep.finished", { count: 1 }],
  ]);
});

test.each([
  { given: "has seen no watch", marker: freshMarker(chapter, t0), number: 1 },
  { given: "is at its attempt", marker: touched(chapter, first, 4, t0), number: 5 },
])("an accepted submission, whose marker $given, gets a watch above it", async (row) => {
  const plane = await silentPlane(submitted, row.marker);
  await sweep(plane.ports);
  expect(plane.effects()).toEqual([
    `write marker 1 at 1.1 #${row.number}, healed 1`,
    `send watches 1.1 #${row.number}`,
  ]);
  expect(plane.sent[0]?.options.traceparent).toBe(ticketFact.traceparent);
});

test("in a chapter that a retry opened, the turn names the retry", async () => {
  const second = { run_id: "ORD-1", chapter: 2 };
  const plane = await silentPlane(
    { ...submitted, decision: lastDecision, outcome, retry: retryFact },
    freshMarker(second, t0),
  );
  await sweep(plane.ports);
  expect(plane.effects()).toEqual(["write marker 2, healed 1", "send turns 1.2"]);
  expect(JSON.parse(plane.sent[0]!.body)).toMatchObject({ chapter: 2, by: { retry: 2 } });
});

test("a turn names the fact that asks for it", async () => {
  const plane = await silentPlane({ ...submitted, decision });
  await sweep(plane.ports);
  expect(JSON.parse(plane.sent[0]!.body)).toMatchObject({ by: { iter_n: 1, attempt: 1 } });
});

test.each([
  { heals: 0, waits: HALF_AN_HOUR },
  { heals: 1, waits: 2 * HALF_AN_HOUR },
  { heals: 2, waits: 4 * HALF_AN_HOUR },
  { heals: 6, waits: 64 * HALF_AN_HOUR },
  { heals: 20, waits: 64 * HALF_AN_HOUR },
])("after $heals heals the next one waits $waits s", async ({ heals, waits }) => {
  const plane = createPlane();
  await plane.given(ticket);
  await plane.markers.write({ ...freshMarker(chapter, t0), heals });
  for (const [second, healed] of [
    [waits - 1, 0],
    [waits + 1, 1],
  ] as const) {
    plane.at(second);
    await sweep(plane.ports);
    expect(plane.effects().filter((effect) => effect.startsWith("send"))).toHaveLength(healed);
  }
});

test("a healed marker counts as silent from an hour after its last sign of life until it is touched", async () => {
  const plane = await silentPlane(submitted, touched(chapter, first, 1, t0));
  const silentAt: number[] = [];
  const minutes = (count: number) => count * 60;
  for (let second = HALF_AN_HOUR + 1; second < minutes(240); second += minutes(5)) {
    plane.at(second);
    await sweep(plane.ports);
    if (plane.logged.at(-1)?.[1]?.silent === 1) silentAt.push(Math.floor(second / 60));
  }
  const steps = (from: number, to: number) =>
    Array.from({ length: (to - from) / 5 + 1 }, (_, i) => from + 5 * i);
  // Healed after 30, 90 and 210 minutes; for half an hour after each heal nobody reads it.
  expect(silentAt).toEqual([...steps(65, 90), ...steps(125, 210)]);
  await plane.markers.write(touched(chapter, first, 9, t0 + minutes(240) * 1000));
  plane.at(minutes(275));
  await sweep(plane.ports);
  expect(plane.logged.at(-1)).toEqual(["sweep.finished", { count: 1, silent: 0 }]);
});

test("a marker that was healed is not healed again at the next tick", async () => {
  const plane = await silentPlane(ticket);
  await sweep(plane.ports);
  plane.at(HALF_AN_HOUR + 301);
  await sweep(plane.ports);
  expect(plane.sent).toHaveLength(1);
});

test("a marker that somebody touched since it was listed is left alone", async () => {
  const plane = await silentPlane(submitted);
  plane.meanwhile("read marker 1", () =>
    plane.markers.write(touched(chapter, first, 1, t0 + HALF_AN_HOUR * 1000)),
  );
  await sweep(plane.ports);
  expect(plane.effects()).toEqual([]);
  expect(plane.logged).toEqual([["sweep.finished", { count: 0, silent: 0 }]]);
});

test("a marker that is gone since it was listed is left alone", async () => {
  const plane = await silentPlane(submitted);
  plane.meanwhile("read marker 1", () => plane.markers.remove(chapter));
  await sweep(plane.ports);
  expect(plane.effects()).toEqual([]);
  expect(plane.logged).toEqual([["sweep.finished", { count: 0, silent: 0 }]]);
});

test.each([
  { given: "an hour", second: 3_600, does: [] },
  { given: "a day", second: 24 * 3600, does: ["remove marker 1"] },
])("a marker without a ticket, silent for $given, does: $does", async ({ second, does }) => {
  const plane = await silentPlane({});
  plane.at(second);
  await sweep(plane.ports);
  expect(plane.effects()).toEqual(does);
  expect(plane.logged).toEqual([
    ...(does.length > 0 ? [["marker.orphaned", chapter]] : []),
    ["sweep.finished", { count: does.length, silent: 0 }],
  ]);
});

test("a sweep that dies between marker and message waits longer, instead of flooding", async () => {
  const plane = await silentPlane(ticket);
  plane.meanwhile("send turns 1.1", () => {
    throw new Error("cut off");
  });
  await sweep(plane.ports);
  expect([plane.sent, (await plane.markers.read(chapter))?.heals]).toEqual([[], 1]);
  plane.at(3 * HALF_AN_HOUR + 2);
  await sweep(plane.ports);
  expect(plane.effects().slice(-2)).toEqual(["write marker 1, healed 2", "send turns 1.1"]);
});

const runOf = (i: number): string => `R-${String(i).padStart(2, "0")}`;

test("of more silent chapters than a tick heals, the oldest and the youngest come first, in turns, and the rest at the next", async () => {
  const plane = createPlane();
  for (let i = 39; i >= 0; i--) {
    plane.at(i);
    await plane.lay("ticket", { ...ticketFact, run_id: runOf(i) });
    await plane.markers.write(freshMarker({ run_id: runOf(i), chapter: 1 }, t0 + i * 1000));
  }
  plane.at(HALF_AN_HOUR + 100);
  const healedRuns = () => plane.sent.map(({ body }) => JSON.parse(body).run_id);
  await sweep(plane.ports);
  const inTurns = (i: number) => runOf(i % 2 === 0 ? i / 2 : 40 - (i + 1) / 2);
  expect(healedRuns()).toEqual(Array.from({ length: 30 }, (_, i) => inTurns(i)));
  await sweep(plane.ports);
  const rest = Array.from({ length: 10 }, (_, i) => runOf(15 + i));
  expect(healedRuns().slice(30).toSorted()).toEqual(rest);
});

test("a marker that waits for its next heal is read once, and not at each tick", async () => {
  const plane = createPlane();
  await plane.lay("ticket", ticketFact);
  await plane.markers.write({ ...freshMarker(chapter, t0), heals: 5 });
  const reads = () => plane.calls().filter((call) => call === "read marker 1").length;
  for (let tick = 1; tick <= 3; tick++) {
    plane.at(HALF_AN_HOUR + tick * 300);
    await sweep(plane.ports);
  }
  expect([reads(), plane.sent.length]).toEqual([1, 0]);
  // It counts as silent all the same.
  expect(plane.logged.at(-1)).toMatchObject(["sweep.finished", { count: 0, silent: 1 }]);
  plane.at(32 * HALF_AN_HOUR + 1);
  await sweep(plane.ports);
  expect([reads(), plane.sent.length]).toEqual([2, 1]);
});

test("a tick that takes long leaves the rest to the next", async () => {
  const plane = createPlane();
  for (let i = 0; i < 5; i++) {
    await plane.lay("ticket", { ...ticketFact, run_id: runOf(i) });
    await plane.markers.write(freshMarker({ run_id: runOf(i), chapter: 1 }, t0));
  }
  plane.at(HALF_AN_HOUR + 1);
  plane.meanwhile("send turns 1.1", () => plane.at(HALF_AN_HOUR + 42));
  await sweep(plane.ports);
  expect(plane.sent).toHaveLength(1);
});

test("an idle tick is one listing", async () => {
  const plane = createPlane();
  await plane.markers.write(freshMarker(chapter, t0));
  plane.at(600);
  plane.forget();
  await sweep(plane.ports);
  expect(plane.calls()).toEqual(["list markers"]);
  expect(plane.logged).toEqual([["sweep.finished", { count: 0, silent: 0 }]]);
});

test("a marker that cannot be read for now is left alone, not written anew", async () => {
  const plane = await silentPlane(ticket);
  plane.meanwhile("read marker 1", () => {
    throw new PlatformTroubleError("503 TEMPORARILY_UNAVAILABLE");
  });
  await sweep(plane.ports);
  expect(plane.effects()).toEqual([]);
});

test("in a plane whose time runs faster, a marker without a ticket goes sooner", async () => {
  const plane = createPlane({ timeScale: 0.1 });
  await plane.markers.write(freshMarker(chapter, t0));
  plane.at(2.4 * 3600);
  await sweep(plane.ports);
  expect(plane.effects()).toEqual(["remove marker 1"]);
});

test("in a plane whose time runs faster, silence is shorter", async () => {
  const plane = createPlane({ timeScale: 0.1 });
  await plane.given(ticket);
  await plane.markers.write(freshMarker(chapter, t0));
  plane.at(181);
  await sweep(plane.ports);
  expect(plane.sent).toHaveLength(1);
  expect((await plane.markers.read(chapter))?.touched_at).toBe(at(181));
});
