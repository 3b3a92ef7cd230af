// Finds runs by what people know of them. It reads markers and facts, so no warehouse wakes up.
import {
  type ChapterKey,
  factRef,
  type Marker,
  markerKey,
  markerName,
  type OutcomeFact,
  OVER_FOLDER,
} from "../../shared/domain/facts.ts";
import { aliveAtMs } from "../../shared/domain/marker.ts";
import type { MarkerListing } from "../../shared/ports.ts";
import { listedMarker } from "../../shared/story/listed-marker.ts";
import { inTurns } from "../frame/in-turns.ts";
import type { RunReader } from "./read-run.ts";

export type Filter = {
  readonly workload?: string | undefined;
  readonly outcome?: string | undefined;
  /** In epoch milliseconds. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** A part of the run's id or reason, whatever its case. */
  readonly text?: string | undefined;
};

type OnRead = (done: number, total: number) => void;

/**
 * A marker, and how long its chapter has shown no sign of life: at least so long if the sweep has
 * healed it since.
 */
export type OpenRun = Marker & {
  readonly silent_seconds: number;
  readonly workload?: string | undefined;
  readonly accepted_at?: string | undefined;
  /** Whether its last attempt was submitted; a marker only knows after the first look. */
  readonly is_submitted?: boolean | undefined;
};

export const longestSilentFirst = (
  markers: readonly Marker[],
  timeScale: number,
  nowMs: number,
): readonly OpenRun[] =>
  markers
    .map((marker) => {
      const silentMs = nowMs - aliveAtMs(marker, timeScale);
      return { ...marker, silent_seconds: Math.max(0, Math.round(silentMs / 1000)) };
    })
    .toSorted((a, b) => b.silent_seconds - a.silent_seconds);

export type OpenRuns = { readonly runs: readonly OpenRun[]; readonly count: number };

/**
 * The open chapters that fit, the longest silent first: at most `limit`, and how many are open. A
 * listing has the time of each marker's last write, so only the oldest are read.
 */
export async function openRuns(
  reader: RunReader,
  { workload, text, since, until }: Filter,
  { limit, timeScale, onRead }: { limit: number; timeScale: number; onRead: OnRead },
): Promise<OpenRuns> {
  const listed = (await reader.markers.list())
    .filter(({ key }) => isIn(key.run_id, text))
    .toSorted((a, b) => a.modifiedMs - b.modifiedMs);
  const isFiltered = [workload, since, until].some((each) => each !== undefined);
  const wanted = isFiltered ? listed : listed.slice(0, limit);
  let done = 0;
  const read = await inTurns(wanted, async (listing) => {
    const run = await openRun(reader, listing, timeScale);
    onRead(++done, wanted.length);
    return run;
  });
  const fitting = read
    .filter((run) => run !== undefined)
    .filter(
      (run) =>
        (workload === undefined || run.workload === workload) &&
        isWithin(run.accepted_at, since, until),
    )
    .toSorted((a, b) => b.silent_seconds - a.silent_seconds);
  const over = read.filter((run) => run === undefined).length;
  const count = isFiltered ? fitting.length : listed.length - over;
  return { runs: fitting.slice(0, limit), count };
}

/** Undefined if it is over: its marker stays until its outcome is announced and recorded. */
async function openRun(
  reader: RunReader,
  listing: MarkerListing,
  timeScale: number,
): Promise<OpenRun | undefined> {
  const marker = await listedMarker(reader, listing);
  if (marker === undefined || (await outcomeOf(reader, listing.key)) !== undefined)
    return undefined;
  const [open] = longestSilentFirst([marker], timeScale, Date.now());
  return open && (await withTicket(reader, open));
}

const outcomeOf = async ({ facts }: RunReader, key: ChapterKey): Promise<OutcomeFact | undefined> =>
  (await facts.read(factRef.outcome(key)).catch(() => undefined))?.fact;

async function withTicket(reader: RunReader, run: OpenRun): Promise<OpenRun> {
  const ticket = await reader.facts.read(factRef.ticket(run.run_id)).catch(() => undefined);
  const key = { run_id: run.run_id, iter_n: run.iter_n ?? 1, attempt: run.attempt ?? 1 };
  const isLooked = run.iter_n !== undefined;
  const submission = isLooked
    ? true
    : (await reader.facts.read(factRef.submission(key)).catch(() => undefined)) !== undefined;
  return {
    ...run,
    workload: ticket?.fact.ticket.workload,
    accepted_at: ticket?.fact.accepted_at,
    is_submitted: submission,
  };
}

const isIn = (value: string, text: string | undefined): boolean =>
  text === undefined || value.toLowerCase().includes(text.toLowerCase());

const isWithin = (iso: string | undefined, since = -Infinity, until = Infinity): boolean => {
  const ms = iso === undefined ? Number.NaN : Date.parse(iso);
  return Number.isFinite(ms)
    ? ms >= since && ms <= until
    : since === -Infinity && until === Infinity;
};

const DAY_MS = 86_400_000;

/** How far back runs are looked for, unless a time is named. */
const RECENT_MS = DAY_MS;

/** So many of the youngest markers may belong to runs that are over, but not in the books yet. */
const UNRECORDED_MAX = 1_000;

/** The chapters that ended in a time and fit, the youngest first, at most `limit`. */
export async function overRuns(
  reader: RunReader,
  { workload, outcome, since = Date.now() - RECENT_MS, until = Date.now(), text }: Filter,
  { limit, onRead }: { limit: number; onRead: OnRead },
): Promise<readonly OutcomeFact[]> {
  const found = new Map<string, OutcomeFact>();
  const look = async (keys: readonly ChapterKey[]) => {
    let done = 0;
    const facts = await inTurns(keys, async (key) => {
      const fact = await outcomeOf(reader, key);
      onRead(++done, keys.length);
      return fact;
    });
    for (const fact of facts)
      if (
        fact !== undefined &&
        (workload === undefined || fact.workload === workload) &&
        (outcome === undefined || fact.outcome === outcome) &&
        (isIn(fact.run_id, text) || isIn(fact.reason, text)) &&
        isWithin(fact.ended_at, since, until)
      )
        found.set(markerName(fact), fact);
  };
  await look(await unrecorded(reader));
  for (let dayMs = startOfDay(until); dayMs > since - DAY_MS && found.size < limit; dayMs -= DAY_MS)
    await look(await endedOn(reader, new Date(dayMs).toISOString().slice(0, 10)));
  return [...found.values()].toSorted((a, b) => (a.ended_at < b.ended_at ? 1 : -1)).slice(0, limit);
}

const startOfDay = (ms: number): number => Math.floor(ms / DAY_MS) * DAY_MS;

async function unrecorded({ markers }: RunReader): Promise<readonly ChapterKey[]> {
  const listed = (await markers.list()).toSorted((a, b) => b.modifiedMs - a.modifiedMs);
  return listed.slice(0, UNRECORDED_MAX).map(({ key }) => key);
}

async function endedOn(reader: RunReader, day: string): Promise<readonly ChapterKey[]> {
  const names = await reader.namesIn(`${OVER_FOLDER}/${day}`);
  return names.flatMap((name) => markerKey(name.replace(/\.json$/, "")) ?? []);
}
