// Runs that others submitted, under our names and tokens: none of them is taken, cancelled, waited
// for or believed.
import { describe, expect, test } from "vitest";
import { cancelStrays } from "../../services/orchestrator/cancel-strays.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import { factRef, type Submission } from "../../shared/domain/facts.ts";
import { endedOf, turnOf } from "../../shared/domain/messages.ts";
import { attemptName } from "../../shared/domain/payload.ts";
import { tokenOf } from "../../shared/domain/seed.ts";
import {
  accepted,
  at,
  controllers,
  decision,
  lastDecision,
  manifest,
  refused,
  result,
} from "../domain/examples.ts";
import { deliver } from "../support/deliver.ts";
import { blockOf } from "../support/evidence.ts";
import { first, ticketFact } from "../support/facts.ts";
import { taskRunIdOf } from "../support/memory/jobs.ts";
import { createPlane, type Plane, planeId, seed } from "../support/plane.ts";
import { endings, overPlane, submitted, underWayPlane, watch } from "../support/under-way.ts";

const BOB = "0b0b0b0b-0000-4000-8000-000000000000";
const turn = turnOf(first, { ticket: true });
const name = attemptName(planeId, first);
const ticket = { ticket: ticketFact };
const submissionIn = async (plane: Plane): Promise<Submission | undefined> =>
  (await plane.facts.read(factRef.submission(first)))?.fact;

/**
 * Somebody has the token of attempt 1.1 before us: of a ticket without a seed, it can be guessed.
 */
async function claimed(creator: string | undefined, more: object = {}, timeScale = 1) {
  const plane = createPlane({ timeScale });
  await plane.given({ ...ticket, manifest });
  const idempotencyToken = tokenOf(plane.ports, planeId, ticketFact, first);
  const request = { runName: `${name}trace`, idempotencyToken, payload: accepted.payload, ...more };
  const id = plane.jobs.submitAs(creator, request);
  plane.forget();
  return { plane, id };
}

describe("a run that somebody else has submitted under our token", () => {
  test.each([
    { given: "another member of the workspace", creator: BOB },
    { given: "somebody who was deleted", creator: undefined },
  ])("$given: is refused with what was seen, and neither cancelled nor watched", async (row) => {
    const { plane, id } = await claimed(row.creator);
    await deliver(plane.ports, turn);
    expect(await submissionIn(plane)).toMatchObject({
      refused: {
        code: "NOT_OURS",
        message: expect.stringContaining(`run ${id}`),
        seen: { creator: row.creator ?? null, run_name: `${name}trace` },
      },
    });
    expect(plane.effects()).toEqual([
      "put copy of 1.1 manifest",
      "submit 1.1",
      "create 1.1 submission",
      "send reports 1.1 in 150 s",
    ]);
    expect(plane.events()).toContain("stranger.refused");
    // And the attempt is over at once, without a person.
    plane.at(200);
    await deliver(plane.ports, endedOf(first));
    expect((await plane.facts.read(factRef.outcome(first)))?.fact).toMatchObject({
      outcome: "failed",
      reason: expect.stringMatching(/^NOT_OURS: /),
    });
    expect(plane.effects().filter((effect) => effect.startsWith("cancel"))).toEqual([]);
  });

  test("of our own principal, but with another file: a slip, and refused as well", async () => {
    const payload = accepted.payload.replace("run_executor.py", "other.py");
    const { plane } = await claimed(controllers, { payload });
    await deliver(plane.ports, turn);
    expect(await submissionIn(plane)).toMatchObject({ refused: { code: "NOT_OURS" } });
  });

  test.each([
    { given: "less than ten minutes", seconds: 599, refuses: false },
    { given: "ten minutes", seconds: 600, refuses: true },
    { given: "less than one, ten times as fast", seconds: 59, refuses: false, timeScale: 0.1 },
    { given: "one, ten times as fast", seconds: 60, refuses: true, timeScale: 0.1 },
  ])("and that we have not been let see for $given: refused $refuses", async (row) => {
    const { plane, id } = await claimed(BOB, {}, row.timeScale);
    plane.jobs.hide(id);
    plane.at(row.seconds);
    const turning = deliver(plane.ports, turn);
    if (row.refuses) await turning;
    else await expect(turning).rejects.toBeInstanceOf(PlatformTroubleError);
    const fact = await submissionIn(plane);
    if (row.refuses)
      expect(fact).toMatchObject({ refused: { code: "NOT_OURS", message: /may not see/ } });
    else expect(fact).toBeUndefined();
  });

  test("a token made of a seed is not the one that can be guessed", () => {
    const { ports } = createPlane();
    const guessed = tokenOf(ports, planeId, {}, first);
    expect(tokenOf(ports, planeId, { seed }, first)).not.toBe(guessed);
  });
});

describe("a run that somebody else has called by our attempt's name", () => {
  test.each([
    { given: "a refusal", seconds: 10, refuses: true, code: "INVALID_PARAMETER_VALUE" },
    {
      given: "a plan that is too old",
      seconds: 7 * 24 * 3600 + 1,
      refuses: false,
      code: "TOO_LATE",
    },
  ])("after $given: is passed over", async ({ seconds, refuses, code }) => {
    const plane = createPlane();
    await plane.given({ ...ticket, manifest });
    await plane.start(first, BOB);
    if (refuses) plane.jobs.refuse(name, code, "no such cluster");
    plane.at(seconds);
    await deliver(plane.ports, turn);
    expect(await submissionIn(plane)).toMatchObject({ refused: { code } });
  });

  test("where there is one of ours beside it: ours is adopted", async () => {
    const plane = createPlane();
    await plane.given({ ...ticket, manifest });
    const request = { runName: `${name}trace`, idempotencyToken: "eve", payload: accepted.payload };
    plane.jobs.submitAs(BOB, request);
    const own = await plane.start(first);
    plane.jobs.refuse(name, "INVALID_PARAMETER_VALUE", "no such cluster");
    await deliver(plane.ports, turn);
    expect(await submissionIn(plane)).toMatchObject({ databricks_run_id: own, adopted: true });
  });

  test("and that never ends: holds up no refusal, and is not cancelled", async () => {
    const plane = createPlane();
    await plane.given({ manifest, submission: refused });
    await plane.start(first, BOB);
    plane.at(200);
    plane.forget();
    await deliver(plane.ports, endedOf(first));
    expect((await plane.facts.read(factRef.outcome(first)))?.fact.outcome).toBe("failed");
    expect(plane.effects()).not.toContain("cancel 1.1");
  });

  test("is never cancelled, whatever our facts say of that attempt", async () => {
    const plane = createPlane();
    await plane.given({ manifest, submission: accepted, decision });
    await plane.start(first, BOB);
    plane.at(2 * 3600);
    plane.forget();
    await cancelStrays(plane.ports, Number.POSITIVE_INFINITY);
    expect(plane.effects()).toEqual([]);
  });

  test("a run of the same id, of long before, is not cancelled by the facts of today", async () => {
    const plane = createPlane();
    await plane.given({
      manifest,
      submission: accepted,
      decision: { ...decision, generation: "0123456789" },
    });
    await plane.start({ ...first, generation: "9876543210" });
    await plane.start({ ...first, generation: "0123456789" });
    plane.at(2 * 3600);
    plane.forget();
    await cancelStrays(plane.ports, Number.POSITIVE_INFINITY);
    expect(plane.effects()).toEqual(["cancel 1.1"]);
    const ended = [...plane.jobs.runs.values()].map((run) => run.endedMs !== undefined);
    expect(ended).toEqual([false, true]);
  });
});

describe("a submission of before creators were looked at, which names somebody else's run", () => {
  const hijacked = async (second: number) => {
    const plane = await underWayPlane(second);
    const run = plane.jobs.runs.get(accepted.databricks_run_id)!;
    plane.jobs.runs.set(run.databricksRunId, { ...run, creator: BOB });
    return plane;
  };

  test("is reported by the first look, although it runs, and never cancelled", async () => {
    const plane = await hijacked(2_000);
    await deliver(plane.ports, watch);
    expect(plane.effects()).toEqual(["send reports 1.1"]);
  });

  test("is judged as what nobody can explain, although it says SUCCESS and prints a whole result", async () => {
    const plane = await overPlane();
    const run = plane.jobs.runs.get(accepted.databricks_run_id)!;
    plane.jobs.runs.set(run.databricksRunId, { ...run, creator: BOB });
    await deliver(plane.ports, endedOf(first));
    expect((await plane.facts.read(factRef.decision(first)))?.fact).toMatchObject({
      verdict: "unknown",
      reason: expect.stringMatching(/^NOT_OURS: .* was created by "0b0b0b0b/),
      result: null,
    });
    expect(plane.calls()).not.toContain("read output");
  });

  test.each([
    { seconds: 500, ends: false },
    { seconds: 602, ends: true },
  ])(
    "and may not be seen, is waited for for ten minutes: over after $seconds s: $ends",
    async (row) => {
      const plane = await underWayPlane(row.seconds);
      plane.jobs.hide(accepted.databricks_run_id);
      await deliver(plane.ports, watch);
      expect(plane.effects().includes("send reports 1.1")).toBe(row.ends);
      await deliver(plane.ports, endedOf(first));
      const verdict = (await plane.facts.read(factRef.decision(first)))?.fact.verdict;
      expect(verdict).toBe(row.ends ? "unknown" : undefined);
    },
  );
});

test("a run that somebody repaired with other parameters is no success of ours", async () => {
  const plane = await overPlane();
  const run = plane.jobs.runs.get(accepted.databricks_run_id)!;
  plane.jobs.runs.set(run.databricksRunId, { ...run, isOverridden: true });
  await deliver(plane.ports, endedOf(first));
  expect((await plane.facts.read(factRef.decision(first)))?.fact).toMatchObject({
    verdict: "unknown",
    reason: expect.stringMatching(/^NOT_OURS: somebody repaired run/),
  });
});

describe("a result in the scratchpad, where others may write", () => {
  const forged = JSON.stringify({ ...result, metrics: { rmse: 0 }, finished: "forged" });
  const lie = (plane: Plane) => plane.put(`${manifest.scratchpad}/result.json`, forged);

  test.each([
    { given: "rewritten", judged: lastDecision, left: { ...result, finished: "converged" } },
    { given: "made up, where the run printed none", judged: undefined, left: undefined },
  ])("$given: changes nothing", async ({ judged, left }) => {
    const plane = await overPlane({ result: left, second: 200 });
    lie(plane);
    await deliver(plane.ports, endedOf(first));
    const fact = (await plane.facts.read(factRef.decision(first)))?.fact;
    expect(fact).toMatchObject(
      judged === undefined
        ? { verdict: "unreported" }
        : { verdict: "succeeded", reason: "finished: converged" },
    );
    expect(plane.calls()).not.toContain("read result.json");
  });

  test("counts where the stage says so, and nowhere else", async () => {
    const plane = await overPlane({ result: undefined });
    lie(plane);
    const settings = { ...plane.ports.settings, evidence: "file" as const };
    await deliver({ ...plane.ports, settings }, endedOf(first));
    expect((await plane.facts.read(factRef.decision(first)))?.fact.reason).toBe("finished: forged");
  });

  test("one that stands alone in output whose beginning is cut off is nobody's", async () => {
    const plane = await overPlane({ result: undefined, second: 200 });
    plane.print(accepted.databricks_run_id, `x\n${blockOf(forged)}`, true);
    await deliver(plane.ports, endedOf(first));
    expect((await plane.facts.read(factRef.decision(first)))?.fact).toMatchObject({
      verdict: "unreported",
      result: null,
      reason: expect.stringMatching(/the output's beginning is cut off/),
    });
  });

  test("a second one in the output, by whoever could write there, can deny and not make a success", async () => {
    const plane = await overPlane({ result: undefined, second: 200 });
    const own = JSON.stringify({ ...result, finished: "converged" });
    plane.print(accepted.databricks_run_id, `${blockOf(forged)}x\n${blockOf(own)}`);
    await deliver(plane.ports, endedOf(first));
    expect((await plane.facts.read(factRef.decision(first)))?.fact).toMatchObject({
      verdict: "unreported",
      result: null,
    });
  });
});

describe("a failure needs no evidence; that trying again may help does", () => {
  const transient = {
    ...result,
    status: "FAILED",
    error: { type: "Busy", summary: "later", trace: "", transient: true },
  } as const;

  test.each([
    { given: "in its output", prints: true, next: "attempt" },
    { given: "in a file alone", prints: false, next: "outcome" },
  ])("said $given: next is an $next", async ({ prints, next }) => {
    const plane = await overPlane({
      ending: endings.failure,
      result: prints ? transient : undefined,
      facts: submitted,
    });
    plane.put(`${manifest.scratchpad}/result.json`, JSON.stringify(transient));
    await deliver(plane.ports, endedOf(first));
    const fact = (await plane.facts.read(factRef.decision(first)))?.fact;
    expect([fact?.verdict, fact?.next.kind]).toEqual(["task_failed", next]);
  });
});

test("success whose result is not there yet is waited for for two minutes, then reported by nobody", async () => {
  const plane = await overPlane({ result: undefined, second: 100 });
  await deliver(plane.ports, endedOf(first));
  expect(plane.effects()).toEqual(["send reports 1.1 in 30 s"]);
  plane.print(accepted.databricks_run_id, blockOf(JSON.stringify({ ...result, finished: "late" })));
  await deliver(plane.ports, endedOf(first));
  expect((await plane.facts.read(factRef.decision(first)))?.fact.verdict).toBe("succeeded");
  expect(at(0)).toBe(manifest.created_at);
});

test("an output that is too large to read is unreported, and not waited for for ever", async () => {
  const plane = await overPlane({ result: undefined, second: 200 });
  plane.jobs.outputs.set(taskRunIdOf(accepted.databricks_run_id), {
    kind: "too-large",
    bytes: 17_000_000,
  });
  await deliver(plane.ports, endedOf(first));
  expect((await plane.facts.read(factRef.decision(first)))?.fact).toMatchObject({
    verdict: "unreported",
    reason: "the run says SUCCESS, but its output has over 17000000 bytes, too many to read",
  });
});
