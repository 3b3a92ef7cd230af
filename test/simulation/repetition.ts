// What is done again although it is there: all of it is harmless, and none of it is needed.
import { type ChapterKey, factRef, markerName } from "../../shared/domain/facts.ts";
import type { Record, Turn, Watch } from "../../shared/domain/messages.ts";
import { attemptText } from "./ledger.ts";
import type { LivenessDeps } from "./liveness.ts";

export function watchRepetition(deps: LivenessDeps): void {
  watchTurns(deps);
  watchAnnouncements(deps);
  watchNumbers(deps);
}

/** A decision that was found is followed only if what follows is not there yet. */
function watchTurns({ sqs, files, violate }: LivenessDeps): void {
  sqs.onSend.push((queue, body, caller) => {
    if (queue !== "turns" || caller?.purpose !== "reports") return;
    const turn = JSON.parse(body) as Turn;
    const manifest = files.get(factRef.manifest(turn));
    if (manifest !== undefined && manifest.atMs < caller.sinceMs)
      violate("a turn was sent for what is there", attemptText(turn));
  });
}

/** What has been announced, and whose marker is gone, is announced again only for those who ask by their ticket. */
function watchAnnouncements({ sqs, bus, files, violate }: LivenessDeps): void {
  const askedAgain = new Set<string>();
  const closedMs = new Map<string, number>();
  sqs.onSend.push((queue, body) => {
    if (queue !== "records" || !body.includes('"again":true')) return;
    const { run_id, chapter } = JSON.parse(body) as Record;
    askedAgain.add(markerName({ run_id, chapter }));
  });
  files.onMarkerWritten.push((marker) => closedMs.delete(markerName(marker)));
  files.onMarkerRemoved.push((key: ChapterKey, caller) => {
    closedMs.set(markerName(key), Math.max(caller.sinceMs, closedMs.get(markerName(key)) ?? 0));
  });
  bus.onAnnounce.push((event, caller) => {
    const name = markerName(event);
    const closed = closedMs.get(name);
    // The marker was gone when this invocation began: nobody but a repeated ticket can have asked.
    const isLate = closed !== undefined && caller.sinceMs > closed + INVOCATION_MS;
    if (isLate && !askedAgain.has(name)) violate("announced again, and nobody asked", event.id);
  });
}

/** No invocation lasts longer, so what began after it has seen what was done in it. */
const INVOCATION_MS = 150_000;

/** The poller sends the next watch, then writes its number into the marker: a number that nobody carries would end the others. */
function watchNumbers({ sqs, files, violate }: LivenessDeps): void {
  const sent = new Map<string, number>();
  sqs.onSend.push((queue, body) => {
    if (queue !== "watches" || !body.startsWith("{")) return;
    const watch = JSON.parse(body) as Watch;
    const key = `${watch.chapter} ${attemptText(watch)}`;
    sent.set(key, Math.max(sent.get(key) ?? 0, watch.number));
  });
  files.onMarkerWritten.push((marker, caller) => {
    const { run_id, iter_n, attempt, chapter, number } = marker;
    if (caller.purpose !== "watches" || iter_n === undefined || attempt === undefined) return;
    const key = `${chapter} ${attemptText({ run_id, iter_n, attempt })}`;
    if (number > (sent.get(key) ?? 0))
      violate("the marker holds a watch that nobody sent", `${key} number ${number}`);
  });
}
