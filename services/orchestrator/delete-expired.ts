// Retention: the facts of a run go when it has been over for longer than they are to be kept. Positive evidence only: an entry below
// its day, the youngest chapter's outcome, and no marker. Facts are written once, so nobody expects them to vanish: a run is first
// declared dead, and then deleted in steps, each of which leaves a fact of its own. The next step waits until that is older than
// any call can live, so no handler that still saw the run, and no call that is stuck on its way, meets what may begin anew
// under the same ticket_id. What was planned and judged goes with the facts; the ledger, the scratchpad and the Databricks run are not
// ours to delete.
//
// A run costs some thirty Files calls: one tick has time for about fifteen, a day for some 4,000. A plane with more of them keeps
// its facts longer than it must, never shorter.
import {
  type ChapterKey,
  factRef,
  markerKey,
  OVER_FOLDER,
  type RetiredFact,
  runFolder,
} from "../../shared/domain/facts.ts";
import { DELETE_SETTLES_SECONDS, expiredBefore, isExpired } from "../../shared/domain/retention.ts";
import { isoOf, msOf } from "../../shared/domain/time.ts";
import type {
  ClockPort,
  FactEntry,
  FactRemovalPort,
  FactsPort,
  LogPort,
  MarkersPort,
  SettingsPort,
} from "../../shared/ports.ts";
import { eachInTurn } from "./each-in-turn.ts";

export type DeleteExpiredDeps = FactsPort &
  FactRemovalPort &
  MarkersPort &
  ClockPort &
  LogPort &
  SettingsPort;

/**
 * One visit, which ends at `untilMs`: one listing where nothing is long over.
 * @returns whether something is left to do at the next tick
 */
export async function deleteExpired(deps: DeleteExpiredDeps, untilMs: number): Promise<boolean> {
  const firstKept = expiredBefore(deps.clock.nowMs(), deps.settings.retentionDays);
  const days = (await deps.facts.list(OVER_FOLDER))
    .filter(({ name, isFolder }) => isFolder && DAY.test(name) && name < firstKept)
    .map(({ name }) => `${OVER_FOLDER}/${name}`)
    .toSorted();
  let hasMore = false;
  for (const day of days) {
    const entries = await deps.facts.list(day);
    if (entries.length === 0) await deps.facts.removeFolder(day);
    const over = entries.flatMap((entry) => overOf(day, entry));
    hasMore ||= over.length > 0;
    if (!(await deleteDay(deps, over, untilMs))) break;
  }
  return hasMore;
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** A chapter that is over, by its entry. */
type Over = { readonly entryPath: string; readonly key: ChapterKey };

/** What is not ours lies there for as long as its owner likes. */
function overOf(day: string, { name }: FactEntry): readonly Over[] {
  const key = markerKey(name.replace(/\.json$/, ""));
  return key === undefined ? [] : [{ entryPath: `${day}/${name}`, key }];
}

/** @returns false where the platform or the time says that it is enough for now */
const deleteDay = (
  deps: DeleteExpiredDeps,
  over: readonly Over[],
  untilMs: number,
): Promise<boolean> =>
  eachInTurn(deps, over, {
    untilMs,
    work: (one) => deleteRun(deps, one),
    describeFailure: ({ key }) => ["facts.kept", { ...key }],
  });

async function deleteRun(deps: DeleteExpiredDeps, { entryPath, key }: Over): Promise<void> {
  const folder = runFolder(key.run_id);
  const found = await deps.facts.list(folder);
  const done = stepsDone(found);
  if (done === 0) return await declareDead(deps, key, entryPath);
  const last = await deps.facts.read(factRef.retired({ run_id: key.run_id, step: done }));
  const sinceMs = last === undefined ? 0 : deps.clock.nowMs() - msOf(last.fact.retired_at);
  if (sinceMs < DELETE_SETTLES_SECONDS * 1000) return;
  switch (done) {
    case 1: // no turn begins without its ticket: what was planned and submitted is not planned again
      await deps.facts.remove(factRef.ticket(key.run_id).path);
      return await stepIsDone(deps, key.run_id, 2);
    case 2:
      for (const entry of inOrder(found)) await removeTree(deps.facts, folder, entry);
      for (const entry of await deps.plans.list(folder))
        await removeTree(deps.plans, folder, entry);
      await deps.plans.removeFolder(folder);
      return await stepIsDone(deps, key.run_id, 3);
    default:
      return await forget(deps, key, found, entryPath);
  }
}

/** How far it is: the highest of its `retired_<step>.json`. */
const stepsDone = (found: readonly FactEntry[]): number =>
  Math.max(0, ...found.map(({ name }) => Number(RETIRED.exec(name)?.[1] ?? 0)));

const RETIRED = /^retired_([123])\.json$/;

const stepIsDone = async (
  { facts, clock }: DeleteExpiredDeps,
  run_id: string,
  step: RetiredFact["step"],
): Promise<void> => {
  const fact = { v: 1, run_id, step, retired_at: isoOf(clock.nowMs()) } as const;
  await facts.create(factRef.retired(fact), fact);
};

/** The first step, where the evidence is whole. An entry that proves nothing (any more) goes. */
async function declareDead(
  deps: DeleteExpiredDeps,
  key: ChapterKey,
  entryPath: string,
): Promise<void> {
  const { facts, markers, clock, settings } = deps;
  const outcome = (await facts.read(factRef.outcome(key)))?.fact;
  const next = { ...key, chapter: key.chapter + 1 };
  const isOfAnother = outcome === undefined || factRef.over(outcome).path !== entryPath;
  // The run has gone on in another chapter, which has or will have an entry of its own.
  if (isOfAnother || (await facts.read(factRef.retry(next))) !== undefined)
    return await facts.remove(entryPath);
  if (!isExpired(outcome.ended_at, clock.nowMs(), settings.retentionDays)) return;
  for (const chapter of [key, next]) if ((await markers.read(chapter)) !== undefined) return;
  await stepIsDone(deps, key.run_id, 1);
}

/**
 * Manifests and submissions before decisions: without them there is nothing to judge, and nobody decides anew. Outcomes last:
 * as long as one is there, it is the answer.
 */
const inOrder = (found: readonly FactEntry[]): readonly FactEntry[] =>
  found
    .filter(({ name }) => !RETIRED.test(name))
    .toSorted((a, b) => rankOf(a.name) - rankOf(b.name) || (a.name < b.name ? -1 : 1));

const rankOf = (name: string): number =>
  /\.(manifest|submission)\.json$/.test(name) ? 0 : name.startsWith("outcome_") ? 2 : 1;

async function removeTree(volume: Removal, above: string, entry: FactEntry): Promise<void> {
  const path = `${above}/${entry.name}`;
  if (!entry.isFolder) return await volume.remove(path);
  for (const inner of await volume.list(path)) await removeTree(volume, path, inner);
  await volume.removeFolder(path);
}
type Removal = FactRemovalPort["facts"];

/**
 * The last step settled, and nothing but the steps is left: they go, then folder and entry. The first holds the ticket_id; the third
 * outlives it, so that what is left of the steps never looks like an earlier one, to which a new run would fall a victim.
 */
async function forget(
  { facts, log }: DeleteExpiredDeps,
  { run_id, chapter }: ChapterKey,
  found: readonly FactEntry[],
  entryPath: string,
): Promise<void> {
  const pathOf = (step: RetiredFact["step"]) => factRef.retired({ run_id, step }).path;
  const isHeld = (await facts.read(factRef.retired({ run_id, step: 1 }))) !== undefined;
  // Something has come since (somebody cancelled it): the third step is done again, and settles again.
  if (isHeld && inOrder(found).length > 0) return await facts.remove(pathOf(3));
  for (const step of [2, 1, 3]) await facts.remove(pathOf(step));
  await facts.removeFolder(runFolder(run_id));
  await facts.remove(entryPath);
  log("facts.retired", { run_id, chapter });
}
