// The sweep is the proof of liveness. Every chain of messages can break where nobody foresaw it. If
// a marker has been silent for longer than any delay allows, the sweep finds where the facts end
// and sends the next message. Repeating that is harmless.

import { type ChapterKey, factRef, firstAskedBy, type Marker } from "../../shared/domain/facts.ts";
import { type ChapterFacts, type Frontier, frontierOf } from "../../shared/domain/frontier.ts";
import {
  healed,
  healWaitSeconds,
  isLongSilent,
  raised,
  SILENT_SECONDS,
} from "../../shared/domain/marker.ts";
import { endedOf, recordOf, turnOf, watchOf } from "../../shared/domain/messages.ts";
import { msOf } from "../../shared/domain/time.ts";
import { tracedBy } from "../../shared/domain/trace.ts";
import type {
  ClockPort,
  FactsPort,
  LogPort,
  MarkerListing,
  MarkersPort,
  QueuesPort,
  SettingsPort,
} from "../../shared/ports.ts";
import { attemptsOf } from "../../shared/story/chapter.ts";
import { listedMarker } from "../../shared/story/listed-marker.ts";
import { eachInTurn } from "./each-in-turn.ts";

export type SweepDeps = FactsPort &
  MarkersPort &
  QueuesPort<"turns" | "watches" | "reports" | "records"> &
  ClockPort &
  LogPort &
  SettingsPort;

/**
 * The most heals of one tick, so that a plane that is merely behind is not flooded. The other
 * markers are older at the next tick, and come first then.
 */
const HEALS_MAX = 30;
/**
 * How long a tick may take. The function has 60 s; the markers that a tick does not reach are older
 * at the next one.
 */
const TICK_MS_MAX = 40_000;
/**
 * How long a marker may have no ticket. Either its handler died between the two writes, or its
 * ticket waits for the platform.
 */
const ORPHAN_SECONDS = 24 * 3600;

/** Makes one tick, which costs one listing if no marker is silent. */
export async function sweep(deps: SweepDeps): Promise<void> {
  const silentMs = SILENT_SECONDS * deps.settings.timeScale * 1000;
  const nowMs = deps.clock.nowMs();
  const listed = await deps.markers.list();
  const silent = listed
    .filter(({ modifiedMs }) => nowMs - modifiedMs > silentMs)
    .toSorted((a, b) => a.modifiedMs - b.modifiedMs);
  const tally = { heals: 0, silent: 0 };
  await eachInTurn(deps, silent, {
    untilMs: nowMs + TICK_MS_MAX,
    work: async (listing) => {
      if (tally.heals < HEALS_MAX) await healOne(deps, listing, tally);
    },
    describeFailure: ({ key }) => ["marker.failed", key],
  });
  deps.log("sweep.finished", { count: tally.heals, silent: tally.silent });
}

type Tally = {
  heals: number;
  /**
   * Silent markers, of those that were read. A marker that was healed within the last half hour is
   * not counted.
   */
  silent: number;
};

async function healOne(deps: SweepDeps, listing: MarkerListing, tally: Tally): Promise<void> {
  const marker = await listedMarker(deps, listing);
  if (marker === undefined) return;
  if (isLongSilent(marker, deps.clock.nowMs(), deps.settings.timeScale)) tally.silent++;
  if (await heal(deps, listing.key, marker)) tally.heals++;
}

/** Heals one chapter if its marker itself says that it is silent (the listing may lag). */
async function heal(deps: SweepDeps, key: ChapterKey, marker: Marker): Promise<boolean> {
  const waitMs = healWaitSeconds(marker.heals) * deps.settings.timeScale * 1000;
  const silentForMs = deps.clock.nowMs() - msOf(marker.touched_at);
  if (silentForMs < waitMs) return false;
  const facts = await chapterFactsOf(deps, key);
  const frontier = frontierOf(facts);
  if (frontier.kind === "orphan") return await removeOrphan(deps, marker, silentForMs);
  const { traceparent } = facts;
  await writeMarkerAndSend(deps, { ...key, ...facts.last, traceparent }, frontier, marker);
  const count = marker.heals + 1;
  deps.log("marker.healed", { ...key, state: frontier.kind, count, ...tracedBy(traceparent) });
  return true;
}

/**
 * Writes the marker before it sends the message: a sweep that dies in between waits longer, instead
 * of flooding.
 */
async function writeMarkerAndSend(
  deps: SweepDeps,
  at: ChapterKey & ChapterFacts["last"] & Traced,
  frontier: Exclude<Frontier, { kind: "orphan" }>,
  marker: Marker,
): Promise<void> {
  const nowMs = deps.clock.nowMs();
  const { traceparent } = at;
  if (frontier.kind === "watch") {
    const up = raised(marker, at, at, nowMs);
    await deps.markers.write(healed(marker, up.marker, nowMs));
    return deps.queues.send("watches", watchOf(frontier.submission, up.number), { traceparent });
  }
  await deps.markers.write(healed(marker, marker, nowMs));
  switch (frontier.kind) {
    case "turn":
      return deps.queues.send("turns", turnOf(at, frontier.by), { traceparent });
    case "ended":
      return deps.queues.send("reports", endedOf(at), { traceparent });
    case "record":
      return deps.queues.send("records", recordOf(at, "outcome"), { traceparent });
  }
}

/** The trace of the ticket, or of the retry that opened the chapter. */
type Traced = { readonly traceparent: string | undefined };

async function removeOrphan(
  deps: SweepDeps,
  marker: Marker,
  silentForMs: number,
): Promise<boolean> {
  if (silentForMs < ORPHAN_SECONDS * deps.settings.timeScale * 1000) return false;
  await deps.markers.remove(marker);
  deps.log("marker.orphaned", { run_id: marker.run_id, chapter: marker.chapter });
  return true;
}

/** Reads the facts of a chapter by strong reads, because a listing may lag. */
async function chapterFactsOf(deps: FactsPort, key: ChapterKey): Promise<ChapterFacts & Traced> {
  const { opened, attempts } = await attemptsOf(deps, key);
  const last = attempts.at(-1) ?? {
    iter_n: 1,
    attempt: 1,
    by: firstAskedBy(key.chapter),
    decision: undefined,
  };
  const at = { run_id: key.run_id, iter_n: last.iter_n, attempt: last.attempt };
  const manifest = (await deps.facts.read(factRef.manifest(at)))?.fact;
  const submission = manifest && (await deps.facts.read(factRef.submission(at)))?.fact;
  const outcome = (await deps.facts.read(factRef.outcome(key)))?.fact;
  return {
    opened: opened !== undefined,
    traceparent: opened?.traceparent,
    last: { ...last, manifest, submission },
    outcome: outcome !== undefined,
  };
}
