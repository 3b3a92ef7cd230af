// Retention: nothing is deleted before its time, under an open marker, or twice; what is long over
// is gone in the end; and who sends its ticket again finds the outcome or nothing, never a
// half-deleted run.
import {
  factRef,
  type OutcomeFact,
  OVER_FOLDER,
  type RetiredFact,
  type RetryFact,
  runFolder,
} from "../../shared/domain/facts.ts";
import { endedOf, recordOf, turnOf } from "../../shared/domain/messages.ts";
import { expiredBefore } from "../../shared/domain/retention.ts";
import { msOf } from "../../shared/domain/time.ts";
import { type Ancient, rowsOfRun } from "./ancient.ts";
import { HOUR, MINUTE, START } from "./clock.ts";
import type { Files } from "./files.ts";
import type { LivenessDeps } from "./liveness-deps.ts";
import type { Outside } from "./outside.ts";
import { settings } from "./workloads.ts";

export function watchRetention(deps: LivenessDeps): void {
  watchPlansRemoved(deps);
  const { clock, files, ancient, violate } = deps;
  const reborn = new Set<string>();
  files.onRemoved.push((path, isAncient) => {
    const owner = ancient.find(({ run_id }) => ownerOf(path) === run_id);
    if (isStep(path)) return checkStepsLeft(deps, path);
    const isLitter = owner !== undefined && !reborn.has(owner.run_id);
    const isOldEntry =
      isOver(path) && (path.split("/")[1] ?? "") < expiredBefore(clock.nowMs(), DAYS);
    if (!isAncient && !isLitter && !isOldEntry) violate("a fact was deleted before its time", path);
    if (owner === undefined || isOver(path)) return;
    const isOutcome = /\/outcome_\d+\.json$/.test(path);
    if (isOutcome && remainsOf(files, owner.run_id).some((left) => !/\/outcome_/.test(left)))
      violate("an outcome was deleted while something of its run was left", path);
    if (clock.nowMs() < owner.dueMs || isReopened(files, owner.run_id))
      violate("a fact was deleted before its time", path);
    for (const { run_id } of files.markers.values())
      if (run_id === owner.run_id) violate("a fact was deleted under an open marker", path);
  });
  files.onFact.push(({ ref, fact }) => {
    if (ref.kind !== "retired") return;
    const { run_id, step, retired_at } = fact as RetiredFact;
    const before = files.get(factRef.retired({ run_id, step: step === 3 ? 2 : 1 }))?.fact;
    const pauseMs = msOf(retired_at) - msOf(before?.retired_at ?? retired_at);
    if (step > 1 && pauseMs < CALLS_LIVE_MS) violate("a run was deleted in a hurry", ref.path);
  });
  files.onFact.push(({ ref, fact }) => {
    if (ref.kind !== "ticket") return;
    const { run_id } = fact as { run_id: string };
    if (!ancient.some((one) => one.run_id === run_id)) return;
    reborn.add(run_id);
    const [left] = remainsOf(files, run_id);
    if (left !== undefined) violate("a run began on the remains of another", left);
  });
}

/**
 * Where only steps are left, the last of them goes last: without it they would tell of deleting
 * that has only begun.
 */
function checkStepsLeft({ files, violate }: LivenessDeps, path: string): void {
  const run_id = ownerOf(path) ?? "";
  if (!path.endsWith("/retired_3.json") || remainsOf(files, run_id).length > 0) return;
  const isLeft = (step: 1 | 2): boolean =>
    files.get(factRef.retired({ run_id, step })) !== undefined;
  if (isLeft(1) || isLeft(2)) violate("what is left of the steps looks like an earlier one", path);
}

/** What others may read goes with its run. */
function watchPlansRemoved({ clock, files, ancient, violate }: LivenessDeps): void {
  files.plans.onRemoved.push((path) => {
    const owner = ancient.find(({ run_id }) => ownerOf(path) === run_id);
    if (owner === undefined || clock.nowMs() < owner.dueMs || isReopened(files, owner.run_id))
      violate("what was planned was deleted before its time", path);
  });
}

/**
 * What was planned or judged for a run of long ago; whoever begins anew under its id has other
 * folders, and the same code.
 */
function plansLeft(files: Files, { run_id, folder }: Ancient): string | undefined {
  const isReborn = [...files.all()].some(({ ref }) => ref.path === factRef.ticket(run_id).path);
  for (const [path] of files.plans.all()) {
    const isItsOwn = path.startsWith(`${folder}/iter_`);
    if (ownerOf(path) === run_id && (isItsOwn || !isReborn)) return path;
  }
  return undefined;
}

/** A handler and the calls that it left behind, less what clocks differ. */
const CALLS_LIVE_MS = 3.3 * MINUTE;
const DAYS = settings.retentionDays;
const isStep = (path: string): boolean => /\/retired_\d\.json$/.test(path);
const isOver = (path: string): boolean => path.startsWith(`${OVER_FOLDER}/`);

/** Whose a path below the facts volume is. */
const ownerOf = (path: string): string | undefined =>
  /^run_([^/]+)\//.exec(path)?.[1] ?? /^over\/[^/]+\/(.+)\.\d+\.json$/.exec(path)?.[1];

/** What lies of a run of long ago, its steps and entries aside. */
const remainsOf = (files: Files, run_id: string): readonly string[] =>
  [...files.ancientPaths()].filter((path) => path.startsWith(`${runFolder(run_id)}/`));

/** A chapter that somebody opened in this world. */
function isReopened(files: Files, runId: string): boolean {
  for (const { ref, fact } of files.all())
    if (ref.kind === "retry" && (fact as RetryFact).run_id === runId) return true;
  return false;
}

/** Long enough for the steps, one an hour if every environment dies. */
const GONE_WITHIN = 12 * HOUR;

export const isTidy = ({ files, ancient, clock }: LivenessDeps): boolean =>
  ancient.every(
    (old) =>
      old.dueMs > clock.nowMs() ||
      (remainsOf(files, old.run_id).length === 0 && plansLeft(files, old) === undefined) ||
      isReopened(files, old.run_id),
  );

export function checkRetention({ files, ancient, clock, ledger, violate }: LivenessDeps): void {
  for (const old of ancient) {
    const { run_id, dueMs } = old;
    const [left = plansLeft(files, old)] = remainsOf(files, run_id);
    const mayGoOn = isReopened(files, run_id) || run_id === "unheard";
    checkRows({ ledger, violate }, old, mayGoOn);
    const isDue = clock.nowMs() > dueMs + GONE_WITHIN && !isReopened(files, run_id);
    if (left !== undefined && isDue) violate("what is long over was never deleted", left);
  }
  for (const { ref, fact } of files.all()) {
    if (ref.kind !== "outcome") continue;
    const outcome = fact as OutcomeFact;
    if (files.get(factRef.over(outcome)) === undefined)
      violate("what is over will never be found", ref.path);
  }
}

/**
 * The ledger is not ours to delete; a run that was reopened, or still to be announced, may add to
 * it.
 */
function checkRows(
  { ledger, violate }: Pick<LivenessDeps, "ledger" | "violate">,
  old: Ancient,
  mayGoOn: boolean,
): void {
  const now = new Map(rowsOfRun(ledger, old));
  for (const [key, text] of old.rows) {
    const isState = /\/[0-9a-f]* \d+$/.test(key);
    if (now.get(key) !== text && !(isState && mayGoOn))
      violate("a row of a run of long ago has changed", key);
  }
}

/**
 * Its sender sends the ticket again, somebody wants it reopened or cancelled, and old messages come
 * to light.
 */
export function botherAncient(outside: Outside, { run_id, ticket }: Ancient): void {
  const { send, meddles, random, weather, clock, files } = outside;
  const someday = (): number => random.between(START, weather.faultsEndMs);
  for (let n = random.below(4); n > 0; n--) send(someday(), "tickets", ticket);
  for (let n = random.below(3); n > 0; n--) send(someday(), "orders", outside.retryOf(run_id, 2));
  if (meddles(0.3)) send(someday(), "orders", outside.cancelOf(run_id, 1));
  const key = { run_id, chapter: 1, iter_n: 1, attempt: 1 };
  if (meddles(0.5)) send(someday(), "turns", turnOf(key, { ticket: true }));
  if (meddles(0.5)) send(someday(), "reports", endedOf(key));
  if (meddles(0.5)) send(someday(), "records", recordOf(key, random.pick(["decision", "outcome"])));
  // At the worst moments: between two steps, and when the last of them is on its way out.
  const atOnce = (): void => {
    for (let n = random.below(5); n > 0; n--) send(clock.nowMs(), "tickets", ticket);
    for (let n = random.below(5); n > 0; n--)
      send(clock.nowMs() + random.between(0, MINUTE), "turns", turnOf(key, { ticket: true }));
  };
  files.onFact.push(({ ref }) => {
    if (ref.kind === "retired" && ownerOf(ref.path) === run_id) atOnce();
  });
  files.onRemoved.push((path) => {
    if (ownerOf(path) === run_id && isStep(path)) atOnce();
  });
}
