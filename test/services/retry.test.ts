// A person reopens a run that is over: what the next chapter begins with, and when there is none.
import { expect, test } from "vitest";
import type { Limits } from "../../shared/domain/contract.ts";
import { PlatformTroubleError, PoisonMessageError } from "../../shared/domain/errors.ts";
import { factRef } from "../../shared/domain/facts.ts";
import { Retry } from "../../shared/domain/messages.ts";
import { accepted, ada, at, lastDecision, limits, manifest, outcome } from "../domain/examples.ts";
import { deliver } from "../support/deliver.ts";
import { retryFact, stopFact, ticketFact } from "../support/facts.ts";
import { createPlane, type GivenFacts } from "../support/plane.ts";

const retryOf = (more: object = {}): Retry =>
  Retry.parse({
    type: "retry",
    run_id: "ORD-1",
    chapter: 2,
    reason: "the data is there now",
    by: "ada",
    ...more,
  });
const over: GivenFacts = {
  ticket: ticketFact,
  manifest,
  submission: accepted,
  decision: lastDecision,
  outcome,
};
const firstTurn = [
  "create 1.2 manifest",
  "put copy of 1.2 manifest",
  "submit 1.2",
  "create 1.2 submission",
  "send watches 1.2 #0 in 5 s",
  "send records 1.2 submission",
];

test("a retry opens its chapter: a marker, its fact, and a new attempt of the iteration that ended", async () => {
  const plane = createPlane();
  await plane.given(over);
  plane.at(100);
  await deliver(plane.ports, retryOf());
  expect(plane.effects()).toEqual(["write marker 2", "create retry 2", ...firstTurn]);
  const fact = (await plane.facts.read(factRef.retry({ run_id: "ORD-1", chapter: 2 })))?.fact;
  expect(fact).toEqual({
    v: 1,
    run_id: "ORD-1",
    chapter: 2,
    iter_n: 1,
    attempt: 2,
    reason: "the data is there now",
    by: ada,
    limits,
    capsule: manifest.capsule,
    opened_at: at(100),
    traceparent: ticketFact.traceparent,
  });
  const key = { run_id: "ORD-1", iter_n: 1, attempt: 2 };
  expect((await plane.facts.read(factRef.manifest(key)))?.fact).toMatchObject({
    chapter: 2,
    try: 1,
    capsule: manifest.capsule,
    limits,
  });
});

test("a retry goes on with the iteration and the attempt with which the chapter before ended", async () => {
  const plane = createPlane();
  const last = { iter_n: 3, attempt: 4 };
  await plane.given({
    ticket: ticketFact,
    manifest: { ...manifest, ...last, capsule: { rounds: 9 } },
    outcome: { ...outcome, ...last },
  });
  await deliver(plane.ports, retryOf());
  const fact = (await plane.facts.read(factRef.retry({ run_id: "ORD-1", chapter: 2 })))?.fact;
  expect(fact).toMatchObject({ iter_n: 3, attempt: 5, capsule: { rounds: 9 } });
});

test.each<{ given: string; ticket: Partial<Limits>; retry: Partial<Limits>; expected: number }>([
  { given: "the ticket's, where it names none", ticket: { attempts: 1 }, retry: {}, expected: 1 },
  {
    given: "its own, above the ticket's",
    ticket: { attempts: 1 },
    retry: { attempts: 2 },
    expected: 2,
  },
  { given: "its own, below the ticket's", ticket: {}, retry: { attempts: 1 }, expected: 1 },
])("a retry's limit is $given", async ({ ticket, retry, expected }) => {
  const plane = createPlane();
  const lowered = { ...ticketFact, limits: { ...limits, ...ticket } };
  await plane.given({ ...over, ticket: lowered });
  await deliver(plane.ports, retryOf({ limits: retry }));
  const fact = (await plane.facts.read(factRef.retry({ run_id: "ORD-1", chapter: 2 })))?.fact;
  expect(fact?.limits.attempts).toBe(expected);
});

const { outcome: _none, ...open } = over;
const notOver = (before: number, next: number): Error =>
  new PoisonMessageError(
    `chapter ${before} of run ORD-1 is not over, so chapter ${next} cannot be opened: cancel it first, or name the chapter that follows its last outcome`,
  );
test.each<{ given: string; facts: GivenFacts; retry: object; reason: Error }>([
  {
    given: "of a run that nobody knows, and that was waited for",
    facts: {},
    retry: { early: 3 },
    reason: new PoisonMessageError(
      "there is no chapter 2 of run ORD-1 to retry: it was waited for for a quarter of an hour; look at the id, and send it again when there is one",
    ),
  },
  { given: "of a run that is not over", facts: open, retry: {}, reason: notOver(1, 2) },
  { given: "two chapters on", facts: over, retry: { chapter: 3 }, reason: notOver(2, 3) },
  {
    given: "with a limit above the recipe's",
    facts: over,
    retry: { limits: { attempts: 3 } },
    reason: new PoisonMessageError(
      "limits.attempts is 3, but the recipe allows at most 2: lower it, or change the recipe",
    ),
  },
  {
    given: "whose ticket cannot be read",
    facts: { manifest, outcome },
    retry: {},
    reason: new PlatformTroubleError("run ORD-1 has an outcome, but its ticket cannot be read"),
  },
  {
    given: "whose last manifest cannot be read",
    facts: { ticket: ticketFact, outcome },
    retry: {},
    reason: new PlatformTroubleError(
      "run ORD-1 has an outcome, but its last manifest cannot be read",
    ),
  },
])("a retry $given opens nothing", async ({ facts, retry, reason }) => {
  const plane = createPlane();
  await plane.given(facts);
  const accepting = deliver(plane.ports, retryOf(retry));
  await expect(accepting).rejects.toThrow(reason);
  await expect(accepting).rejects.toBeInstanceOf(reason.constructor);
  expect(plane.effects()).toEqual([]);
});

test("a retry whose run is not there yet waits for it, apart from what it has waited for the platform", async () => {
  const plane = createPlane();
  await deliver(plane.ports, retryOf({ tries: 900 }));
  expect(plane.effects()).toEqual(["send orders in 300 s"]);
  expect(JSON.parse(plane.sent[0]!.body)).toMatchObject({ type: "retry", early: 1, tries: 0 });
});

test.each([
  { given: "less than 89 days", seconds: 89 * 24 * 3600 + 70, opens: true },
  { given: "89 days", seconds: 89 * 24 * 3600 + 71, opens: false },
])("a run that has been over for $given is reopened: $opens", async ({ seconds, opens }) => {
  const plane = createPlane();
  await plane.given(over);
  plane.at(seconds);
  const accepting = deliver(plane.ports, retryOf());
  if (opens) await accepting;
  else {
    await expect(accepting).rejects.toThrow(
      new PoisonMessageError(
        `chapter 1 of run ORD-1 ended at ${outcome.ended_at}, and facts are kept for 90 days: that is too long ago to reopen it; send a ticket under a new id`,
      ),
    );
    await expect(accepting).rejects.toBeInstanceOf(PoisonMessageError);
  }
  expect(plane.effects().includes("create retry 2")).toBe(opens);
});

const reopened: GivenFacts = { ...over, retry: retryFact };
const attemptOfRetry = { chapter: 2, attempt: 2 };
test.each([
  { given: "is opened", facts: [], expected: firstTurn },
  {
    given: "is planned",
    facts: [["manifest", { ...manifest, ...attemptOfRetry }]],
    expected: firstTurn.slice(1),
  },
  {
    given: "is over",
    facts: [["outcome", { ...outcome, ...attemptOfRetry }]],
    expected: ["send records 1.2 outcome"],
  },
])("a retry that comes again when its chapter $given goes on from there", async (row) => {
  const plane = createPlane();
  await plane.given(reopened);
  for (const [kind, fact] of row.facts) await plane.lay(kind as "outcome", fact as typeof outcome);
  await deliver(plane.ports, retryOf({ reason: "another reason" }));
  expect(plane.effects()).toEqual(row.expected);
  expect(plane.events()).not.toContain("run.reopened");
});

test("of two retries of one chapter at the same time, the second works by the first one's fact", async () => {
  const plane = createPlane();
  await plane.given(over);
  const faster = { ...retryFact, limits: { ...limits, timeout_seconds: 60 } };
  plane.meanwhile("create retry 2", () => plane.lay("retry", faster));
  await deliver(plane.ports, retryOf());
  const key = { run_id: "ORD-1", iter_n: 1, attempt: 2 };
  expect((await plane.facts.read(factRef.manifest(key)))?.fact.limits.timeout_seconds).toBe(60);
});

test("a chapter that somebody stops as soon as it is there runs nothing that goes on", async () => {
  const plane = createPlane();
  await plane.given(over);
  plane.meanwhile("create 1.2 manifest", () => plane.lay("stop", { ...stopFact, chapter: 2 }));
  await deliver(plane.ports, retryOf());
  expect(plane.effects().slice(-2)).toEqual(["cancel 1.2", "send records 1.2 submission"]);
});

test("the stop of a chapter that is over does not stop the next one", async () => {
  const plane = createPlane();
  await plane.given({ ...over, stop: stopFact });
  await deliver(plane.ports, retryOf());
  expect(plane.effects().slice(2)).toEqual(firstTurn);
});
