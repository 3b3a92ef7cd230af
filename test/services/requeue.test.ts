// What still waits after an hour of trouble, and what the sweep says anyway.
import { expect, test } from "vitest";
import { requeueTicket, requeueTurn } from "../../services/orchestrator/requeue.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import type { TicketsMessage } from "../../shared/domain/messages.ts";
import { turnOf } from "../../shared/domain/messages.ts";
import { manifest, outcome } from "../domain/examples.ts";
import { first, retryFact, ticketFact, ticketOf } from "../support/facts.ts";
import { createPlane, type GivenFacts } from "../support/plane.ts";

const { traceparent } = manifest;
const retry = {
  v: 1,
  type: "retry",
  run_id: "ORD-1",
  chapter: 2,
  reason: "again",
  by: "ada",
  limits: {},
  early: 0,
  tries: 0,
} as const;
const cancellation = {
  v: 1,
  type: "cancel",
  run_id: "ORD-1",
  chapter: 1,
  reason: "enough",
  early: 0,
  tries: 0,
} as const;

test.each([
  { tries: 8, expected: ["send turns 1.1 in 900 s"] },
  { tries: 9, expected: [] },
])("a turn that has waited $tries times: $expected", async ({ tries, expected }) => {
  const plane = createPlane();
  const turn = { ...turnOf(first, { ticket: true }), tries };
  await requeueTurn(plane.ports, turn, { delaySeconds: 900, traceparent });
  expect(plane.effects()).toEqual(expected);
  expect(plane.events()).toEqual(expected.length === 0 ? ["message.left"] : []);
});

test.each<{ given: string; facts: GivenFacts; message: TicketsMessage; waits: boolean }>([
  { given: "a ticket before it is accepted", facts: {}, message: ticketOf(), waits: true },
  {
    given: "a ticket whose run is open",
    facts: { ticket: ticketFact },
    message: ticketOf(),
    waits: false,
  },
  {
    given: "another ticket under its id, which is to be refused",
    facts: { ticket: ticketFact },
    message: ticketOf({ parameters: { city: "Oslo" } }),
    waits: true,
  },
  {
    given: "a ticket whose run is over, and whose sender is to hear so again",
    facts: { ticket: ticketFact, outcome },
    message: ticketOf(),
    waits: true,
  },
  { given: "a retry before it is accepted", facts: {}, message: retry, waits: true },
  {
    given: "a retry whose chapter is open",
    facts: { retry: retryFact },
    message: retry,
    waits: false,
  },
  {
    given: "a cancellation",
    facts: { ticket: ticketFact },
    message: cancellation,
    waits: true,
  },
])("after an hour, $given waits on: $waits", async ({ facts, message, waits }) => {
  const plane = createPlane();
  await plane.given(facts);
  await requeueTicket(plane.ports, { ...message, tries: 9 }, { delaySeconds: 900, traceparent });
  expect(plane.sent).toHaveLength(waits ? 1 : 0);
  expect(plane.events()).toEqual(waits ? [] : ["message.left"]);
});

test("where nobody can read whether its chapter is open, a ticket waits on", async () => {
  const plane = createPlane();
  await plane.given({ ticket: ticketFact });
  const read = async () => {
    throw new PlatformTroubleError("503");
  };
  const ports = { ...plane.ports, facts: { ...plane.ports.facts, read } };
  await requeueTicket(ports, { ...ticketOf(), tries: 9 }, { delaySeconds: 900 });
  expect(plane.sent).toHaveLength(1);
});
