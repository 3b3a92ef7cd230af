import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { outcomeEventOf } from "../../shared/domain/events.ts";
import type { TicketFact } from "../../shared/domain/facts.ts";
import {
  type LedgerTable,
  ledgerTables,
  mergedRows,
  noRows,
  rowsOfAudit,
  rowsOfDecision,
  rowsOfOutcome,
  rowsOfSubmission,
  versionOf,
} from "../../shared/domain/ledger-rows.ts";
import { Audited, Ticket } from "../../shared/domain/messages.ts";
import { traceIdOf } from "../../shared/domain/trace.ts";
import {
  accepted,
  at,
  decision,
  lastDecision,
  limits,
  manifest,
  outcome,
  recipe,
} from "./examples.ts";

const ticket: TicketFact = {
  v: 1,
  run_id: "ORD-1",
  accepted_at: at(0),
  ticket: Ticket.parse({ ticket_id: "ORD-1", workload: "weather-model" }),
  recipe,
  limits,
  files: manifest.files,
  entry: "main.py",
  traceparent: manifest.traceparent,
};
const books = { planeId: "p", factsVolume: "/Volumes/main/ops/facts" };
const second = { ...lastDecision, iter_n: 2 };
const whole = rowsOfOutcome(books, { ...outcome, iter_n: 2 }, ticket.accepted_at, [
  { submission: accepted, decision },
  { submission: { ...accepted, iter_n: 2 }, decision: second },
]);

test("the request that an outcome points to is the last that there was, whoever told of it before", () => {
  const { run_state } = rowsOfOutcome(books, { ...outcome, attempt: 2 }, ticket.accepted_at, [
    { submission: accepted, decision },
    { submission: undefined, decision: { ...lastDecision, attempt: 2 } },
  ]);
  expect(run_state[0]?.latest_request_path).toContain("iter_001.attempt_001.submission.json");
});

test("so is the result, which a later attempt need not have brought", () => {
  const bare = { ...lastDecision, attempt: 2, result_path: null };
  const ended = { ...outcome, attempt: 2, result_path: null };
  const result_path = "/Volumes/main/ops/plans/run_ORD-1/x.result.json";
  const { run_state } = rowsOfOutcome(books, ended, ticket.accepted_at, [
    { submission: accepted, decision: { ...decision, result_path } },
    { submission: undefined, decision: bare },
  ]);
  expect(run_state[0]?.latest_result_path).toBe(result_path);
});

test("every row fits its table", () => {
  for (const rows of [rowsOfSubmission(books, accepted), rowsOfDecision(books, decision), whole])
    for (const table of Object.keys(ledgerTables) as LedgerTable[])
      for (const row of rows[table]) expect(() => ledgerTables[table].row.parse(row)).not.toThrow();
});

test("an outcome brings every attempt of its chapter, so that lost records heal", () => {
  expect(whole.execution_requests.map(({ iter_n }) => iter_n)).toEqual([1, 2]);
  expect(whole.execution_results.map(({ iter_n }) => iter_n)).toEqual([1, 2]);
  expect(whole.run_state).toMatchObject([
    {
      fsm_state: "over",
      outcome: "succeeded",
      created_at: at(0),
      updated_at: outcome.ended_at,
      capsule: '{"rounds":2}',
      latest_request_path: "/Volumes/main/ops/facts/run_ORD-1/iter_002.attempt_001.submission.json",
      version: versionOf({ chapter: 1, iter_n: 2, attempt: 1 }, "over"),
    },
  ]);
});

test("an attempt that was never submitted has a result and no request", () => {
  const rows = rowsOfOutcome(books, outcome, ticket.accepted_at, [
    { submission: undefined, decision: { ...lastDecision, result: null } },
  ]);
  expect(rows.execution_requests).toEqual([]);
  expect(rows.execution_results).toMatchObject([
    {
      status: null,
      metrics: {},
      error_type: null,
      duration_seconds: null,
      produced_tables: [],
      produced_artifacts: [],
    },
  ]);
  expect(rows.run_state).toMatchObject([{ latest_request_path: null }]);
  expect(rowsOfOutcome(books, outcome, ticket.accepted_at, []).run_state).toMatchObject([
    { capsule: null, latest_request_path: null },
  ]);
});

test("a later chapter dates from its retry", () => {
  const retry = {
    v: 1,
    run_id: "ORD-1",
    chapter: 2,
    iter_n: 1,
    attempt: 2,
    reason: "again",
    by: "ada",
    limits,
    capsule: {},
    opened_at: at(99),
  } as const;
  expect(rowsOfOutcome(books, outcome, retry.opened_at, []).run_state).toMatchObject([
    { created_at: at(99) },
  ]);
});

test("a failed attempt says what went wrong", () => {
  const failed = {
    ...decision.result,
    status: "FAILED",
    error: { type: "ValueError", summary: "no rows" },
  } as NonNullable<typeof decision.result>;
  expect(rowsOfDecision(books, { ...decision, result: failed }).execution_results).toMatchObject([
    { status: "FAILED", error_type: "ValueError", error_summary: "no rows" },
  ]);
});

test("a person's action is a row of telemetry, once", () => {
  const audited = Audited.parse({
    type: "audited",
    event_id: "e1",
    by: "the CEO",
    action: "replay",
    detail: { queue: "reports", by: "somebody else" },
    at: at(5),
  });
  expect(rowsOfAudit(audited, "AROAONCALL:ada")).toEqual({
    ...noRows,
    telemetry: [
      {
        event_id: "e1",
        event_type: "person.acted",
        component: "command-line",
        run_id: null,
        iter_n: null,
        attempt: null,
        timestamp: at(5),
        trace_id: null,
        // By whom SQS names, whatever the message says.
        metadata: '{"queue":"reports","by":"AROAONCALL:ada","action":"replay"}',
      },
    ],
  });
  expect(rowsOfAudit({ ...audited, run_id: "ORD-1" }, "a").telemetry[0]?.run_id).toBe("ORD-1");
});

test("telemetry is found by its trace; what was written before facts kept it has none", () => {
  const traceId = traceIdOf(accepted.traceparent);
  expect(traceId).not.toBeNull();
  const parts = [rowsOfSubmission(books, accepted), rowsOfDecision(books, decision), whole];
  for (const { telemetry } of parts)
    for (const row of telemetry) expect(row.trace_id).toBe(traceId);
  const { traceparent: _, ...before } = decision;
  expect(rowsOfDecision(books, before).telemetry).toMatchObject([{ trace_id: null }]);
});

describe("the version", () => {
  const key = fc.record({
    chapter: fc.integer({ min: 1, max: 1000 }),
    iter_n: fc.integer({ min: 1, max: 99 }),
    attempt: fc.integer({ min: 1, max: 999 }),
    phase: fc.constantFrom("running" as const, "decided" as const, "over" as const),
  });
  test("grows with chapter, then iteration, then attempt, then phase", () => {
    const phases = ["running", "decided", "over"];
    const order = (k: { chapter: number; iter_n: number; attempt: number; phase: string }) => [
      k.chapter,
      k.iter_n,
      k.attempt,
      phases.indexOf(k.phase),
    ];
    fc.assert(
      fc.property(key, key, (a, b) => {
        const [x, y] = [order(a), order(b)];
        const first = x.findIndex((value, i) => value !== y[i]);
        const expected = first === -1 ? 0 : Math.sign((x[first] ?? 0) - (y[first] ?? 0));
        expect(Math.sign(versionOf(a, a.phase) - versionOf(b, b.phase))).toBe(expected);
      }),
    );
  });
  test("is as docs/architecture.md#the-ledger writes it", () => {
    expect(versionOf({ chapter: 2, iter_n: 3, attempt: 4 }, "decided")).toBe(
      ((2 * 100 + 3) * 1000 + 4) * 10 + 2,
    );
  });
});

describe("a batch", () => {
  test("has one row a key: the later state of a run, with what only the earlier one knows", () => {
    const rows = mergedRows([
      rowsOfDecision(books, decision),
      rowsOfSubmission(books, accepted),
      rowsOfDecision(books, decision),
    ]);
    expect(rows.run_state).toMatchObject([
      {
        fsm_state: "decided",
        latest_request_path:
          "/Volumes/main/ops/facts/run_ORD-1/iter_001.attempt_001.submission.json",
        created_at: accepted.submitted_at,
      },
    ]);
    expect(rows.execution_results).toHaveLength(1);
    expect(rows.execution_requests).toHaveLength(1);
    expect(rows.telemetry).toHaveLength(2);
  });
  test("is the same whatever its order", () => {
    const parts = [rowsOfSubmission(books, accepted), rowsOfDecision(books, decision), whole];
    const sorted = (rows: ReturnType<typeof mergedRows>) =>
      JSON.stringify([
        rows.run_state,
        rows.execution_results.toSorted((a, b) => a.iter_n - b.iter_n),
      ]);
    fc.assert(
      fc.property(fc.shuffledSubarray(parts, { minLength: 3 }), (some) => {
        expect(sorted(mergedRows(some))).toBe(sorted(mergedRows(parts)));
      }),
    );
  });
});

test("the event of an outcome has a stable id and all that upstream wants", () => {
  expect(outcomeEventOf("p", outcome, false)).toEqual({
    v: 1,
    id: "p/ORD-1/1",
    plane_id: "p",
    run_id: "ORD-1",
    workload: "weather-model",
    chapter: 1,
    outcome: "succeeded",
    reason: "the gate passed",
    iter_n: 1,
    attempt: 1,
    metrics: { rmse: 2.5 },
    run_url: accepted.run_url,
    result_path: null,
    ended_at: outcome.ended_at,
    recorded: false,
  });
});
