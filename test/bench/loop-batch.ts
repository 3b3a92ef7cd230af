// A full batch of endings in the ledger: how many statements, and how long the ingester takes for
// it.
import { setTimeout as sleep } from "node:timers/promises";
import { freshMarker } from "../../shared/domain/marker.ts";
import { recordOf } from "../../shared/domain/messages.ts";
import { topology } from "../../shared/topology.ts";
import type { BenchPlane } from "./bench-plane.ts";
import type { Figure } from "./figure.ts";

const ENDINGS = topology.records.batchSize;
const LIKE = "BATCH-LIKE";
const SECONDS_MAX = 90;

/** Endings with facts of their own, handed to the ingester in one batch, as its mapping would. */
export async function measureBatch(plane: BenchPlane): Promise<readonly Figure[]> {
  const run = await plane.start(LIKE, 1);
  await run.line("outcome.recorded", () => true);
  const runIds = Array.from({ length: ENDINGS }, (_, i) => `BATCH-${i + 1}`);
  await copyFacts(plane, runIds);
  const records = runIds.map((run_id) =>
    recordOf({ run_id, chapter: 1, iter_n: 1, attempt: 1 }, "outcome"),
  );
  const from = plane.lines.length;
  const startMs = performance.now();
  const statements = await plane.statements(async () => {
    await plane.hand("records", records);
    await untilAnnounced(plane, from, runIds);
  });
  const seconds = (performance.now() - startMs) / 1000;
  const rows = await plane.query("SELECT run_id FROM run_state WHERE run_id LIKE 'BATCH-%'");
  if (rows.length !== ENDINGS + 1)
    throw new Error(`${rows.length - 1} of ${ENDINGS} endings are in the ledger`);
  return [
    {
      what: `SQL statements for a batch of ${ENDINGS} endings`,
      value: statements,
      unit: "statements",
      budget: { atMost: 4 },
    },
    { what: "until the last of them is announced", value: seconds, unit: "s" },
  ];
}

const FACTS = [
  "ticket.json",
  "iter_001.attempt_001.manifest.json",
  "iter_001.attempt_001.submission.json",
  "iter_001.attempt_001.decision.json",
  "outcome_1.json",
];

/**
 * The facts of a run that ended, under other ids, and a marker for each: as if all had ended just
 * now.
 */
async function copyFacts(plane: BenchPlane, runIds: readonly string[]): Promise<void> {
  const { workspace, factsVolume } = plane;
  const pathOf = (runId: string, name: string) =>
    `/api/2.0/fs/files${factsVolume}/run_${runId}/${name}`;
  for (const name of FACTS) {
    const text = await workspace.call("GET", pathOf(LIKE, name));
    await Promise.all(
      runIds.map((id) => workspace.call("PUT", pathOf(id, name), text.replaceAll(LIKE, id))),
    );
  }
  await Promise.all(
    runIds.map((run_id) => plane.markers.write(freshMarker({ run_id, chapter: 1 }, Date.now()))),
  );
}

async function untilAnnounced(
  plane: BenchPlane,
  from: number,
  runIds: readonly string[],
): Promise<void> {
  const endsMs = performance.now() + SECONDS_MAX * 1000;
  for (;;) {
    const announced = new Set(
      plane.lines
        .slice(from)
        .filter(({ event }) => event === "outcome.recorded")
        .map(({ run_id }) => run_id),
    );
    const left = runIds.filter((runId) => !announced.has(runId)).length;
    if (left === 0) return;
    if (performance.now() > endsMs)
      throw new Error(`${left} of ${runIds.length} endings were not announced in ${SECONDS_MAX} s`);
    await sleep(50);
  }
}
