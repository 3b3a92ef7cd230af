// A record of an outcome: the ledger first, then the announcement, then the entry among what is
// over, then the marker; and what is announced is what the fact says.
import { describe, expect, test } from "vitest";
import { record, requeueRecord } from "../../services/ingester/record.ts";
import { PlatformTroubleError, PoisonMessageError } from "../../shared/domain/errors.ts";
import { freshMarker, touched } from "../../shared/domain/marker.ts";
import { Audited, endedOf, type Record, recordOf } from "../../shared/domain/messages.ts";
import { sendRecord } from "../../shared/story/send-record.ts";
import {
  accepted,
  at,
  decision,
  lastDecision,
  manifest,
  outcome,
  refused,
  t0,
} from "../domain/examples.ts";
import { byAda, byOurs } from "../support/beside.ts";
import { deliver } from "../support/deliver.ts";
import { chapter, first, retryFact, ticketFact } from "../support/facts.ts";
import { createPlane, type GivenFacts, planeId } from "../support/plane.ts";

const over: GivenFacts = {
  ticket: ticketFact,
  manifest,
  submission: accepted,
  decision: lastDecision,
  outcome,
};
const ofOutcome = recordOf(first, "outcome");
const deliveryOf = (message: Record) => ({ ...byOurs, message });

/** A plane whose one chapter has a marker. */
async function openPlane(facts: GivenFacts = over) {
  const plane = createPlane();
  await plane.given(facts);
  await plane.markers.write(touched(chapter, first, 1, t0));
  return plane;
}
const written = "merge 1 run_state, 1 execution_requests, 1 execution_results";
const inOrder = [written, "announce 1 succeeded", "create over", "remove marker 1"];

test("an outcome that has its only attempt in it is recorded without reading that again", async () => {
  const submission = { ...accepted, opened_at: at(0) };
  const whole = { opened_at: at(0), submission, decision: lastDecision };
  const plane = await openPlane({ ...over, submission, outcome: { ...outcome, whole } });
  plane.forget();
  await deliver(plane.ports, ofOutcome);
  expect(plane.calls().filter((call) => call.startsWith("read"))).toEqual([
    "read plane",
    "read outcome 1",
    "read marker 1",
    "read plane",
  ]);
  const asRead = await openPlane();
  await deliver(asRead.ports, ofOutcome);
  expect(plane.ledger).toEqual(asRead.ledger);
});

test("an outcome is in the ledger before it is announced, and announced before its marker is removed", async () => {
  const plane = await openPlane();
  await deliver(plane.ports, ofOutcome);
  expect(plane.effects()).toEqual(inOrder);
  expect(plane.announced).toEqual([
    {
      v: 1,
      id: `${planeId}/ORD-1/1`,
      plane_id: planeId,
      run_id: "ORD-1",
      workload: "weather-model",
      chapter: 1,
      outcome: "succeeded",
      reason: "the gate passed",
      iter_n: 1,
      attempt: 1,
      metrics: { rmse: 2.5 },
      run_url: accepted.run_url,
      recorded: true,
      result_path: null,
      ended_at: at(71),
    },
  ]);
  expect(plane.ledger.run_state.get("ORD-1")).toMatchObject({
    fsm_state: "over",
    outcome: "succeeded",
    reason: "the gate passed",
  });
});

test.each(inOrder)(
  "where `%s` meets trouble, nothing follows, and the next try does all again",
  async (broken) => {
    const plane = await openPlane();
    plane.meanwhile(broken, () => {
      throw new PlatformTroubleError("503 TEMPORARILY_UNAVAILABLE");
    });
    await expect(deliver(plane.ports, ofOutcome)).rejects.toThrow(PlatformTroubleError);
    expect(plane.effects()).toEqual(inOrder.slice(0, inOrder.indexOf(broken)));
    expect(plane.open()).toEqual(["open/ORD-1.1"]);
    plane.forget();
    await deliver(plane.ports, ofOutcome);
    expect(plane.effects()).toEqual(inOrder);
  },
);

test.each([
  { given: "whose marker is gone has been announced: it does nothing", again: false, times: 0 },
  { given: "that a repeated ticket asks for is announced again", again: true, times: 1 },
])("an outcome $given", async ({ again, times }) => {
  const plane = createPlane();
  await plane.given(over);
  await deliver(plane.ports, recordOf(first, "outcome", again));
  expect(plane.announced).toHaveLength(times);
  // The books have it: nobody wakes the warehouse for that.
  expect(plane.ledger.run_state.size).toBe(0);
});

test("the record of an outcome brings every attempt of its chapter, and of no other", async () => {
  const plane = createPlane();
  const retried = { chapter: 2, attempt: 2 };
  await plane.given({ ...over, retry: retryFact });
  const next = { kind: "iteration", iter_n: 2, attempt: 1, try: 1 } as const;
  await plane.lay("submission", { ...accepted, ...retried });
  await plane.lay("decision", { ...decision, ...retried, next });
  await plane.lay("submission", { ...refused, chapter: 2, iter_n: 2 });
  await plane.lay("decision", { ...lastDecision, chapter: 2, iter_n: 2 });
  await plane.lay("outcome", { ...outcome, chapter: 2, iter_n: 2 });
  const second = { run_id: "ORD-1", chapter: 2 };
  await plane.markers.write(freshMarker(second, t0));
  await deliver(plane.ports, recordOf({ ...second, iter_n: 2, attempt: 1 }, "outcome"));
  expect([...plane.ledger.execution_requests.keys()]).toEqual(["ORD-1/1.2"]);
  expect([...plane.ledger.execution_results.keys()]).toEqual(["ORD-1/1.2", "ORD-1/2.1"]);
});

test("an attempt that was stopped before it was submitted is in the ledger as well", async () => {
  const plane = await openPlane({
    ticket: ticketFact,
    decision: { ...lastDecision, verdict: "cancelled", result: null },
    outcome,
  });
  await deliver(plane.ports, ofOutcome);
  expect([plane.ledger.execution_requests.size, plane.ledger.execution_results.size]).toEqual([
    0, 1,
  ]);
  expect(plane.announced).toHaveLength(1);
});

test("what there is no time to read waits, and says so", async () => {
  const plane = createPlane();
  await plane.given(over);
  const messages = Array.from({ length: 11 }, () => recordOf(first, "decision"));
  plane.meanwhile("read 1.1 decision", () => plane.at(31));
  const settled = await Promise.allSettled(record(plane.ports, messages.map(deliveryOf)));
  expect(settled.map(({ status }) => status).lastIndexOf("fulfilled")).toBe(9);
  expect(settled[10]).toMatchObject({
    reason: new PlatformTroubleError("there was more to read than one invocation may ask for"),
  });
});

test.each<{ given: string; facts: GivenFacts; of: Record["of"]; tables: readonly string[] }>([
  {
    given: "a submission",
    facts: { submission: accepted },
    of: "submission",
    tables: ["run_state", "execution_requests"],
  },
  { given: "a refused submission", facts: { submission: refused }, of: "submission", tables: [] },
  {
    given: "a decision",
    facts: { decision },
    of: "decision",
    tables: ["run_state", "execution_results"],
  },
])(
  "a record of $given is merged, and announces nothing: $tables",
  async ({ facts, of, tables }) => {
    const plane = createPlane();
    await plane.given(facts);
    await deliver(plane.ports, recordOf(first, of));
    const { telemetry: _, ...ledger } = plane.ledger;
    const filled = Object.entries(ledger).filter(([, rows]) => rows.size > 0);
    expect(filled.map(([table]) => table)).toEqual(tables);
    expect(plane.announced).toEqual([]);
  },
);

test("a person's action becomes one row of telemetry, however often it is told", async () => {
  const plane = createPlane();
  const audited = Audited.parse({
    type: "audited",
    event_id: "e-1",
    by: "ada",
    action: "replay",
    at: at(0),
  });
  await deliver(plane.ports, audited);
  await deliver(plane.ports, audited);
  expect([...plane.ledger.telemetry.keys()]).toEqual(["e-1"]);
});

test.each<{ of: Record["of"]; facts: GivenFacts; reason: Error }>([
  {
    of: "submission",
    facts: { ticket: ticketFact, manifest },
    reason: new PoisonMessageError(
      "attempt 1.1 of run ORD-1 has no submission that could be recorded",
    ),
  },
  {
    of: "decision",
    facts: { submission: accepted },
    reason: new PoisonMessageError(
      "attempt 1.1 of run ORD-1 has no decision that could be recorded",
    ),
  },
  {
    of: "outcome",
    facts: { decision: lastDecision },
    reason: new PoisonMessageError("chapter 1 of run ORD-1 has no outcome that could be recorded"),
  },
  {
    of: "outcome",
    facts: { outcome },
    reason: new PlatformTroubleError(
      "chapter 1 of run ORD-1 is over, but what opened it cannot be read",
    ),
  },
])("a record of a $of that is not there writes nothing: $reason.message", async (row) => {
  const plane = await openPlane(row.facts);
  const recording = deliver(plane.ports, recordOf(first, row.of));
  await expect(recording).rejects.toThrow(row.reason);
  await expect(recording).rejects.toBeInstanceOf(row.reason.constructor);
  expect(plane.effects()).toEqual([]);
});

test("a repeated ticket asked for an outcome that is gone: nothing is said, and that is logged", async () => {
  const plane = createPlane();
  await deliver(plane.ports, recordOf(first, "outcome", true));
  expect(plane.effects()).toEqual([]);
  expect(plane.logged).toEqual([
    ["record.left", { ...chapter, reason: "its facts have been deleted" }],
  ]);
});

describe("where outcomes are announced as soon as their facts exist", () => {
  const announcing = async (facts: GivenFacts, isOpen = true) => {
    const plane = createPlane({ announceAfter: "fact" });
    await plane.given(facts);
    if (isOpen) await plane.markers.write(touched(chapter, first, 1, t0));
    return plane;
  };
  const announced = { ...ofOutcome, announced: true };
  const ended = endedOf(first);
  const { outcome: _, ...undecided } = over;

  test("the judge announces, and then sends the record, which writes the books and ends the chapter", async () => {
    const plane = await announcing(undecided);
    await deliver(plane.ports, ended);
    expect(plane.effects().slice(1)).toEqual([
      "create outcome 1",
      "announce 1 succeeded",
      "send records 1.1 outcome",
    ]);
    expect(plane.announced).toMatchObject([{ recorded: false }]);
    const message = JSON.parse(plane.sent[0]!.body) as Record;
    expect(message.announced).toBe(true);
    plane.forget();
    await deliver(plane.ports, message);
    expect(plane.effects()).toEqual([written, "create over", "remove marker 1"]);
    expect(plane.calls()).not.toContain("read marker 1");
  });

  test("a record that the sweep sends announces, because nobody knows who has", async () => {
    const plane = await announcing(over);
    await deliver(plane.ports, ofOutcome);
    expect(plane.effects()).toEqual(inOrder);
    expect(plane.announced).toMatchObject([{ recorded: true }]);
  });

  test("that it was announced is believed of our own functions alone, and does not become ours by waiting", async () => {
    const plane = await announcing(over);
    const foreign = { ...byAda, message: announced };
    await record(plane.ports, [foreign])[0];
    expect(plane.effects()).toEqual(inOrder);
    await requeueRecord(plane.ports, announced, { delaySeconds: 1, by: byAda.by });
    await requeueRecord(plane.ports, announced, { delaySeconds: 1, by: byOurs.by });
    expect(plane.sent.map(({ body }) => JSON.parse(body).announced)).toEqual([false, true]);
  });

  test("a report that comes again announces again while the chapter is open, and then no more", async () => {
    const plane = await announcing(over);
    await deliver(plane.ports, ended);
    expect(plane.effects().slice(1)).toEqual(["announce 1 succeeded", "send records 1.1 outcome"]);
    const late = await announcing(over, false);
    await deliver(late.ports, ended);
    expect(late.effects()).toEqual(["create 1.1 decision"]);
  });

  test.each([
    { given: "closed", isOpen: false, recorded: true },
    { given: "waiting for its window", isOpen: true, recorded: false },
  ])(
    "a repeated ticket of a chapter that is $given wakes no warehouse",
    async ({ isOpen, recorded }) => {
      const plane = await announcing(over, isOpen);
      await deliver(plane.ports, recordOf(first, "outcome", true));
      expect(plane.effects()).toEqual(["announce 1 succeeded"]);
      expect(plane.announced).toMatchObject([{ recorded }]);
    },
  );
});

describe("records gather", () => {
  const HOUR = 3_600;
  const held = async (ledgerWindowSeconds: number, second: number, timeScale = 1) => {
    const plane = createPlane({ ledgerWindowSeconds, timeScale });
    await plane.given({ ...over, submission: { ...accepted } });
    await plane.markers.write(touched(chapter, first, 1, t0));
    plane.at(second);
    await sendRecord(plane.ports, ofOutcome, {});
    const { body, options } = plane.sent[0]!;
    return { plane, message: JSON.parse(body) as Record, options };
  };

  test("those of one window become visible together, those of the next one later", async () => {
    const boundaries = new Set<string | undefined>();
    for (const second of [0, 100, 400, 899]) {
      const { message, options } = await held(900, second);
      const leftSeconds = (Date.parse(message.not_before ?? "") - t0) / 1000 - second;
      expect(options.delaySeconds).toBe(Math.ceil(leftSeconds));
      expect(leftSeconds).toBeLessThanOrEqual(900);
      boundaries.add(message.not_before);
    }
    expect(boundaries.size).toBe(2); // the windows begin somewhere between
    const [a, b] = [...boundaries].map((at) => Date.parse(at ?? ""));
    expect(Math.abs(a! - b!)).toBe(900_000);
  });

  test("without a window a record is visible at once", async () => {
    const { message, options } = await held(0, 0);
    expect([message.not_before, options.delaySeconds]).toEqual([undefined, undefined]);
  });

  test("a plane whose time runs faster has shorter windows", async () => {
    const { options } = await held(900, 0, 0.1);
    expect(options.delaySeconds).toBeLessThanOrEqual(90);
  });

  test("what waits for longer than one hop is sent on until its boundary, and read only then", async () => {
    const { plane, message } = await held(HOUR, 0);
    const leftSeconds = (Date.parse(message.not_before ?? "") - t0) / 1000;
    plane.forget();
    plane.at(leftSeconds - 1_000);
    await deliver(plane.ports, message);
    expect(plane.calls()).toEqual(["send records 1.1 outcome in 900 s"]);
    plane.forget();
    plane.at(leftSeconds - 1);
    await deliver(plane.ports, message);
    expect(plane.effects()).toEqual(inOrder);
  });

  test("a boundary that no window has was made up, and holds nobody up", async () => {
    const plane = await openPlane();
    await deliver(plane.ports, { ...ofOutcome, not_before: at(2 * HOUR) });
    expect(plane.effects()).toEqual(inOrder);
  });
});

test("a batch is one merge; what cannot be projected fails alone", async () => {
  const plane = await openPlane();
  const absent = { ...first, run_id: "ORD-2" };
  const settled = await Promise.allSettled(
    record(
      plane.ports,
      [recordOf(absent, "outcome"), ofOutcome, recordOf(first, "submission")].map(deliveryOf),
    ),
  );
  expect(settled.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
  expect(plane.effects()).toEqual(inOrder);
  expect(plane.ledger.run_state.get("ORD-1")?.fsm_state).toBe("over");
});

test.each([
  { given: "nobody foresaw", error: new TypeError("the row is none"), merges: 3, announced: 1 },
  { given: "waiting may mend", error: new PlatformTroubleError("503"), merges: 1, announced: 0 },
])(
  "a merge that fails as $given does: $announced announced",
  async ({ error, merges, announced }) => {
    const plane = await openPlane();
    await plane.lay("submission", { ...accepted, run_id: "ORD-2" });
    let times = 0;
    const { merge } = plane.ports.ledger;
    const ledger: typeof plane.ports.ledger = {
      merge: async (rows) => {
        times++;
        if (rows.run_state.some(({ run_id }) => run_id === "ORD-2")) throw error;
        return await merge(rows);
      },
    };
    const settled = await Promise.allSettled(
      record(
        { ...plane.ports, ledger },
        [recordOf({ ...first, run_id: "ORD-2" }, "submission"), ofOutcome].map(deliveryOf),
      ),
    );
    expect(settled.map(({ status }) => status)).toEqual([
      "rejected",
      announced === 1 ? "fulfilled" : "rejected",
    ]);
    expect([times, plane.announced.length]).toEqual([merges, announced]);
  },
);
