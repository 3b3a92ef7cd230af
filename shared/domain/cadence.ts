// When to look, and how long to wait. Pure: time, statistics and jitter are arguments.
import type { RunPhase } from "./databricks-run.ts";
import type { Verdict } from "./facts.ts";

/** The longest wait that one message can carry (SQS DelaySeconds). */
const HOP_SECONDS_MAX = 900;

/** Durations of a workload's earlier attempts, in seconds. */
export type DurationStats = { readonly p10: number; readonly p50: number; readonly p99: number };

/**
 * Seconds until the next look at a Databricks run.
 *
 * Early looks at 30 and 90 s: failures come early, and people wait for them. Then none before the
 * tenth percentile of the workload's own durations where they are known; then often enough that
 * detection lags by a few seconds; then rarer. Exponential backoff would be dense when nothing can
 * end and sparse when it does (docs/facts/aws.md#exponential-backoff-is-worst: four times the lag
 * at equal cost). While a run waits for compute, nothing can end: look rarely.
 *
 * @param ageSeconds since the submission
 * @param jitter 0 ≤ jitter < 1; spreads runs that started together, by ±5 %
 */
export function nextLook(
  ageSeconds: number,
  phase: RunPhase,
  stats: DurationStats | undefined,
  jitter: number,
): number {
  const wait = plainWait(ageSeconds, phase, stats);
  // Where the end is known about, a long wait leads up to it: five per cent of it would be more than the lag allowed there.
  const spread = stats === undefined ? 0.1 * wait : Math.min(0.1 * wait, 4);
  return clamp(Math.round(wait + spread * (jitter - 0.5)), 1, HOP_SECONDS_MAX);
}

function plainWait(age: number, phase: RunPhase, stats: DurationStats | undefined): number {
  if (age < 0.9 * 30) return 30 - age;
  if (age < 0.9 * 90) return 90 - age; // jitter may bring a look a little early: that one counts
  if (phase === "waiting") return clamp(age / 2, 60, 300);
  if (stats === undefined) return clamp(age / 4, 15, 300);
  if (age < 0.95 * stats.p10) return stats.p10 - age;
  if (age < stats.p99) return clamp(whileItMayEnd(age, stats), 5, 120);
  return clamp(age / 20, 15, 300);
}

/**
 * Ever denser from the tenth percentile on, as the chance grows that it ends now: the wait that
 * balances a look against lag goes with the inverse root of that chance
 * (docs/facts/aws.md#optimal-interval). The two numbers were fitted to the budget of 8 looks and 5
 * s of lag for runs of 300 s with σ = 0.1, which a test measures.
 */
function whileItMayEnd(age: number, { p10, p50, p99 }: DurationStats): number {
  const toMedian = (age - p10) / Math.max(1, p50 - p10);
  return (p99 - p10) / (9 + 6 * Math.max(0, toMedian));
}

/** The first look at a run that was submitted just now. */
export const FIRST_LOOK_SECONDS = 30;

/** Longer than any call can live, so that a submission that was on its way is there when a refusal is judged. */
export const REFUSAL_SETTLES_SECONDS = 150;

/** Our clock and Databricks' own may differ by as much: who searches by time looks so much further on both sides. */
export const CLOCKS_DIFFER_SECONDS = 300;

/**
 * Whoever floods the workspace with runs can keep a search for one from ever ending: after so long it is given up, and said. Longer
 * than floods by mistake last, shorter than messages live.
 */
export const SEARCH_SECONDS_MAX = 6 * 3600;

type Waiting = {
  /** How often it has waited before. */
  readonly tries: number;
  /** 0 ≤ jitter < 1: takes away up to a fifth, so that what waits does not come back in one second when an outage ends. */
  readonly jitter: number;
  readonly timeScale: number;
  /** What the platform asked for. It knows no time but its own: this is never scaled, and never undercut. */
  readonly retryAfterSeconds?: number | undefined;
};

/** How long a message waits out platform trouble, in whole seconds: 15 s, doubling to 15 minutes, the most that a hop can wait. */
export function waitSeconds({ tries, jitter, timeScale, retryAfterSeconds = 0 }: Waiting): number {
  const own = Math.min(15 * 2 ** Math.min(tries, 6), HOP_SECONDS_MAX) * (1 - 0.2 * jitter);
  return clamp(Math.ceil(Math.max(own * timeScale, retryAfterSeconds)), 1, HOP_SECONDS_MAX);
}

/**
 * How long the next attempt of an iteration waits, in seconds: a minute, doubling with each try to 15 minutes. Where there was no
 * compute to be had, five times as long: a full workspace does not empty in a minute.
 * @param tried how often the iteration has been tried, from 1
 */
export const nextAttemptSeconds = (verdict: Verdict, tried: number): number =>
  clamp(60 * 2 ** Math.min(tried - 1, 4) * (verdict === "capacity" ? 5 : 1), 60, HOP_SECONDS_MAX);

/** About an hour of waiting, after which a message ends that the sweep, or its chapter's outcome, says again anyway. */
export const SAID_AGAIN_TRIES_MAX = 8;

/** Our own waits in the time of this plane; whole seconds, because that is all DelaySeconds knows. */
export const scaledSeconds = (seconds: number, timeScale: number): number =>
  clamp(Math.ceil(seconds * timeScale), 0, HOP_SECONDS_MAX);

/** A number in [0, 1) from a text: jitter that is the same in every replay (FNV-1a). */
export function jitterOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++)
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash / 2 ** 32;
}

const clamp = (value: number, min: number, max: number): number =>
  Math.min(max, Math.max(min, value));
