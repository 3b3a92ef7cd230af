import { expect, test } from "vitest";
import { expiredBefore, isExpired, mayBeReopened } from "../../shared/domain/retention.ts";

const ended = "2026-08-23T12:00:00.000Z";
const day = 24 * 3_600_000;
const endedMs = Date.parse(ended);

test.each([
  { days: 88.9, expired: false, reopened: true },
  { days: 89, expired: false, reopened: false },
  { days: 89.9, expired: false, reopened: false },
  { days: 90, expired: true, reopened: false },
  { days: 900, expired: true, reopened: false },
])(
  "of 90 days that facts are kept, $days after the end: they may go $expired, the run may be reopened $reopened",
  ({ days, expired, reopened }) => {
    const nowMs = endedMs + days * day;
    expect(isExpired(ended, nowMs, 90)).toBe(expired);
    expect(mayBeReopened(ended, nowMs, 90)).toBe(reopened);
  },
);

test("a day's entries are looked at when the last of them has expired", () => {
  const midnight = Date.parse("2026-08-24T00:00:00.000Z");
  expect("2026-08-23" < expiredBefore(midnight + 90 * day - 1, 90)).toBe(false);
  expect("2026-08-23" < expiredBefore(midnight + 90 * day, 90)).toBe(true);
  expect(isExpired("2026-08-23T23:59:59.999Z", midnight + 90 * day, 90)).toBe(true);
});
