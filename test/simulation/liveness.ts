// Liveness: what must be true when faults have stopped and everything has come to rest.
import { factRef } from "../../shared/domain/facts.ts";
import { msOf } from "../../shared/domain/time.ts";
import { checkBooksAtEnd } from "./books.ts";
import { HOUR, MINUTE } from "./clock.ts";
import { checkLeaks } from "./leaks.ts";
import { attemptText } from "./ledger.ts";
import type { LivenessDeps } from "./liveness-deps.ts";
import { checkRetention, isTidy } from "./retention.ts";
import type { Run } from "./runs.ts";
import { isAnnounced, type SafetyDeps } from "./view.ts";
import { isPatient, type Weather } from "./weather.ts";

/** The chapters of a run that somebody opened. */
function chaptersOf({ files }: Pick<SafetyDeps, "files">, run_id: string): number {
  if (files.get(factRef.ticket(run_id)) === undefined) return 0;
  let chapter = 1;
  while (files.get(factRef.retry({ run_id, chapter: chapter + 1 })) !== undefined) chapter++;
  return chapter;
}

export const isAtRest = (deps: LivenessDeps): boolean =>
  deps.sqs.live.size === 0 &&
  deps.files.markers.size === 0 &&
  isTidy(deps) &&
  // Only the slow part of the sweep will find it, an hour after its refusal.
  !deps.databricks.runs.some((run) => run.isZombie && run.endMs > deps.clock.nowMs()) &&
  deps.people.runIds.every((run_id) => {
    const chapters = chaptersOf(deps, run_id);
    return chapters > 0 && isAnnounced(deps, { run_id, chapter: chapters });
  });

export function checkEnd(deps: LivenessDeps): void {
  const { sqs, files, violate, people } = deps;
  const [stuck] = sqs.live;
  if (stuck !== undefined)
    violate("messages do not drain", `${sqs.live.size} of them, ${stuck.queue} ${stuck.body}`);
  if (files.markers.size > 0) violate("a marker stays", [...files.markers.keys()].join(", "));
  for (const run_id of people.runIds) checkRun(deps, run_id);
  checkRefusals(deps);
  checkBooksAtEnd(deps);
  checkAudits(deps);
  checkRepeatedTickets(deps);
  checkUnwanted(deps);
  checkRetention(deps);
  checkLeaks(deps);
  for (const check of deps.atEnd) check();
}

/** Who sent a ticket that cannot be accepted hears so: the dead letters are not theirs to read. */
function checkRefusals({ people, files, bus, violate, weather }: LivenessDeps): void {
  for (const run_id of people.refusedIds)
    if (files.get(factRef.ticket(run_id)) !== undefined)
      violate("a ticket was accepted that must be refused", run_id);
  for (const { ticket_id, reason } of bus.rejected)
    if (
      people.runIds.some((id) => id === ticket_id) &&
      !people.contestedIds.includes(`${ticket_id}`)
    )
      violate("a proper ticket was called rejected", `${ticket_id}: ${reason}`);
  if (rots(weather)) return;
  for (const run_id of [...people.refusedIds, ...people.contestedIds])
    if (!bus.rejected.some(({ ticket_id }) => ticket_id === run_id))
      violate("nobody was told that a ticket was refused", run_id);
}

/**
 * Messages may rot in queues that nobody reads for longer than SQS keeps them; then they never
 * were.
 */
const rots = ({ blackout }: Weather): boolean => (blackout?.lastsMs ?? 0) > 4 * 24 * HOUR;

/** Messages of services may be lost, and nothing says again what only they said. */
const isLossy = (weather: Weather): boolean => weather.lost > 0 || rots(weather);

function checkRun(deps: LivenessDeps, run_id: string): void {
  const { files, violate, weather } = deps;
  const chapters = chaptersOf(deps, run_id);
  if (chapters === 0 && !rots(weather)) violate("a proper ticket never became a run", run_id);
  for (let chapter = 1; chapter <= chapters; chapter++) {
    const about = `${run_id}/${chapter}`;
    const outcome = files.get(factRef.outcome({ run_id, chapter }))?.fact;
    if (outcome === undefined) {
      violate("a chapter has no outcome", about);
      continue;
    }
    if (!isAnnounced(deps, { run_id, chapter })) violate("an outcome was never announced", about);
  }
}

/** A person's action is in the telemetry, unless its message died. */
function checkAudits({ ledger, people, sqs, violate, weather }: LivenessDeps): void {
  const isDead = (id: string): boolean => sqs.letters.some(({ body }) => body.includes(id));
  for (const id of people.auditIds)
    if (!ledger.telemetry.has(id) && !isDead(id) && !isLossy(weather))
      violate("a person's action is not in the telemetry", id);
}

/**
 * Who sends a ticket again, when its run is over, hears the outcome again. Records can be lost;
 * then nobody can know.
 */
function checkRepeatedTickets({ people, bus, sqs, weather, violate }: LivenessDeps): void {
  if (isLossy(weather)) return;
  for (const [run_id, atMs] of people.repeatedMs) {
    // Another one may have come first under its id.
    if (people.contestedIds.includes(run_id)) continue;
    const heard = bus.heardMs.get(run_id);
    const isUnanswered = heard !== undefined && heard.firstMs < atMs && heard.lastMs < atMs;
    // Either the ticket or its record may have died of surprises.
    const hasDied = sqs.died.some(({ body }) => body.includes(`"${run_id}"`));
    if (isUnanswered && !hasDied) violate("a repeated ticket was not answered", run_id);
  }
}

/**
 * How long after a stop, or after a fact that says it is over, a Databricks run may still cost
 * money.
 */
const WITHIN = {
  stoppedCalmly: 2 * MINUTE,
  stoppedEasily: 35 * MINUTE,
  /**
   * A turn that has waited for long ends, and with it its look for a stop: then the slow sweep is
   * next, an hour after the stop.
   */
  stopped: 100 * MINUTE,
  unwanted: 3 * HOUR,
} as const;

/**
 * Nobody pays for hours for what is not wanted; outages are added, because nothing can be done in
 * them.
 */
function checkUnwanted(deps: LivenessDeps): void {
  const { databricks, files, stats, violate, weather } = deps;
  const outagesMs = Object.values(weather.outages).reduce(
    (sum, { fromMs, toMs }) => sum + toMs - fromMs,
    weather.blackout?.lastsMs ?? 0,
  );
  const isEasy = isPatient(weather) && outagesMs === 0;
  const troubled = isEasy ? WITHIN.stoppedEasily : WITHIN.stopped;
  const stoppedWithin = weather.isFaulty ? troubled : WITHIN.stoppedCalmly;
  for (const run of databricks.runs) {
    const isBeyondUs =
      run.repairedMs !== undefined ||
      run.hidden !== undefined ||
      deps.controllers.isConfused() ||
      run.ending === "limbo" ||
      Number.isFinite(run.lostFromMs);
    if (isBeyondUs) continue;
    const chapter = { run_id: run.key.run_id, chapter: run.chapter };
    const untilMs = run.cancelledMs ?? run.endMs;
    const ranOnMs = (sinceMs = Number.POSITIVE_INFINITY): number =>
      untilMs - Math.max(sinceMs, run.startedMs);
    const about = attemptText(run.key);
    const stopMs = files.get(factRef.stop(chapter))?.atMs;
    // Until the submission is there, nobody knows which run to cancel.
    const knownMs = files.get(factRef.submission(run.key))?.atMs ?? run.startedMs;
    const afterStopMs = ranOnMs(stopMs && Math.max(stopMs, knownMs));
    if (run.cancelledMs !== undefined && afterStopMs > 0) stats.cancelWaitsMs.push(afterStopMs);
    if (!run.isZombie && afterStopMs > stoppedWithin + outagesMs && !hasDeadLetter(deps, run))
      violate("a stopped chapter ran on", `${about} ${Math.round(afterStopMs / MINUTE)} min`);
    const submission = files.get(factRef.submission(run.key))?.fact;
    const isAccepted = submission !== undefined && !("refused" in submission);
    const lateMs = isAccepted ? ranOnMs(msOf(submission.deadline)) : 0;
    if (!weather.isFaulty && lateMs > WITHIN.stoppedCalmly)
      violate("a run went on past its deadline", `${about} ${Math.round(lateMs / MINUTE)} min`);
    const afterEndMs = Math.max(
      afterStopMs,
      ranOnMs(files.get(factRef.decision(run.key))?.atMs),
      ranOnMs(files.get(factRef.outcome(chapter))?.atMs),
    );
    if (afterEndMs > WITHIN.unwanted + outagesMs)
      violate("what nobody wants ran on", `${about} ${Math.round(afterEndMs / MINUTE)} min`);
  }
}

/** The message that would have cancelled it died of surprises: then only the slow sweep is left. */
const hasDeadLetter = ({ sqs }: LivenessDeps, run: Run): boolean =>
  sqs.died.some(({ body }) => body.includes(`"${run.key.run_id}"`));
