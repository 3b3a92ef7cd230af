// One turn: it finds the facts and goes on from where they end. What it writes and asks for, and in
// which order.
import { expect, test } from "vitest";
import { PoisonMessageError } from "../../shared/domain/errors.ts";
import { factRef } from "../../shared/domain/facts.ts";
import { type AskedBy, turnOf } from "../../shared/domain/messages.ts";
import {
  accepted,
  at,
  decision,
  lastDecision,
  limits,
  manifest,
  outcome,
  recipe,
  refused,
  stoppedManifest,
} from "../domain/examples.ts";
import { deliver } from "../support/deliver.ts";
import { first, retryFact, stopFact, ticketFact } from "../support/facts.ts";
import { createPlane, type GivenFacts } from "../support/plane.ts";

const turn = turnOf(first, { ticket: true });
const second = turnOf({ ...first, iter_n: 2 }, { iter_n: 1, attempt: 1 });
const watch = "send watches 1.1 #0 in 5 s";
const record = "send records 1.1 submission";
const watched = [watch, record];
/** The executor finds its manifest where it may read; the fact itself is the controllers' alone. */
const submits = ["put copy of 1.1 manifest", "submit 1.1", "create 1.1 submission"];
const ticket = { ticket: ticketFact };
const submitted: GivenFacts = { ...ticket, manifest, submission: accepted };

test.each<{ given: string; facts: GivenFacts; expected: readonly string[] }>([
  {
    given: "asked for",
    facts: ticket,
    expected: ["create 1.1 manifest", ...submits, ...watched],
  },
  {
    given: "planned",
    facts: { ...ticket, manifest },
    expected: [...submits, ...watched],
  },
  { given: "submitted", facts: submitted, expected: watched },
  {
    given: "refused",
    facts: { ...submitted, submission: refused },
    expected: ["send reports 1.1 in 150 s"],
  },
  {
    given: "stopped before it was planned",
    facts: { ...ticket, stop: stopFact },
    expected: ["create 1.1 manifest", "send reports 1.1"],
  },
  {
    given: "planned as stopped",
    facts: { ...ticket, manifest: stoppedManifest },
    expected: ["send reports 1.1"],
  },
  {
    given: "planned, and stopped since: a plan is carried through, then cancelled",
    facts: { ...ticket, manifest, stop: stopFact },
    expected: [...submits, watch, "cancel 1.1", record],
  },
  {
    given: "submitted, and stopped since",
    facts: { ...submitted, stop: stopFact },
    expected: [watch, `cancel ${accepted.databricks_run_id}`, record],
  },
  {
    given: "stopped and decided: what runs now was brought back by hand",
    facts: { ...submitted, stop: stopFact, decision: lastDecision },
    expected: watched,
  },
])("a turn of an attempt that is $given", async ({ facts, expected }) => {
  const plane = createPlane();
  await plane.given(facts);
  await deliver(plane.ports, turn);
  expect(plane.effects()).toEqual(expected);
});

test("a turn of an attempt that is new looks for nothing that cannot be there", async () => {
  const plane = createPlane();
  await plane.given(ticket);
  await deliver(plane.ports, turn);
  expect(plane.calls().filter((call) => call !== "read plane")).toEqual([
    "read ticket",
    "read 1.1 manifest",
    "read stop 1",
    "create 1.1 manifest",
    "read hint pace/weather-model",
    "put copy of 1.1 manifest",
    "submit 1.1",
    "look at 1.1",
    "create 1.1 submission",
    watch,
    "read stop 1",
    record,
  ]);
});

test("stop is read before the plan, and again after the submission is written", async () => {
  const plane = createPlane();
  await plane.given(ticket);
  await deliver(plane.ports, turn);
  const order = ["read stop 1", "create 1.1 manifest", "create 1.1 submission", "read stop 1"];
  expect(plane.calls().filter((call) => order.includes(call))).toEqual(order);
});

test.each(["submit 1.1", "create 1.1 submission"])(
  "a stop that comes just before `%s` is seen after it",
  async (moment) => {
    const plane = createPlane();
    await plane.given(ticket);
    plane.meanwhile(moment, () => plane.lay("stop", stopFact));
    await deliver(plane.ports, turn);
    expect(plane.effects().slice(-3)).toEqual([watch, "cancel 1.1", record]);
    expect(plane.logged.at(-1)).toMatchObject([
      "attempt.cancelled",
      { ...first, reason: "its chapter was stopped" },
    ]);
  },
);

const by = (from: AskedBy, key: object = {}) => turnOf({ ...first, ...key }, from);
test.each<{ given: string; facts: GivenFacts; message: typeof turn; why: string }>([
  { given: "no ticket", facts: {}, message: turn, why: "1.1 of run ORD-1: the run has no ticket" },
  {
    given: "its ticket, which asks for another",
    facts: ticket,
    message: by({ ticket: true }, { attempt: 2 }),
    why: "1.2 of run ORD-1: a ticket asks for 1.1 only",
  },
  {
    given: "its ticket, which asks for another iteration",
    facts: ticket,
    message: by({ ticket: true }, { iter_n: 2 }),
    why: "2.1 of run ORD-1: a ticket asks for 1.1 only",
  },
  {
    given: "a retry that nobody wrote",
    facts: ticket,
    message: by({ retry: 2 }, { attempt: 2 }),
    why: "1.2 of run ORD-1: retry 2 does not ask for it",
  },
  {
    given: "a retry that asks for another",
    facts: { ...ticket, retry: retryFact },
    message: by({ retry: 2 }, { attempt: 3 }),
    why: "1.3 of run ORD-1: retry 2 does not ask for it",
  },
  {
    given: "a decision that nobody wrote",
    facts: ticket,
    message: second,
    why: "2.1 of run ORD-1: attempt 1.1 has no decision that asks for more",
  },
  {
    given: "a decision that ends its chapter",
    facts: { ...ticket, decision: lastDecision },
    message: second,
    why: "2.1 of run ORD-1: attempt 1.1 has no decision that asks for more",
  },
  {
    given: "a decision that asks for another",
    facts: { ...ticket, decision },
    message: by({ iter_n: 1, attempt: 1 }, { attempt: 2 }),
    why: "1.2 of run ORD-1: the decision on 1.1 asks for 2.1",
  },
  {
    given: "a decision that asks for an earlier iteration",
    facts: { ...ticket, decision },
    message: by({ iter_n: 1, attempt: 1 }, { iter_n: 3 }),
    why: "3.1 of run ORD-1: the decision on 1.1 asks for 2.1",
  },
  {
    given: "a decision that asks for an earlier try",
    facts: { ...ticket, decision },
    message: by({ iter_n: 1, attempt: 1 }, { iter_n: 2, attempt: 2 }),
    why: "2.2 of run ORD-1: the decision on 1.1 asks for 2.1",
  },
])("a turn that names $given is refused, and does nothing", async ({ facts, message, why }) => {
  const plane = createPlane();
  await plane.given(facts);
  const turning = deliver(plane.ports, message);
  await expect(turning).rejects.toThrow(new PoisonMessageError(`nobody asked for attempt ${why}`));
  await expect(turning).rejects.toBeInstanceOf(PoisonMessageError);
  expect(plane.effects()).toEqual([]);
});

test("a plan holds what the ticket asked for, by the recipe of its day", async () => {
  const plane = createPlane();
  const ofItsDay = {
    ...recipe,
    parameters: { city: "Seattle", year: null },
    allowed_modules: ["numpy"],
    writes: ["main.ops.daily"],
    gate: [{ metric: "rmse", op: "<=", value: 2 } as const],
    limits: { ...limits, iterations: 1 },
    allow_failures: true,
    scratchpad: "churn_files",
  };
  const asked = { ...ticketFact.ticket, parameters: { year: 2015 }, mode: "DEV" } as const;
  await plane.given({ ticket: { ...ticketFact, recipe: ofItsDay, ticket: asked } });
  plane.recipes.clear();
  plane.at(10);
  await deliver(plane.ports, turn);
  expect((await plane.facts.read(factRef.manifest(first)))?.fact).toEqual({
    ...manifest,
    created_at: at(10),
    submit_before: at(10 + 7 * 24 * 3600),
    mode: "DEV",
    capsule: {},
    parameters: { city: "Seattle", year: 2015 },
    policy: { timeout_seconds: 600, allowed_modules: ["numpy"], writes: ["main.ops.daily"] },
    gate: ofItsDay.gate,
    single_iteration: true,
    allow_failures: true,
    scratchpad: manifest.scratchpad.replace("/scratchpad/", "/churn_files/"),
    state_path: "/Volumes/main/ops/churn_files/run_ORD-1/state",
  });
});

const lowered = { ...limits, attempts: 1 };
test.each([
  { by: "a decision", message: second, chapter: 1, try: 1, limits },
  {
    by: "a retry",
    message: by({ retry: 2 }, { attempt: 2 }),
    chapter: 2,
    try: 1,
    limits: lowered,
  },
  {
    by: "a decision in a chapter that a retry opened",
    message: by({ iter_n: 1, attempt: 2 }, { attempt: 3 }),
    chapter: 2,
    try: 2,
    limits: lowered,
  },
])("what $by asks for: its chapter, try, limits and capsule", async (row) => {
  const plane = createPlane();
  await plane.given({ ...submitted, decision, retry: { ...retryFact, limits: lowered } });
  const next = { kind: "attempt", iter_n: 1, attempt: 3, try: 2 } as const;
  await plane.lay("decision", { ...decision, chapter: 2, attempt: 2, next });
  await deliver(plane.ports, row.message);
  const stored = await plane.facts.read(factRef.manifest(row.message));
  const capsule = row.by === "a retry" ? retryFact.capsule : decision.capsule;
  const { chapter, limits: wanted } = row;
  expect(stored?.fact).toMatchObject({
    chapter,
    try: row.try,
    limits: wanted,
    capsule,
    single_iteration: false,
  });
});

test("of two controllers at the same time, the second submits the first one's plan", async () => {
  const plane = createPlane();
  await plane.given(ticket);
  const faster = { ...manifest, limits: { ...limits, timeout_seconds: 77 } };
  plane.meanwhile("create 1.1 manifest", () => plane.lay("manifest", faster));
  await deliver(plane.ports, turn);
  expect((await plane.facts.read(factRef.submission(first)))?.fact).toMatchObject({
    payload: expect.stringContaining('"timeout_seconds":77'),
    deadline: at(77 + limits.queue_seconds),
  });
});

test("of two controllers at the same time, the second follows a stop that the first one planned", async () => {
  const plane = createPlane();
  await plane.given(ticket);
  plane.meanwhile("create 1.1 manifest", () => plane.lay("manifest", stoppedManifest));
  await deliver(plane.ports, turn);
  expect(plane.effects()).toEqual(["create 1.1 manifest", "send reports 1.1"]);
});

test("our own waits are in the time of the plane; what runs keeps its own", async () => {
  const plane = createPlane({ timeScale: 0.1 });
  await plane.given(ticket);
  await deliver(plane.ports, turn);
  expect(plane.effects()).toContain("send watches 1.1 #0 in 1 s");
  expect((await plane.facts.read(factRef.submission(first)))?.fact).toMatchObject({
    deadline: at(limits.timeout_seconds + limits.queue_seconds),
  });
});

test("a turn that comes when its run is long over submits nothing", async () => {
  const plane = createPlane();
  await plane.given({ ...submitted, decision: lastDecision, outcome });
  plane.at(30 * 24 * 3600);
  await deliver(plane.ports, turn);
  expect([plane.jobs.runs.size, plane.effects()]).toEqual([0, watched]);
});

test.each<{ given: string; facts: GivenFacts; messages: number }>([
  { given: "is planned and submitted", facts: ticket, messages: 2 },
  { given: "is stopped", facts: { ...ticket, stop: stopFact }, messages: 1 },
  { given: "was refused", facts: { ...submitted, submission: refused }, messages: 1 },
])("what the turn of an attempt that $given sends carries the run's trace", async (row) => {
  const plane = createPlane();
  await plane.given(row.facts);
  await deliver(plane.ports, turn);
  const { traceparent } = ticketFact;
  expect(plane.sent.map(({ options }) => options.traceparent)).toEqual(
    Array(row.messages).fill(traceparent),
  );
});
