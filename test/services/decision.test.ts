// What a decision says of its attempt: all that follows, and all that the ledger will hold, is
// taken from it.
import { expect, test } from "vitest";
import { type DecisionFact, factRef, judgedResultPath } from "../../shared/domain/facts.ts";
import { endedOf } from "../../shared/domain/messages.ts";
import { accepted, decision, failedResult, manifest, result } from "../domain/examples.ts";
import { deliver } from "../support/deliver.ts";
import { first, stopFact, ticketFact } from "../support/facts.ts";
import { type Plane, settings, sha256Of } from "../support/plane.ts";
import { endings, overPlane, submitted } from "../support/under-way.ts";

const ended = endedOf(first);
const decisionIn = async (plane: Plane): Promise<DecisionFact | undefined> =>
  (await plane.facts.read(factRef.decision(first)))?.fact;
const path = `${settings.plansVolume}/${judgedResultPath(first, sha256Of(JSON.stringify(result)))}`;
const transient = { ...failedResult, error: { ...failedResult.error!, transient: true } };

test("a decision holds all that the ledger wants to know of an attempt", async () => {
  const plane = await overPlane({ facts: { ...submitted, ticket: ticketFact } });
  await deliver(plane.ports, ended);
  const run = plane.jobs.runs.get(accepted.databricks_run_id);
  expect(await decisionIn(plane)).toMatchObject({
    ...decision,
    reason: "it is not finished",
    next: { kind: "iteration", iter_n: 2, attempt: 1, try: 1 },
    run_url: run?.runUrl,
    result_path: path,
  });
});

test.each([
  {
    given: "was cancelled",
    over: { ending: endings.cancelled, result: undefined },
    reason: "Run cancelled. (ada: not needed any more)",
  },
  {
    given: "succeeded before more followed",
    over: {},
    reason: "it is not finished; it was cancelled before more followed (ada: not needed any more)",
  },
  {
    given: "was the last all the same",
    over: { result: { ...result, finished: "converged" } },
    reason: "finished: converged",
  },
  {
    given: "failed",
    over: { ending: endings.failure, result: failedResult },
    reason: "ValueError: no rows for 1999",
  },
])("who stopped an attempt that $given, and why: $reason", async ({ over, reason }) => {
  const plane = await overPlane({ ...over, facts: { ...submitted, stop: stopFact } });
  await deliver(plane.ports, ended);
  expect((await decisionIn(plane))?.reason).toBe(reason);
});

test.each([
  { terminationCode: "CLUSTER_ERROR", code: "CLUSTER_ERROR" },
  { terminationCode: undefined, code: "FAILED" },
])("the code of an ending is Databricks' own: $code", async ({ terminationCode, code }) => {
  const plane = await overPlane({ ending: endings.clusterLost, result: undefined });
  const run = plane.jobs.runs.get(accepted.databricks_run_id)!;
  plane.jobs.runs.set(run.databricksRunId, { ...run, terminationCode });
  await deliver(plane.ports, ended);
  expect((await decisionIn(plane))?.termination_code).toBe(code);
});

test.each([
  {
    given: "succeeded",
    left: result,
    ending: endings.success,
    capsule: result.capsule,
    delta: { rounds: 2 },
  },
  {
    given: "failed",
    left: transient,
    ending: endings.failure,
    capsule: manifest.capsule,
    delta: {},
  },
])("the capsule of an attempt that $given is carried on: $capsule", async (row) => {
  const plane = await overPlane({ ending: row.ending, result: row.left });
  await deliver(plane.ports, ended);
  expect(await decisionIn(plane)).toMatchObject({
    capsule: row.capsule,
    capsule_delta: row.delta,
  });
});

test.each([
  { ending: endings.failure, outcome: "failed" },
  { ending: endings.cancelled, outcome: "cancelled" },
])("a success that a run printed which then $outcome is no result", async ({ ending, outcome }) => {
  const plane = await overPlane({ facts: submitted, ending, result });
  await deliver(plane.ports, ended);
  expect(await decisionIn(plane)).toMatchObject({
    next: { kind: "outcome", outcome },
    result: null,
    result_path: null,
  });
});
