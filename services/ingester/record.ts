// The ingester records: it projects facts into the ledger, with one write per table for a whole
// batch. It announces an outcome after the ledger has it, never before. Only the ingester removes a
// marker, and only then.

import { REQUEUED_TRIES_MAX, waitSecondsUntil } from "../../shared/domain/cadence.ts";
import { PlatformTroubleError, PoisonMessageError } from "../../shared/domain/errors.ts";
import { factRef, isRefused, type OutcomeFact } from "../../shared/domain/facts.ts";
import {
  type AttemptFacts,
  type Books,
  type LedgerRows,
  mergedRows,
  noRows,
  rowsOfAudit,
  rowsOfDecision,
  rowsOfOutcome,
  rowsOfSubmission,
} from "../../shared/domain/ledger-rows.ts";
import type { Record, RecordsMessage } from "../../shared/domain/messages.ts";
import { msOf } from "../../shared/domain/time.ts";
import { tracedBy } from "../../shared/domain/trace.ts";
import { type Delivery, isOwnSender } from "../../shared/edge/delivery.ts";
import type { RequeueOptions } from "../../shared/edge/requeue-on-trouble.ts";
import type {
  ClockPort,
  EventsPort,
  FactsPort,
  LedgerPort,
  LogPort,
  MarkersPort,
  PlanePort,
  QueuesPort,
  SettingsPort,
} from "../../shared/ports.ts";
import { announce } from "../../shared/story/announce.ts";
import { attemptsOf } from "../../shared/story/chapter.ts";
import { isHeld } from "../../shared/story/send-record.ts";

export type RecordDeps = FactsPort &
  MarkersPort &
  LedgerPort &
  EventsPort &
  PlanePort &
  QueuesPort<"records"> &
  ClockPort &
  SettingsPort &
  LogPort;

/** The rows that a message brings into the ledger, and what is done once they are there. */
type Projection = {
  readonly rows: LedgerRows;
  readonly after?: () => Promise<void>;
};

const nothing: Projection = { rows: noRows };

/**
 * Handles a batch of records: projects them one by one, merges them together, then announces one by
 * one.
 */
export function record(
  deps: RecordDeps,
  deliveries: readonly Delivery<RecordsMessage>[],
): readonly Promise<void>[] {
  const projected = inLanes(deps, deliveries, (delivery) => project(deps, delivery));
  const merged = merge(deps, projected);
  return projected.map(async (projecting) => {
    const projection = await projecting;
    if (projection === nothing) return;
    if (projection.rows === noRows) return await projection.after?.();
    await merged.catch(async (error) => {
      // A surprise: one row may have spoilt the write for all. After writing them one by one, only
      // the bad one fails.
      if (error instanceof PlatformTroubleError) throw error;
      await deps.ledger.merge(projection.rows);
    });
    await projection.after?.();
  });
}

/** The Files API's own limit of calls at once. */
const LANES = 10;
/**
 * How much of the function's 60 s projecting may take. Records that have not begun by then wait, so
 * that the others can be written. At the records' share of the Files API, a hundred endings of one
 * attempt each are read by then, and as many writes fit in after the ledger's.
 */
const PROJECTING_MS_MAX = 30_000;

/**
 * Works on a few items at a time, and begins none after its time. A hundred outcomes of many
 * iterations are more reads than the rate limits allow in one invocation, and a batch that does not
 * finish in time would merge nothing at all, five times over.
 */
function inLanes<Item, Result>(
  { clock }: ClockPort,
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): readonly Promise<Result>[] {
  const startMs = clock.nowMs();
  const lanes: Promise<unknown>[] = [];
  return items.map((item, i) => {
    const before = lanes[i % LANES] ?? Promise.resolve();
    const working = before.then(() => {
      if (clock.nowMs() - startMs <= PROJECTING_MS_MAX) return work(item);
      throw new PlatformTroubleError("there was more to read than one invocation may ask for");
    });
    lanes[i % LANES] = working.catch(() => {});
    return working;
  });
}

/**
 * A record without its sender's word that the outcome was announced. Sent again by us, that word
 * would become ours.
 */
const unvouched = (message: RecordsMessage): RecordsMessage =>
  message.type === "record" ? { ...message, announced: false } : message;

/** Sends a record on to its boundary: one hop waits 15 minutes at most. */
const hold = (
  { queues, clock }: RecordDeps,
  message: RecordsMessage,
  options: Pick<Delivery<RecordsMessage>, "traceparent" | "by">,
): Promise<void> => {
  const delaySeconds = waitSecondsUntil(msOf(message.not_before ?? ""), clock.nowMs());
  return queues.send("records", message, { ...options, delaySeconds });
};

/**
 * Requeues a record, or lets it end after an hour of waiting. Each wait sends a message again, and
 * sometimes twice, so in a long outage records would multiply. A record may end because its content
 * is in its chapter's outcome as well, and the sweep repeats the record of an outcome, ever more
 * rarely, as long as its marker stays. A message that nothing else would repeat goes on waiting.
 */
export async function requeueRecord(
  deps: QueuesPort<"records"> & LogPort & SettingsPort,
  sent: RecordsMessage,
  options: RequeueOptions,
): Promise<void> {
  const isOwn = isOwnSender(deps.settings, options.by ?? "");
  const message = isOwn ? sent : unvouched(sent);
  const isRepeatedAnyway = message.type === "record" && !message.again;
  if (!isRepeatedAnyway || message.tries <= REQUEUED_TRIES_MAX)
    return await deps.queues.send("records", message, options);
  deps.log("record.left", {
    run_id: message.run_id,
    chapter: message.chapter,
    reason: message.of,
    ...tracedBy(options.traceparent),
  });
}

/** Writes all rows that could be projected at once; the other records fail alone. */
async function merge(deps: RecordDeps, projected: readonly Promise<Projection>[]): Promise<void> {
  const settled = await Promise.allSettled(projected);
  const rows = settled
    .filter((result) => result.status === "fulfilled")
    .map((result) => result.value)
    .map((projection) => projection.rows)
    .filter((rows) => rows !== noRows);
  if (rows.length === 0) return;
  await deps.ledger.merge(mergedRows(rows));
  deps.log("records.merged", { count: rows.length });
}

async function project(
  deps: RecordDeps,
  { message: sent, traceparent, by, isOwn }: Delivery<RecordsMessage>,
): Promise<Projection> {
  const message = isOwn ? sent : unvouched(sent);
  if (isHeld(deps, message)) {
    await hold(deps, message, { traceparent, by });
    return nothing;
  }
  if (message.type === "audited") return { rows: rowsOfAudit(message, by, traceparent) };
  const planeId = await deps.plane.id();
  const books = { planeId, factsVolume: deps.settings.factsVolume };
  switch (message.of) {
    case "submission": {
      const fact = (await deps.facts.read(factRef.submission(message)))?.fact;
      if (fact === undefined) throw nothingToRecord(message);
      return isRefused(fact) ? nothing : { rows: rowsOfSubmission(books, fact) };
    }
    case "decision": {
      const fact = (await deps.facts.read(factRef.decision(message)))?.fact;
      if (fact === undefined) throw nothingToRecord(message);
      return { rows: rowsOfDecision(books, fact) };
    }
    case "outcome":
      return await projectOutcome(deps, books, message);
  }
}

/**
 * An outcome without a marker has been recorded and announced. Nothing is left to do, unless a
 * repeated ticket asks again.
 */
async function projectOutcome(
  deps: RecordDeps,
  books: Books,
  message: Record,
): Promise<Projection> {
  const fact = (await deps.facts.read(factRef.outcome(message)))?.fact;
  if (fact === undefined && message.again) return forgotten(deps, message);
  if (fact === undefined) throw nothingToRecord(message);
  // A record that this ingester announced is in no ledger yet. For all others the marker decides.
  const isOpen = message.announced || (await deps.markers.read(fact)) !== undefined;
  if (!isOpen && !message.again) return nothing;
  if (!isOpen) return { rows: noRows, after: () => announce(deps, fact, true) };
  // Its own record is on its way. To hurry it would wake the warehouse within a window.
  if (message.again)
    return deps.settings.announceAfter === "fact"
      ? { rows: noRows, after: () => announce(deps, fact, false) }
      : nothing;
  const chapter = await chapterOf(deps, fact);
  if (chapter === undefined)
    throw new PlatformTroubleError(
      `chapter ${fact.chapter} of run ${fact.run_id} is over, but what opened it cannot be read`,
    );
  const ended = {
    v: 1,
    run_id: fact.run_id,
    chapter: fact.chapter,
    ended_at: fact.ended_at,
  } as const;
  return {
    rows: rowsOfOutcome(books, fact, chapter.openedAt, chapter.attempts),
    after: async () => {
      if (!message.announced) await announce(deps, fact, true);
      deps.log("outcome.recorded", {
        run_id: fact.run_id,
        chapter: fact.chapter,
        outcome: fact.outcome,
        ...tracedBy(fact.traceparent),
      });
      // The entry comes before the marker goes. Otherwise a run could be over and never be found by
      // retention.
      await deps.facts.create(factRef.over(ended), ended);
      await deps.markers.remove(fact);
    },
  };
}

/**
 * The run expired, and the outcome that a repeated ticket found is being deleted. If its sender
 * sends the ticket again, a new run begins.
 */
function forgotten({ log }: RecordDeps, { run_id, chapter }: Record): Projection {
  log("record.left", { run_id, chapter, reason: "its facts have been deleted" });
  return nothing;
}

type Chapter = { readonly openedAt: string; readonly attempts: readonly AttemptFacts[] };

/**
 * Reads every attempt of a chapter that is over, so that lost records heal here; undefined if
 * nothing opened it. An outcome that contains all of it needs no reading: it is written once, like
 * the facts that it was taken from.
 */
async function chapterOf(deps: RecordDeps, outcome: OutcomeFact): Promise<Chapter | undefined> {
  const { whole } = outcome;
  if (whole !== undefined) return { openedAt: whole.opened_at, attempts: [whole] };
  const { opened, attempts } = await attemptsOf(deps, outcome);
  if (opened === undefined) return undefined;
  const facts: AttemptFacts[] = [];
  for (const { iter_n, attempt, decision } of attempts) {
    if (decision === undefined) continue;
    const ref = factRef.submission({ run_id: outcome.run_id, iter_n, attempt });
    const submission = (await deps.facts.read(ref))?.fact;
    const accepted = submission === undefined || isRefused(submission) ? undefined : submission;
    facts.push({ submission: accepted, decision });
  }
  return {
    openedAt: "accepted_at" in opened ? opened.accepted_at : opened.opened_at,
    attempts: facts,
  };
}

const nothingToRecord = ({ run_id, iter_n, attempt, chapter, of }: Record): PoisonMessageError =>
  new PoisonMessageError(
    of === "outcome"
      ? `chapter ${chapter} of run ${run_id} has no outcome that could be recorded`
      : `attempt ${iter_n}.${attempt} of run ${run_id} has no ${of} that could be recorded`,
  );
