// A message that comes twice does nothing twice; and whichever call its handler died at, or met
// trouble at, the next delivery goes on from where the facts end, and ends with the same facts, the
// same Databricks runs and the same messages.
import { expect, test } from "vitest";
import { Cancellation, endedOf, Retry, recordOf, turnOf } from "../../shared/domain/messages.ts";
import { attemptName } from "../../shared/domain/payload.ts";
import {
  at,
  decision,
  failedResult,
  lastDecision,
  manifest,
  outcome,
  refused,
  result,
} from "../domain/examples.ts";
import { deliver, type Message } from "../support/deliver.ts";
import { first, stopFact, ticketFact, ticketOf } from "../support/facts.ts";
import { createPlane, type Mishap, type Plane, planeId, seed } from "../support/plane.ts";
import { endings, overPlane, submitted, underWayPlane, watch } from "../support/under-way.ts";

type Situation = {
  readonly given: string;
  readonly message: Message;
  readonly open: () => Promise<Plane>;
};

const planeWith =
  (facts: Parameters<Plane["given"]>[0], more?: (plane: Plane) => unknown) =>
  async (): Promise<Plane> => {
    const plane = createPlane();
    await plane.given(facts);
    await more?.(plane);
    plane.forget();
    return plane;
  };
const under = { ...submitted, ticket: ticketFact };
const over = { ...under, decision: lastDecision, outcome };
const ended = endedOf(first);
const stop = Cancellation.parse({ type: "cancel", run_id: "ORD-1", reason: "r", by: "ada" });
const retry = Retry.parse({ type: "retry", run_id: "ORD-1", chapter: 2, reason: "r", by: "ada" });
const refusing = (plane: Plane) =>
  plane.jobs.refuse(attemptName(planeId, first), "INVALID_PARAMETER_VALUE", "no such cluster");
const withMarker = (plane: Plane) =>
  plane.markers.write({
    v: 1,
    run_id: "ORD-1",
    chapter: 1,
    number: 0,
    heals: 0,
    touched_at: at(0),
  });
const turn = turnOf(first, { ticket: true });

const situations: readonly Situation[] = [
  { given: "a new ticket", message: ticketOf(), open: planeWith({}) },
  {
    given: "a ticket that was accepted and stopped",
    message: ticketOf(),
    open: planeWith({ ticket: { ...ticketFact, seed }, stop: stopFact }),
  },
  {
    given: "a new ticket that Databricks refuses",
    message: ticketOf(),
    open: planeWith({}, refusing),
  },
  { given: "a repeated ticket", message: ticketOf(), open: planeWith(under) },
  { given: "a repeated ticket whose run is over", message: ticketOf(), open: planeWith(over) },
  { given: "a retry", message: retry, open: planeWith(over) },
  {
    given: "a stop of a run under way",
    message: stop,
    open: () => underWayPlane(30, { facts: under }),
  },
  { given: "a stop that precedes its ticket", message: stop, open: planeWith({}) },
  {
    given: "a turn of a second iteration",
    message: turnOf({ ...first, iter_n: 2 }, { iter_n: 1, attempt: 1 }),
    open: planeWith({ ...under, decision }),
  },
  {
    given: "a turn of a planned attempt that was stopped since",
    message: turn,
    open: planeWith({ ticket: ticketFact, manifest, stop: stopFact }),
  },
  {
    given: "a turn that comes too late",
    message: turn,
    open: planeWith({ ticket: ticketFact, manifest }, (plane) => plane.at(8 * 24 * 3600)),
  },
  {
    given: "a turn that comes too late, whose run was started",
    message: turn,
    open: planeWith({ ticket: ticketFact, manifest }, async (plane) => {
      await plane.start(first);
      plane.at(8 * 24 * 3600);
    }),
  },
  { given: "a watch of a run under way", message: watch, open: () => underWayPlane(30) },
  { given: "a watch of a run that is over", message: watch, open: () => overPlane() },
  { given: "a report, after which more follows", message: ended, open: () => overPlane() },
  {
    given: "a report that ends its chapter",
    message: ended,
    open: () => overPlane({ result: { ...result, finished: "converged" } }),
  },
  {
    given: "a report of a failure",
    message: ended,
    open: () => overPlane({ ending: endings.failure, result: failedResult }),
  },
  {
    given: "a report that nobody can explain",
    message: ended,
    open: () => overPlane({ result: undefined, second: 200 }),
  },
  { given: "a report of a run that goes on", message: ended, open: () => underWayPlane(30) },
  {
    given: "a report of a refusal",
    message: ended,
    open: planeWith({ manifest, submission: refused }, async (plane) => {
      await withMarker(plane);
      plane.at(200);
    }),
  },
  {
    given: "a record of a submission",
    message: recordOf(first, "submission"),
    open: planeWith(under),
  },
  {
    given: "a record of an outcome",
    message: recordOf(first, "outcome"),
    open: planeWith(over, withMarker),
  },
];

/**
 * Numbers and times of watches apart: a second watch outnumbers the first, and one of them ends.
 */
const sentBy = ({ sent }: Plane): readonly string[] =>
  sent.map(({ queue, body }) => {
    const { number: _, touched_at: __, ...message } = JSON.parse(body);
    return `${queue} ${JSON.stringify(message)}`;
  });
const once = (texts: readonly string[]): readonly string[] => [...new Set(texts)].toSorted();

const traceOf = (plane: Plane) => ({
  facts: plane.factTexts(),
  runs: [...plane.jobs.runs.values()].map(({ runName, state }) => [runName, state]),
  open: plane.open(),
  ledger: Object.values(plane.ledger).map((table) => [...table.values()]),
  announced: once(plane.announced.map((event) => JSON.stringify(event))),
  letters: once(plane.letters.map(({ body, reason }) => `${reason} ${body}`)),
  sent: once(sentBy(plane)),
});

/** Delivers it until a handler has lived to its end. */
async function delivered(plane: Plane, message: Message, mishap: Mishap): Promise<void> {
  plane.disturb(mishap);
  const isDone = await deliver(plane.ports, message).then(
    () => mishap.caller === "is troubled",
    () => false,
  );
  plane.disturb(undefined);
  if (!isDone) await deliver(plane.ports, message);
}

test.each(situations)("$given that comes twice does nothing twice", async ({ open, message }) => {
  const plane = await open();
  await deliver(plane.ports, message);
  const afterOne = traceOf(plane);
  await deliver(plane.ports, message);
  expect(traceOf(plane)).toEqual(afterOne);
});

test.each(situations)(
  "$given ends the same, whichever call went wrong",
  async ({ open, message }) => {
    const plane = await open();
    await deliver(plane.ports, message);
    const undisturbed = traceOf(plane);
    const calls = plane.calls();
    expect(calls.length).toBeGreaterThan(0);
    for (const [call, sentence] of calls.entries())
      for (const when of ["before", "after"] as const)
        for (const caller of ["dies", "is troubled"] as const) {
          const again = await open();
          await delivered(again, message, { call, when, caller });
          expect(traceOf(again), `${caller} ${when} "${sentence}"`).toEqual(undisturbed);
        }
  },
);
