// Deleting what is long over, with each call in turn being the last that a visit lived to make: the
// next visits finish it, and at no moment does a repeated ticket find half a run.
import { expect, test } from "vitest";
import { deleteExpired } from "../../services/orchestrator/delete-expired.ts";
import { factRef } from "../../shared/domain/facts.ts";
import { accepted, decision, lastDecision, manifest, outcome } from "../domain/examples.ts";
import { chapter, retryFact, stopFact, ticketFact } from "../support/facts.ts";
import { createPlane, type Mishap, type Plane } from "../support/plane.ts";

const DAY = 24 * 3600;
const VISITS_MAX = 20;
const second = { chapter: 2, attempt: 2 };
const filed = (of: number) => ({
  v: 1 as const,
  run_id: "ORD-1",
  chapter: of,
  ended_at: outcome.ended_at,
});

/** A run of two chapters, both of which ended 91 days ago. */
async function oldPlane(): Promise<Plane> {
  const plane = createPlane();
  const next = { kind: "outcome", outcome: "failed" } as const;
  await plane.given({
    ticket: ticketFact,
    manifest,
    submission: accepted,
    decision: { ...decision, next },
    outcome,
    over: filed(1),
    retry: retryFact,
  });
  await plane.lay("manifest", { ...manifest, ...second });
  await plane.lay("submission", { ...accepted, ...second });
  await plane.lay("decision", { ...lastDecision, ...second });
  await plane.lay("outcome", { ...outcome, ...second });
  await plane.lay("over", filed(2));
  plane.putFact(`run_ORD-1/files/${"a".repeat(64)}/main.py`, "1");
  plane.at(91 * DAY);
  return plane;
}

const ofRun = (plane: Plane) =>
  Object.fromEntries(
    Object.entries(plane.factTexts()).filter(([path]) => /^run_ORD-1\/(?!retired_)/.test(path)),
  );

/** What a repeated ticket finds: its outcome, what makes it wait, or nothing. */
function foundBy(plane: Plane): string {
  const paths = Object.keys(plane.factTexts());
  if (paths.includes(factRef.ticket("ORD-1").path))
    return paths.includes(factRef.outcome(chapter).path) ? "its outcome" : "half a run";
  if (paths.includes(factRef.retired({ run_id: "ORD-1", step: 1 }).path))
    return "that it must wait";
  return Object.keys(ofRun(plane)).length === 0 ? "nothing" : "half a run";
}

/**
 * Visits every five minutes, until nothing is left to do. As soon as its id is free, the ticket
 * comes again.
 */
async function visited(plane: Plane, mishap?: Mishap) {
  const found: string[] = [];
  let anew: object | undefined;
  plane.disturb(mishap);
  for (let i = 0; i < VISITS_MAX; i++) {
    plane.at(91 * DAY + i * 300);
    const hasMore = await deleteExpired(plane.ports, Number.POSITIVE_INFINITY).catch(() => true);
    const died = plane.isDead();
    if (died) plane.disturb(undefined);
    if (anew === undefined) found.push(foundBy(plane));
    if (anew === undefined && found.at(-1) === "nothing") {
      await begin(plane);
      anew = ofRun(plane);
    }
    if (!hasMore && !died) return { found, anew, left: plane.factTexts() };
  }
  throw new Error(`after ${VISITS_MAX} visits there is still: ${Object.keys(plane.factTexts())}`);
}

/** What somebody else's handler writes of a run that begins. */
async function begin(plane: Plane): Promise<void> {
  await plane.given({ ticket: ticketFact, manifest, submission: accepted });
}

test("a run of two chapters goes, and a repeated ticket finds its outcome, then waits, then begins anew", async () => {
  const { found, anew, left } = await visited(await oldPlane());
  expect([...new Set(found)]).toEqual(["its outcome", "that it must wait", "nothing"]);
  expect(left).toEqual(anew);
});

test("what is planned goes first, outcomes go last, and what is not ours stays", async () => {
  const plane = await oldPlane();
  await plane.lay("stop", { ...stopFact, chapter: 2 });
  plane.putFact("over/2026-11-21/notes.txt", "mine");
  plane.putFact("over/readme", "mine");
  for (let i = 0; i < VISITS_MAX; i++) {
    plane.at(91 * DAY + i * 300);
    await deleteExpired(plane.ports, Number.POSITIVE_INFINITY);
  }
  const removed = plane.effects().filter((effect) => effect.startsWith("remove run_ORD-1/"));
  const order = ["ticket", "manifest", "submission", "decision", "outcome", "retired"];
  const kinds = removed.map(
    (effect) => /ticket|manifest|submission|decision|outcome|retired/.exec(effect)?.[0],
  );
  const known = kinds.filter((kind) => kind !== undefined);
  // What judging begins with goes together, before what was decided.
  const rank = (kind: string) => order.indexOf(kind === "submission" ? "manifest" : kind);
  expect(known.map(rank)).toEqual(known.map(rank).toSorted((a, b) => a - b));
  expect(new Set(known)).toEqual(new Set(order));
  expect(Object.keys(plane.factTexts())).toEqual(["over/2026-11-21/notes.txt", "over/readme"]);
});

test("whichever call a visit died at, the next ones finish: nobody finds half a run, and what began anew stays", async () => {
  const undisturbed = await oldPlane();
  await visited(undisturbed);
  const calls = undisturbed.calls();
  expect(calls.length).toBeGreaterThan(30);
  for (const [call, sentence] of calls.entries())
    for (const when of ["before", "after"] as const)
      for (const caller of ["dies", "is troubled"] as const) {
        const { found, anew, left } = await visited(await oldPlane(), { call, when, caller });
        const situation = `${caller} ${when} call ${call}, "${sentence}"`;
        expect(
          found.filter((what) => what === "half a run"),
          situation,
        ).toEqual([]);
        expect(anew, situation).toBeDefined();
        expect(left, situation).toEqual(anew);
      }
});

test.each(["remove run_ORD-1/retired_3.json", "remove folder run_ORD-1"])(
  "a run that begins anew just before `%s` stays",
  async (moment) => {
    const plane = await oldPlane();
    let anew: object | undefined;
    plane.meanwhile(moment, async () => {
      expect(foundBy(plane)).toBe("nothing");
      await begin(plane);
      anew = ofRun(plane);
    });
    for (let i = 0; i < VISITS_MAX; i++) {
      plane.at(91 * DAY + i * 300);
      await deleteExpired(plane.ports, Number.POSITIVE_INFINITY);
    }
    expect(anew).toBeDefined();
    expect(plane.factTexts()).toEqual(anew);
  },
);
