// A report may come too early, or for nothing: what is waited for, and for how long.
import { expect, test } from "vitest";
import {
  PlatformTroubleError,
  PoisonMessageError,
  SearchTooLongError,
} from "../../shared/domain/errors.ts";
import { factRef } from "../../shared/domain/facts.ts";
import { endedOf } from "../../shared/domain/messages.ts";
import { attemptName } from "../../shared/domain/payload.ts";
import { manifest, refused } from "../domain/examples.ts";
import { deliver } from "../support/deliver.ts";
import { first, stopFact } from "../support/facts.ts";
import { createPlane, type GivenFacts, planeId } from "../support/plane.ts";
import { endings, overPlane, underWayPlane } from "../support/under-way.ts";

const ended = endedOf(first);
const ends = ["create 1.1 decision", "create outcome 1", "send records 1.1 outcome"];

test("an attempt that was never planned cannot be over", async () => {
  const plane = createPlane();
  const judging = deliver(plane.ports, ended);
  await expect(judging).rejects.toThrow(
    new PoisonMessageError("attempt 1.1 of run ORD-1 was never planned, so it cannot be over"),
  );
  await expect(judging).rejects.toBeInstanceOf(PoisonMessageError);
  expect(plane.effects()).toEqual([]);
});

test.each<{ given: string; facts: GivenFacts }>([
  { given: "its submission is under way", facts: { manifest } },
  {
    given: "it is planned, and somebody has stopped it since",
    facts: { manifest, stop: stopFact },
  },
])(
  "a report that comes before anything was submitted is passed over: $given",
  async ({ facts }) => {
    const plane = createPlane();
    await plane.given(facts);
    await deliver(plane.ports, ended);
    expect(plane.effects()).toEqual([]);
  },
);

test.each([
  {
    given: "in a state that everybody knows",
    words: {},
    does: ["write marker 1 at 1.1 #1", "send watches 1.1 #1 in 60 s"],
  },
  {
    given: "in a state that nobody knows",
    words: { lifeCycleState: "DREAMING", state: "DREAMING" },
    does: ["write marker 1 at 1.1 #1", "send watches 1.1 #1 in 60 s"],
  },
])("a report of a run that goes on brings a watch back: one $given", async ({ words, does }) => {
  const plane = await underWayPlane(60, {
    words: { lifeCycleState: "RUNNING", state: "RUNNING", ...words },
  });
  await deliver(plane.ports, ended);
  expect(plane.effects()).toEqual(does);
});

test.each([
  { second: 61, does: ["send reports 1.1 in 30 s"] },
  { second: 179, does: ["send reports 1.1 in 30 s"] },
])("success without a result is looked at again: at second $second", async ({ second, does }) => {
  const plane = await overPlane({ result: undefined, second });
  await deliver(plane.ports, ended);
  expect(plane.effects()).toEqual(does);
});

const unheardOf = { lifeCycleState: "DREAMING", state: "DREAMING" };
test.each([
  { given: "is young", second: 150, stray: false, does: ["send reports 1.1 in 60 s"] },
  { given: "is old enough", second: 151, stray: false, does: ends },
  {
    given: "is old enough, but its run shows by then",
    second: 151,
    stray: true,
    does: ["cancel 1.1", "send reports 1.1 in 60 s"],
  },
  {
    given: "is old enough, and its run is in a state that nobody knows",
    second: 3_601,
    stray: true,
    words: unheardOf,
    does: ["cancel 1.1", "send reports 1.1 in 60 s"],
  },
  {
    given: "is a day old, and its run goes on",
    second: 24 * 3600,
    stray: true,
    does: ["cancel 1.1", "send reports 1.1 in 60 s"],
  },
  {
    given: "is an hour old, and its run is still in a state that nobody knows",
    second: 3_602,
    stray: true,
    words: unheardOf,
    does: ends,
  },
])("a refusal that $given does: $does", async ({ second, stray, words, does }) => {
  const plane = createPlane();
  await plane.given({ manifest, submission: refused });
  if (stray) {
    const id = await plane.start(first);
    plane.jobs.runs.set(id, { ...plane.jobs.runs.get(id)!, ...words });
  }
  plane.at(second);
  plane.forget();
  await deliver(plane.ports, ended);
  expect(plane.effects()).toEqual(does);
});

test.each(["over", "gone"])("a refusal whose run is %s by then is judged", async (how) => {
  const plane = createPlane();
  await plane.given({ manifest, submission: refused });
  const id = await plane.start(first);
  plane.jobs.end(id, endings.cancelled);
  if (how === "gone") plane.meanwhile("look at 1.1", () => plane.jobs.runs.delete(id));
  plane.at(200);
  plane.forget();
  await deliver(plane.ports, ended);
  expect(plane.effects()).toEqual(ends);
  expect((await plane.facts.read(factRef.decision(first)))?.fact.reason).toBe(
    "INVALID_PARAMETER_VALUE: Cluster 1 does not exist",
  );
});

test("the search for a refused attempt's run asks for its whole name, from its plan until it has settled", async () => {
  const plane = createPlane();
  await plane.given({ manifest, submission: refused });
  plane.at(200);
  const asked: unknown[] = [];
  const { jobs } = plane.ports;
  const find: typeof jobs.find = (...args) => {
    asked.push(args);
    return jobs.find(...args);
  };
  await deliver({ ...plane.ports, jobs: { ...jobs, find } }, ended);
  const settledMs = Date.parse(refused.refused_at) + 150_000;
  expect(asked).toEqual([
    [attemptName(planeId, first), Date.parse(manifest.created_at), settledMs],
  ]);
});

test("the result of a run that goes on is not read", async () => {
  const plane = await underWayPlane(60);
  await deliver(plane.ports, ended);
  expect(plane.calls()).not.toContain("read result.json");
});

test.each([
  { given: "a young refusal", second: 15, does: ["send reports 1.1 in 6 s"] },
  { given: "a refusal that has settled", second: 17, does: ends },
])("in a plane whose time runs faster, $given does: $does", async ({ second, does }) => {
  const plane = createPlane({ timeScale: 0.1 });
  await plane.given({ manifest, submission: refused });
  plane.at(second);
  await deliver(plane.ports, ended);
  expect(plane.effects()).toEqual(does);
});

test("in a plane whose time runs faster, a missing result is waited for no longer than that", async () => {
  const plane = await overPlane({ result: undefined, second: 71 });
  const faster = { ...plane.ports, settings: { ...plane.ports.settings, timeScale: 0.1 } };
  await deliver(faster, ended);
  expect(plane.effects()).toEqual(["send reports 1.1 in 3 s"]);
  plane.at(73);
  await deliver(faster, ended);
  expect(plane.effects()).toContain("create outcome 1");
});

test("a run that was refused and runs is said to be a stray", async () => {
  const plane = createPlane();
  await plane.given({ manifest, submission: refused });
  const databricks_run_id = await plane.start(first);
  plane.at(200);
  await deliver(plane.ports, ended);
  expect(plane.logged).toMatchObject([
    [
      "stray.cancelled",
      { ...first, databricks_run_id, reason: "its submission was refused, but it runs" },
    ],
  ]);
});

test.each([
  { given: "less than six hours", second: 6 * 3600 - 1, timeScale: 1, decides: false },
  { given: "six hours", second: 6 * 3600 + 1, timeScale: 1, decides: true },
  { given: "six hours, ten times as fast", second: 0.6 * 3600 + 1, timeScale: 0.1, decides: true },
])(
  "a refusal among too many runs to look through, for $given, is decided: $decides",
  async ({ second, timeScale, decides }) => {
    const plane = createPlane({ timeScale });
    await plane.given({ manifest, submission: refused });
    plane.at(second + (Date.parse(refused.refused_at) - Date.parse(manifest.created_at)) / 1000);
    const find = async () => {
      throw new SearchTooLongError("more than 2500 runs to look through");
    };
    const judging = deliver({ ...plane.ports, jobs: { ...plane.ports.jobs, find } }, ended);
    if (decides) await judging;
    else await expect(judging).rejects.toBeInstanceOf(PlatformTroubleError);
    expect((await plane.facts.read(factRef.decision(first)))?.fact.reason).toEqual(
      decides
        ? expect.stringMatching(/a run of this name may exist: among so many runs/)
        : undefined,
    );
    expect(plane.events().includes("stray.unsearched")).toBe(decides);
  },
);
