// Records gather until the next boundary of the plane's window, and then become visible together,
// so that the warehouse wakes once a window.
import { jitterOf, waitSecondsUntil } from "../domain/cadence.ts";
import type { RecordsMessage } from "../domain/messages.ts";
import { isoOf, msOf } from "../domain/time.ts";
import type { ClockPort, PlanePort, QueuesPort, SendOptions, SettingsPort } from "../ports.ts";

export type SendRecordDeps = QueuesPort<"records"> & PlanePort & ClockPort & SettingsPort;

/** Sends a record that becomes visible at the next boundary of the window. */
export async function sendRecord(
  deps: SendRecordDeps,
  record: RecordsMessage,
  options: Pick<SendOptions, "traceparent" | "by">,
): Promise<void> {
  const boundaryMs = await nextBoundaryMs(deps);
  if (boundaryMs === undefined) return await deps.queues.send("records", record, options);
  const delaySeconds = waitSecondsUntil(boundaryMs, deps.clock.nowMs());
  const held = { ...record, not_before: isoOf(boundaryMs) };
  await deps.queues.send("records", held, { ...options, delaySeconds });
}

/** The boundaries of a plane are shifted by its id: not all planes wake their warehouse at once. */
async function nextBoundaryMs({
  plane,
  clock,
  settings,
}: SendRecordDeps): Promise<number | undefined> {
  const windowMs = settings.ledgerWindowSeconds * settings.timeScale * 1000;
  if (windowMs === 0) return undefined;
  const shiftMs = jitterOf(await plane.id()) * windowMs;
  return Math.ceil((clock.nowMs() - shiftMs) / windowMs) * windowMs + shiftMs;
}

/** No window is longer; a boundary further away was made up by somebody. */
const HELD_SECONDS_MAX = 3_600;
/** Clocks and delays are not exact. */
const EARLY_MS = 1_500;

/** Whether a record came before its boundary, because one hop waits 15 minutes at most. */
export function isHeld(
  { clock, settings }: ClockPort & SettingsPort,
  { not_before }: RecordsMessage,
): boolean {
  if (not_before === undefined) return false;
  const earlyMs = msOf(not_before) - clock.nowMs();
  return earlyMs > EARLY_MS && earlyMs <= HELD_SECONDS_MAX * settings.timeScale * 1000;
}
