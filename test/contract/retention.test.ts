// Retention over the Files API: where folders are real, and only go when they are empty.
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { deleteExpired } from "../../services/orchestrator/delete-expired.ts";
import { systemDigest } from "../../shared/adapters/system.ts";
import { createFacts, createMarkers, createPlans } from "../../shared/adapters/volume-facts.ts";
import { factRef, judgedResultPath, plannedFilePath } from "../../shared/domain/facts.ts";
import { generationOf } from "../../shared/domain/seed.ts";
import { ticketFact, ticketOf } from "../support/facts.ts";
import { settings } from "../support/plane.ts";
import { AT, outcomeFact, stopFact } from "./examples.ts";
import { startFixture } from "./workspace-fixture.ts";

const DAY_MS = 24 * 3_600_000;
const MINUTE_MS = 60_000;

test("of a run that is long over nothing stays, of its neighbour everything", async () => {
  await using fixture = await startFixture();
  const { files } = fixture.connect();
  const factsVolume = `/Volumes/main/ops/facts/${randomUUID()}`;
  const plansVolume = `/Volumes/main/ops/plans/${randomUUID()}`;
  const { facts } = createFacts({ files, factsVolume });
  const { plans } = createPlans(files, plansVolume);
  const lay = async (run_id: string, ended_at: string) => {
    const outcome = outcomeFact({ run_id, ended_at });
    const over = { v: 1, run_id, chapter: 1, ended_at } as const;
    await facts.create(factRef.outcome(outcome), outcome);
    await facts.create(factRef.over(over), over);
    await facts.create(factRef.stop(outcome), stopFact({ run_id }));
    const seed = (run_id === "old" ? "a" : "b").repeat(64);
    const ticket = { ...ticketFact, run_id, ticket: ticketOf({ ticket_id: run_id }), seed };
    await facts.create(factRef.ticket(run_id), ticket);
    const run = { run_id, generation: generationOf(systemDigest, { seed }) };
    await plans.put(plannedFilePath(run_id, "a".repeat(64), "main.py"), Buffer.from("1"));
    await plans.put(judgedResultPath({ ...run, iter_n: 1, attempt: 1 }, seed), Buffer.from("{}"));
  };
  await lay("old", AT);
  await lay("old.1", new Date(Date.parse(AT) + 5 * DAY_MS).toISOString());
  let nowMs = Date.parse(AT) + 91 * DAY_MS;
  const logged: unknown[] = [];
  const deps = {
    facts,
    plans,
    ...createMarkers({ files, factsVolume }),
    clock: { nowMs: () => nowMs, sleep: async () => {}, timer: () => () => {} },
    log: (...line: unknown[]) => logged.push(line),
    settings,
  };
  for (let visits = 0; await deleteExpired(deps, Number.POSITIVE_INFINITY); visits++) {
    expect(visits).toBeLessThan(6);
    nowMs += 5 * MINUTE_MS;
  }
  expect(logged).toEqual([["facts.retired", { run_id: "old", chapter: 1 }]]);
  expect((await files.listPage(factsVolume)).map(({ name }) => name).toSorted()).toEqual([
    "over",
    "run_old.1",
  ]);
  expect((await facts.list("over")).map(({ name }) => name)).toEqual(["2026-11-26"]);
  expect((await facts.list("run_old.1")).map(({ name }) => name).toSorted()).toEqual([
    "outcome_1.json",
    "stop_1.json",
    "ticket.json",
  ]);
  const kept = await files.listPage(plansVolume);
  expect(kept.map(({ name }) => name)).toEqual(["run_old.1"]);
});
