// `signalbox watch`: the timeline of a run as it grows, until its outcome.
import { command, duration, stageOption, stagesOption } from "../frame/command.ts";
import { agoOf } from "../frame/words.ts";
import { runIdArgument } from "../run/arguments.ts";
import { exitOf, type Followed, follow } from "../run/follow.ts";
import { momentLines } from "../run/moment-lines.ts";
import { type RunStory, stateOf } from "../run/read-run.ts";
import { timelineOf } from "../run/timeline.ts";
import { type FactsAccess, openFacts, type StageInUse, stageOf } from "../stage-context.ts";
import type { CommandOf, Io } from "../usage.ts";

export const watch: CommandOf = (io) =>
  command("watch", {
    summary: "follows a run until it is over; exits with its outcome",
    examples: [
      ["watch ORD-4711", "each plan, submission and verdict, as it comes"],
      ["watch ORD-4711 --timeout 1h && ./next-step", "exit code 0 only if it succeeded"],
    ],
    exits:
      "1 the outcome was another than succeeded, 4 not over yet, 130 Ctrl-C (the run goes on).",
  })
    .addArgument(runIdArgument())
    .option(
      "--timeout <duration>",
      "how long to wait, such as 90s or 2h; forever without",
      duration,
    )
    .addOption(stageOption)
    .addOption(stagesOption)
    .action(async (runId, options) => {
      const stage = stageOf(options, io);
      await using facts = await openFacts(stage, io);
      const watched = { facts, stage, runId, timeoutSeconds: options.timeout };
      io.exit(exitOf(await watchRun(watched, io)));
    });

export type Watched = {
  readonly facts: FactsAccess;
  readonly stage: StageInUse;
  readonly runId: string;
  readonly chapter?: number | undefined;
  readonly timeoutSeconds?: number | undefined;
};

/** Prints what is new at each look, and at the end how it ended. */
export async function watchRun(
  { facts, stage, runId, chapter, timeoutSeconds }: Watched,
  io: Io,
): Promise<Followed> {
  using interrupts = io.interrupts();
  const seen = new Set<string>();
  const startedMs = Date.now();
  const showNew = (story: RunStory | undefined) => {
    const fresh = (story === undefined ? [] : timelineOf(story)).filter(
      // A look overwrites its marker, and would be news at each look.
      ({ what, at, sentence }) => what !== "look" && !seen.has(`${at} ${what} ${sentence}`),
    );
    if (fresh.length > 0) io.showState(undefined);
    for (const moment of fresh) {
      seen.add(`${moment.at} ${moment.what} ${moment.sentence}`);
      for (const line of momentLines(moment, io)) io.print(line);
    }
    const state = story === undefined ? "no such run yet" : stateOf(story);
    io.showState(`${state}, waiting for ${agoOf((Date.now() - startedMs) / 1000)}`);
  };
  const options = { reader: facts, stage, runId, chapter, timeoutSeconds };
  const followed = await follow({ ...options, signal: interrupts.signal, onLook: showNew });
  io.showState(undefined);
  if (followed.kind === "time-is-up")
    io.complain(
      followed.story === undefined
        ? `no run ${runId} in that time: was its ticket refused? signalbox dead-letters list --run ${runId}`
        : `${runId} is not over yet: ${stateOf(followed.story)}`,
    );
  if (followed.kind === "interrupted") io.complain(`${runId} goes on`);
  return followed;
}
