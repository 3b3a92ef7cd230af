// Retention: what is long over is declared dead, then deleted in steps; everything else is left
// alone.
import { expect, test } from "vitest";
import { deleteExpired } from "../../services/orchestrator/delete-expired.ts";
import { type FactOf, factRef } from "../../shared/domain/facts.ts";
import { freshMarker } from "../../shared/domain/marker.ts";
import { accepted, lastDecision, manifest, outcome, t0 } from "../domain/examples.ts";
import { chapter, retryFact, stopFact, ticketFact } from "../support/facts.ts";
import { createPlane } from "../support/plane.ts";

const DAY = 24 * 3600;
const over: FactOf<"over"> = { v: 1, ...chapter, ended_at: outcome.ended_at };
const entry = factRef.over(over).path;
const facts = {
  ticket: ticketFact,
  manifest,
  submission: accepted,
  decision: lastDecision,
  outcome,
  over,
};
const NEVER = Number.POSITIVE_INFINITY;

/** A run that was over 91 days ago. */
async function oldPlane(days = 91) {
  const plane = createPlane();
  await plane.given(facts);
  plane.putFact(`run_ORD-1/files/${"a".repeat(64)}/main.py`, "1");
  await plane.ports.plans.put(`run_ORD-1/files/${"b".repeat(64)}/main.py`, Buffer.from("1"));
  plane.forget();
  plane.at(days * DAY);
  return plane;
}

/** What a visit changes, some minutes after the one before. */
async function visit(plane: Awaited<ReturnType<typeof oldPlane>>, minutes: number) {
  plane.at(91 * DAY + minutes * 60);
  const before = plane.effects().length;
  const hasMore = await deleteExpired(plane.ports, NEVER);
  return { did: plane.effects().slice(before), hasMore };
}

test("where nothing is long over, a visit costs one listing", async () => {
  const plane = await oldPlane(90);
  expect(await deleteExpired(plane.ports, NEVER)).toBe(false);
  expect(plane.calls()).toEqual(["list over"]);
});

test("a run goes in steps, each of them minutes after the one before: the outcome and its id last", async () => {
  const plane = await oldPlane();
  expect(await visit(plane, 0)).toEqual({ did: ["create retired 1"], hasMore: true });
  expect(await visit(plane, 3)).toEqual({ did: [], hasMore: true });
  expect((await visit(plane, 5)).did).toEqual(["remove run_ORD-1/ticket.json", "create retired 2"]);
  expect((await visit(plane, 10)).did).toEqual([
    "remove run_ORD-1/iter_001.attempt_001.manifest.json",
    "remove run_ORD-1/iter_001.attempt_001.submission.json",
    `remove run_ORD-1/files/${"a".repeat(64)}/main.py`,
    `remove folder run_ORD-1/files/${"a".repeat(64)}`,
    "remove folder run_ORD-1/files",
    "remove run_ORD-1/iter_001.attempt_001.decision.json",
    "remove run_ORD-1/outcome_1.json",
    `remove plan run_ORD-1/files/${"b".repeat(64)}/main.py`,
    `remove folder of plans run_ORD-1/files/${"b".repeat(64)}`,
    "remove folder of plans run_ORD-1/files",
    "remove folder of plans run_ORD-1",
    "create retired 3",
  ]);
  expect(await visit(plane, 15)).toEqual({
    did: [
      "remove run_ORD-1/retired_2.json",
      "remove run_ORD-1/retired_1.json",
      "remove run_ORD-1/retired_3.json",
      "remove folder run_ORD-1",
      `remove ${entry}`,
    ],
    hasMore: true,
  });
  expect(await visit(plane, 20)).toEqual({ did: [], hasMore: false });
  expect(plane.logged.at(-1)).toEqual(["facts.retired", chapter]);
  expect(Object.keys(plane.factTexts())).toEqual([]);
});

test.each<{
  given: string;
  lay: (plane: Awaited<ReturnType<typeof oldPlane>>) => Promise<unknown>;
  did: string[];
}>([
  {
    given: "whose marker is still there",
    lay: (plane) => plane.markers.write(freshMarker(chapter, t0)),
    did: [],
  },
  {
    given: "whose next chapter is being opened",
    lay: (plane) => plane.markers.write(freshMarker({ ...chapter, chapter: 2 }, t0)),
    did: [],
  },
  {
    given: "that went on in another chapter, which has an entry of its own",
    lay: (plane) => plane.lay("retry", retryFact),
    did: [`remove ${entry}`],
  },
  {
    given: "whose outcome is gone",
    lay: (plane) => plane.facts.remove(factRef.outcome(chapter).path),
    did: [`remove ${entry}`],
  },
])("a run $given is left alone", async ({ lay, did }) => {
  const plane = await oldPlane();
  await lay(plane);
  expect((await visit(plane, 0)).did).toEqual(did);
});

test("a stop that comes in the middle goes as well, before the id is free", async () => {
  const plane = await oldPlane();
  for (const minutes of [0, 5, 10]) await visit(plane, minutes);
  await plane.lay("stop", stopFact);
  expect((await visit(plane, 15)).did).toEqual(["remove run_ORD-1/retired_3.json"]);
  expect((await visit(plane, 20)).did).toEqual([
    "remove run_ORD-1/stop_1.json",
    "remove folder of plans run_ORD-1",
    "create retired 3",
  ]);
  expect((await visit(plane, 25)).did).toContain("remove run_ORD-1/retired_1.json");
  expect(Object.keys(plane.factTexts()).filter((path) => path.startsWith("run_"))).toEqual([]);
});

test("a run that began anew under the id is not touched by what is left of the steps", async () => {
  const plane = await oldPlane();
  for (const minutes of [0, 5, 10]) await visit(plane, minutes);
  await plane.facts.remove(factRef.retired({ run_id: "ORD-1", step: 1 }).path);
  await plane.given({ ticket: ticketFact, manifest });
  await visit(plane, 15);
  expect(Object.keys(plane.factTexts())).toEqual([
    factRef.manifest(manifest).path,
    factRef.ticket("ORD-1").path,
  ]);
});

test("a visit ends in time, and the next goes on", async () => {
  const plane = await oldPlane();
  expect(await deleteExpired(plane.ports, 0)).toBe(true);
  expect(plane.effects()).toEqual([]);
  expect((await visit(plane, 1)).did).toEqual(["create retired 1"]);
});

test("somebody's file among the entries is left alone, and brings nobody back at every tick", async () => {
  const plane = createPlane();
  const path = `over/2026-01-01/notes.txt`;
  plane.putFact(path, "mine");
  plane.at(91 * DAY);
  expect(await deleteExpired(plane.ports, NEVER)).toBe(false);
  expect(Object.keys(plane.factTexts())).toContain(path);
});
