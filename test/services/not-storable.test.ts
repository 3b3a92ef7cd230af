// What was accepted can be stored; and where it cannot, the run ends all the same, and somebody
// hears of it.
import { expect, test } from "vitest";
import { factRef } from "../../shared/domain/facts.ts";
import { endedOf, turnOf } from "../../shared/domain/messages.ts";
import { accepted, decision, lastDecision, manifest, result } from "../domain/examples.ts";
import { deliver } from "../support/deliver.ts";
import { chapter, first, ticketFact } from "../support/facts.ts";
import { createPlane, type Plane } from "../support/plane.ts";
import { overPlane, submitted } from "../support/under-way.ts";

const ended = endedOf(first);
const second = { ...first, iter_n: 2 };
const decisionIn = async ({ facts }: Plane) => (await facts.read(factRef.decision(first)))?.fact;
const outcomeIn = async ({ facts }: Plane) => (await facts.read(factRef.outcome(chapter)))?.fact;

test.each<{ given: string; left: object }>([
  { given: "metrics named as what every object has", left: { metrics: { toString: 1, a: 1e-7 } } },
  { given: "a capsule of such keys", left: { capsule: { toString: "x", valueOf: 1, n: 1e-7 } } },
  { given: "large metrics", left: { metrics: { loss: 1e16, bytes: 2 ** 53, tiny: 5e-324 } } },
  {
    given: "a large capsule",
    left: { capsule: { scale: 1e20, seed: 2 ** 60, constructor: 1e22 } },
  },
])("a result with $given is decided, and its next iteration planned", async ({ left }) => {
  const plane = await overPlane({
    result: { ...result, ...left, summary: "\\u0041 1e5" },
    facts: { ...submitted, ticket: ticketFact },
  });
  await deliver(plane.ports, ended);
  const decided = await decisionIn(plane);
  expect(decided).toMatchObject({ verdict: "succeeded", next: { kind: "iteration", iter_n: 2 } });
  await deliver(plane.ports, turnOf(second, { iter_n: 1, attempt: 1 }));
  const planned = (await plane.facts.read(factRef.manifest(second)))?.fact;
  expect(planned?.capsule).toEqual({ ...result, ...left }.capsule);
});

const half = "https://example.com/\ud800";

test("a decision that cannot be stored is that nobody knows, and a person hears of it", async () => {
  const plane = await overPlane();
  const run = plane.jobs.runs.get(accepted.databricks_run_id)!;
  plane.jobs.runs.set(run.databricksRunId, { ...run, runUrl: half });
  await deliver(plane.ports, ended);
  const reason =
    'it was judged succeeded, which cannot be stored: the fact run_ORD-1/iter_001.attempt_001.decision.json is no valid decision: it has half a surrogate pair at "run_url", which is no character';
  expect(await decisionIn(plane)).toMatchObject({
    verdict: "unknown",
    reason,
    next: { kind: "outcome", outcome: "unknown" },
    capsule: manifest.capsule,
    capsule_delta: {},
    result: null,
    run_url: null,
  });
  expect(await outcomeIn(plane)).toMatchObject({ outcome: "unknown", reason });
  expect(plane.letters.map((letter) => letter.reason)).toEqual([`unknown: ${reason}`]);
  const decided = plane.logged.filter(([event]) => event === "run.decided");
  expect(decided).toMatchObject([[expect.anything(), { verdict: "unknown", reason }]]);
});

test("of a decision that can be stored and one that cannot, the first counts", async () => {
  const plane = await overPlane({ facts: { ...submitted, decision: lastDecision } });
  const run = plane.jobs.runs.get(accepted.databricks_run_id)!;
  plane.jobs.runs.set(run.databricksRunId, { ...run, runUrl: half });
  await deliver(plane.ports, ended);
  expect(await decisionIn(plane)).toEqual(lastDecision);
  expect(plane.events()).not.toContain("run.decided");
});

const large = "x".repeat(4 * 1024 * 1024 - 40_000);
const withLarge = {
  ...ticketFact,
  recipe: { ...ticketFact.recipe, parameters: { large } },
};
const full = {
  ...decision,
  capsule: { text: "y".repeat(60_000) },
  next: { kind: "iteration", iter_n: 2, attempt: 1, try: 1 },
} as const;

test("a plan that cannot be stored ends its run as refused", async () => {
  const plane = createPlane();
  await plane.given({ ticket: withLarge, manifest, submission: accepted, decision: full });
  await deliver(plane.ports, turnOf(second, { iter_n: 1, attempt: 1 }));
  const unplannable = expect.stringMatching(
    /^the fact run_ORD-1\/iter_002\.attempt_001\.manifest\.json would have \d+ bytes, at most/,
  );
  const none = (await plane.facts.read(factRef.manifest(second)))?.fact;
  expect(none).toMatchObject({ stopped: true, unplannable, capsule: full.capsule });
  expect(plane.jobs.runs.size).toBe(0);
  await deliver(plane.ports, endedOf({ ...chapter, ...second }));
  expect(await outcomeIn(plane)).toMatchObject({
    outcome: "failed",
    reason: expect.stringMatching(/^it cannot be planned: the fact .* would have \d+ bytes/),
  });
});

test("of a plan that can be stored and one that cannot, the first counts", async () => {
  const plane = createPlane();
  await plane.given({ ticket: withLarge, manifest, submission: accepted, decision: full });
  const theirs = { ...manifest, iter_n: 2 };
  const { facts } = plane.ports;
  let looks = 0;
  const racing = {
    ...plane.ports,
    facts: {
      ...facts,
      read: async (ref: Parameters<typeof facts.read>[0]) => {
        const found = await facts.read(ref);
        // It comes between the look and the plan.
        if (ref.path === factRef.manifest(second).path && looks++ === 0)
          await plane.lay("manifest", theirs);
        return found;
      },
    } as typeof facts,
  };
  await deliver(racing, turnOf(second, { iter_n: 1, attempt: 1 }));
  expect((await plane.facts.read(factRef.manifest(second)))?.fact).toEqual(theirs);
  expect(plane.jobs.runs.size).toBe(1);
});
