// A run that is over when it is submitted: what the look after the submission shows is used at
// once, and believed by nobody.
import { expect, test } from "vitest";
import { factRef } from "../../shared/domain/facts.ts";
import { endedOf, turnOf } from "../../shared/domain/messages.ts";
import { attemptName } from "../../shared/domain/payload.ts";
import { deliver } from "../support/deliver.ts";
import { first, stopFact, ticketFact } from "../support/facts.ts";
import type { Ending } from "../support/memory/jobs.ts";
import { createPlane, type Plane, planeId } from "../support/plane.ts";
import { endings } from "../support/under-way.ts";

const turn = turnOf(first, { ticket: true });
const watch = "send watches 1.1 #0 in 5 s";
const report = "send reports 1.1";

/** Its run is over as soon as Databricks has it. */
const endAtOnce = (plane: Plane, ending: Ending = endings.success) =>
  plane.meanwhile("look at 1.1", () => {
    for (const id of plane.jobs.runs.keys()) plane.jobs.end(id, ending);
  });

async function submitted(prepare: (plane: Plane) => unknown): Promise<Plane> {
  const plane = createPlane();
  await plane.given({ ticket: ticketFact });
  await prepare(plane);
  await deliver(plane.ports, turn);
  return plane;
}

test.each([
  { given: "succeeded", ending: endings.success },
  { given: "failed", ending: endings.failure },
])(
  "a run that has $given by then is reported at once, and nobody watches it",
  async ({ ending }) => {
    const plane = await submitted((plane) => endAtOnce(plane, ending));
    const sent = plane.effects().filter((effect) => effect.startsWith("send"));
    expect(sent).toContain(report);
    expect(sent).not.toContain(watch);
  },
);

test.each([
  { given: "goes on", prepare: () => undefined },
  {
    given: "cannot be found yet",
    prepare: (plane: Plane) => plane.meanwhile("look at 1.1", () => plane.jobs.runs.clear()),
  },
])("a run that $given is watched", async ({ prepare }) => {
  const plane = await submitted(prepare);
  expect(plane.effects()).toContain(watch);
  expect(plane.effects()).not.toContain(report);
});

test("an adopted run that is over is reported at once, too", async () => {
  const plane = await submitted(async (plane) => {
    plane.jobs.refuse(attemptName(planeId, first), "INVALID_PARAMETER_VALUE", "no such cluster");
    plane.jobs.end(await plane.start(first), endings.success);
  });
  expect(plane.effects()).toContain(report);
});

test("a turn that comes again finds a submission, and has its run watched: nobody has looked", async () => {
  const plane = await submitted(endAtOnce);
  plane.forget();
  await deliver(plane.ports, turn);
  expect(plane.effects()).toContain(watch);
});

test("what was over and goes on again, because somebody repaired it, is watched by the judge", async () => {
  const plane = await submitted(endAtOnce);
  for (const id of plane.jobs.runs.keys()) plane.jobs.repair(id);
  plane.forget();
  await deliver(plane.ports, endedOf(first));
  expect(await plane.facts.read(factRef.decision(first))).toBeUndefined();
  expect(plane.effects()).toEqual(["write marker 1 at 1.1 #1", "send watches 1.1 #1 in 60 s"]);
});

test("a run that is over at once and was stopped meanwhile needs no cancelling, and none is missed", async () => {
  const plane = await submitted((plane) => {
    endAtOnce(plane);
    plane.meanwhile("create 1.1 submission", () => plane.lay("stop", stopFact));
  });
  expect(plane.effects()).toContain(report);
});
