// An attempt seems to be over: the ingester asks Databricks, reads the result, and decides once; or
// waits, or refuses.
import { expect, test } from "vitest";
import { type DecisionFact, factRef, judgedByOf } from "../../shared/domain/facts.ts";
import { endedOf } from "../../shared/domain/messages.ts";
import {
  accepted,
  at,
  failedResult,
  limits,
  manifest,
  refused,
  result,
  stoppedManifest,
} from "../domain/examples.ts";
import { deliver } from "../support/deliver.ts";
import { first, stopFact } from "../support/facts.ts";
import type { Plane } from "../support/plane.ts";
import { endings, overPlane, submitted } from "../support/under-way.ts";

const ended = endedOf(first);
const decisionIn = async (plane: Plane): Promise<DecisionFact | undefined> =>
  (await plane.facts.read(factRef.decision(first)))?.fact;

test("Databricks is asked before the result is read, and the decision is written before anything follows", async () => {
  const plane = await overPlane();
  await deliver(plane.ports, ended);
  expect(plane.calls()).toEqual([
    "read 1.1 submission",
    "read 1.1 manifest",
    "look at 1.1",
    "read plane",
    "read output",
    "put judged result of 1.1",
    "read stop 1",
    "create 1.1 decision",
    "send turns 2.1",
    "send records 1.1 decision",
    "write hint pace/weather-model",
  ]);
});

/** What its submission tells of a plan is all that its judge asks of it. */
test.each([
  { given: "tells of its plan", capsule: { rounds: 1 }, reads: [] },
  {
    given: "has no room for its plan's capsule",
    capsule: { text: "x".repeat(4_100) },
    reads: ["read 1.1 manifest"],
  },
])("where a submission $given, the judge reads $reads besides", async ({ capsule, reads }) => {
  const plane = await overPlane({ result: { ...result, finished: "converged" } });
  const judged_by = judgedByOf({ ...manifest, capsule });
  const stored = { ...accepted, ...(judged_by !== undefined && { judged_by }) };
  plane.putFact(factRef.submission(first).path, JSON.stringify(stored));
  plane.forget();
  await deliver(plane.ports, ended);
  const calls = plane
    .calls()
    .filter((call) => call.startsWith("read 1.1") || call.includes("stop"));
  expect(calls).toEqual(["read 1.1 submission", ...reads]);
  const fact = (await plane.facts.read(factRef.decision(first)))?.fact;
  expect(fact).toMatchObject({ verdict: "succeeded", try: 1, next: { outcome: "succeeded" } });
});

const ends = ["create 1.1 decision", "create outcome 1", "send records 1.1 outcome"];
const goesOn = ["create 1.1 decision", "send turns 2.1", "send records 1.1 decision"];
const triesAgain = ["create 1.1 decision", "send turns 1.2 in 60 s", "send records 1.1 decision"];
/** What was judged is kept before the decision that names it. */
const keeps = (...does: readonly string[]) => ["put judged result of 1.1", ...does];
const asksAPerson = (why: string): readonly string[] => [
  "create 1.1 decision",
  `dead letter of reports: ${why}`,
  "create outcome 1",
  "send records 1.1 outcome",
];
const gate = [{ metric: "rmse", op: "<=", value: 2 } as const];
const transient = { ...failedResult, error: { ...failedResult.error!, transient: true } };
const oneTry = { ...limits, attempts: 1 };

type Row = {
  readonly given: string;
  readonly verdict: string;
  readonly does: readonly string[];
} & Parameters<typeof overPlane>[0];
test.each<Row>([
  {
    given: "succeeded, and there is more to do",
    verdict: "succeeded",
    does: keeps(...goesOn),
  },
  {
    given: "succeeded, and is finished",
    result: { ...result, finished: "converged" },
    verdict: "succeeded",
    does: keeps(...ends),
  },
  {
    given: "succeeded, by a recipe of one iteration",
    facts: { ...submitted, manifest: { ...manifest, single_iteration: true } },
    verdict: "succeeded",
    does: keeps(...ends),
  },
  {
    given: "succeeded, with its iterations spent",
    facts: { ...submitted, manifest: { ...manifest, limits: { ...limits, iterations: 1 } } },
    verdict: "succeeded",
    does: keeps(...ends),
  },
  {
    given: "succeeded but for some tasks, which the recipe allows",
    facts: { ...submitted, manifest: { ...manifest, allow_failures: true } },
    ending: endings.someTasksFailed,
    verdict: "succeeded",
    does: keeps(...goesOn),
  },
  {
    given: "succeeded but for some tasks, which the recipe does not allow",
    ending: endings.someTasksFailed,
    verdict: "task_failed",
    does: ends,
  },
  {
    given: "succeeded in one word and failed in another",
    ending: { ...endings.success, terminationCode: "RUN_EXECUTION_ERROR" },
    verdict: "task_failed",
    does: ends,
  },
  {
    given: "succeeded, but for what its result says",
    result: failedResult,
    verdict: "task_failed",
    does: keeps(...ends),
  },
  {
    given: "was cancelled at its deadline",
    facts: { ...submitted, submission: { ...accepted, deadline: at(60) } },
    ending: endings.cancelled,
    result: undefined,
    verdict: "timed_out",
    does: ends,
  },
  {
    given: "succeeded, and the gate refused",
    facts: { ...submitted, manifest: { ...manifest, gate } },
    verdict: "succeeded",
    does: keeps(...goesOn),
  },
  {
    given: "succeeded, and was stopped too late to undo it",
    facts: { ...submitted, stop: stopFact },
    result: { ...result, finished: "converged" },
    verdict: "succeeded",
    does: keeps(...ends),
  },
  {
    given: "succeeded, and was stopped before more followed",
    facts: { ...submitted, stop: stopFact },
    verdict: "succeeded",
    does: keeps(...ends),
  },
  {
    given: "failed",
    ending: endings.failure,
    result: failedResult,
    verdict: "task_failed",
    does: keeps(...ends),
  },
  {
    given: "failed for a while, as it says",
    ending: endings.failure,
    result: transient,
    verdict: "task_failed",
    does: keeps(...triesAgain),
  },
  {
    given: "was let down by the platform",
    ending: endings.clusterLost,
    result: undefined,
    verdict: "platform_failed",
    does: triesAgain,
  },
  {
    given: "was let down by the platform at its last try",
    ending: endings.clusterLost,
    result: undefined,
    facts: { ...submitted, manifest: { ...manifest, limits: oneTry } },
    verdict: "platform_failed",
    does: ends,
  },
  {
    given: "was cancelled",
    ending: endings.cancelled,
    result: undefined,
    verdict: "cancelled",
    does: ends,
  },
  {
    given: "took too long",
    ending: endings.timedOut,
    result: undefined,
    verdict: "timed_out",
    does: ends,
  },
  {
    given: "left nothing behind",
    result: undefined,
    second: 180,
    verdict: "unreported",
    does: asksAPerson("unreported: the run says SUCCESS, but there is no result"),
  },
  {
    given: "left bytes that are no text",
    result: Buffer.from([0x7b, 0xff]),
    second: 180,
    verdict: "unreported",
    does: asksAPerson(
      "unreported: the run says SUCCESS, but the result in the run's output cannot be read: it is not UTF-8",
    ),
  },
  {
    given: "left more than anybody reads",
    result: Buffer.alloc(1024 * 1024 + 1, 0x20),
    second: 180,
    verdict: "unreported",
    does: asksAPerson(
      "unreported: the run says SUCCESS, but the result in the run's output cannot be read: it has 1048577 bytes, at most 1048576 are read",
    ),
  },
  {
    given: "left another attempt's result",
    result: { ...result, attempt: 2 },
    second: 180,
    verdict: "unreported",
    does: asksAPerson(
      "unreported: the run says SUCCESS, but result.json belongs to another attempt: its attempt is 2, expected 1",
    ),
  },
  {
    given: "was never planned to run",
    facts: { manifest: stoppedManifest },
    verdict: "cancelled",
    does: ends,
  },
  {
    given: "was refused",
    facts: { manifest, submission: { ...refused, refused_at: at(-90) } },
    verdict: "rejected",
    does: ends,
  },
])(
  "an attempt that $given is $verdict, and does: $does",
  async ({ given: _, verdict, does, ...over }) => {
    const plane = await overPlane(over);
    await deliver(plane.ports, ended);
    expect(plane.effects()).toEqual(does);
    expect((await decisionIn(plane))?.verdict).toBe(verdict);
  },
);

test("a run that is gone is lost, and a person hears of it before the outcome is written", async () => {
  const plane = await overPlane();
  plane.jobs.runs.clear();
  await deliver(plane.ports, ended);
  const why = `lost: Databricks has no such run: Run ${accepted.databricks_run_id} does not exist.`;
  expect(plane.effects()).toEqual(asksAPerson(why));
  expect(plane.letters).toMatchObject([
    {
      queue: "reports",
      body: JSON.stringify(ended),
      errorName: "UnexplainedAttempt",
      runId: "ORD-1",
      runUrl: accepted.run_url,
    },
  ]);
});
