// A run from its ticket to its announcement, through all the use cases: with each call of a port in
// turn being the last that a handler lived to make, it ends with the same facts, Databricks runs,
// ledger and announcements.
import { expect, test } from "vitest";
import { factRef } from "../../shared/domain/facts.ts";
import { Cancellation, Retry } from "../../shared/domain/messages.ts";
import { attemptName } from "../../shared/domain/payload.ts";
import type { Recipe } from "../../shared/domain/recipe.ts";
import { recipe, result } from "../domain/examples.ts";
import { first, ticketOf } from "../support/facts.ts";
import { runLoop, type Script } from "../support/loop.ts";
import { createPlane, generation, type Mishap, type Plane, planeId } from "../support/plane.ts";
import { endings } from "../support/under-way.ts";

const starts = ticketOf();
const success = endings.success;
const failure = {
  ending: endings.failure,
  left: {
    status: "FAILED",
    error: { type: "ValueError", summary: "no rows", trace: "", transient: false },
  },
} as const;
const isWatched = ({ sent }: Plane) => sent.some(({ queue }) => queue === "watches");
const by = { reason: "as ada wants it", by: "ada" };
const stop = Cancellation.parse({ type: "cancel", run_id: "ORD-1", ...by });
const retry = Retry.parse({ type: "retry", run_id: "ORD-1", chapter: 2, ...by });

/** What the code of a run leaves that compares itself with what is in use. */
const measured = {
  finished: null,
  metrics: { rmse: 1 },
  samples: { rmse: 365 },
  baselines: { production: { metrics: { rmse: 1.5 }, samples: { rmse: 365 } } },
};
const better = {
  ...{ metric: ["rmse", "error"], op: "<", samples: 300 },
  ...{ baseline: "production", margin: 0.1 },
} satisfies Recipe["gate"][number];

type Row = {
  readonly given: string;
  readonly script: Script;
  readonly prepare?: (plane: Plane) => void;
  readonly announced: readonly string[];
  readonly runs: readonly string[];
  readonly letters?: readonly string[];
  /** What the log tells of it, where that is a story of its own. */
  readonly logs?: readonly string[];
};
const rows: readonly Row[] = [
  {
    given: "that iterates until its gate passes",
    script: {
      starts,
      plays: {
        "1.1": { ending: success, left: { finished: null, metrics: { rmse: 3 } } },
        "2.1": { ending: success, left: { finished: null, metrics: { rmse: 1 } } },
      },
    },
    prepare: (plane) =>
      plane.recipes.set("weather-model", {
        ...recipe,
        gate: [{ metric: "rmse", op: "<=", value: 2 }],
      }),
    announced: ["1 succeeded: the gate passed: rmse is 1, must be <= 2"],
    runs: ["1.1", "2.1"],
  },
  {
    given: "whose judge fails, and which then is better than what is in use",
    script: {
      starts,
      plays: {
        "1.1": { ending: success, left: { ...measured, failed_metrics: { rmse: "503" } } },
        "2.1": { ending: success, left: measured },
      },
    },
    prepare: (plane) => plane.recipes.set("weather-model", { ...recipe, gate: [better] }),
    announced: [
      "1 succeeded: the gate passed: rmse is 1 of 365 samples, must be < production - 0.1 of at least 300 samples (production is 1.5 of 365 samples)",
    ],
    runs: ["1.1", "2.1"],
  },
  {
    given: "whose first try the platform spoilt",
    script: { starts, plays: { "1.1": { ending: endings.clusterLost } } },
    logs: [
      "run.accepted weather-model",
      "attempt.planned 1.1",
      "attempt.submitted 1.1",
      "attempt.looked 1.1 running",
      "attempt.looked 1.1 over",
      "run.decided 1.1 platform_failed the cluster was lost",
      "attempt.planned 1.2",
      "attempt.submitted 1.2",
      "attempt.looked 1.2 running",
      "attempt.looked 1.2 over",
      "run.decided 1.2 succeeded finished: done",
      "run.ended 1.2 succeeded finished: done",
      "outcome.announced succeeded",
      "outcome.recorded succeeded",
    ],
    announced: ["1 succeeded: finished: done"],
    runs: ["1.1", "1.2"],
  },
  {
    given: "whose code fails, until a person mends it",
    script: {
      starts,
      plays: { "1.1": failure },
      person: { when: ({ announced }) => announced.length > 0, sends: retry },
    },
    logs: [
      "run.accepted weather-model",
      "attempt.planned 1.1",
      "attempt.submitted 1.1",
      "attempt.looked 1.1 running",
      "attempt.looked 1.1 over",
      "run.decided 1.1 task_failed ValueError: no rows",
      "run.ended 1.1 failed ValueError: no rows",
      "outcome.announced failed",
      "outcome.recorded failed",
      "run.reopened as ada wants it",
      "attempt.planned 1.2",
      "attempt.submitted 1.2",
      "attempt.looked 1.2 running",
      "attempt.looked 1.2 over",
      "run.decided 1.2 succeeded finished: done",
      "run.ended 1.2 succeeded finished: done",
      "outcome.announced succeeded",
      "outcome.recorded succeeded",
    ],
    announced: ["1 failed: ValueError: no rows", "2 succeeded: finished: done"],
    runs: ["1.1", "1.2"],
  },
  {
    given: "that a person stops",
    script: { starts, plays: { "1.1": "never" }, person: { when: isWatched, sends: stop } },
    logs: [
      "run.accepted weather-model",
      "attempt.planned 1.1",
      "attempt.submitted 1.1",
      "run.stopped as ada wants it",
      "attempt.looked 1.1 over",
      "run.decided 1.1 cancelled it was cancelled (AROAONCALL:ada: as ada wants it)",
      "run.ended 1.1 cancelled it was cancelled (AROAONCALL:ada: as ada wants it)",
      "outcome.announced cancelled",
      "outcome.recorded cancelled",
    ],
    announced: ["1 cancelled: it was cancelled (AROAONCALL:ada: as ada wants it)"],
    runs: ["1.1"],
  },
  {
    given: "that does not end by its deadline",
    script: { starts, plays: { "1.1": "never" } },
    announced: ["1 timed_out: it was cancelled at its deadline"],
    runs: ["1.1"],
  },
  {
    given: "that Databricks refuses",
    script: { starts },
    prepare: (plane) =>
      plane.jobs.refuse(
        attemptName(planeId, { ...first, generation }),
        "INVALID",
        "no such cluster",
      ),
    logs: [
      "run.accepted weather-model",
      "attempt.planned 1.1",
      "attempt.refused 1.1 INVALID: no such cluster",
      "run.decided 1.1 rejected INVALID: no such cluster",
      "run.ended 1.1 failed INVALID: no such cluster",
      "outcome.announced failed",
      "outcome.recorded failed",
    ],
    announced: ["1 failed: INVALID: no such cluster"],
    runs: [],
  },
  {
    given: "that succeeds and leaves nothing",
    script: { starts, plays: { "1.1": { ending: success } } },
    announced: ["1 unknown: the run says SUCCESS, but there is no result"],
    runs: ["1.1"],
    letters: ["unreported: the run says SUCCESS, but there is no result"],
  },
  {
    given: "that leaves another run's result",
    script: { starts, plays: { "1.1": { ending: success, left: { ...result, run_id: "ORD-2" } } } },
    announced: [
      "1 unknown: the run says SUCCESS, but result.json belongs to another attempt: its run_id is ORD-2, expected ORD-1",
    ],
    runs: ["1.1"],
    letters: [
      "unreported: the run says SUCCESS, but result.json belongs to another attempt: its run_id is ORD-2, expected ORD-1",
    ],
  },
];

async function ranThrough({ script, prepare }: Row, mishap?: Mishap): Promise<Plane> {
  const plane = createPlane();
  prepare?.(plane);
  plane.forget();
  expect(await runLoop(plane, script, mishap), "active Databricks runs").toBe(0);
  return plane;
}

/**
 * Times differ where a delivery came again, and with them the digest of a manifest, and how long
 * runs seem to take.
 */
const masked = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value)
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>")
      .replace(/[0-9a-f]{64}/g, "<digest>")
      .replace(/\\n *\\"pace\\": \{.*?\\"at\\": \\"<time>\\"\\n *\},/g, ""),
  );
const once = (values: readonly string[]): readonly string[] => [...new Set(values)].toSorted();
const endOf = (plane: Plane) => ({
  facts: masked(plane.factTexts()),
  ledger: masked(Object.values(plane.ledger).map((table) => [...table].toSorted())),
  announced: once(plane.announced.map((event) => JSON.stringify(masked(event)))),
  runs: [...plane.jobs.runs.values()].map(({ runName }) => runName),
  letters: once(plane.letters.map(({ reason }) => reason)),
  open: plane.open(),
});

test.each(rows)("a run $given is announced as $announced", async (row) => {
  const plane = await ranThrough(row);
  const { announced, letters, open } = endOf(plane);
  expect(
    plane.announced.map(({ chapter, outcome, reason }) => `${chapter} ${outcome}: ${reason}`),
  ).toEqual(row.announced);
  expect(announced).toHaveLength(row.announced.length);
  expect(plane.effects().filter((effect) => effect.startsWith("submit"))).toEqual(
    row.runs.length === 0 ? ["submit 1.1"] : row.runs.map((run) => `submit ${run}`),
  );
  expect([letters, open]).toEqual([row.letters ?? [], []]);
});

test("what a gate read stands in decision, outcome, ledger and event", async () => {
  const row = rows.find(({ given }) => given.startsWith("whose judge fails"))!;
  const plane = await ranThrough(row);
  const read = {
    ...{ metric: "rmse", value: 1, op: "<", bound: 1.4, samples: 365, passed: true },
    baseline: { name: "production", value: 1.5 },
  };
  const unread = { ...read, value: null, samples: undefined, passed: false };
  const passed = { passed: true, checks: [read] };
  const decided = (iter_n: number) =>
    plane.facts.read(factRef.decision({ ...first, iter_n, attempt: 1 }));
  expect((await decided(1))?.fact.gate).toEqual({
    passed: false,
    reason: expect.stringMatching(/^rmse failed \(503\), must be < production - 0\.1 /),
    checks: [unread],
  });
  expect((await decided(2))?.fact.gate).toMatchObject(passed);
  expect((await plane.facts.read(factRef.outcome(first)))?.fact.gate).toEqual(passed);
  expect(plane.announced.map(({ gate }) => gate)).toEqual([passed]);
  const metadata = [...plane.ledger.telemetry.values()].map((line) => JSON.parse(line.metadata));
  expect(metadata.flatMap(({ gate }) => gate?.checks ?? [])).toEqual([
    JSON.parse(JSON.stringify(unread)),
    read,
  ]);
});

test.each(rows)("every message of a run $given carries its trace", async (row) => {
  const plane = await ranThrough(row);
  const ticket = await plane.facts.read(factRef.ticket("ORD-1"));
  expect(ticket?.fact.traceparent).toMatch(/^00-/);
  for (const { body, options } of plane.sent)
    expect(options.traceparent, body).toBe(ticket?.fact.traceparent);
});

test.each(rows)("a run $given ends the same, whichever call a handler died at", async (row) => {
  const plane = await ranThrough(row);
  const undisturbed = endOf(plane);
  const calls = plane.calls();
  expect(calls.length).toBeGreaterThan(30);
  for (const [call, sentence] of calls.entries())
    for (const when of ["before", "after"] as const) {
      const again = await ranThrough(row, { call, when, caller: "dies" });
      expect(endOf(again), `died ${when} call ${call}, "${sentence}"`).toEqual(undisturbed);
    }
});

/**
 * A line of the log as short as it can be: what happened, to which attempt, and what is said of it.
 */
const logLine = ([event, fields]: Plane["logged"][number]): string =>
  [
    event,
    fields.attempt === undefined ? "" : `${fields.iter_n}.${fields.attempt}`,
    fields.state ?? fields.verdict ?? fields.outcome ?? fields.workload ?? "",
    fields.reason ?? "",
  ]
    .filter((part) => part !== "")
    .join(" ");

test.each(rows.filter(({ logs }) => logs !== undefined))(
  "the log tells the story of a run $given",
  async (row) => {
    const plane = await ranThrough(row);
    const ofRun = plane.logged.filter(([, { run_id }]) => run_id === "ORD-1");
    const lines = ofRun.map(logLine);
    // How often a run is looked at is tested with the cadence.
    const isRepeated = (line: string, i: number) =>
      line.startsWith("attempt.looked") && line === lines[i - 1];
    expect(lines.filter((line, i) => !isRepeated(line, i))).toEqual(row.logs);
  },
);
