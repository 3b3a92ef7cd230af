import { describe, expect, test } from "vitest";
import type { Gate } from "../../shared/domain/contract.ts";
import { decide, type Judged } from "../../shared/domain/decide.ts";
import { Verdict } from "../../shared/domain/facts.ts";
import { failedResult, limits, result } from "./examples.ts";

const gate: Gate = [{ metric: "rmse", op: "<=", value: 2 }];
const judged: Judged = {
  verdict: "succeeded",
  reason: "run and result say SUCCESS",
  iter_n: 1,
  attempt: 1,
  try: 1,
  limits,
  gate: [],
  singleIteration: false,
  result,
  stopped: false,
};
const withMetric = (rmse: number) => ({ ...result, metrics: { rmse } });
const transient = {
  ...failedResult,
  error: { type: "TransientError", summary: "try later", trace: "", transient: true },
};
const iteration = (iter_n: number) => ({ kind: "iteration", iter_n, attempt: 1, try: 1 });
const outcome = (word: string) => ({ kind: "outcome", outcome: word });

describe("what follows from a verdict", () => {
  test.each<{ given: string; when: Partial<Judged>; expected: object; because: string }>([
    {
      given: "success, not finished, iterations left",
      when: {},
      expected: iteration(2),
      because: "it is not finished",
    },
    {
      given: "success in the last iteration, not finished",
      when: { iter_n: 3 },
      expected: outcome("blocked"),
      because: "it is not finished, and all 3 iterations are spent",
    },
    {
      given: "success and finished",
      when: { result: { ...result, finished: "converged" } },
      expected: outcome("succeeded"),
      because: "finished: converged",
    },
    {
      given: "success of a recipe of one iteration",
      when: { singleIteration: true },
      expected: outcome("succeeded"),
      because: "run and result say SUCCESS",
    },
    {
      given: "success and a gate that passes",
      when: { gate, result: withMetric(2) },
      expected: outcome("succeeded"),
      because: "the gate passed: rmse is 2, must be <= 2",
    },
    {
      given: "success and a gate that refuses, iterations left",
      when: { gate, result: withMetric(2.1) },
      expected: iteration(2),
      because: "the gate refused: rmse is 2.1, must be <= 2",
    },
    {
      given: "success of one iteration and a gate that refuses",
      when: { gate, singleIteration: true, iter_n: 3, result: withMetric(3) },
      expected: outcome("blocked"),
      because: "the gate refused: rmse is 3, must be <= 2, and all 3 iterations are spent",
    },
    {
      given: "success and a gate that refuses what is finished",
      when: { gate, result: { ...withMetric(3), finished: "out of ideas" } },
      expected: outcome("blocked"),
      because: "the gate refused: rmse is 3, must be <= 2; and it is finished: out of ideas",
    },
    {
      given: "success and a gate whose metric is missing",
      when: { gate, iter_n: 3, result: { ...result, metrics: {} } },
      expected: outcome("blocked"),
      because: "the gate refused: rmse is missing, must be <= 2, and all 3 iterations are spent",
    },
    {
      given: "success that stop came too late for",
      when: { gate, stopped: true, result: withMetric(1) },
      expected: outcome("succeeded"),
      because: "the gate passed: rmse is 1, must be <= 2",
    },
    {
      given: "success after which more would follow, stopped",
      when: { stopped: true },
      expected: outcome("cancelled"),
      because: "it is not finished; it was cancelled before more followed",
    },
    {
      given: "success without a result, which no judge says",
      when: { result: undefined },
      expected: outcome("unknown"),
      because: "run and result say SUCCESS",
    },
    {
      given: "a failure that calls itself transient",
      when: { verdict: "task_failed", reason: "no", result: transient },
      expected: { kind: "attempt", iter_n: 1, attempt: 2, try: 2 },
      because: "no",
    },
    {
      given: "a transient failure of the last try",
      when: { verdict: "task_failed", reason: "no", try: 2, attempt: 7, result: transient },
      expected: outcome("failed"),
      because: "no (try 2 of 2, the last)",
    },
    {
      given: "a transient failure, stopped",
      when: { verdict: "task_failed", reason: "no", stopped: true, result: transient },
      expected: outcome("cancelled"),
      because: "no; it was cancelled before more followed",
    },
    {
      given: "a failure",
      when: { verdict: "task_failed", reason: "no", result: failedResult },
      expected: outcome("failed"),
      because: "no",
    },
    {
      given: "a failure without a result",
      when: { verdict: "task_failed", reason: "no", result: undefined },
      expected: outcome("failed"),
      because: "no",
    },
    {
      given: "a failed run whose result says SUCCESS",
      when: { verdict: "task_failed", reason: "no" },
      expected: outcome("failed"),
      because: "no",
    },
    {
      given: "a failed platform",
      when: { verdict: "platform_failed", reason: "no", attempt: 4, iter_n: 2 },
      expected: { kind: "attempt", iter_n: 2, attempt: 5, try: 2 },
      because: "no",
    },
    {
      given: "no capacity, last try",
      when: { verdict: "capacity", reason: "full", try: 2 },
      expected: outcome("failed"),
      because: "full (try 2 of 2, the last)",
    },
    {
      given: "a skipped run, more tries than allowed",
      when: { verdict: "skipped", reason: "no", try: 3 },
      expected: outcome("failed"),
      because: "no (try 3 of 2, the last)",
    },
  ])("$given", ({ when, expected, because }) => {
    expect(decide({ ...judged, ...when })).toMatchObject({ next: expected, reason: because });
  });

  test.each([
    { verdict: "rejected", expected: "failed" },
    { verdict: "timed_out", expected: "timed_out" },
    { verdict: "cancelled", expected: "cancelled" },
    { verdict: "lost", expected: "unknown" },
    { verdict: "unreported", expected: "unknown" },
    { verdict: "unknown", expected: "unknown" },
  ] as const)("$verdict is the end: $expected", ({ verdict, expected }) => {
    expect(decide({ ...judged, verdict, reason: "why" })).toEqual({
      next: outcome(expected),
      reason: "why",
      gate: null,
    });
  });

  test("the gate's answer is kept, whether it passed or refused, and is absent where it was not asked", () => {
    expect(decide({ ...judged, gate, result: withMetric(1) }).gate).toMatchObject({
      passed: true,
      reason: "rmse is 1, must be <= 2",
    });
    expect(decide({ ...judged, gate, result: withMetric(3) }).gate).toMatchObject({
      passed: false,
      reason: "rmse is 3, must be <= 2",
    });
    expect(
      decide({ ...judged, gate, result: { ...withMetric(3), finished: "x" } }).gate,
    ).toMatchObject({ passed: false });
    expect(decide({ ...judged, gate, result: withMetric(3), iter_n: 3 }).gate).toMatchObject({
      passed: false,
    });
    expect(decide(judged).gate).toBeNull();
    expect(decide({ ...judged, verdict: "task_failed", gate }).gate).toBeNull();
  });
});

test("over the full product, exactly the listed rows end in success, and budgets always hold", () => {
  const results = {
    none: undefined,
    plain: result,
    good: withMetric(1),
    bad: withMetric(9),
    finished: { ...result, finished: "done" },
    finishedGood: { ...withMetric(1), finished: "done" },
    finishedBad: { ...withMetric(9), finished: "done" },
    transient,
    failedResult,
  };
  let rows = 0;
  for (const verdict of Verdict.options)
    for (const [name, r] of Object.entries(results))
      for (const g of [[], gate])
        for (const iter_n of [1, 2, 3, 4])
          for (const tries of [1, 2, 3])
            for (const singleIteration of [false, true])
              for (const stopped of [false, true]) {
                rows++;
                const { next } = decide({
                  ...judged,
                  verdict,
                  result: r,
                  gate: g,
                  iter_n,
                  try: tries,
                  singleIteration,
                  stopped,
                });
                const passes =
                  g.length === 0
                    ? singleIteration || name.startsWith("finished")
                    : name === "good" || name === "finishedGood";
                const listed = verdict === "succeeded" && name !== "none" && passes;
                expect(next.kind === "outcome" && next.outcome === "succeeded").toBe(listed);
                if (next.kind === "outcome") continue;
                expect(stopped).toBe(false);
                expect(next.iter_n).toBeLessThanOrEqual(
                  next.kind === "attempt" ? iter_n : limits.iterations,
                );
                expect(next.try).toBeLessThanOrEqual(limits.attempts);
                expect(next.kind === "iteration" ? next.iter_n : next.attempt).toBe(
                  (next.kind === "iteration" ? iter_n : 1) + 1,
                );
              }
  expect(rows).toBe(11 * 9 * 2 * 4 * 3 * 2 * 2);
});
