// Safe and yet wrong: healthy messages among the dead letters, watches that
// multiply, more calls than the design allows. Retries and the sweep hide such faults from
// everybody who looks only at the outcome.

import { nextLook } from "../../shared/domain/cadence.ts";
import type { Limits } from "../../shared/domain/contract.ts";
import { factRef } from "../../shared/domain/facts.ts";
import { SILENT_SECONDS } from "../../shared/domain/marker.ts";
import { Ended, type Watch } from "../../shared/domain/messages.ts";
import { watchAcknowledgements } from "./acknowledgements.ts";
import { watchState } from "./books.ts";
import { MINUTE, SECOND } from "./clock.ts";
import { watchDelays } from "./delays.ts";
import { watchHeals } from "./heals.ts";
import { attemptText } from "./ledger.ts";
import type { LivenessDeps } from "./liveness-deps.ts";
import { attemptIn, parsed } from "./parsed.ts";
import { isReadable } from "./readable.ts";
import { watchRepetition } from "./repetition.ts";
import type { Letter, Message } from "./sqs.ts";
import { watchTraces } from "./traces.ts";
import { isPatient, isTwinned, type Span, type Weather } from "./weather.ts";
import { watchWindows } from "./windows.ts";

/**
 * Watches of one attempt, at the same time and in all (docs/architecture.md#the-sweep): between two
 * touches of the marker, ten minutes apart, each may be sent twice. While facts cannot be read, no
 * watch can know that it is outnumbered.
 */
const LIVE_WATCHES_MAX = { usually: 60, afterBlackout: 200, ofTwins: 40 } as const;
const WATCHES_MAX = { usually: 1_500, withOutages: 8_000 } as const;

export function watchWaste(deps: LivenessDeps): void {
  deps.sqs.onLetter.push((letter) => checkLetter(deps, letter));
  countWatches(deps);
  watchRepetition(deps);
  watchHeals(deps);
  watchDelays(deps);
  watchAcknowledgements(deps);
  watchLag(deps);
  watchState(deps);
  watchTraces(deps);
  watchWindows(deps);
}

/**
 * A message that a service sent is never poison; only what nobody can explain asks for a person.
 */
function checkLetter(deps: LivenessDeps, letter: Letter): void {
  const { clock, files, people, weather, ancient, violate } = deps;
  const { queue, body, by, reason } = letter;
  if (by === "sqs") {
    if (isPatient(weather) && isReadable(queue, body))
      violate("a healthy message became a dead letter", `${queue} ${body}`);
    return;
  }
  if (queue === "tickets") {
    checkRefusedTicket(deps, letter);
    return;
  }
  if (people.isForeign(queue, body)) return;
  // What somebody's old message set in motion finds nothing any more.
  if (ancient.some(({ run_id }) => body.includes(`"run_id":"${run_id}"`))) return;
  const ended = queue === "reports" ? Ended.safeParse(JSON.parse(body)) : undefined;
  const decision = ended?.success ? files.get(factRef.decision(ended.data))?.fact : undefined;
  const outcome = decision && files.get(factRef.outcome(decision));
  const isLate = outcome !== undefined && clock.nowMs() - outcome.atMs > 5 * MINUTE;
  if (isLate && (!weather.isFaulty || isPatient(weather)))
    violate("a person is asked again about what is over", `${body}: ${reason}`);
  const isUnexplained = ["lost", "unreported", "unknown"].includes(decision?.verdict ?? "");
  if (!isUnexplained) violate("a healthy message was called poison", `${queue} ${body}: ${reason}`);
}

/**
 * A retry within its recipe's limits is none too many; and a ticket that has to wait is no other
 * one.
 */
function checkRefusedTicket({ files, bus, violate }: LivenessDeps, letter: Letter): void {
  const { body, reason } = letter;
  const isOfPerson = /"type"\s*:\s*"(cancel|retry)"/.test(body);
  if (!isOfPerson && !bus.rejected.some((event) => event.reason === reason))
    violate("a ticket was put aside before its sender was told", body);
  const isOfLimits = body.startsWith('{"type":"retry"') && reason.startsWith("limits.");
  if (!isOfLimits && !reason.includes("are being deleted")) return;
  const { run_id = "", limits } = parsed<{ run_id?: string; limits?: Partial<Limits> }>(body);
  const upper = files.get(factRef.ticket(run_id))?.fact.recipe.limits.attempts ?? 0;
  if (!isOfLimits || (limits?.attempts ?? 0) <= upper)
    violate("a proper message was refused", `${body}: ${reason}`);
}

function countWatches(deps: LivenessDeps): void {
  const { clock, sqs, stats, weather, ancient, violate } = deps;
  const live = new Map<string, number>();
  const all = new Map<string, number>();
  const add = (counts: Map<string, number>, key: string, n: number): number => {
    const sum = (counts.get(key) ?? 0) + n;
    counts.set(key, sum);
    return sum;
  };
  sqs.onArrival.push((message) => {
    const key = watchKey(message);
    // For a run of long ago people send ticket after ticket, and each of them begins it anew.
    if (key === undefined || ancient.some(({ run_id }) => key.startsWith(`${run_id}/`))) return;
    const liveNow = add(live, key, 1);
    const allNow = add(all, key, 1);
    stats.liveWatchesMax = Math.max(stats.liveWatchesMax, liveNow);
    stats.watchesMax = Math.max(stats.watchesMax, allNow);
    const { files, writes, jobs } = weather.outages;
    for (const blind of [files, writes])
      if (isWithinOrAfter(blind, SILENT_SECONDS * SECOND, clock.nowMs())) return;
    const isTroubled = (files ?? writes ?? jobs) !== undefined;
    const mostEver = WATCHES_MAX[isTroubled ? "withOutages" : "usually"];
    // All that waited for days comes back in the same minutes.
    const mostNow = LIVE_WATCHES_MAX[kindOfWaste(weather)];
    if (liveNow > mostNow || allNow > mostEver)
      violate("watches multiply", `${key}: ${liveNow} at once, ${allNow} in all`);
  });
  sqs.onGone.push((message) => {
    const key = watchKey(message);
    if (key !== undefined) add(live, key, -1);
  });
}

/** Where nothing but copies come, a few pairs live at once: the older ends as soon as it looks. */
const kindOfWaste = (weather: Weather): keyof typeof LIVE_WATCHES_MAX => {
  if (isTwinned(weather)) return "ofTwins";
  return weather.blackout === undefined ? "usually" : "afterBlackout";
};

const isWithinOrAfter = (span: Span | undefined, afterMs: number, nowMs: number): boolean =>
  span !== undefined && nowMs > span.fromMs && nowMs < span.toMs + afterMs;

const watchKey = ({ queue, body }: Message): string | undefined =>
  queue === "watches" ? attemptIn(body) : undefined;

/**
 * docs/architecture.md#budgets: Databricks calls of an iteration, looks and ledger apart; of a run
 * beside its iterations.
 */
const CALLS = { perIteration: 18, perRun: 8, perLookAgain: 5 } as const;

/** In a calm world: nothing but what the design allows. */
export function checkBudgetsWhenCalm(deps: LivenessDeps): void {
  const { clock, databricks, stats, sqs, people, violate } = deps;
  const refused = countRefused(deps);
  const attempts = databricks.runs.length + refused;
  const reports = sqs.archive.filter(({ queue }) => queue === "reports").length;
  const allowed =
    CALLS.perIteration * attempts +
    CALLS.perRun * people.runIds.length +
    CALLS.perLookAgain * Math.max(0, reports - attempts);
  if (stats.databricksCalls > allowed)
    violate(
      "more Databricks calls than the design allows",
      `${stats.databricksCalls} > ${allowed}`,
    );
  const looked = new Map<string, number>();
  for (const { queue, body } of sqs.archive) {
    if (queue !== "watches") continue;
    const key = attemptText(parsed<Watch>(body));
    looked.set(key, 1 + (looked.get(key) ?? 0));
  }
  for (const run of databricks.runs) {
    const key = attemptText(run.key);
    const looks = looked.get(key) ?? 0;
    const endMs = Math.min(run.endMs, run.lostFromMs, clock.nowMs());
    const most = looksFor((endMs - run.startedMs) / 1000);
    if (looks > most) violate("more looks than the cadence allows", `${key}: ${looks} > ${most}`);
  }
}

/**
 * From the end of a run to the report: not longer than the wait between two looks at that age, and
 * what batches and people add. In a calm world, where nobody says it but a watch.
 */
function watchLag({ sqs, databricks, weather, clock, violate }: LivenessDeps): void {
  if (weather.isFaulty || weather.meddling > 0) return;
  const reported = new Set<string>();
  sqs.onSend.push((queue, body) => {
    if (queue !== "reports") return;
    const about = attemptText(parsed<Watch>(body));
    const run = databricks.runs.find(({ key }) => attemptText(key) === about);
    if (run === undefined || reported.has(about)) return;
    reported.add(about);
    const endMs = Math.min(run.endMs, run.lostFromMs);
    const overForMs = clock.nowMs() - endMs;
    // The look after its submission has shown it.
    if (run.endMs <= run.startedMs && overForMs > 10 * SECOND)
      violate("what was known was not used", `${about} ${overForMs / SECOND} s`);
    // Whatever was learned: no wait is longer than that.
    const waitMs = Math.min(900 * SECOND, Math.max(30 * SECOND, endMs - run.startedMs));
    if (overForMs > 1.1 * waitMs + 45 * SECOND)
      violate("nobody looked for long", `${about} ${overForMs / SECOND} s`);
  });
}

function countRefused({ files }: LivenessDeps): number {
  let n = 0;
  for (const { ref, fact } of files.all()) if (ref.kind === "submission" && "refused" in fact) n++;
  return n;
}

const KNOWN_LOOKS = 40;

/** Looks that the cadence makes until a run of that length is over, and a few for the end. */
function looksFor(seconds: number): number {
  let looks = 2;
  for (let age = 0; age < seconds; looks++)
    age += nextLook({ ageSeconds: age, phase: "running", pace: undefined, jitter: 0 });
  // Around the ends that were learned looks are denser than where nothing is known.
  return looks + KNOWN_LOOKS;
}
