// Decides when to look, and how long to wait. Pure: time, the learned pace and jitter are
// arguments.
import type { RunPhase } from "./databricks-run.ts";
import type { Verdict } from "./facts.ts";
import { nextWait, type Paces } from "./pace.ts";

/** The longest wait that one message can carry (SQS DelaySeconds). */
const HOP_SECONDS_MAX = 900;

/** How long a hop through a queue takes: a look comes so much later than intended. */
const HOP_SECONDS = 0.3;

export type Look = {
  /** Since the submission. */
  readonly ageSeconds: number;
  /**
   * The time since the run's code started; absent while it waits for compute, or if the platform
   * does not say.
   */
  readonly ranSeconds?: number | undefined;
  readonly phase: RunPhase;
  /** The durations of the workload's earlier attempts. */
  readonly pace: Pick<Paces, "before" | "run"> | undefined;
  /** 0 ≤ jitter < 1; spreads runs that started together, by ±5 %, at most 2 s. */
  readonly jitter: number;
};

/** Whole seconds until the next look at a Databricks run, or until the first at age 0. */
export function nextLook(look: Look): number {
  const wait = meantWait(look);
  const spread = Math.min(0.1 * wait, 4) * (look.jitter - 0.5);
  return clamp(Math.round(wait + spread - HOP_SECONDS), 1, HOP_SECONDS_MAX);
}

function meantWait({ ageSeconds, ranSeconds, phase, pace }: Look): number {
  const { before = {}, run = {} } = pace ?? {};
  // A run cannot end before it has begun, so it is looked at no sooner than one that begins now.
  if (phase === "waiting") return Math.max(nextWait(ageSeconds, before), nextWait(0, run));
  return nextWait(ranSeconds ?? ageSeconds, run);
}

/**
 * Longer than any call can live, so that a submission that was on its way is there when a refusal
 * is judged.
 */
export const REFUSAL_SETTLES_SECONDS = 150;

/**
 * How much our own clock and Databricks' may differ. A search by time looks so much further on both
 * sides.
 */
export const CLOCKS_DIFFER_SECONDS = 300;

/**
 * A flood of runs can keep a search for one from ever ending: after so long
 * it is given up, and said. Longer than floods by mistake last, shorter than messages live.
 */
export const SEARCH_SECONDS_MAX = 6 * 3600;

type Waiting = {
  /** How often this message has been requeued because the platform was in trouble. */
  readonly tries: number;
  /**
   * 0 ≤ jitter < 1: takes away up to a fifth, so that messages do not all come back in one second
   * when an outage ends.
   */
  readonly jitter: number;
  readonly timeScale: number;
  /**
   * The wait that the platform asked for. The platform knows no time but its own, so this is never
   * scaled, and never undercut.
   */
  readonly retryAfterSeconds?: number | undefined;
};

/**
 * How long a message waits for a platform in trouble, in whole seconds: 15 s, doubling to 15
 * minutes, the most that a hop can wait.
 */
export function waitSeconds({ tries, jitter, timeScale, retryAfterSeconds = 0 }: Waiting): number {
  const own = Math.min(15 * 2 ** Math.min(tries, 6), HOP_SECONDS_MAX) * (1 - 0.2 * jitter);
  return clamp(Math.ceil(Math.max(own * timeScale, retryAfterSeconds)), 1, HOP_SECONDS_MAX);
}

/**
 * How long the next attempt of an iteration waits, in seconds: a minute, doubling with each try to
 * 15 minutes. If there was no compute, five times as long: a full workspace does not empty in a
 * minute.
 * @param tried 1-based number of the last try within its chapter
 */
export const nextAttemptSeconds = (verdict: Verdict, tried: number): number =>
  clamp(60 * 2 ** Math.min(tried - 1, 4) * (verdict === "capacity" ? 5 : 1), 60, HOP_SECONDS_MAX);

/**
 * The tries after which a message ends, about an hour of waiting, if the sweep or its chapter's
 * outcome repeats it anyway.
 */
export const REQUEUED_TRIES_MAX = 8;

/**
 * Scales one of our own waits to the time of this plane; whole seconds, because DelaySeconds takes
 * nothing else.
 */
export const scaledSeconds = (seconds: number, timeScale: number): number =>
  clamp(Math.ceil(seconds * timeScale), 0, HOP_SECONDS_MAX);

/** Whole seconds until a time, as far as one hop can wait. */
export const waitSecondsUntil = (atMs: number, nowMs: number): number =>
  clamp(Math.ceil((atMs - nowMs) / 1000), 0, HOP_SECONDS_MAX);

/** A number in [0, 1) from a text: jitter that is the same in every replay (FNV-1a). */
export function jitterOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++)
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash / 2 ** 32;
}

const clamp = (value: number, min: number, max: number): number =>
  Math.min(max, Math.max(min, value));
