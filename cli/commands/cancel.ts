// `signalbox cancel`: asks open chapters to stop. The facts decide what that still means.
import { factRef } from "../../shared/domain/facts.ts";
import { Cancellation } from "../../shared/domain/messages.ts";
import { command, count, past, stageOption, stagesOption } from "../frame/command.ts";
import { progressOf } from "../frame/progress.ts";
import { giveOrders } from "../messages.ts";
import { runIdArgument } from "../run/arguments.ts";
import { exitOf } from "../run/follow.ts";
import { giveManyOrders, type ManyOrders, requireOneOrMany } from "../run/many-orders.ts";
import { type Filter, type OpenRun, openRuns } from "../run/select-runs.ts";
import {
  type FactsAccess,
  openFacts,
  openQueues,
  type QueuesAccess,
  type StageInUse,
  stageOf,
} from "../stage-context.ts";
import { type CommandOf, type ExitCode, type Io, typed } from "../usage.ts";
import { openColumns } from "./runs.ts";
import { watchRun } from "./watch.ts";

export const cancel: CommandOf = (io) =>
  command("cancel", {
    summary: "stops a run, or many: what executes is cancelled, and the outcome follows",
    more: "Without a run's id it selects open runs by their workload, age and id, shows which, and does nothing until --yes.",
    examples: [
      ['cancel ORD-4711 --reason "not needed any more"', "one run"],
      [
        'cancel --workload weather-model --until 2h --reason "hangs"',
        "shows which began over two hours ago",
      ],
      ['cancel --all --reason "wrong data" --yes', "every open run"],
    ],
    exits: "3 nothing to stop; with --wait those of watch, where cancelled is 0.",
  })
    .addArgument(runIdArgument().argOptional())
    .requiredOption("--reason <text>", "why; it becomes part of the outcome's reason")
    .option("--chapter <n>", "the chapter to stop; otherwise the open one", count)
    .option("--wait", "follows the run until it is over")
    .option("--workload <name>", "many: open runs of this workload")
    .option("--since <time>", "many: whose tickets were accepted since", past)
    .option(
      "--until <time>",
      "many: whose tickets were accepted until; 2h means over two hours ago",
      past,
    )
    .option("--text <text>", "many: with this in their id")
    .option("--all", "many: every open run")
    .option("--limit <n>", "many: at most so many", count, 1_000)
    .option("--rate <n>", "many: at most so many a second", count)
    .option("--yes", "many: does it, instead of showing which")
    .addOption(stageOption)
    .addOption(stagesOption)
    .action(async (runId, options) => {
      const reason = typed("--reason", Cancellation.shape.reason, options.reason);
      const { workload, since, until, text, all } = options;
      requireOneOrMany(runId, { workload, since, until, text, all });
      const stage = stageOf(options, io);
      await using facts = await openFacts(stage, io);
      using queues = openQueues(stage);
      const at = { stage, facts, queues, reason };
      io.exit(
        await (runId === undefined ? stopMany(at, options, io) : stopOne(at, runId, options, io)),
      );
    });

type At = {
  readonly stage: StageInUse;
  readonly facts: FactsAccess;
  readonly queues: QueuesAccess;
  readonly reason: string;
};

const orderOf = (run_id: string, chapter: number, reason: string) =>
  [
    Cancellation.parse({ type: "cancel", run_id, chapter, reason }),
    { action: "cancel", run_id, detail: { chapter, reason } },
  ] as const;

type Many = Filter & Pick<ManyOrders<OpenRun>, "yes" | "rate"> & { readonly limit: number };

async function stopMany(
  { stage, facts, queues, reason }: At,
  many: Many,
  io: Io,
): Promise<ExitCode> {
  using progress = progressOf(io, "reading");
  const timeScale = stage.limits.time_scale;
  const { runs } = await openRuns(facts, many, {
    limit: many.limit,
    timeScale,
    onRead: progress.at,
  });
  return await giveManyOrders(
    {
      ...{ queues, rows: runs, columns: openColumns, yes: many.yes, rate: many.rate },
      ...{ what: "stop", done: "asked to stop", none: "no open run fits: nothing to stop" },
      orderOf: ({ run_id, chapter }) => orderOf(run_id, chapter, reason),
    },
    io,
  );
}

type One = { readonly chapter?: number | undefined; readonly wait?: true | undefined };

async function stopOne(
  { stage, facts, queues, reason }: At,
  runId: string,
  { chapter: named, wait }: One,
  io: Io,
): Promise<ExitCode> {
  const chapter = named ?? (await openChapter(facts, runId));
  const key = { run_id: runId, chapter: chapter ?? 1 };
  const ended = (await facts.facts.read(factRef.outcome(key)))?.fact;
  if (ended !== undefined) {
    io.complain(`chapter ${key.chapter} of ${runId} is over as ${ended.outcome}: nothing to stop`);
    return 3;
  }
  if (chapter === undefined) {
    io.complain(`${runId} is not open: there is nothing to stop (signalbox runs lists what is)`);
    return 3;
  }
  await giveOrders(queues, [orderOf(runId, chapter, reason)]);
  io.print(`asked for chapter ${chapter} of ${runId} to stop; its outcome is announced as ever`);
  if (!wait) return 0;
  const followed = await watchRun({ facts, stage, runId, chapter }, io);
  const isStopped = followed.kind === "over" && followed.outcome.outcome === "cancelled";
  return isStopped ? 0 : exitOf(followed);
}

async function openChapter({ markers }: FactsAccess, runId: string): Promise<number | undefined> {
  const open = (await markers.list()).filter(({ key }) => key.run_id === runId);
  return open.map(({ key }) => key.chapter).toSorted((a, b) => b - a)[0];
}
