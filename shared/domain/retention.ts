// How long the facts of a run that is over are kept. Pure: time is an argument.
import { isoOf, msOf } from "./time.ts";

const DAY_MS = 24 * 3_600_000;

/** Messages live up to 18 days (four in their queue, fourteen among its dead letters): facts must outlive those that name them. */
export const RETENTION_DAYS = { usually: 90, min: 30, max: 3_650 } as const;

/** Between two steps of deleting a run: longer than a handler (60 s) and a call that it left behind (150 s) can live. */
export const DELETE_SETTLES_SECONDS = 240;

/** What ended so long ago may be deleted. */
export const isExpired = (endedAt: string, nowMs: number, retentionDays: number): boolean =>
  nowMs - msOf(endedAt) >= retentionDays * DAY_MS;

/** The first day (`2026-08-23`) of which something must still be kept: all that ended on an earlier one has expired. */
export const expiredBefore = (nowMs: number, retentionDays: number): string =>
  isoOf(nowMs - retentionDays * DAY_MS).slice(0, 10);

/** A day before the facts may go it is too late to open another chapter: the two must not meet. */
export const mayBeReopened = (endedAt: string, nowMs: number, retentionDays: number): boolean =>
  !isExpired(endedAt, nowMs, retentionDays - 1);
