import { describe, expect, test } from "vitest";
import { logLineOf, progressLine } from "../../local/plane/progress.ts";
import {
  expectedDeadLetters,
  expectedRuns,
  faultsIn,
  type Seen,
} from "../../local/plane/scenario.ts";
import { metricsText, tableOf } from "../../local/plane/table.ts";
import type { OutcomeEvent } from "../../shared/domain/events.ts";

const reasons: Readonly<Record<string, string>> = {
  "MODEL-1": "the gate passed: rmse is 2.6",
  "REPORT-2015": "a report",
  "REPORT-1999": "ValueError: no rows for year 1999",
  "CANCEL-ME": "Run cancelled.",
};

const allIsWell: Seen = {
  announced: expectedRuns.map(
    ({ run_id, outcome, iterationsMin }): OutcomeEvent => ({
      v: 1,
      id: `plane/${run_id}/1`,
      plane_id: "plane",
      run_id,
      workload: "w",
      chapter: 1,
      outcome,
      reason: reasons[run_id] ?? "",
      iter_n: iterationsMin,
      attempt: 1,
      metrics: {},
      run_url: null,
      result_path: null,
      ended_at: "2026-11-21T06:00:00.000Z",
      recorded: false,
    }),
  ),
  rejected: expectedDeadLetters.length,
  runState: expectedRuns.map(({ run_id, outcome }) => ({ run_id, outcome, fsm_state: "over" })),
  results: expectedRuns.flatMap(({ run_id, iterationsMin }) =>
    Array.from({ length: iterationsMin }, (_, i) => ({ run_id, iter_n: i + 1 })),
  ),
  letters: expectedDeadLetters.map(({ body }, i) => ({
    body,
    reason:
      i === 0
        ? "the message is not JSON"
        : 'there is no workload "weather-forcast"; there are: weather-model',
  })),
  databricksRuns: expectedRuns.flatMap(({ run_id, iterationsMin }) =>
    Array.from({ length: iterationsMin }, (_, i) => `signalbox/plane/${run_id}/${i + 1}.1`),
  ),
  open: [],
};
const [first, ...others] = allIsWell.announced;

describe("the check of `npm start`", () => {
  test("finds nothing where all ended as it must", () => {
    expect(faultsIn(allIsWell)).toEqual([]);
  });

  test.each<{ what: string; change: Partial<Seen>; fault: RegExp }>([
    {
      what: "nothing was announced",
      change: { announced: [] },
      fault: /MODEL-1 was never announced/,
    },
    {
      what: "one run ended otherwise",
      change: { announced: [{ ...first!, outcome: "blocked" }, ...others] },
      fault: /MODEL-1 ended blocked, not succeeded/,
    },
    {
      what: "the gate passed too soon",
      change: { announced: [{ ...first!, iter_n: 1 }, ...others] },
      fault: /MODEL-1 took 1 iterations/,
    },
    {
      what: "one run was announced under two ids",
      change: { announced: [...allIsWell.announced, { ...first!, id: "another" }] },
      fault: /MODEL-1 was announced under 2 ids/,
    },
    {
      what: "a row is missing",
      change: { runState: allIsWell.runState.slice(1) },
      fault: /MODEL-1 has 0 rows in run_state/,
    },
    {
      what: "a row is there twice",
      change: { runState: [...allIsWell.runState, allIsWell.runState[0] ?? {}] },
      fault: /MODEL-1 has 2 rows in run_state/,
    },
    {
      what: "the ledger says something else",
      change: { runState: allIsWell.runState.map((row) => ({ ...row, outcome: "failed" })) },
      fault: /MODEL-1 is failed in run_state/,
    },
    {
      what: "an iteration is not in the books",
      change: { results: allIsWell.results.slice(1) },
      fault: /MODEL-1 has 2 rows in execution_results/,
    },
    {
      what: "the ticket that came twice ran twice",
      change: { databricksRuns: [...allIsWell.databricksRuns, "signalbox/plane/REPORT-2015/1.1"] },
      fault: /REPORT-2015 has two Databricks runs for one attempt/,
    },
    {
      what: "a letter is missing",
      change: { letters: allIsWell.letters.slice(1) },
      fault: /no dead letter with its reason for this is not JSON/,
    },
    {
      what: "a letter has no reason",
      change: { letters: allIsWell.letters.map(({ body }) => ({ body, reason: "" })) },
      fault: /no dead letter with its reason/,
    },
    {
      what: "healthy work died as well",
      change: { letters: [...allIsWell.letters, { body: "{}", reason: "why" }] },
      fault: /there are 3 dead letters/,
    },
    { what: "a rejection was not announced", change: { rejected: 1 }, fault: /1 rejected tickets/ },
    {
      what: "a marker is left",
      change: { open: ["MODEL-1.1"] },
      fault: /marker MODEL-1\.1 is still/,
    },
    {
      what: "there is a run that nobody asked for",
      change: { runState: [...allIsWell.runState, { run_id: "GHOST" }] },
      fault: /nobody asked for the run GHOST/,
    },
  ])("says so where $what", ({ change, fault }) => {
    expect(faultsIn({ ...allIsWell, ...change }).join("\n")).toMatch(fault);
  });
});

describe("progress", () => {
  const line = (fields: object) => logLineOf(JSON.stringify({ service: "ingester", ...fields }));

  test("a line of the log becomes an aligned sentence", () => {
    const decided = line({
      event: "run.decided",
      run_id: "MODEL-1",
      iter_n: 2,
      attempt: 1,
      verdict: "succeeded",
      reason: "the gate refused",
    });
    expect(decided && progressLine(8.04, decided)).toBe(
      "  8.0 s  MODEL-1      2.1   succeeded: the gate refused",
    );
  });

  test("what nobody wants to watch is left out", () => {
    const merged = line({ event: "records.merged", count: 3 });
    expect(merged && progressLine(1, merged)).toBeUndefined();
  });

  test.each(["no JSON", "[1]", '{"event":1}', ""])("%j is no line of the log", (text) => {
    expect(logLineOf(text)).toBeUndefined();
  });

  test("a table is as wide as its cells, and says where there is nothing", () => {
    expect(
      tableOf(
        ["id", "reason"],
        [
          { id: "a", reason: null },
          { id: "long", reason: "why" },
        ],
      ),
    ).toEqual(["id    reason", "────  ──────", "a     -", "long  why"]);
  });

  test("metrics show four digits", () => {
    expect(metricsText({ rmse: 2.69406441, days: 1461 })).toBe("rmse 2.694, days 1461");
  });
});
