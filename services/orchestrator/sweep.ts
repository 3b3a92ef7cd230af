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
  PlanePort,
  QueuesPort,
  SettingsPort,
} from "../../shared/ports.ts";
import { attemptsOf } from "../../shared/story/chapter.ts";
import { listedMarker } from "../../shared/story/listed-marker.ts";
import { sendRecord } from "../../shared/story/send-record.ts";
import { eachInTurn } from "./each-in-turn.ts";
import { inSweepOrder, remember, remembered } from "./sweep-order.ts";

export type SweepDeps = FactsPort &
  MarkersPort &
  QueuesPort<"turns" | "watches" | "reports" | "records"> &
  PlanePort &
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
  const silentMs = SILENT_SECONDS * deps.settings.timeScale * 1000 + heldForMs(deps);
  const nowMs = deps.clock.nowMs();
  const listed = await deps.markers.list();
  const silent = inSweepOrder(listed.filter(({ modifiedMs }) => nowMs - modifiedMs > silentMs));
  const tally = { heals: 0, silent: 0 };
  // Those that are known to wait cost no call, so they say nothing of the platform either.
  const unknown = silent.filter((listing) => !isKnownToWait(deps, listing, tally));
  await eachInTurn(deps, unknown, {
    untilMs: nowMs + TICK_MS_MAX,
    work: async (listing) => {
      if (tally.heals < HEALS_MAX) await healOne(deps, listing, tally);
    },
    describeFailure: ({ key }) => ["marker.failed", key],
  });
  deps.log("sweep.finished", { count: tally.heals, silent: tally.silent });
}

/** Within so long a window, the silence that is waited for anyway covers it. */
const COVERED_WINDOW_SECONDS = 900;

/** How much longer the record of an outcome may be on its way, because it gathers with others. */
const heldForMs = ({ settings }: SettingsPort): number =>
  Math.max(0, settings.ledgerWindowSeconds - COVERED_WINDOW_SECONDS) * settings.timeScale * 1000;

type Tally = {
  heals: number;
  /**
   * Silent markers, of those that were read. A marker that was healed within the last half hour is
   * not counted.
   */
  silent: number;
};

/** Whether a marker, as an earlier tick read it, waits until a later one. */
function isKnownToWait(deps: SweepDeps, listing: MarkerListing, tally: Tally): boolean {
  const known = remembered(deps, listing);
  if (known === undefined || isDue(deps, known)) return false;
  note(deps, listing, known, tally);
  return true;
}

function note(deps: SweepDeps, listing: MarkerListing, marker: Marker, tally: Tally): void {
  remember(deps, listing, marker);
  if (isLongSilent(marker, deps.clock.nowMs(), deps.settings.timeScale)) tally.silent++;
}

async function healOne(deps: SweepDeps, listing: MarkerListing, tally: Tally): Promise<void> {
  const marker = await listedMarker(deps, listing);
  if (marker === undefined) return;
  note(deps, listing, marker, tally);
  if (isDue(deps, marker) && (await heal(deps, listing.key, marker))) tally.heals++;
}

/** Whether a marker itself says that it is silent (the listing may lag). */
const isDue = (deps: SweepDeps, marker: Marker): boolean =>
  silentForMs(deps, marker) >=
  healWaitSeconds(marker.heals) * deps.settings.timeScale * 1000 + heldForMs(deps);

const silentForMs = ({ clock }: SweepDeps, { touched_at }: Marker): number =>
  clock.nowMs() - msOf(touched_at);

/** Heals one chapter whose marker is silent. */
async function heal(deps: SweepDeps, key: ChapterKey, marker: Marker): Promise<boolean> {
  const facts = await chapterFactsOf(deps, key);
  const frontier = frontierOf(facts);
  if (frontier.kind === "orphan") return await removeOrphan(deps, marker);
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
      return sendRecord(deps, recordOf(at, "outcome"), { traceparent });
  }
}

/** The trace of the ticket, or of the retry that opened the chapter. */
type Traced = { readonly traceparent: string | undefined };

async function removeOrphan(deps: SweepDeps, marker: Marker): Promise<boolean> {
  if (silentForMs(deps, marker) < ORPHAN_SECONDS * deps.settings.timeScale * 1000) return false;
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
