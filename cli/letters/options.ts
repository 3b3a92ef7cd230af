// The options that say which dead letters are meant, and where they are.
import { InvalidArgumentError } from "@commander-js/extra-typings";
import {
  command,
  count,
  type Help,
  past,
  several,
  stageOption,
  stagesOption,
} from "../frame/command.ts";
import { recipesIn } from "../run/recipes.ts";
import {
  openFacts,
  openQueues,
  type QueuesAccess,
  type StageInUse,
  stageOf,
} from "../stage-context.ts";
import { type Io, UsageError } from "../usage.ts";
import type { Filter } from "./filter.ts";
import { type Judges, storiesOf } from "./judge.ts";
import { type DeadLetterQueue, deadLetterQueuesOf } from "./queues.ts";

/** A command about dead letters that a person selects. */
export const lettersCommand = (name: string, help: Help) =>
  command(name, help)
    .option("--queue <queue>", "of this queue; several may be named", several)
    .option("--run <run_id>", "of this run; several may be named", several)
    .option("--message <id>", "this letter, by its first 8 characters or more; several", messageIds)
    .option("--error <name>", "with this error; several may be named", several)
    .option("--reason <text>", "with this in the reason, whatever its case")
    .option("--since <time>", "that failed since: 2h, 3d, or 2026-11-21T06:00Z", past)
    .option("--until <time>", "that failed until", past)
    .option("--limit <n>", "at most so many", count)
    .addOption(stageOption)
    .addOption(stagesOption);

function messageIds(text: string, before: readonly string[] | undefined): readonly string[] {
  if (!/^[0-9A-Za-z-]{8,100}$/.test(text))
    throw new InvalidArgumentError("must be a message's id, or at least its first 8 characters.");
  return several(text, before);
}

export type Selected = Filter & {
  readonly queue?: readonly string[] | undefined;
  readonly limit?: number | undefined;
  readonly stage?: string | undefined;
  readonly stages?: string | undefined;
};

export const filterOf = ({ message, run, error, reason, since, until }: Selected): Filter => ({
  ...{ message, run, error, reason, since, until },
});

export type Opened = Disposable & {
  readonly stage: StageInUse;
  readonly queues: QueuesAccess;
  readonly dlqs: readonly DeadLetterQueue[];
};

/** @throws UsageError, StageError */
export function opened(selected: Selected, io: Io): Opened {
  const stage = stageOf(selected, io);
  const dlqs = dlqsOf(stage, selected.queue);
  const queues = openQueues(stage);
  return { stage, queues, dlqs, [Symbol.dispose]: () => queues[Symbol.dispose]() };
}

function dlqsOf(
  { stack, local }: StageInUse,
  given: readonly string[] | undefined,
): readonly DeadLetterQueue[] {
  const dlqs = deadLetterQueuesOf(stack);
  // A plane on this machine may lack the queues of what it does not have, such as a schedule.
  if (given === undefined)
    return local === undefined ? dlqs : dlqs.map((dlq) => ({ ...dlq, isOptional: true }));
  return given.map((name) => {
    const dlq = dlqs.find((each) => each.name === name);
    if (dlq === undefined)
      throw new UsageError(
        `--queue ${name}: there are ${dlqs.map((each) => each.name).join(", ")}`,
      );
    return { ...dlq, isOptional: false };
  });
}

/**
 * The judge of replays. Where the facts cannot be read, messages and recipes judge alone, and that
 * is said.
 */
export async function judgesOf(
  stage: StageInUse,
  folder: string,
  wantsFacts: boolean,
  owned: AsyncDisposableStack,
  io: Io,
): Promise<Judges> {
  const recipes = recipesIn(folder);
  if (!wantsFacts) return { recipes, storyOf: undefined };
  try {
    const facts = owned.use(await openFacts(stage, io));
    await facts.namesIn("open");
    return { recipes, storyOf: storiesOf(facts) };
  } catch (error) {
    io.complain(
      `the facts cannot be read, so replays are judged by messages and recipes alone: ${error instanceof Error ? error.message : String(error)}`,
    );
    return { recipes, storyOf: undefined };
  }
}
