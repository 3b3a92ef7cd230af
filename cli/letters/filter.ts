// Selects dead letters. Absent: all.
import type { DeadLetter } from "./held.ts";

export type Filter = {
  /** Ids of messages, or their first characters. */
  readonly message?: readonly string[] | undefined;
  readonly run?: readonly string[] | undefined;
  readonly error?: readonly string[] | undefined;
  /** A part of the reason, whatever its case. */
  readonly reason?: string | undefined;
  /** Epoch milliseconds: when it failed, or was sent if nothing says when it failed. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
};

export const fits = (letter: DeadLetter, filter: Filter): boolean =>
  isOneOf(filter.run, letter.runId) &&
  isOneOf(filter.error, letter.errorName) &&
  (filter.message === undefined || filter.message.some((id) => letter.messageId.startsWith(id))) &&
  (filter.reason === undefined ||
    letter.reason.toLowerCase().includes(filter.reason.toLowerCase())) &&
  isWithin(Date.parse(letter.failedAt || letter.sentAt), filter);

const isOneOf = (wanted: readonly string[] | undefined, value: string): boolean =>
  wanted === undefined || wanted.includes(value);

function isWithin(ms: number, { since, until }: Filter): boolean {
  if (since === undefined && until === undefined) return true;
  return Number.isFinite(ms) && ms >= (since ?? -Infinity) && ms <= (until ?? Infinity);
}

export const isEmpty = (filter: Filter): boolean =>
  Object.values(filter).every((value) => value === undefined);
