// A decision is written once. Whoever finds one, or loses the race for it, follows that one, and
// only where nobody has yet.
import { expect, test } from "vitest";
import { factRef } from "../../shared/domain/facts.ts";
import { freshMarker } from "../../shared/domain/marker.ts";
import { endedOf } from "../../shared/domain/messages.ts";
import {
  decision,
  failedResult,
  lastDecision,
  manifest,
  outcome,
  stoppedManifest,
  t0,
} from "../domain/examples.ts";
import { deliver } from "../support/deliver.ts";
import { chapter, first } from "../support/facts.ts";
import { createPlane, type GivenFacts } from "../support/plane.ts";
import { endings, overPlane, submitted, underWayPlane } from "../support/under-way.ts";

const ended = endedOf(first);
const again = {
  ...decision,
  verdict: "capacity" as const,
  next: { kind: "attempt", iter_n: 1, attempt: 2, try: 2 } as const,
};
const unknown = {
  ...lastDecision,
  verdict: "lost" as const,
  reason: "it is gone",
  next: { kind: "outcome", outcome: "unknown" } as const,
};

test.each<{ given: string; facts: GivenFacts; does: readonly string[] }>([
  {
    given: "for the next iteration, of which nothing is there",
    facts: { decision },
    does: ["send turns 2.1", "send records 1.1 decision"],
  },
  {
    given: "for an outcome that is missing",
    facts: { decision: lastDecision },
    does: ["create outcome 1", "send records 1.1 outcome"],
  },
  {
    given: "for an outcome that is there, and recorded: its marker is gone",
    facts: { decision: lastDecision, outcome },
    does: [],
  },
  {
    given: "that nobody can explain, whose outcome is missing",
    facts: { decision: unknown },
    does: [
      "dead letter of reports: lost: it is gone",
      "create outcome 1",
      "send records 1.1 outcome",
    ],
  },
  {
    given: "that nobody can explain, whose outcome is there: a person has heard of it",
    facts: { decision: unknown, outcome },
    does: [],
  },
])("a report that finds a decision $given does: $does", async ({ facts, does }) => {
  const plane = createPlane();
  await plane.given({ ...submitted, ...facts });
  await deliver(plane.ports, ended);
  // It judges without asking first, and finds by creating that somebody was faster.
  expect(plane.effects()).toEqual(["create 1.1 decision", ...does]);
  expect(plane.events()).not.toContain("run.decided");
});

test.each([
  { given: "goes on, because somebody repaired it by hand", second: 60, isOver: false },
  { given: "is over, and whose result may still show", second: 100, isOver: true },
])(
  "a decision is read before anybody looks again at a run that $given",
  async ({ second, isOver }) => {
    const plane = isOver
      ? await overPlane({ result: undefined, second })
      : await underWayPlane(second);
    await plane.lay("decision", decision);
    await deliver(plane.ports, ended);
    expect(plane.effects()).toEqual(["send turns 2.1", "send records 1.1 decision"]);
  },
);

test.each([
  { given: "is planned", next: manifest },
  { given: "is planned as stopped", next: stoppedManifest },
])(
  "a report that finds a decision whose next iteration $given sends no second turn",
  async ({ next }) => {
    const plane = createPlane();
    await plane.given({ ...submitted, decision });
    await plane.lay("manifest", { ...next, iter_n: 2 });
    await deliver(plane.ports, ended);
    expect(plane.effects().slice(1)).toEqual(["send records 1.1 decision"]);
  },
);

test("a new attempt comes slowly, also where its decision was found", async () => {
  const plane = createPlane();
  await plane.given({ ...submitted, decision: again });
  await deliver(plane.ports, ended);
  expect(plane.sent[0]).toMatchObject({
    queue: "turns",
    options: { delaySeconds: expect.any(Number) },
  });
  expect(plane.sent[0]!.options.delaySeconds).toBeGreaterThanOrEqual(60);
});

test("what a decision sends names it, so that the turn can be believed", async () => {
  const plane = createPlane();
  await plane.given({ ...submitted, decision });
  await deliver(plane.ports, ended);
  expect(JSON.parse(plane.sent[0]!.body)).toEqual({
    v: 1,
    type: "turn",
    run_id: "ORD-1",
    chapter: 1,
    iter_n: 2,
    attempt: 1,
    by: { iter_n: 1, attempt: 1 },
    tries: 0,
  });
});

test("of two judges at the same time, the second follows the first one's decision, not its own", async () => {
  const plane = await overPlane({ ending: endings.failure, result: failedResult });
  plane.meanwhile("create 1.1 decision", () => plane.lay("decision", decision));
  await deliver(plane.ports, ended);
  expect(plane.effects()).toEqual([
    "put judged result of 1.1",
    "create 1.1 decision",
    "send turns 2.1",
    "send records 1.1 decision",
  ]);
  expect(await plane.facts.read(factRef.outcome(chapter))).toBeUndefined();
});

test("of two that end a chapter at the same time, the second records the first one's outcome", async () => {
  const plane = createPlane();
  await plane.markers.write(freshMarker(chapter, t0));
  await plane.given({ ...submitted, decision: lastDecision });
  const theirs = { ...outcome, reason: "theirs" };
  plane.meanwhile("create outcome 1", () => plane.lay("outcome", theirs));
  await deliver(plane.ports, ended);
  expect((await plane.facts.read(factRef.outcome(chapter)))?.fact).toEqual(theirs);
  expect(plane.logged.at(-1)).toMatchObject(["run.ended", { reason: "theirs" }]);
});

test("an outcome is what its last decision says", async () => {
  const plane = createPlane();
  await plane.given({ ...submitted, decision: lastDecision });
  plane.at(71);
  await deliver(plane.ports, ended);
  expect((await plane.facts.read(factRef.outcome(chapter)))?.fact).toEqual({
    ...outcome,
    reason: lastDecision.reason,
    result_path: lastDecision.result_path,
  });
});

test("a stop that comes while the judge decides changes nothing of a decision that is there", async () => {
  const plane = createPlane();
  await plane.given({ ...submitted, decision: lastDecision });
  await deliver(plane.ports, {
    type: "cancel",
    v: 1,
    run_id: "ORD-1",
    chapter: 1,
    reason: "r",
    early: 0,
    tries: 0,
  });
  await deliver(plane.ports, ended);
  expect((await plane.facts.read(factRef.outcome(chapter)))?.fact.outcome).toBe("succeeded");
});
