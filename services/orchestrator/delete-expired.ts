// Retention deletes the facts of a run that has been over for longer than they are kept. It needs
// positive evidence: an entry below its day, the youngest chapter's outcome, and no marker. Facts
// are written once, so no handler expects them to vanish. A run is therefore declared dead first,
// and then deleted in steps, each of which leaves a fact of its own. The next step waits until that
// fact is older than any call can live. So neither a handler that still saw the run nor a call that
// is stuck on its way meets a new run under the same ticket_id. Plans and judged results are
// deleted with the facts; the ledger, the scratchpad and the Databricks run are not ours to delete.
//
// A run costs about thirty Files calls. With eight runs at once, and the rate that the workspace
// bears, one tick has time for about a hundred, a day for about 30,000. A plane with more runs than
// that keeps its facts longer than it must, never shorter.
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
 * Makes one visit, which ends at `untilMs`. It costs one listing if no run has expired.
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

/** A chapter that is over, as its entry says. */
type Over = { readonly entryPath: string; readonly key: ChapterKey };

/** Reads one entry of a day. A file that is not ours stays for as long as its owner likes. */
function overOf(day: string, { name }: FactEntry): readonly Over[] {
  const key = markerKey(name.replace(/\.json$/, ""));
  return key === undefined ? [] : [{ entryPath: `${day}/${name}`, key }];
}

/**
 * So many runs at once use what the Files API bears. Two entries of one run may be among them, as
 * if two sweeps ran at once.
 */
const AT_ONCE = 8;

/** @returns false if the platform or the time says that it is enough for now */
const deleteDay = (
  deps: DeleteExpiredDeps,
  over: readonly Over[],
  untilMs: number,
): Promise<boolean> =>
  eachInTurn(deps, over, {
    untilMs,
    work: (one) => deleteRun(deps, one),
    atOnce: AT_ONCE,
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
    case 1: // No turn begins without its ticket, so no plan is made again.
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

/** How far the deletion is: the highest `retired_<step>.json`. */
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

/**
 * Does the first step, if the evidence is complete. An entry that proves nothing (any more) is
 * removed.
 */
async function declareDead(
  deps: DeleteExpiredDeps,
  key: ChapterKey,
  entryPath: string,
): Promise<void> {
  const { facts, markers, clock, settings } = deps;
  const outcome = (await facts.read(factRef.outcome(key)))?.fact;
  const next = { ...key, chapter: key.chapter + 1 };
  const isOfAnother = outcome === undefined || factRef.over(outcome).path !== entryPath;
  // The run has continued in another chapter, which has or will have an entry of its own.
  if (isOfAnother || (await facts.read(factRef.retry(next))) !== undefined)
    return await facts.remove(entryPath);
  if (!isExpired(outcome.ended_at, clock.nowMs(), settings.retentionDays)) return;
  for (const chapter of [key, next]) if ((await markers.read(chapter)) !== undefined) return;
  await stepIsDone(deps, key.run_id, 1);
}

/**
 * The order of deletion. Manifests and submissions go before decisions: without them there is
 * nothing to judge, and no handler decides again. Outcomes go last: as long as one is there, it is
 * the answer.
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
 * Removes the facts of the steps, then folder and entry, once the last step has settled and nothing
 * else is left. The first step's fact holds the ticket_id. The third one outlives it: otherwise the
 * remaining facts could look like an earlier step, and the deletion would go on in a new run.
 */
async function forget(
  { facts, log }: DeleteExpiredDeps,
  { run_id, chapter }: ChapterKey,
  found: readonly FactEntry[],
  entryPath: string,
): Promise<void> {
  const pathOf = (step: RetiredFact["step"]) => factRef.retired({ run_id, step }).path;
  const isHeld = (await facts.read(factRef.retired({ run_id, step: 1 }))) !== undefined;
  // A fact has appeared since (somebody cancelled the run): the third step is done again, and
  // settles again.
  if (isHeld && inOrder(found).length > 0) return await facts.remove(pathOf(3));
  for (const step of [2, 1, 3]) await facts.remove(pathOf(step));
  await facts.removeFolder(runFolder(run_id));
  await facts.remove(entryPath);
  log("facts.retired", { run_id, chapter });
}
