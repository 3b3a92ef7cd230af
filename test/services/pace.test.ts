// How long attempts take: learned once by whoever decides, read beside a submission, carried by its
// watches; and nothing depends on it.
import { expect, test } from "vitest";
import { factRef } from "../../shared/domain/facts.ts";
import { endedOf, turnOf, watchOf } from "../../shared/domain/messages.ts";
import { learned, type Paces } from "../../shared/domain/pace.ts";
import { accepted, at, decision, recipe, result, t0 } from "../domain/examples.ts";
import { deliver } from "../support/deliver.ts";
import { first, ticketFact, ticketOf } from "../support/facts.ts";
import { createPlane, type Plane } from "../support/plane.ts";
import { endings, overPlane, submitted } from "../support/under-way.ts";

const NAME = "pace/weather-model";
const pace: Paces = { before: { "8": 3 }, run: learned({}, 300), at: at(-60) };
const ended = endedOf(first);

/** Its code started ten seconds after its submission, and took fifty. */
async function timedPlane(more: Parameters<typeof overPlane>[0] = {}): Promise<Plane> {
  const plane = await overPlane(more);
  const id = accepted.databricks_run_id;
  plane.jobs.runs.set(id, {
    ...plane.jobs.runs.get(id)!,
    startedMs: t0,
    ranFromMs: t0 + 10_000,
    ranMs: 50_000,
  });
  return plane;
}

test("whoever decides learns how long it waited, and how long it ran", async () => {
  const plane = await timedPlane({ facts: { ...submitted, submission: { ...accepted, pace } } });
  await deliver(plane.ports, ended);
  expect(plane.hints.get(NAME)).toEqual({
    before: learned(pace.before, 10),
    run: learned(pace.run, 50),
    at: at(70),
  });
});

test("where Databricks does not tell waiting from running, its whole life is learned", async () => {
  const plane = await overPlane();
  await deliver(plane.ports, ended);
  expect(plane.hints.get(NAME)).toMatchObject({ before: {}, run: learned({}, 60 - 0) });
});

test.each([
  { given: "succeeded", ending: endings.success, isLearned: true },
  { given: "failed by itself", ending: endings.failure, isLearned: true },
  { given: "was cancelled", ending: endings.cancelled, isLearned: false },
  { given: "ran into its timeout", ending: endings.timedOut, isLearned: false },
  { given: "was lost with its cluster", ending: endings.clusterLost, isLearned: false },
])("an attempt that $given is learned: $isLearned", async ({ ending, isLearned }) => {
  const plane = await timedPlane({ ending });
  await deliver(plane.ports, ended);
  expect(plane.hints.has(NAME)).toBe(isLearned);
});

test("a report that comes again, and a judge who comes second, learn nothing", async () => {
  const plane = await timedPlane();
  await plane.lay("decision", decision);
  await deliver(plane.ports, ended);
  expect(plane.hints.size).toBe(0);
});

test("a hint is written once a minute at most, and what came in between is in the next one", async () => {
  const plane = await timedPlane({ facts: { ...submitted, submission: { ...accepted, pace } } });
  const judgeAnother = async (iter_n: number) => {
    const key = { ...first, iter_n };
    const id = await plane.start(key);
    plane.jobs.end(id, endings.failure);
    plane.jobs.runs.set(id, { ...plane.jobs.runs.get(id)!, ranFromMs: t0, ranMs: 70_000 });
    await plane.lay("manifest", { ...submitted.manifest!, iter_n } as never);
    await plane.lay("submission", { ...accepted, pace, iter_n, databricks_run_id: id });
    await deliver(plane.ports, endedOf(key));
  };
  await deliver(plane.ports, ended);
  const written = plane.hints.get(NAME);
  plane.at(129);
  await judgeAnother(2);
  expect(plane.hints.get(NAME)).toEqual(written);
  plane.at(131);
  await judgeAnother(3);
  const run = learned(learned(learned(pace.run, 50), 70), 70);
  expect(plane.hints.get(NAME)).toMatchObject({ run });
});

test("a hint that cannot be written changes nothing", async () => {
  const plane = await timedPlane({ result: { ...result, finished: "done" } });
  plane.meanwhile(`write hint ${NAME}`, () => {
    throw new Error("no room");
  });
  await deliver(plane.ports, ended);
  expect((await plane.facts.read(factRef.outcome(first)))?.fact.outcome).toBe("succeeded");
});

const submittedBy = async (plane: Plane) => {
  await deliver(plane.ports, turnOf(first, { ticket: true }));
  const fact = (await plane.facts.read(factRef.submission(first)))?.fact;
  return fact as typeof accepted;
};
const asked = (plane: Plane) => plane.calls().filter((call) => call.startsWith("read hint")).length;

test("a submission and its watch carry what is known", async () => {
  const plane = createPlane();
  await plane.given({ ticket: ticketFact });
  plane.hints.set(NAME, pace);
  expect((await submittedBy(plane)).pace).toEqual(pace);
  expect(JSON.parse(plane.sent[0]!.body)).toMatchObject({ type: "watch", pace });
});

test("until a workload's own durations are known, its recipe's expectation counts", async () => {
  const plane = createPlane({ timeScale: 0.1 });
  await plane.given({
    ticket: { ...ticketFact, recipe: { ...recipe, expected: { seconds: 300 } } },
  });
  expect((await submittedBy(plane)).pace).toMatchObject({ before: {}, run: learned({}, 3_000) });
});

test.each([
  { given: "is none", hint: undefined },
  { given: "is nonsense", hint: { before: { x: 1 } } },
])("a hint that $given changes nothing, and is asked for once in two minutes", async ({ hint }) => {
  const plane = createPlane();
  if (hint !== undefined) plane.hints.set(NAME, hint);
  for (const ticket_id of ["ORD-1", "ORD-2"]) await deliver(plane.ports, ticketOf({ ticket_id }));
  expect(asked(plane)).toBe(1);
  plane.at(121);
  await deliver(plane.ports, ticketOf({ ticket_id: "ORD-3" }));
  expect(asked(plane)).toBe(2);
});

test("a hint that cannot be read keeps no submission up", async () => {
  const plane = createPlane();
  await plane.given({ ticket: ticketFact });
  plane.meanwhile(`read hint ${NAME}`, () => {
    throw new Error("no answer");
  });
  expect(await submittedBy(plane)).not.toHaveProperty("pace");
});

test("watches that the sweep or a judge sends know it, too", () => {
  expect(watchOf({ ...accepted, pace }, 3).pace).toEqual(pace);
  expect(watchOf(accepted, 3)).not.toHaveProperty("pace");
});
