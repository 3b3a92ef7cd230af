// Goes through the dead letters of all queues, ten at a time, and lets go of those that are still
// in hand at the end: also after a failure, and after Ctrl-C.
import { progressOf } from "../frame/progress.ts";
import { isMissingQueue, type QueuesAccess } from "../stage-context.ts";
import type { Io } from "../usage.ts";
import { type Filter, fits } from "./filter.ts";
import { createHeld, type DeadLetter, depthOf, takeTen } from "./held.ts";
import type { DeadLetterQueue } from "./queues.ts";

export type Visit = {
  readonly queues: QueuesAccess;
  readonly dlqs: readonly DeadLetterQueue[];
  readonly filter: Filter;
  /** At most so many that fit. */
  readonly limit: number;
  /** The text of the progress bar. */
  readonly what: string;
  /**
   * Called with letters of one queue that fit, at most ten, one call after the other. Returns the
   * ids of those that are gone from their queue.
   */
  readonly onLetters: (letters: readonly DeadLetter[]) => Promise<Iterable<string>>;
};

export type Visited = {
  /** How many letters fit. */
  readonly fitting: number;
  /** How many there were, of those that were looked at. */
  readonly seen: number;
  /** About how many others held when this began. */
  readonly inOthersHands: number;
  /** Whether `limit` or Ctrl-C ended it before the last letter. */
  readonly ended: "all" | "limit" | "interrupted";
};

/** A receive may come back empty although there is more. Two in a row are the end. */
const VAIN_MAX = 2;
/** So many letters are worth a further receiver. */
const LETTERS_PER_RECEIVER = 500;
const RECEIVERS_MAX = 8;

export async function visit(options: Visit, io: Io): Promise<Visited> {
  const { queues, dlqs, filter, limit, what, onLetters } = options;
  using interrupts = io.interrupts();
  using progress = progressOf(io, what);
  const held = createHeld(queues);
  let [fitting, seen, total, inOthersHands] = [0, 0, 0, 0];
  let failed = false;
  let turn: Promise<unknown> = Promise.resolve();
  const isOver = () => interrupts.signal.aborted || fitting >= limit || failed;

  const handle = async (fresh: readonly DeadLetter[]): Promise<void> => {
    if (isOver()) return;
    const wanted = fresh.filter((letter) => fits(letter, filter)).slice(0, limit - fitting);
    fitting += wanted.length;
    if (wanted.length === 0) return;
    for (const id of await onLetters(wanted)) held.forget(id);
  };
  const receive = async (dlq: DeadLetterQueue): Promise<void> => {
    for (let vain = 0; vain < VAIN_MAX && !isOver(); ) {
      const letters = await takeTen(queues, dlq);
      const fresh = letters.filter(({ messageId }) => !held.has(messageId));
      // Of a second delivery, the receipt counts.
      for (const letter of letters) held.take(letter);
      seen += fresh.length;
      vain = fresh.length > 0 ? 0 : vain + 1;
      turn = turn.then(() => handle(fresh));
      await turn;
      progress.at(seen, Math.max(seen, total));
      await held.keep();
    }
  };
  const work = async (dlq: DeadLetterQueue): Promise<void> => {
    try {
      const depth = await depthOf(queues, dlq);
      total += depth.visible;
      inOthersHands += depth.inOthersHands;
      const receivers = Math.ceil(depth.visible / LETTERS_PER_RECEIVER);
      const count = Math.min(RECEIVERS_MAX, Math.max(1, receivers));
      await settled(Array.from({ length: count }, () => receive(dlq)));
    } catch (error) {
      if (dlq.isOptional && isMissingQueue(error)) return;
      failed = true;
      throw error;
    }
  };
  try {
    await settled(dlqs.map(work));
  } finally {
    await held.putBack();
  }
  const ended = interrupts.signal.aborted ? "interrupted" : fitting >= limit ? "limit" : "all";
  return { fitting, seen, inOthersHands, ended };
}

/** Waits for all, also if one fails: what they hold is put back afterwards. */
async function settled(work: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(work);
  await Promise.all(work);
}
