// When to look, and how long to wait. Pure: time, statistics and jitter are arguments.
import type { RunPhase } from "./databricks-run.ts";

/** The longest wait that one message can carry (SQS DelaySeconds). */
const HOP_SECONDS_MAX = 900;

/** Durations of a workload's earlier attempts, in seconds. */
export type DurationStats = { readonly p10: number; readonly p50: number; readonly p99: number };

/**
 * Seconds until the next look at a Databricks run.
 *
 * Early looks at 30 and 90 s: failures come early, and people wait for them. Then none before the tenth percentile of the
 * workload's own durations where they are known; then often enough that detection lags by a few seconds; then rarer.
 * Exponential backoff would be dense when nothing can end and sparse when it does (aws-facts §2.2: four times the lag at
 * equal cost). While a run waits for compute, nothing can end: look rarely.
 *
 * @param ageSeconds since the submission
 * @param jitter 0 ≤ jitter < 1; spreads runs that started together by ±5 %
 */
export function nextLook(
  ageSeconds: number,
  phase: RunPhase,
  stats: DurationStats | undefined,
  jitter: number,
): number {
  const wait = plainWait(ageSeconds, phase, stats);
  return clamp(Math.round(wait * (0.95 + 0.1 * jitter)), 1, HOP_SECONDS_MAX);
}

function plainWait(age: number, phase: RunPhase, stats: DurationStats | undefined): number {
  if (age < 30) return 30 - age;
  if (age < 90) return 90 - age;
  if (phase === "waiting") return clamp(age / 2, 60, 300);
  if (stats === undefined) return clamp(age / 4, 15, 300);
  if (age < stats.p10) return stats.p10 - age;
  const spread = Math.max(1, stats.p99 - stats.p10);
  // A fourteenth of the spread: 8 looks and 5 s of lag for runs of 300 s with σ = 0.1 (a test measures it).
  if (age < stats.p99) return clamp(spread / 14, 5, 120);
  return clamp(age / 10, 30, 300);
}

/** The first look at a run that was submitted just now. */
export const FIRST_LOOK_SECONDS = 30;

/** Longer than any call can live, so that a submission that was on its way is there when a refusal is judged. */
export const REFUSAL_SETTLES_SECONDS = 150;

/**
 * How long a message waits out platform trouble, in seconds: 15 s, doubling to 15 minutes, never less than the platform asked.
 * @param tries how often it has waited before
 */
export const waitSeconds = (tries: number, retryAfterSeconds = 0): number =>
  clamp(Math.max(15 * 2 ** Math.min(tries, 6), retryAfterSeconds), 1, HOP_SECONDS_MAX);

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
