// One look at a Databricks run: what it says, what is sent, and when the poller gives up.
import { expect, test } from "vitest";
import { jitterOf, nextLook } from "../../shared/domain/cadence.ts";
import { PoisonMessageError } from "../../shared/domain/errors.ts";
import { touched } from "../../shared/domain/marker.ts";
import type { Watch } from "../../shared/domain/messages.ts";
import { accepted, at, decision, manifest, refused, t0 } from "../domain/examples.ts";
import { deliver } from "../support/deliver.ts";
import { chapter, first } from "../support/facts.ts";
import type { GivenFacts } from "../support/plane.ts";
import {
  deadlineSeconds,
  endings,
  readAt,
  running,
  submitted,
  underWayPlane,
  watch,
  watchesSentBy,
} from "../support/under-way.ts";

const queued = { lifeCycleState: "QUEUED", state: "QUEUED" };
const unheardOf = { lifeCycleState: "DREAMING", state: "DREAMING" };
const over = { lifeCycleState: "TERMINATED", state: "TERMINATED" };
const overOfOld = { lifeCycleState: "INTERNAL_ERROR", state: undefined };
const late = deadlineSeconds + 1;
/** Seconds to the fourth look at a run that was submitted at second 1. */
const nextIn = (second: number, phase: "running" | "waiting" | "unknown"): number =>
  nextLook({
    ageSeconds: second - 1,
    phase,
    pace: undefined,
    jitter: jitterOf(`${accepted.databricks_run_id}/3`),
  });

test.each([
  {
    given: "runs",
    second: 100,
    words: running,
    does: [`send watches 1.1 #0 in ${nextIn(100, "running")} s`],
  },
  {
    given: "waits for compute",
    second: 100,
    words: queued,
    does: [`send watches 1.1 #0 in ${nextIn(100, "waiting")} s`],
  },
  {
    given: "is in a state that nobody knows",
    second: 100,
    words: unheardOf,
    does: [`send watches 1.1 #0 in ${nextIn(100, "unknown")} s`],
  },
  {
    given: "runs ten seconds before its deadline",
    second: late - 4,
    words: running,
    does: ["send watches 1.1 #0 in 8 s"],
  },
  {
    given: "runs past its deadline",
    second: late,
    words: running,
    does: ["cancel 1.1", "send watches 1.1 #0 in 60 s"],
  },
  {
    given: "waits past its deadline",
    second: late,
    words: queued,
    does: ["cancel 1.1", "send watches 1.1 #0 in 60 s"],
  },
  {
    given: "is past its deadline in a state that nobody knows",
    second: late,
    words: unheardOf,
    does: ["cancel 1.1", "send reports 1.1"],
  },
  { given: "is over", second: 100, words: over, does: ["send reports 1.1"] },
  {
    given: "is over in the old words, long after its deadline",
    second: 9_000,
    words: overOfOld,
    does: ["send reports 1.1"],
  },
])("a look at a run that $given does: $does", async ({ second, words, does }) => {
  const marker = touched(chapter, first, 0, t0 + (second - 30) * 1000);
  const plane = await underWayPlane(second, { words, marker });
  await deliver(plane.ports, readAt(second - 30));
  expect(plane.effects()).toEqual(does);
});

test("a run that is gone is reported", async () => {
  const plane = await underWayPlane(100);
  plane.jobs.runs.clear();
  await deliver(plane.ports, watch);
  expect(plane.effects()).toEqual(["send reports 1.1"]);
});

const nothing = (run: string, of = 1) =>
  `attempt 1.1 of run ORD-1 has no submission in chapter ${of} with the Databricks run ${run}, so there is nothing to watch`;
const id = accepted.databricks_run_id;
test.each<{ given: string; facts: GivenFacts; message: Watch; reason: string }>([
  {
    given: "an attempt without a submission",
    facts: { manifest },
    message: watch,
    reason: nothing(id),
  },
  {
    given: "a refused attempt",
    facts: { submission: refused },
    message: watch,
    reason: nothing(id),
  },
  {
    given: "somebody else's run",
    facts: submitted,
    message: { ...watch, databricks_run_id: "7" },
    reason: nothing("7"),
  },
  {
    given: "another chapter",
    facts: submitted,
    message: { ...watch, chapter: 2 },
    reason: nothing(id, 2),
  },
])("a watch of $given is refused, and asks Databricks nothing", async (row) => {
  const plane = await underWayPlane(30, { facts: row.facts });
  const watching = deliver(plane.ports, row.message);
  await expect(watching).rejects.toThrow(new PoisonMessageError(row.reason));
  await expect(watching).rejects.toBeInstanceOf(PoisonMessageError);
  expect([plane.effects(), plane.calls().includes("look at 1.1")]).toEqual([[], false]);
});

test("a deadline that a message made up cancels nothing: at its first look a watch takes the submission's", async () => {
  const plane = await underWayPlane(30);
  await deliver(plane.ports, { ...watch, deadline: at(5), submitted_at: at(-9_000) });
  expect(watchesSentBy(plane)).toMatchObject([
    { deadline: accepted.deadline, submitted_at: accepted.submitted_at },
  ]);
  expect(plane.effects()).not.toContain("cancel 1.1");
});

test.each<{ given: string; facts: GivenFacts; second: number }>([
  { given: "the submission has a later deadline", facts: submitted, second: 60 },
  { given: "nothing was submitted", facts: { manifest }, second: late },
  { given: "its submission was refused", facts: { submission: refused }, second: late },
  {
    given: "it is decided: what runs was repaired by hand",
    facts: { ...submitted, decision },
    second: late,
  },
])(
  "a watch past the deadline that it names cancels nothing and ends, where $given",
  async (row) => {
    const plane = await underWayPlane(row.second, { facts: row.facts });
    await deliver(plane.ports, { ...readAt(row.second), deadline: at(5) });
    expect(plane.effects()).toEqual([]);
  },
);

test("before a run is cancelled, its deadline is read in the facts, and a decision is looked for", async () => {
  const plane = await underWayPlane(late);
  await deliver(plane.ports, readAt(late - 30));
  expect(plane.calls()).toEqual([
    "look at 1.1",
    "read 1.1 submission",
    "read 1.1 decision",
    "cancel 1.1",
    "send watches 1.1 #0 in 60 s",
  ]);
  expect(plane.logged.at(-1)).toMatchObject([
    "attempt.cancelled",
    { ...first, databricks_run_id: id, reason: "it is past its deadline" },
  ]);
});

test("the next watch has one look more, no tries, and what the submission says", async () => {
  const plane = await underWayPlane(30);
  await deliver(plane.ports, { ...watch, looks: 4, tries: 7 });
  expect(watchesSentBy(plane)).toEqual([
    { ...watch, number: 1, looks: 5, tries: 0, touched_at: at(30), looks_then: 4 },
  ]);
});

const pace = { before: {}, run: { "33": 20 }, at: at(0) };

test("what a submission knows of its workload's pace counts, not what a message says", async () => {
  const knows = await underWayPlane(30, {
    facts: { ...submitted, submission: { ...accepted, pace } },
  });
  await deliver(knows.ports, watch);
  expect(watchesSentBy(knows)[0]?.pace).toEqual(pace);
  const knowsNothing = await underWayPlane(30);
  await deliver(knowsNothing.ports, { ...watch, pace });
  expect(watchesSentBy(knowsNothing)[0]).not.toHaveProperty("pace");
});

test("seconds of running are counted from when Databricks says that its code started", async () => {
  const waits = async (more: object) => {
    const plane = await underWayPlane(1_000);
    const id = accepted.databricks_run_id;
    plane.jobs.runs.set(id, { ...plane.jobs.runs.get(id)!, ...more });
    const later = { ...readAt(1_000), deadline: at(9_000), pace };
    await deliver(plane.ports, later);
    return plane.sent[0]!.options.delaySeconds ?? 0;
  };
  expect(await waits({ ranFromMs: t0 + 850_000 })).toBeGreaterThan(95);
  expect(await waits({})).toBeLessThan(30);
});

test("a watch that has looked often touches its marker, so that copies of it end", async () => {
  const plane = await underWayPlane(60, { marker: touched(chapter, first, 3, t0 + 50_000) });
  const often = { ...readAt(50), number: 3, looks: 16, looks_then: 4 };
  await deliver(plane.ports, { ...often, looks: 15 });
  expect(plane.effects()).toHaveLength(1);
  plane.forget();
  await deliver(plane.ports, often);
  expect(plane.effects()).toEqual([
    expect.stringMatching(/^send watches 1\.1 #4 /),
    "write marker 1 at 1.1 #4",
  ]);
  plane.forget();
  await deliver(plane.ports, often);
  expect(plane.effects()).toEqual([]);
});

test("looks are counted up to their bound, and go on", async () => {
  const plane = await underWayPlane(30);
  await deliver(plane.ports, { ...watch, looks: 10_000 });
  expect(watchesSentBy(plane)).toMatchObject([{ looks: 10_000 }]);
});

test("a state that nobody knows is said once, and again when it is another", async () => {
  const plane = await underWayPlane(30, { words: unheardOf });
  const timesSaid = () => plane.logged.filter(([event]) => event === "state.unknown").length;
  await deliver(plane.ports, watch);
  const next = watchesSentBy(plane)[0]!;
  expect([next.said, timesSaid()]).toEqual(["DREAMING", 1]);
  await deliver(plane.ports, next);
  expect(timesSaid()).toBe(1);
  await deliver(plane.ports, { ...next, said: "SLEEPING" });
  expect(timesSaid()).toBe(2);
});

test.each([
  {
    given: "the old word alone",
    words: { lifeCycleState: "DREAMING", state: undefined },
    said: "DREAMING",
  },
  {
    given: "the new word first",
    words: { lifeCycleState: "RUNNING", state: "DREAMING" },
    said: "DREAMING",
  },
])("a state that nobody knows is said by $given", async ({ words, said }) => {
  const plane = await underWayPlane(30, { words });
  await deliver(plane.ports, watch);
  expect(watchesSentBy(plane)[0]?.said).toBe(said);
});

test("a run that is past its deadline to the second is not late yet", async () => {
  const plane = await underWayPlane(deadlineSeconds);
  await deliver(plane.ports, readAt(deadlineSeconds));
  expect(plane.effects()).not.toContain("cancel 1.1");
});

test("a state of any length travels in no more than 200 characters", async () => {
  const state = "Z".repeat(5_000);
  const plane = await underWayPlane(30, { words: { lifeCycleState: state, state } });
  await deliver(plane.ports, watch);
  expect(watchesSentBy(plane)[0]?.said).toBe("Z".repeat(200));
});

test("each look says what it saw, and the last how late it was", async () => {
  const plane = await underWayPlane(30);
  await deliver(plane.ports, watch);
  plane.jobs.end(accepted.databricks_run_id, endings.success);
  plane.at(42);
  await deliver(plane.ports, { ...watch, looks: 1 });
  const looked = { ...first, databricks_run_id: accepted.databricks_run_id };
  expect(plane.logged.map(([event, fields]) => [event, fields])).toMatchObject([
    ["attempt.looked", { ...looked, state: "running", count: 1 }],
    ["attempt.looked", { ...looked, state: "over", count: 2, lag_ms: 12_000 }],
  ]);
  expect(plane.logged[0]?.[1]).not.toHaveProperty("lag_ms");
});

test.each([
  { given: "that runs", words: running },
  { given: "that is over", words: over },
])("a watch of a run $given hands on the trace that it came with", async ({ words }) => {
  const plane = await underWayPlane(30, { words });
  await deliver(plane.ports, watch, manifest.traceparent);
  expect(plane.sent[0]?.options.traceparent).toBe(manifest.traceparent);
});

test("in a plane whose time runs faster, looks and touches do as well, and deadlines do not", async () => {
  const marker = touched(chapter, first, 0, t0);
  const plane = await underWayPlane(62, { marker });
  const ports = { ...plane.ports, settings: { ...plane.ports.settings, timeScale: 0.1 } };
  await deliver(ports, readAt(0));
  const soon = Math.ceil(nextIn(611, "running") * 0.1);
  expect(plane.effects()).toEqual([`send watches 1.1 #1 in ${soon} s`, "write marker 1 at 1.1 #1"]);
});
