// The patience of a scheduled start. One item that fails must not keep it from the others, and a
// platform that is out of order is not asked again and again.
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import type { ClockPort, LogPort } from "../../shared/ports.ts";

/** Trouble three times in a row is the platform's fault, not the item's. */
const TROUBLES_MAX = 3;

type Log = Parameters<LogPort["log"]>;
type Visit<Item> = {
  /** No further item begins after this time. */
  readonly untilMs: number;
  readonly work: (item: Item) => Promise<unknown>;
  /** How many items are worked on at once; one, where nothing is said. */
  readonly atOnce?: number;
  /** The log event and its fields for an item that failed. */
  readonly describeFailure: (item: Item) => readonly [Log[0], NonNullable<Log[1]>];
};

/**
 * Works on one item after another, or on a few at once. A failure is logged, and the next item
 * follows.
 * @returns false if it stopped before the end: its time was up, or the platform is out of order
 */
export async function eachInTurn<Item>(
  { clock, log }: ClockPort & LogPort,
  items: readonly Item[],
  { untilMs, work, atOnce = 1, describeFailure }: Visit<Item>,
): Promise<boolean> {
  let troubles = 0;
  let isCutShort = false;
  const waiting = items.values();
  const worker = async (): Promise<void> => {
    for (const item of waiting) {
      if (clock.nowMs() > untilMs || troubles >= TROUBLES_MAX) {
        isCutShort = true;
        return;
      }
      try {
        await work(item);
        troubles = 0;
      } catch (error) {
        const [event, fields] = describeFailure(item);
        log(event, { ...fields, error });
        troubles = error instanceof PlatformTroubleError ? troubles + 1 : 0;
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return !isCutShort && troubles < TROUBLES_MAX;
}
