// Replays and discards dead letters, at most ten of one queue at a time. Nothing is changed before
// it is safe elsewhere: the message is sent, the note is taken, the letter goes last. So after any
// failure the letter is there for the next try, and the facts make two messages one.
import { utf8Bytes } from "../../shared/domain/body.ts";
import { messageLimits, RunId } from "../../shared/domain/messages.ts";
import { FIRST_BY, type QueueName } from "../../shared/topology.ts";
import { type Action, noteOf, type Outgoing, sendBatch } from "../messages.ts";
import type { QueuesAccess } from "../stage-context.ts";
import { type DeadLetter, remove } from "./held.ts";

export type Replayed = {
  readonly letter: DeadLetter;
  readonly send: { readonly queue: QueueName; readonly body: string };
};

/**
 * Sends replays in the name of the person who replays them, with the first sender as a note.
 * @returns the ids of the letters that are gone
 * @throws Error if SQS takes no note or no message; what is held is put back by the caller
 */
export async function replayTen(
  queues: QueuesAccess,
  replays: readonly Replayed[],
): Promise<ReadonlySet<string>> {
  const sent: Replayed[] = [];
  for (const [queue, each] of Map.groupBy(replays, ({ send }) => send.queue)) {
    const answers = await sendBatch(
      queues,
      queue,
      each.map(
        ({ letter: { traceparent, firstBy }, send }): Outgoing => ({
          body: send.body,
          attributes: { traceparent, [FIRST_BY]: firstBy },
        }),
      ),
    );
    sent.push(...each.filter((_, i) => answers[i] === true));
    const fault = answers.find((answer) => answer !== true);
    if (fault !== undefined && sent.length === 0)
      throw new Error(`SQS refused a message of ${queue}: ${fault}`);
  }
  return await removeNoted(
    queues,
    "replay",
    sent.map(({ letter, send }) => ({
      letter,
      // The audit keeps a changed body beside the original.
      ...(isChanged(letter, send.body) && { after: send.body }),
    })),
  );
}

const isChanged = ({ replay }: DeadLetter, body: string): boolean =>
  replay.kind === "no" || replay.body !== body;

/** @returns the ids of the letters that are gone */
export const discardTen = (
  queues: QueuesAccess,
  letters: readonly DeadLetter[],
): Promise<ReadonlySet<string>> =>
  removeNoted(
    queues,
    "discard",
    letters.map((letter) => ({ letter })),
  );

type Noted = { readonly letter: DeadLetter; readonly after?: string };

/** The notes go to the telemetry first, so that no dead letter goes without one. */
async function removeNoted(
  queues: QueuesAccess,
  action: "replay" | "discard",
  noted: readonly Noted[],
): Promise<ReadonlySet<string>> {
  if (noted.length === 0) return new Set();
  const answers = await sendBatch(
    queues,
    "orders",
    noted.map((each) => ({ body: JSON.stringify(noteOf(actionOf(action, each))) })),
  );
  const done = noted.filter((_, i) => answers[i] === true).map(({ letter }) => letter);
  if (done.length === 0)
    throw new Error(`SQS took no note of it: ${answers.find((answer) => answer !== true)}`);
  const left = await remove(queues, done);
  return new Set(done.map(({ messageId }) => messageId).filter((id) => !left.has(id)));
}

/** A note is a message, and has its bound, too. */
const NOTE_BYTES_MAX = messageLimits.bodyBytesMax - 1_024;

/** Whether a note can keep the whole body, so that a discarded message could be sent again. */
export const isKeptWhole = (letter: DeadLetter): boolean =>
  sizeOf(actionWith("discard", { letter }, true)) <= NOTE_BYTES_MAX;

const sizeOf = (action: Action): number => utf8Bytes(JSON.stringify(action));

function actionOf(name: string, noted: Noted): Action {
  const action = actionWith(name, noted, true);
  return sizeOf(action) <= NOTE_BYTES_MAX ? action : actionWith(name, noted, false);
}

function actionWith(name: string, { letter, after }: Noted, isWhole: boolean): Action {
  const { queue, messageId, runId, reason, body } = letter;
  return {
    action: `dead-letter ${name}`,
    ...(RunId.safeParse(runId).success && { run_id: runId }),
    detail: {
      ...{ queue, message_id: messageId, reason, body: isWhole ? body : null },
      ...(after !== undefined && { after: isWhole ? after : null }),
    },
  };
}
