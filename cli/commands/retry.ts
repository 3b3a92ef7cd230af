// `signalbox retry`: reopens runs that are over. A new chapter, a new attempt; the work that was
// done stays.
import { Option } from "@commander-js/extra-typings";
import { factRef, Outcome, type OutcomeFact } from "../../shared/domain/facts.ts";
import { type OrdersMessage, Retry } from "../../shared/domain/messages.ts";
import { command, count, past, several, stageOption, stagesOption } from "../frame/command.ts";
import { inTurns } from "../frame/in-turns.ts";
import { progressOf } from "../frame/progress.ts";
import { lengthOf } from "../frame/words.ts";
import { type Action, giveOrders } from "../messages.ts";
import { runIdArgument } from "../run/arguments.ts";
import { exitOf } from "../run/follow.ts";
import { limitsOf } from "../run/limits.ts";
import { giveManyOrders, type ManyOrders, requireOneOrMany } from "../run/many-orders.ts";
import { lastChapter, type RunReader, readRun } from "../run/read-run.ts";
import { type Filter, overRuns } from "../run/select-runs.ts";
import {
  type FactsAccess,
  openFacts,
  openQueues,
  type QueuesAccess,
  type StageInUse,
  stageOf,
} from "../stage-context.ts";
import { type CommandOf, type ExitCode, type Io, typed } from "../usage.ts";
import { overColumns } from "./runs.ts";
import { watchRun } from "./watch.ts";

export const retry: CommandOf = (io) =>
  command("retry", {
    summary: "reopens a run that is over, or many, in a new chapter",
    more: "Without a run's id it selects runs by outcome, workload and time, shows which and what it may cost, and does nothing until --yes.",
    examples: [
      ['retry ORD-4711 --reason "the table is back" --wait', "one run, to its end"],
      ['retry --outcome failed --since 3h --reason "outage is over"', "shows which"],
      [
        'retry --outcome failed --since 3h --reason "outage is over" --yes --rate 5',
        "five a second",
      ],
    ],
    exits: "3 nothing to reopen; with --wait those of watch.",
  })
    .addArgument(runIdArgument().argOptional())
    .requiredOption("--reason <text>", "why; it is kept with the new chapter")
    .option("--set <limit=n...>", "a limit of the new chapter, such as limits.attempts=2", several)
    .option("--wait", "follows the run until it is over")
    .addOption(new Option("--outcome <outcome>", "many: that ended so").choices(Outcome.options))
    .option("--workload <name>", "many: of this workload")
    .option("--since <time>", "many: that ended since; a day ago without", past)
    .option("--until <time>", "many: that ended until", past)
    .option("--text <text>", "many: with this in their id or reason")
    .option("--limit <n>", "many: at most so many", count, 1_000)
    .option("--rate <n>", "many: at most so many a second", count)
    .option("--yes", "many: does it, instead of showing which")
    .addOption(stageOption)
    .addOption(stagesOption)
    .action(async (runId, options) => {
      const reason = typed("--reason", Retry.shape.reason, options.reason);
      const limits = limitsOf(options.set);
      const { outcome, workload, since, until, text } = options;
      requireOneOrMany(runId, { outcome, workload, since, until, text });
      const stage = stageOf(options, io);
      await using facts = await openFacts(stage, io);
      using queues = openQueues(stage);
      const orderOf = ({ run_id, chapter }: Over) =>
        [
          Retry.parse({ type: "retry", run_id, chapter: chapter + 1, reason, limits }),
          { action: "retry", run_id, detail: { chapter: chapter + 1, reason } },
        ] as const;
      const at = { stage, facts, queues, orderOf };
      io.exit(
        await (runId === undefined
          ? reopenMany(at, options, io)
          : reopenOne(at, runId, options.wait, io)),
      );
    });

type Over = Pick<OutcomeFact, "run_id" | "chapter">;
type At = {
  readonly stage: StageInUse;
  readonly facts: FactsAccess;
  readonly queues: QueuesAccess;
  readonly orderOf: (over: Over) => readonly [OrdersMessage, Action];
};
type Many = Filter & Pick<ManyOrders<OutcomeFact>, "yes" | "rate"> & { readonly limit: number };

async function reopenMany({ facts, queues, orderOf }: At, many: Many, io: Io): Promise<ExitCode> {
  const rows = await stillOver(facts, many, io);
  const cost = await costOf(facts, rows);
  return await giveManyOrders(
    {
      ...{ queues, rows, columns: overColumns, orderOf, cost, yes: many.yes, rate: many.rate },
      ...{ what: "reopen", done: "asked to be reopened" },
      none: "no run that fits is over: nothing to reopen (--since says how far back)",
    },
    io,
  );
}

async function reopenOne(
  { stage, facts, queues, orderOf }: At,
  runId: string,
  wait: true | undefined,
  io: Io,
): Promise<ExitCode> {
  const story = await readRun(facts, runId);
  const last = story && lastChapter(story).outcome;
  if (last === undefined) {
    io.complain(
      story === undefined
        ? `there is no run ${runId} on ${stage.name}: only a run that is over can be reopened`
        : `${runId} is not over: only a run that is over can be reopened (signalbox watch ${runId})`,
    );
    return 3;
  }
  await giveOrders(queues, [orderOf(last)]);
  const chapter = last.chapter + 1;
  io.print(
    `${runId} ended with ${last.outcome}; asked for chapter ${chapter}, which ends with an outcome of its own`,
  );
  return wait ? exitOf(await watchRun({ facts, stage, runId, chapter }, io)) : 0;
}

/** Runs that fit, and that nobody has reopened since. */
async function stillOver(
  facts: FactsAccess,
  filter: Filter & { readonly limit: number },
  io: Io,
): Promise<readonly OutcomeFact[]> {
  using progress = progressOf(io, "reading");
  const found = await overRuns(facts, filter, { limit: filter.limit, onRead: progress.at });
  const reopened = await inTurns(found, ({ run_id, chapter }) =>
    facts.facts.read(factRef.retry({ run_id, chapter: chapter + 1 })),
  );
  return found.filter((_, i) => reopened[i] === undefined);
}

/** The most that the new chapters may do, by the limits of their tickets. */
async function costOf({ facts }: RunReader, rows: readonly OutcomeFact[]): Promise<string> {
  const tickets = await inTurns(rows, ({ run_id }) => facts.read(factRef.ticket(run_id)));
  const limits = tickets.flatMap((ticket) => ticket?.fact.limits ?? []);
  const attempts = Math.max(0, ...limits.map((each) => each.attempts));
  const seconds = Math.max(0, ...limits.map((each) => each.timeout_seconds));
  const submissions = limits.reduce((sum, each) => sum + each.attempts, 0);
  return `each goes on at the iteration where it ended, in at most ${attempts} attempts of ${lengthOf(seconds)}: ${submissions} submissions at most, before further iterations`;
}
