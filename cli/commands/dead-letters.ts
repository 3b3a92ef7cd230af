// `signalbox dead-letters`: list, show, replay, discard.
import { parseArgs } from "node:util";
import { type QueueName, topology } from "../../shared/topology.ts";
import {
  discard,
  type Filter,
  fits,
  type Letter,
  putBack,
  replay,
  replayable,
  takeLetters,
} from "../dead-letters.ts";
import { audit } from "../messages.ts";
import { openQueues, type QueuesAccess, stageOf, stageOptions } from "../stage-context.ts";
import { type Command, type ExitCode, type Io, table, UsageError } from "../usage.ts";

export const deadLetters: Command = {
  usage:
    "dead-letters list|show|replay|discard --stage <stage> [--queue Q] [--message ID] [--run ID] [--error NAME] [--all] [--dry-run] [--json]",
  summary: "looks at dead letters, puts them back, throws them away",
  run: async (args, io) => {
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options });
    const action = actions[positionals[0] ?? ""];
    if (action === undefined)
      throw new UsageError(
        `dead-letters ${positionals[0] ?? ""}: say list, show, replay or discard`,
      );
    const filter: Filter = { message: values.message, run: values.run, error: values.error };
    const isNamed = Object.values(filter).some((value) => value !== undefined);
    if ((action === replayAll || action === discardAll) && !isNamed && !values.all)
      throw new UsageError("name the letters by --message, --run or --error, or say --all");
    using queues = openQueues(stageOf(values));
    const taken: Letter[] = [];
    try {
      const take = async (queue: QueueName) => taken.push(...(await takeLetters(queues, queue)));
      await Promise.all(queuesOf(values.queue).map(take));
      const letters = taken.filter((letter) => fits(letter, filter));
      const act = { queues, io, letters, dryRun: values["dry-run"], json: values.json };
      const { code, gone } = await action(act);
      for (const letter of gone) taken.splice(taken.indexOf(letter), 1);
      return code;
    } finally {
      await putBack(queues, taken);
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

type Act = {
  readonly queues: QueuesAccess;
  readonly io: Io;
  readonly letters: readonly Letter[];
  readonly dryRun: boolean;
  readonly json: boolean;
};
/** How it ended, and which letters are no longer in their queue. */
type Done = { readonly code: ExitCode; readonly gone: readonly Letter[] };

const queueNames = Object.keys(topology) as QueueName[];

function queuesOf(given: string | undefined): readonly QueueName[] {
  if (given === undefined) return queueNames;
  const queue = queueNames.find((name) => name === given);
  if (queue === undefined)
    throw new UsageError(`--queue ${given}: there are ${queueNames.join(", ")}`);
  return [queue];
}

async function list({ io, letters, json }: Act): Promise<Done> {
  if (json) io.print(JSON.stringify(letters.map(shown)));
  else if (letters.length === 0) io.print("no dead letters");
  else
    for (const line of table([
      ["QUEUE", "MESSAGE", "FAILED AT", "RUN", "ERROR", "REASON"],
      ...letters.map((letter) => [
        letter.queue,
        letter.messageId,
        letter.failedAt,
        letter.runId,
        letter.errorName,
        letter.reason,
      ]),
    ]))
      io.print(line);
  return { code: 0, gone: [] };
}

async function show({ io, letters }: Act): Promise<Done> {
  for (const letter of letters) io.print(JSON.stringify(shown(letter), null, 2));
  return { code: letters.length > 0 ? 0 : 1, gone: [] };
}

/** A receipt handle is nothing to look at. */
const shown = ({ receiptHandle: _handle, ...letter }: Letter) => letter;

async function replayAll({ queues, io, letters, dryRun }: Act): Promise<Done> {
  const gone: Letter[] = [];
  for (const letter of letters) {
    const able = replayable(letter);
    const name = `${letter.queue} ${letter.messageId} ${letter.runId}`;
    if (able.kind === "no") {
      io.print(`stays: ${name}: it would come back: ${able.why}`);
      continue;
    }
    if (!dryRun) {
      await replay(queues, letter, able.body);
      gone.push(letter);
    }
    io.print(`${dryRun ? "would replay" : "replayed"}: ${name}`);
  }
  if (gone.length > 0) await note(queues, io, "replay", gone);
  const stays = letters.length - gone.length;
  return { code: dryRun || stays === 0 ? 0 : 1, gone };
}

async function discardAll({ queues, io, letters, dryRun }: Act): Promise<Done> {
  for (const letter of letters) {
    if (!dryRun) await discard(queues, letter);
    io.print(
      `${dryRun ? "would discard" : "discarded"}: ${letter.queue} ${letter.messageId} ${letter.runId}: ${letter.reason}`,
    );
  }
  if (dryRun) return { code: 0, gone: [] };
  if (letters.length > 0) await note(queues, io, "discard", letters);
  return { code: 0, gone: letters };
}

/** Who did it, for the telemetry: one note for each letter. */
async function note(
  queues: QueuesAccess,
  io: Io,
  action: string,
  letters: readonly Letter[],
): Promise<void> {
  for (const { queue, messageId, runId, reason } of letters)
    await audit(queues, {
      by: io.user,
      action: `dead-letter ${action}`,
      ...(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(runId) && { run_id: runId }),
      detail: { queue, message_id: messageId, reason },
    });
}

const actions: Readonly<Record<string, (act: Act) => Promise<Done>>> = {
  list,
  show,
  replay: replayAll,
  discard: discardAll,
};
