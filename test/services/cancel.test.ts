// The canceller writes stop, then reads the submission: whoever comes second, it or the
// orchestrator, sees both.
import { describe, expect, test } from "vitest";
import { cancel } from "../../services/orchestrator/cancel.ts";
import { PoisonMessageError } from "../../shared/domain/errors.ts";
import { factRef } from "../../shared/domain/facts.ts";
import { Cancellation } from "../../shared/domain/messages.ts";
import {
  accepted,
  ada,
  at,
  decision,
  lastDecision,
  manifest,
  outcome,
  refused,
} from "../domain/examples.ts";
import { byAda, byOurs } from "../support/beside.ts";
import { deliver } from "../support/deliver.ts";
import { chapter, retryFact, stopFact, ticketFact } from "../support/facts.ts";
import { createPlane, type GivenFacts } from "../support/plane.ts";

const cancellation = (more: object = {}): Cancellation =>
  Cancellation.parse({ type: "cancel", run_id: "ORD-1", reason: "not needed", by: "ada", ...more });

const submitted: GivenFacts = { ticket: ticketFact, manifest, submission: accepted };

test.each<{ given: string; facts: GivenFacts; expected: readonly string[] }>([
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

describe("a stop of a chapter that nobody has opened", () => {
  test.each([
    { given: "no ticket", facts: {}, chapter: 1 },
    { given: "no retry", facts: { ticket: ticketFact }, chapter: 2 },
  ])(
    "waits a quarter of an hour ($given), and is then a dead letter",
    async ({ facts, chapter }) => {
      const plane = createPlane();
      await plane.given(facts);
      plane.forget();
      let order: Cancellation = cancellation({ chapter });
      for (let waits = 0; waits < 3; waits++) {
        await deliver(plane.ports, order);
        const { body, options } = plane.sent[waits]!;
        expect(options).toMatchObject({ delaySeconds: 300, by: ada });
        order = Cancellation.parse(JSON.parse(body));
      }
      expect(plane.effects()).toEqual(Array(3).fill("send orders in 300 s"));
      await expect(deliver(plane.ports, order)).rejects.toThrow(
        new PoisonMessageError(
          `there is no chapter ${chapter} of run ORD-1 to cancel: it was waited for for a quarter of an hour; look at the id, and send it again when there is one`,
        ),
      );
      expect(Object.keys(plane.factTexts()).filter((path) => path.includes("stop_"))).toEqual([]);
    },
  );

  test("is carried out when the ticket comes meanwhile, as its first sender's", async () => {
    const plane = createPlane();
    await deliver(plane.ports, cancellation());
    await plane.given({ ticket: ticketFact });
    await cancel(plane.ports, Cancellation.parse(JSON.parse(plane.sent[0]!.body)), {
      ...byOurs,
      by: ada,
    });
    expect((await plane.facts.read(factRef.stop(chapter)))?.fact.by).toBe(ada);
  });
});

test("who stopped it is who sent it, whatever the message says; a replay keeps the first as a note", async () => {
  const plane = createPlane();
  await plane.given({ ticket: ticketFact });
  const order = cancellation({ by: "the CEO" });
  await cancel(plane.ports, order, { ...byAda, firstBy: "AIDAGRACE" });
  expect((await plane.facts.read(factRef.stop(chapter)))?.fact).toMatchObject({
    by: ada,
    first_by: "AIDAGRACE",
  });
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
    by: ada,
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
