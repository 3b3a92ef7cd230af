// Events and ledger say the same as the facts, in the right order,
// and never too early.
import { type DecisionFact, factRef, type OutcomeFact } from "../../shared/domain/facts.ts";
import { HOUR, MINUTE } from "./clock.ts";
import { attemptText, type Bus, eventText, rowText, runText } from "./ledger.ts";
import { isChangedSince, isGoalMet, isTrulySucceeded } from "./truth.ts";
import { decisionsOf, isAnnounced, isOurs, planOf, type SafetyDeps } from "./view.ts";

export function watchAnnouncements(deps: SafetyDeps): void {
  const green = watchGreens(deps);
  watchMarkers(deps);
  watchRunState(deps);
  deps.bus.onAnnounce.push((event, caller) => {
    deps.stats.announcements++;
    const ref = factRef.outcome(event);
    const outcome = deps.files.get(ref)?.fact;
    if (outcome === undefined) {
      // A run of long ago may be deleted while somebody who has read its outcome says it once more:
      // it was true then.
      const wasTrue = (deps.files.removedMs(ref.path) ?? 0) > caller.sinceMs;
      if (!wasTrue) deps.violate("announced without an outcome", event.id);
      return;
    }
    checkWords(deps, event, outcome);
    if (event.recorded) checkBooks(deps, event, outcome);
    else if (deps.weather.announceAfter === "ledger")
      deps.violate("announced before the ledger, where a stage wants that first", event.id);
    checkRuns(deps, event, green);
  });
}

/**
 * Only the ingester removes a marker, after ledger and announcement; and the sweep one that never
 * got its ticket.
 */
function watchMarkers({ files, bus, ledger, violate }: SafetyDeps): void {
  files.onMarkerRemoved.push((key, { service, sinceMs }, writtenMs) => {
    const { run_id, chapter } = key;
    const about = `${run_id}.${chapter}`;
    const opened = chapter === 1 ? factRef.ticket(run_id) : factRef.retry(key);
    const isOrphan = files.get(opened) === undefined;
    if (!isOrphan && !isAnnounced({ files, bus }, key))
      violate("a marker was removed before its outcome was announced", about);
    const outcome = files.get(factRef.outcome(key))?.fact;
    const row = outcome && ledger.runState.get(runText(outcome));
    const isRecorded =
      row !== undefined &&
      (row.chapter > key.chapter || (row.chapter === key.chapter && row.fsm_state === "over"));
    if (!isOrphan && !isRecorded)
      violate("a marker was removed before the ledger has its outcome", about);
    if (!isOrphan && service !== "ingester")
      violate("somebody else than the ingester removed a marker", about);
    if (isOrphan && sinceMs - writtenMs < ORPHAN_FOR)
      violate("a marker was removed that waits for its ticket", about);
  });
}

/** A day, less the time that a sweep may take. */
const ORPHAN_FOR = 24 * HOUR - 2 * MINUTE;

const phases = { running: 1, decided: 2, over: 3 } as const;

function watchRunState({ clock, ledger, files, violate }: SafetyDeps): void {
  ledger.onState.push((before, row) => {
    const place = (row.chapter * 100 + row.iter_n) * 1000 + row.attempt;
    if (row.version !== place * 10 + phases[row.fsm_state])
      violate("a version is not made of chapter, iteration, attempt and phase", row.run_id);
    if (before !== undefined && before.chapter > row.chapter)
      violate("a version fell", `${row.run_id} ${before.version} ${row.version}`);
    const ref = factRef.outcome(row);
    // What was there a moment ago was true when it was read: a run of long ago may be deleted in
    // between.
    const wasTrue = clock.nowMs() - (files.removedMs(ref.path) ?? 0) < MINUTE;
    if (row.fsm_state === "over" && row.outcome !== files.get(ref)?.fact.outcome && !wasTrue)
      violate("the ledger has another outcome than the facts", row.run_id);
  });
}

type Event = Parameters<Bus["announce"]>[0];

function checkWords({ bus, planeId, violate }: SafetyDeps, event: Event, fact: OutcomeFact): void {
  const { id, plane_id, recorded: _____, ...announced } = event;
  const { mode: _, traceparent: __, generation: ___, whole: ____, ...written } = fact;
  if (JSON.stringify(sorted(announced)) !== JSON.stringify(sorted(written)))
    violate("an announcement differs from its fact", id);
  if (id !== `${planeId}/${eventText(fact)}` || plane_id !== planeId)
    violate("an announcement bears another id", id);
  const before = bus.announced.get(eventText(fact))?.[0];
  if (before !== undefined && before.outcome !== event.outcome)
    violate("two outcomes were announced", id);
}

const sorted = (value: object): object =>
  Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));

/** The ledger has the outcome and each attempt of its chapter before anybody hears of it. */
function checkBooks({ ledger, files, violate }: SafetyDeps, event: Event, fact: OutcomeFact): void {
  const row = ledger.runState.get(runText(fact));
  const isThere =
    row !== undefined &&
    (row.chapter > event.chapter ||
      (row.chapter === event.chapter && row.fsm_state === "over" && row.outcome === event.outcome));
  if (!isThere) violate("announced before the ledger has it", event.id);
  for (const decision of decisionsOf(files, event))
    if (ledger.results.get(rowText(decision))?.verdict !== decision.verdict)
      violate("announced before the ledger has all its attempts", attemptText(decision));
}

/**
 * The attempts that had truly succeeded when they were judged: what somebody makes of their runs
 * afterwards does not count.
 */
function watchGreens({ files, databricks, clock }: SafetyDeps): ReadonlySet<string> {
  const green = new Set<string>();
  files.onFact.push(({ ref, fact, sinceMs }) => {
    if (ref.kind !== "decision") return;
    const about = attemptText(fact as DecisionFact);
    const run = databricks.runs.find(({ key }) => attemptText(key) === about);
    const plan = planOf(files, fact as DecisionFact);
    if (run === undefined || plan === undefined) return;
    const isTrue = isTrulySucceeded(run, plan, clock.nowMs()) && isGoalMet(run, plan);
    if (isTrue || isChangedSince(run, sinceMs)) green.add(about);
  });
  return green;
}

function checkRuns(deps: SafetyDeps, event: Event, green: ReadonlySet<string>): void {
  const { databricks, violate } = deps;
  for (const run of databricks.runs) {
    const isOfChapter = run.key.run_id === event.run_id && run.chapter === event.chapter;
    if (isOfChapter && isOurs(deps, run))
      violate("announced while one of its Databricks runs is active", attemptText(run.key));
  }
  if (event.outcome === "succeeded" && !green.has(attemptText(event)))
    violate("a false green", event.id);
}
