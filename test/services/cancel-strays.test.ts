// Databricks runs that nobody wants any more: cancelled on positive evidence that is an hour old,
// never for want of facts.
import { expect, test } from "vitest";
import { cancelStrays } from "../../services/orchestrator/cancel-strays.ts";
import { PlatformTroubleError, PoisonMessageError } from "../../shared/domain/errors.ts";
import type { DecisionFact, OutcomeFact, StopFact } from "../../shared/domain/facts.ts";
import { at, lastDecision, manifest, outcome, stoppedManifest } from "../domain/examples.ts";
import { first, stopFact } from "../support/facts.ts";
import { createPlane, type GivenFacts } from "../support/plane.ts";

const HOUR = 3_600;
const NEVER = Number.POSITIVE_INFINITY;
const decided: DecisionFact = { ...lastDecision, decided_at: at(0) };
const over: OutcomeFact = { ...outcome, ended_at: at(0) };
const stopped: StopFact = { ...stopFact, stopped_at: at(0) };

test.each<{ given: string; facts: GivenFacts; reason?: string }>([
  { given: "of which nothing is known", facts: {} },
  { given: "that is planned", facts: { manifest } },
  {
    given: "whose chapter is over, but whose plan cannot be seen",
    facts: { outcome: over, stop: stopped },
  },
  {
    given: "that is decided",
    facts: { manifest, decision: decided },
    reason: "its attempt is decided",
  },
  {
    given: "that is decided, without a plan",
    facts: { decision: decided },
    reason: "its attempt is decided",
  },
  {
    given: "whose chapter was stopped",
    facts: { manifest, stop: stopped },
    reason: "its chapter was stopped",
  },
  {
    given: "that was stopped before it was planned",
    facts: { manifest: stoppedManifest, stop: stopped },
    reason: "its chapter was stopped",
  },
  {
    given: "whose chapter is over",
    facts: { manifest, outcome: over },
    reason: "its chapter is over",
  },
  {
    given: "whose other chapter was stopped",
    facts: { manifest: { ...manifest, chapter: 2 }, stop: stopped },
  },
])("a run $given: $reason", async ({ facts, reason }) => {
  const plane = createPlane();
  const databricks_run_id = await plane.start(first);
  await plane.given(facts);
  plane.forget();
  plane.at(HOUR);
  await cancelStrays(plane.ports, NEVER);
  expect(plane.effects()).toEqual([]);
  plane.at(HOUR + 1);
  await cancelStrays(plane.ports, NEVER);
  expect(plane.effects()).toEqual(reason === undefined ? [] : ["cancel 1.1"]);
  expect(plane.logged).toMatchObject(
    reason === undefined ? [] : [["stray.cancelled", { databricks_run_id, reason }]],
  );
});

test.each([
  { given: "after its decision", second: 100, cancels: [] },
  { given: "before its decision", second: -100, cancels: ["cancel 1.1"] },
])("a run that somebody repaired by hand $given: $cancels", async ({ second, cancels }) => {
  const plane = createPlane();
  const id = await plane.start(first);
  await plane.given({ manifest, decision: decided, outcome: over, stop: stopped });
  plane.at(second);
  plane.jobs.repair(id);
  plane.at(2 * HOUR);
  plane.forget();
  await cancelStrays(plane.ports, NEVER);
  expect(plane.effects()).toEqual(cancels);
});

test("runs of other planes, and names that are no attempt's, are nobody's business", async () => {
  const plane = createPlane();
  await plane.given({ manifest, decision: decided });
  const id = await plane.start(first);
  const run = plane.jobs.runs.get(id)!;
  const names = [
    "signalbox/00000000-0000-4000-8000-000000000000/ORD-1/1.1 trace",
    `signalbox/${manifest.plane_id}/ORD-1/1.1`,
    `signalbox/${manifest.plane_id}/ORD-1`,
    "nightly",
  ];
  plane.jobs.runs.clear();
  for (const [i, runName] of names.entries())
    plane.jobs.runs.set(String(i), { ...run, databricksRunId: String(i), runName });
  plane.at(2 * HOUR);
  plane.forget();
  await cancelStrays(plane.ports, NEVER);
  expect(plane.effects()).toEqual([]);
});

test("a run whose facts nobody can read does not keep the others", async () => {
  const plane = createPlane();
  await plane.start(first);
  await plane.start({ ...first, run_id: "ORD-2" });
  await plane.given({ decision: { ...decided, run_id: "ORD-2" } });
  plane.at(2 * HOUR);
  plane.forget();
  plane.meanwhile("read 1.1 manifest", () => {
    throw new PoisonMessageError("the fact is no valid manifest");
  });
  await cancelStrays(plane.ports, NEVER);
  expect([plane.effects(), plane.events()]).toEqual([
    ["cancel 1.1"],
    ["stray.failed", "stray.cancelled"],
  ]);
});

test.each([
  { troubles: 2, reads: 5 },
  { troubles: 3, reads: 3 },
])("after trouble with $troubles runs in a row, $reads of five are looked into", async (row) => {
  const plane = createPlane();
  for (let i = 1; i <= 5; i++) await plane.start({ ...first, attempt: i });
  const read: string[] = [];
  const { facts } = plane.ports;
  const reading: typeof facts.read = async (ref) => {
    if (ref.kind === "manifest" && read.push(ref.path) <= row.troubles)
      throw new PlatformTroubleError("503 TEMPORARILY_UNAVAILABLE");
    return await facts.read(ref);
  };
  await cancelStrays({ ...plane.ports, facts: { ...facts, read: reading } }, NEVER);
  expect(read).toHaveLength(row.reads);
  expect(plane.events()).toEqual(Array(row.troubles).fill("stray.failed"));
});

test("in a plane whose time runs faster, evidence is old sooner", async () => {
  const plane = createPlane({ timeScale: 0.1 });
  await plane.start(first);
  await plane.given({ manifest, decision: decided });
  plane.at(HOUR / 10 + 1);
  plane.forget();
  await cancelStrays(plane.ports, NEVER);
  expect(plane.effects()).toEqual(["cancel 1.1"]);
});

test("a visit ends in time", async () => {
  const plane = createPlane();
  await plane.start(first);
  await plane.given({ manifest, decision: decided });
  plane.forget();
  plane.at(2 * HOUR);
  await cancelStrays(plane.ports, 0);
  expect(plane.effects()).toEqual([]);
});
