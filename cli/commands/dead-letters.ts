// `signalbox dead-letters`: list, show, replay, discard.
import { parseArgs } from "node:util";
import { RunId } from "../../shared/domain/messages.ts";
import { type DeadLetterQueue, deadLetterQueuesOf } from "../dead-letter-queues.ts";
import {
  type DeadLetter,
  discard,
  type Filter,
  fits,
  type Held,
  putBack,
  resend,
  takeDeadLetters,
} from "../dead-letters.ts";
import { audit } from "../messages.ts";
import {
  isMissingQueue,
  openQueues,
  type QueuesAccess,
  stageOf,
  stageOptions,
} from "../stage-context.ts";
import type { Terminal } from "../terminal.ts";
import { table } from "../terminal.ts";
import { type Command, type ExitCode, theOne, UsageError } from "../usage.ts";

export const deadLetters: Command = {
  usage:
    "dead-letters list|show|replay|discard --stage <stage> [--queue Q] [--message ID] [--run ID] [--error NAME] [--all] [--dry-run] [--json] [--stages <folder>]",
  summary: "looks at dead letters, puts them back, throws them away",
  run: async (args, io) => {
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options });
    const action = actionOf(theOne("list, show, replay or discard", positionals));
    const filter: Filter = { message: values.message, run: values.run, error: values.error };
    const isNamed = Object.values(filter).some((value) => value !== undefined);
    if (action.changes && !isNamed && !values.all)
      throw new UsageError("name the letters by --message, --run or --error, or say --all");
    const stage = stageOf(values);
    const dlqs = dlqsOf(stage.stack, values.queue);
    using queues = openQueues(stage);
    const held: Held = new Map();
    try {
      const changes = action.changes && !values["dry-run"];
      await takeAll(queues, dlqs, held, changes ? ACTING_SECONDS : LOOKING_SECONDS);
      const letters = dlqs.flatMap(({ name }) =>
        [...held.values()]
          .filter((letter) => letter.queue === name && fits(letter, filter))
          .toSorted((a, b) => (a.failedAt < b.failedAt ? -1 : 1)),
      );
      return await action.act({
        ...{ queues, io, letters, held },
        dryRun: values["dry-run"],
        json: values.json,
      });
    } finally {
      await putBack(queues, held.values());
    }
  },
};

const options = {
  ...stageOptions,
  queue: { type: "string" },
  message: { type: "string" },
  run: { type: "string" },
  error: { type: "string" },
  all: { type: "boolean", default: false },
  "dry-run": { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

// For so long, nobody else sees a dead letter, not even its alarm, if this process dies: long
// enough to take them all.
const LOOKING_SECONDS = 20;
/** Long enough to send a few thousand of them, too. */
const ACTING_SECONDS = 120;

function dlqsOf(stack: string, given: string | undefined): readonly DeadLetterQueue[] {
  const dlqs = deadLetterQueuesOf(stack);
  if (given === undefined) return dlqs;
  const dlq = dlqs.find(({ name }) => name === given);
  if (dlq === undefined)
    throw new UsageError(`--queue ${given}: there are ${dlqs.map(({ name }) => name).join(", ")}`);
  return [{ ...dlq, isOptional: false }];
}

/**
 * Takes from all dead-letter queues at once. If one fails, the others are waited for, so that their
 * dead letters are put back, too.
 */
async function takeAll(
  queues: QueuesAccess,
  dlqs: readonly DeadLetterQueue[],
  held: Held,
  seconds: number,
): Promise<void> {
  const taking = dlqs.map((dlq) =>
    takeDeadLetters(queues, dlq, held, seconds).catch((error: unknown) => {
      if (!dlq.isOptional || !isMissingQueue(error)) throw error;
    }),
  );
  await Promise.allSettled(taking);
  await Promise.all(taking);
}

type Act = {
  readonly queues: QueuesAccess;
  readonly io: Terminal;
  readonly letters: readonly DeadLetter[];
  /**
   * The dead letters that are put back at the end. An action removes those that are no longer in
   * their queue.
   */
  readonly held: Held;
  readonly dryRun: boolean;
  readonly json: boolean;
};

type Action = { readonly act: (act: Act) => Promise<ExitCode>; readonly changes: boolean };

/** @throws UsageError */
function actionOf(name: string): Action {
  switch (name) {
    case "list":
      return { act: list, changes: false };
    case "show":
      return { act: show, changes: false };
    case "replay":
      return { act: replayAll, changes: true };
    case "discard":
      return { act: discardAll, changes: true };
    default:
      throw new UsageError(`dead-letters ${name}: say list, show, replay or discard`);
  }
}

async function list({ io, letters, json }: Act): Promise<ExitCode> {
  if (json) io.printJson(letters.map(shown));
  else if (letters.length === 0) io.print("no dead letters");
  else
    for (const line of table([
      ["QUEUE", "MESSAGE", "FAILED AT", "RUN", "SENT BY", "ERROR", "REASON"],
      ...letters.map((letter) => [
        letter.queue,
        letter.messageId,
        letter.failedAt,
        letter.runId,
        letter.firstBy,
        letter.errorName,
        letter.reason,
      ]),
    ]))
      io.print(line);
  return 0;
}

async function show({ io, letters }: Act): Promise<ExitCode> {
  for (const letter of letters) io.printJson(shown(letter), 2);
  return letters.length > 0 ? 0 : 1;
}

/** The receipt and the URL of SQS, and the message of a replay, are nothing for people. */
const shown = ({
  receiptHandle: _handle,
  queueUrl: _url,
  replay: _replay,
  ...letter
}: DeadLetter) => letter;

const nameOf = ({ queue, messageId, runId }: DeadLetter): string =>
  `${queue} ${messageId} ${runId}`;

/**
 * Sends a message, notes it, and removes the dead letter last. So after any failure the dead letter
 * is there for the next try.
 */
async function replayAll({ queues, io, letters, held, dryRun }: Act): Promise<ExitCode> {
  let stays = 0;
  for (const letter of letters) {
    const { replay } = letter;
    if (replay.kind === "no") {
      io.print(`stays: ${nameOf(letter)}: ${replay.why}`);
      stays++;
      continue;
    }
    if (!dryRun) {
      await resend(queues, letter, replay);
      await removeNoted(queues, "replay", letter);
      held.delete(letter.messageId);
    }
    io.print(`${dryRun ? "would replay" : "replayed"}: ${nameOf(letter)}`);
  }
  return dryRun || stays === 0 ? 0 : 1;
}

async function discardAll({ queues, io, letters, held, dryRun }: Act): Promise<ExitCode> {
  for (const letter of letters) {
    if (!dryRun) {
      await removeNoted(queues, "discard", letter);
      held.delete(letter.messageId);
    }
    io.print(`${dryRun ? "would discard" : "discarded"}: ${nameOf(letter)}: ${letter.reason}`);
  }
  return 0;
}

/** The note goes to the telemetry first, so that no dead letter goes without one. */
async function removeNoted(
  queues: QueuesAccess,
  action: "replay" | "discard",
  letter: DeadLetter,
): Promise<void> {
  const { queue, messageId, runId, reason } = letter;
  await audit(queues, {
    action: `dead-letter ${action}`,
    ...(RunId.safeParse(runId).success && { run_id: runId }),
    detail: { queue, message_id: messageId, reason },
  });
  await discard(queues, letter);
}
