// The canceller writes stop, then reads the submission: whoever comes second, it or the orchestrator, sees both.
import { expect, test } from "vitest";
import { factRef } from "../../shared/domain/facts.ts";
import { Cancellation } from "../../shared/domain/messages.ts";
import {
  accepted,
  at,
  decision,
  lastDecision,
  manifest,
  outcome,
  refused,
} from "../domain/examples.ts";
import { deliver } from "../support/deliver.ts";
import { chapter, retryFact, stopFact, ticketFact } from "../support/facts.ts";
import { createPlane, type GivenFacts } from "../support/plane.ts";

const cancellation = (more: object = {}): Cancellation =>
  Cancellation.parse({ type: "cancel", run_id: "ORD-1", reason: "not needed", by: "ada", ...more });

const submitted: GivenFacts = { ticket: ticketFact, manifest, submission: accepted };

test.each<{ given: string; facts: GivenFacts; expected: readonly string[] }>([
  { given: "whose ticket is still to come", facts: {}, expected: [] },
  { given: "that is not planned", facts: { ticket: ticketFact }, expected: [] },
  { given: "that is planned", facts: { ticket: ticketFact, manifest }, expected: [] },
  { given: "that runs", facts: submitted, expected: ["cancel 1.1"] },
  { given: "that was refused", facts: { ...submitted, submission: refused }, expected: [] },
  { given: "that is decided", facts: { ...submitted, decision: lastDecision }, expected: [] },
  { given: "that is over", facts: { ...submitted, decision: lastDecision, outcome }, expected: [] },
  { given: "whose next iteration is to come", facts: { ...submitted, decision }, expected: [] },
])("a stop of a chapter $given is a fact, and cancels: $expected", async ({ facts, expected }) => {
  const plane = createPlane();
  await plane.start({ run_id: "ORD-1", iter_n: 1, attempt: 1 });
  await plane.given(facts);
  plane.forget();
  await deliver(plane.ports, cancellation());
  expect(plane.effects()).toEqual(["create stop 1", ...expected]);
});

test("where nobody opened the chapter, no attempt is looked for", async () => {
  const plane = createPlane();
  await deliver(plane.ports, cancellation());
  expect(plane.calls()).toEqual(["create stop 1", "read ticket"]);
});

test("stop is written before the submission is looked for", async () => {
  const plane = createPlane();
  await plane.given(submitted);
  plane.at(20);
  await deliver(plane.ports, cancellation());
  const calls = plane.calls();
  expect(calls.indexOf("create stop 1")).toBeLessThan(calls.indexOf("read 1.1 submission"));
  expect((await plane.facts.read(factRef.stop(chapter)))?.fact).toEqual({
    v: 1,
    ...chapter,
    reason: "not needed",
    by: "ada",
    stopped_at: at(20),
  });
});

test("a submission that comes while the stop is written is seen, and cancelled", async () => {
  const plane = createPlane();
  await plane.given({ ticket: ticketFact, manifest });
  plane.meanwhile("create stop 1", () => plane.lay("submission", accepted));
  await deliver(plane.ports, cancellation());
  expect(plane.effects()).toEqual(["create stop 1", `cancel ${accepted.databricks_run_id}`]);
});

test("a later iteration and a later try are found along the decisions", async () => {
  const plane = createPlane();
  await plane.given({ ...submitted, decision });
  const second = { ...decision, iter_n: 2, verdict: "capacity" } as const;
  const next = { kind: "attempt", iter_n: 2, attempt: 2, try: 2 } as const;
  await plane.lay("decision", { ...second, next });
  const key = { run_id: "ORD-1", iter_n: 2, attempt: 2 };
  const databricks_run_id = await plane.start(key);
  await plane.lay("submission", { ...accepted, ...key, databricks_run_id });
  await deliver(plane.ports, cancellation());
  expect(plane.effects()).toEqual(["create stop 1", "cancel 2.2"]);
});

test.each([
  { named: 2, expected: ["create stop 2", "cancel 1.2"] },
  { named: 1, expected: ["create stop 1"] },
  { named: 3, expected: ["create stop 3"] },
])("of a run in its second chapter, a stop of chapter $named does: $expected", async (row) => {
  const plane = createPlane();
  await plane.given({ ...submitted, decision: lastDecision, outcome, retry: retryFact });
  const key = { run_id: "ORD-1", iter_n: 1, attempt: 2 };
  const databricks_run_id = await plane.start(key);
  await plane.lay("submission", { ...accepted, ...key, chapter: 2, databricks_run_id });
  await deliver(plane.ports, cancellation({ chapter: row.named }));
  expect(plane.effects()).toEqual(row.expected);
});

test("a second stop changes nothing of the first one's words, and cancels what it finds", async () => {
  const plane = createPlane();
  await plane.given({ ...submitted, stop: stopFact });
  await plane.start({ run_id: "ORD-1", iter_n: 1, attempt: 1 });
  plane.forget();
  await deliver(plane.ports, cancellation({ by: "grace" }));
  expect(plane.effects()).toEqual(["create stop 1", "cancel 1.1"]);
  expect((await plane.facts.read(factRef.stop(chapter)))?.fact).toEqual(stopFact);
});
