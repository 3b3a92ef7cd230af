// Finds work done again although its result is there: all of it is harmless, none is needed.
import {
  type ChapterKey,
  type DecisionFact,
  factRef,
  markerName,
} from "../../shared/domain/facts.ts";
import { isOfAttempt } from "../../shared/domain/marker.ts";
import type { Ended, Record, Turn, Watch } from "../../shared/domain/messages.ts";
import { msOf } from "../../shared/domain/time.ts";
import { topology } from "../../shared/topology.ts";
import { MINUTE, SECOND } from "./clock.ts";
import { orderedBy } from "./databricks.ts";
import { attemptText, rowText } from "./ledger.ts";
import type { LivenessDeps } from "./liveness-deps.ts";
import { parsed } from "./parsed.ts";
import type { Message } from "./sqs.ts";

export function watchRepetition(deps: LivenessDeps): void {
  watchSteps(deps);
  watchTurns(deps);
  watchReports(deps);
  watchOpening(deps);
  watchAnnouncements(deps);
  watchNumbers(deps);
  watchAttempts(deps);
  watchStrange(deps);
}

/**
 * What whoever looks takes for somebody else's run is judged at once, and not watched on, however
 * long it goes on.
 */
function watchStrange({ clock, sqs, databricks, controllers, violate }: LivenessDeps): void {
  sqs.onSend.push((queue, body, { caller }) => {
    if (queue !== "watches" || caller?.purpose !== "watches") return;
    const { tries, databricks_run_id } = parsed<Watch>(body);
    const run = databricks.runs.find(({ id }) => id === databricks_run_id);
    if (tries > 0 || run === undefined || run.hidden !== undefined) return;
    const isDisowned = controllers.isDisowned(run.creator, caller.bornMs ?? clock.nowMs());
    if (isDisowned) violate("a run that is nobody's we know is watched on", body);
  });
}

/**
 * Whoever finds a fact goes on from there: what is submitted is not submitted again, what is
 * decided is neither watched nor reported again by its judge, who finds the decision when creating
 * his own at the latest.
 */
function watchSteps({ databricks, files, sqs, violate }: LivenessDeps): void {
  databricks.onSubmit.push(({ payload }, { sinceMs, isZombie }) => {
    if (isZombie) return;
    const { key } = orderedBy(payload);
    const submission = files.get(factRef.submission(key));
    if (submission !== undefined && submission.atMs < sinceMs)
      violate("submitted again, although its submission is there", attemptText(key));
  });
  sqs.onSend.push((queue, body, { caller }) => {
    if (caller?.purpose !== "reports" || (queue !== "watches" && queue !== "reports")) return;
    const said = parsed<Ended>(body);
    // What waits for a platform that is out of order has read nothing yet.
    if (said.tries > 0) return;
    const decision = files.get(factRef.decision(said));
    if (decision !== undefined && decision.atMs < caller.sinceMs)
      violate("judged again, although its decision is there", `${queue} ${attemptText(said)}`);
  });
}

/** After the first look of an attempt, its marker says which attempt is running. */
function watchAttempts({ clock, sqs, files, weather, violate }: LivenessDeps): void {
  if (weather.isFaulty) return;
  sqs.onSend.push((queue, body, { caller }) => {
    if (queue !== "watches" || caller?.purpose !== "watches") return;
    const watch = parsed<Watch>(body);
    if (watch.looks !== 1) return;
    clock.after(topology.watches.timeoutSeconds * SECOND, () => {
      const marker = files.readMarker(watch);
      if (marker === undefined) return;
      const at = (marker.iter_n ?? 0) * 1_000 + (marker.attempt ?? 0);
      if (at < watch.iter_n * 1_000 + watch.attempt)
        violate("a marker does not say which attempt is running", attemptText(watch));
    });
  });
}

/** A decision that was found is followed only if what follows is not there yet. */
function watchTurns({ sqs, files, violate }: LivenessDeps): void {
  sqs.onSend.push((queue, body, { caller }) => {
    if (queue !== "turns" || caller?.purpose !== "reports") return;
    const turn = parsed<Turn>(body);
    const manifest = files.get(factRef.manifest(turn));
    if (manifest !== undefined && manifest.atMs < caller.sinceMs)
      violate("a turn was sent for what is there", attemptText(turn));
  });
}

/**
 * Without faults an attempt is reported when it is over, and not before; and the ledger has it by
 * then.
 */
function watchReports({
  clock,
  sqs,
  files,
  databricks,
  ledger,
  weather,
  violate,
}: LivenessDeps): void {
  if (weather.isFaulty) return;
  sqs.onSend.push((queue, body, { caller }) => {
    if (queue !== "reports" || caller === undefined || caller.purpose === "reports") return;
    const about = attemptText(parsed<Ended>(body));
    const run = databricks.runs.find(({ key }) => attemptText(key) === about);
    if (run !== undefined && databricks.isActive(run) && run.ending !== "limbo")
      violate("reported before it was over", about);
  });
  files.onFact.push(({ ref, fact }) => {
    if (ref.kind !== "decision") return;
    const about = attemptText(fact as DecisionFact);
    const run = databricks.runs.find(({ key }) => attemptText(key) === about);
    const isLong =
      run !== undefined &&
      clock.nowMs() - run.startedMs >
        3 * MINUTE + weather.recordsHoldMsMax + weather.ledgerWindowSeconds * SECOND;
    if (isLong && !ledger.requests.has(rowText(fact as DecisionFact)))
      violate("the ledger never had it running", about);
  });
}

/** Who opens a chapter writes its marker; who finds it over has nothing to open. */
function watchOpening({ files, violate }: LivenessDeps): void {
  files.onMarkerWritten.push((marker, { purpose, sinceMs }) => {
    const outcome = files.get(factRef.outcome(marker));
    if (
      (purpose === "tickets" || purpose === "orders") &&
      outcome !== undefined &&
      outcome.atMs < sinceMs
    )
      violate("a chapter was opened again that is over", markerName(marker));
  });
}

/**
 * What has been announced, and whose marker is gone, is announced again only for those who ask by
 * their ticket.
 */
function watchAnnouncements(deps: LivenessDeps): void {
  const { clock, sqs, bus, files, weather, violate } = deps;
  const askedAgain = new Set<string>();
  const closedMs = new Map<string, number>();
  sqs.onSend.push((queue, body, { caller }) => {
    if (queue !== "records" || !body.includes('"again":true')) return;
    const { run_id, chapter } = parsed<Record>(body);
    askedAgain.add(markerName({ run_id, chapter }));
    const later = files.get(factRef.outcome({ run_id, chapter: chapter + 1 }));
    const isAsked = caller?.purpose === "tickets" || caller?.purpose === "orders";
    const isTicket = ({ queue: on, body: text }: Message): boolean =>
      on === "tickets" && text.includes(`"ticket_id":"${run_id}"`);
    if (!weather.isFaulty && isAsked && ![...sqs.live].some(isTicket))
      violate("an outcome is said again, and no ticket came again", body);
    if (isAsked && later !== undefined && later.atMs < caller.sinceMs)
      violate("a repeated ticket is answered with a chapter that is not the last", body);
  });
  files.onMarkerWritten.push((marker) => closedMs.delete(markerName(marker)));
  files.onMarkerRemoved.push((key: ChapterKey) => {
    closedMs.set(markerName(key), clock.nowMs());
  });
  bus.onAnnounce.push((event, caller) => {
    const name = markerName(event);
    const closed = closedMs.get(name);
    // The marker was gone when this invocation began: nobody but a repeated ticket can have asked.
    const isLate = closed !== undefined && caller.sinceMs > closed;
    if (isLate && !askedAgain.has(name)) violate("announced again, and nobody asked", event.id);
  });
}

/**
 * The poller sends the next watch, then writes its number into the marker: a number that nobody
 * carries would end the others.
 */
function watchNumbers({ sqs, files, clock, weather, violate }: LivenessDeps): void {
  const sent = new Map<string, number>();
  const written = new Map<string, { readonly number: number; readonly atMs: number }>();
  sqs.onSend.push((queue, body, { caller }) => {
    if (queue !== "watches" || !body.startsWith("{")) return;
    const watch = parsed<Watch>(body);
    const marker = files.readMarker(watch);
    // The poller, and turns that are repeated, leave it to the first look to say so.
    const isOthers = caller?.purpose === "reports" || caller?.purpose === "schedule";
    const isOld = marker !== undefined && msOf(marker.touched_at) + MINUTE < (caller?.sinceMs ?? 0);
    if (isOthers && isOld && isOfAttempt(marker, watch) && marker.number > watch.number)
      violate("a watch was sent that ends at its first look", body);
    if (caller?.purpose === "watches" && watch.tries === 0 && watch.looks === 0)
      violate("a look was not counted", body);
    const key = `${watch.chapter} ${attemptText(watch)}`;
    sent.set(key, Math.max(sent.get(key) ?? 0, watch.number));
  });
  files.onMarkerWritten.push((marker, caller) => {
    const { run_id, iter_n, attempt, chapter, number } = marker;
    if (caller.purpose !== "watches" || iter_n === undefined || attempt === undefined) return;
    const key = `${chapter} ${attemptText({ run_id, iter_n, attempt })}`;
    if (number > (sent.get(key) ?? 0))
      violate("the marker holds a watch that nobody sent", `${key} number ${number}`);
    // By its number a watch knows whether its last touch was written. Only copies that touch at
    // once raise it to the same.
    const before = written.get(key);
    const isCopy = before !== undefined && clock.nowMs() - before.atMs < MINUTE;
    if (!weather.isFaulty && !isCopy && number <= (before?.number ?? -1))
      violate("a touch raised no number", `${key} number ${number}`);
    written.set(key, { number, atMs: clock.nowMs() });
  });
}
