// How long the facts of a run that is over are kept. Pure: time is an argument.
import { isoOf, msOf } from "./time.ts";

const DAY_MS = 24 * 3_600_000;

/**
 * Messages live up to 18 days (four in their queue, fourteen among its dead letters). Facts must
 * outlive the messages that name them.
 */
export const RETENTION_DAYS = { usually: 90, min: 30, max: 3_650 } as const;

/**
 * The time between two steps of deleting a run: longer than a handler (60 s) and a call that it
 * left behind (150 s) can live.
 */
export const DELETE_SETTLES_SECONDS = 240;

/** Whether a run that ended then may be deleted. */
export const isExpired = (endedAt: string, nowMs: number, retentionDays: number): boolean =>
  nowMs - msOf(endedAt) >= retentionDays * DAY_MS;

/**
 * The first day (`2026-08-23`) of which something must still be kept. Every run that ended on an
 * earlier day has expired.
 */
export const expiredBefore = (nowMs: number, retentionDays: number): string =>
  isoOf(nowMs - retentionDays * DAY_MS).slice(0, 10);

/**
 * Whether another chapter may still be opened. That ends a day before the facts may be deleted, so
 * that the two never meet.
 */
export const mayBeReopened = (endedAt: string, nowMs: number, retentionDays: number): boolean =>
  !isExpired(endedAt, nowMs, retentionDays - 1);
