// Whoever says that a message is done has seen to what follows, or has found it. A chain that
// breaks here is mended by the sweep half an hour later, and nobody who looks at the end would
// know.
import { type AttemptKey, factRef, isRefused, isStopped } from "../../shared/domain/facts.ts";
import type { QueueName } from "../../shared/topology.ts";
import { attemptText, rowText } from "./ledger.ts";
import type { LivenessDeps } from "./liveness-deps.ts";
import { attemptIn, parsed } from "./parsed.ts";
import type { Message } from "./sqs.ts";
import { generationOf, isAnnounced, isOurs } from "./view.ts";

type Content = AttemptKey & {
  readonly type?: string;
  readonly chapter: number;
  readonly ticket_id?: string;
  readonly tries?: number;
  readonly of?: string;
  readonly again?: boolean;
};

/** As long as it waits itself, a message need not have done anything. */
const GIVES_UP_AFTER_TRIES = 8;

export function watchAcknowledgements(deps: LivenessDeps): void {
  const { clock, sqs, weather, ancient, violate } = deps;
  const sentMs = new Map<string, number>();
  const letteredMs = new Map<string, number>();
  const dead = new Set<string>();
  sqs.onSend.push((queue, body, { caller }) => {
    if (caller === undefined) return;
    sentMs.set(noteOf(queue, parsed<Content>(body)), clock.nowMs());
  });
  sqs.onLetter.push(({ queue, body, by }) => {
    letteredMs.set(`${queue} ${body}`, clock.nowMs());
    if (by === "sqs") dead.add(/"(?:run|ticket)_id":"([^"]+)"/.exec(body)?.[1] ?? "");
  });
  const lookup: Lookup = {
    ...deps,
    wasSent: (queue, key, of = "", sinceMs = 0) =>
      (sentMs.get(`${queue} ${attemptText(key)} ${of}`) ?? -1) >= sinceMs,
  };
  sqs.onDone.push((message, deliveredMs) => {
    const { queue, body } = message;
    if ((letteredMs.get(`${queue} ${body}`) ?? -1) >= deliveredMs) return;
    const content = parsed<Content>(body);
    if ((content.tries ?? 0) >= GIVES_UP_AFTER_TRIES) return;
    const waits = (sentMs.get(noteOf(queue, content)) ?? -1) >= deliveredMs;
    // A run of long ago may be deleted in between.
    if (waits || ancient.some(({ run_id }) => run_id === idOf(content))) return;
    const forgotten = forgottenBy(lookup, message, content, deliveredMs);
    const isExcused = weather.lost > 0 || dead.has(idOf(content));
    if (forgotten !== undefined && !(isExcused && queue === "watches"))
      violate(`a message was done with, but not what follows: ${forgotten}`, `${queue} ${body}`);
  });
}

/** What a message is about; people write it in many ways, and who waits writes it anew. */
const noteOf = (queue: QueueName, content: Content): string =>
  queue === "tickets" || queue === "orders"
    ? `orders ${content.type ?? "ticket"} ${idOf(content)} ${content.chapter ?? 1}`
    : `${queue} ${attemptText(content)} ${content.of ?? ""}`;

const idOf = ({ run_id, ticket_id }: Content): string => ticket_id ?? run_id;

type Lookup = LivenessDeps & {
  /** By a service, since then. */
  readonly wasSent: (queue: QueueName, key: AttemptKey, of?: string, sinceMs?: number) => boolean;
};

/** What the message should have brought about; undefined where nothing is missing. */
function forgottenBy(
  lookup: Lookup,
  { queue }: Message,
  content: Content,
  deliveredMs: number,
): string | undefined {
  switch (queue) {
    case "orders":
    case "tickets":
      if (content.type === "audited") return forgottenNote(lookup, content);
      if (content.type === "cancel") return forgottenStop(lookup, content, deliveredMs);
      return content.type === "retry"
        ? forgottenRetry(lookup, content, deliveredMs)
        : forgottenTurn(lookup, firstOf(content), deliveredMs);
    case "turns":
      return forgottenTurn(lookup, content, deliveredMs);
    case "watches":
      return forgottenWatch(lookup, content, deliveredMs);
    case "reports":
      return forgottenReport(lookup, content, deliveredMs);
    case "records":
      return forgottenRecord(lookup, content);
  }
}

const firstOf = (content: Content): Content => ({
  ...content,
  run_id: content.ticket_id ?? "",
  chapter: 1,
  iter_n: 1,
  attempt: 1,
});

/** The ledger is the ingester's: the orchestrator sends it on. */
function forgottenNote({ wasSent }: Lookup, content: Content): string | undefined {
  return wasSent("records", content) ? undefined : "the note of what somebody did";
}

function forgottenRetry(lookup: Lookup, content: Content, deliveredMs: number): string | undefined {
  const retry = lookup.files.get(factRef.retry(content))?.fact;
  if (retry === undefined) return "the next chapter";
  return forgottenTurn(lookup, { ...content, ...retry }, deliveredMs);
}

function forgottenTurn(lookup: Lookup, content: Content, deliveredMs: number): string | undefined {
  const { files, wasSent } = lookup;
  const manifest = files.get(factRef.manifest(content))?.fact;
  const chapter = manifest?.chapter ?? content.chapter;
  const outcome = files.get(factRef.outcome({ run_id: content.run_id, chapter }));
  if (outcome !== undefined) return undefined; // then it has only said so again
  if (manifest === undefined) return "a plan";
  if (isStopped(manifest)) return wasSent("reports", content) ? undefined : "a report of the stop";
  const submission = files.get(factRef.submission(content))?.fact;
  if (submission === undefined) return "a submission";
  if (isRefused(submission))
    return wasSent("reports", content) ? undefined : "a report of a refusal";
  // Whoever saw the end when it looked at what it had submitted says so at once.
  const isReported = wasSent("reports", content);
  if (!wasSent("watches", content) && !isReported) return "a watch, or a report";
  if (!wasSent("records", content, "submission") && !isReported)
    return "a record of the submission";
  const stop = files.get(factRef.stop({ run_id: content.run_id, chapter }));
  return stop !== undefined && stop.atMs < deliveredMs ? goesOn(lookup, content) : undefined;
}

function forgottenStop(lookup: Lookup, content: Content, deliveredMs: number): string | undefined {
  const { files, databricks } = lookup;
  const chapter = content.chapter ?? 1;
  if (files.get(factRef.stop({ run_id: content.run_id, chapter })) === undefined) return "the stop";
  for (const run of databricks.runs) {
    if (run.key.run_id !== content.run_id || run.chapter !== chapter) continue;
    const submission = files.get(factRef.submission(run.key));
    const wasThere = submission !== undefined && submission.atMs < deliveredMs;
    const forgotten = wasThere && !isRefused(submission.fact) ? goesOn(lookup, run.key) : undefined;
    if (forgotten !== undefined) return forgotten;
  }
  return undefined;
}

/** A run of a stopped chapter that nobody has cancelled, although its attempt is not decided. */
function goesOn(lookup: Lookup, key: AttemptKey): string | undefined {
  const { files, databricks } = lookup;
  const run = databricks.runs.find((other) => attemptText(other.key) === attemptText(key));
  const isForgotten =
    run !== undefined &&
    isOurs(lookup, run) &&
    run.cancelledMs === undefined &&
    lookup.clock.nowMs() < run.lostFromMs &&
    files.get(factRef.decision(key)) === undefined;
  return isForgotten ? "the cancellation of its Databricks run" : undefined;
}

function forgottenWatch(lookup: Lookup, content: Content, deliveredMs: number): string | undefined {
  const { files, sqs, wasSent } = lookup;
  if (files.get(factRef.decision(content)) !== undefined) return undefined;
  if (wasSent("reports", content, "", deliveredMs)) return undefined;
  const about = attemptText(content);
  // A younger watch goes on, or a report is on its way.
  for (const { queue, body, isGone } of sqs.live)
    if (!isGone && (queue === "watches" || queue === "reports") && attemptIn(body) === about)
      return undefined;
  return "another watch, or a report";
}

function forgottenReport(
  lookup: Lookup,
  content: Content,
  deliveredMs: number,
): string | undefined {
  const { files, wasSent } = lookup;
  const decision = files.get(factRef.decision(content))?.fact;
  const manifest = files.get(factRef.manifest(content))?.fact;
  if (decision === undefined) {
    const submission = files.get(factRef.submission(content));
    const isLate = submission === undefined || submission.atMs >= deliveredMs;
    const isUnderWay = manifest === undefined || (!isStopped(manifest) && isLate);
    return isUnderWay || wasSent("watches", content, "", deliveredMs) ? undefined : "another look";
  }
  const { next, run_id, chapter } = decision;
  if (next.kind === "outcome") {
    if (files.get(factRef.outcome({ run_id, chapter })) === undefined) return "the outcome";
    // Without its marker somebody has recorded it.
    if (files.readMarker({ run_id, chapter }) === undefined) return undefined;
    return wasSent("records", content, "outcome") ? undefined : "a record of the outcome";
  }
  const key = { run_id, iter_n: next.iter_n, attempt: next.attempt };
  const isFollowed = wasSent("turns", key) || files.get(factRef.manifest(key)) !== undefined;
  if (!isFollowed) return "the next turn";
  return wasSent("records", content, "decision") ? undefined : "a record of the decision";
}

function forgottenRecord({ files, ledger, bus }: Lookup, content: Content): string | undefined {
  const row = rowText({ ...content, generation: generationOf(files, content.run_id) });
  if (content.type === "audited") return undefined;
  if (content.of === "submission") {
    const submission = files.get(factRef.submission(content))?.fact;
    const isDue = submission !== undefined && !isRefused(submission);
    return isDue && !ledger.requests.has(row) ? "the ledger's row of the submission" : undefined;
  }
  if (content.of === "decision") return ledger.results.has(row) ? undefined : "the ledger's row";
  const outcome = files.get(factRef.outcome(content));
  // A repeated ticket of an open chapter hears of it with the books, if a stage wants those first.
  const isToCome = content.again === true && files.readMarker(content) !== undefined;
  const isSaid = outcome === undefined || isToCome || isAnnounced({ files, bus }, content);
  return isSaid ? undefined : "the announcement";
}
