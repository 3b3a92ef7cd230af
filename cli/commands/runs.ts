// `signalbox runs`: the runs that are open, and those that ended lately. It reads markers and
// facts, so no warehouse wakes up.
import { Option } from "@commander-js/extra-typings";
import { Outcome, type OutcomeFact } from "../../shared/domain/facts.ts";
import { type Column, printRows } from "../frame/columns.ts";
import { command, count, jsonOption, past, stageOption, stagesOption } from "../frame/command.ts";
import { progressOf } from "../frame/progress.ts";
import { agoOf } from "../frame/words.ts";
import { type OpenRun, openRuns, overRuns } from "../run/select-runs.ts";
import { toneOf } from "../run/timeline.ts";
import { type FactsAccess, openFacts, type StageInUse, stageOf } from "../stage-context.ts";
import { type CommandOf, type Io, UsageError } from "../usage.ts";

export const runs: CommandOf = (io) =>
  command("runs", {
    summary: "the runs that are open, the longest silent first, and those that ended lately",
    more: "Ended lately means within a day, unless --since says otherwise.",
    examples: [
      ["runs", "what runs, and what ended within a day"],
      ["runs --open", "what runs"],
      ["runs --outcome failed --since 2h --workload weather-report", "what went wrong"],
      ['runs --text "rate limit" --since 3d', "by a word of the id or the reason"],
    ],
  })
    .option("--open", "only runs that are open")
    .option("--over", "only runs that are over")
    .addOption(
      new Option("--outcome <outcome>", "only runs that ended so").choices(Outcome.options),
    )
    .option("--workload <name>", "only runs of this workload")
    .option("--since <time>", "began or ended since: 2h, 3d, or 2026-11-21T06:00Z", past)
    .option("--until <time>", "began or ended until", past)
    .option("--text <text>", "only with this in the id or the reason")
    .option("--limit <n>", "at most so many of each", count, 50)
    .addOption(jsonOption)
    .addOption(stageOption)
    .addOption(stagesOption)
    .action(async (options) => {
      if (options.open && (options.over || options.outcome !== undefined))
        throw new UsageError(
          "a run that is open has no outcome yet: say --open, or --over with --outcome",
        );
      const stage = stageOf(options, io);
      await using facts = await openFacts(stage, io);
      const wantsOpen = !options.over && options.outcome === undefined;
      await printRuns(facts, stage, { ...options, wantsOpen, wantsOver: !options.open }, io);
    });

type Wanted = Parameters<typeof openRuns>[1] & {
  readonly wantsOpen: boolean;
  readonly wantsOver: boolean;
  readonly limit: number;
  readonly json?: true | undefined;
};

async function printRuns(
  facts: FactsAccess,
  stage: StageInUse,
  { wantsOpen, wantsOver, limit, json, ...filter }: Wanted,
  io: Io,
): Promise<void> {
  using progress = progressOf(io, "reading");
  const onRead = progress.at;
  const timeScale = stage.limits.time_scale;
  const open = wantsOpen
    ? await openRuns(facts, filter, { limit, timeScale, onRead })
    : { runs: [], count: 0 };
  const over = wantsOver ? await overRuns(facts, filter, { limit, onRead }) : [];
  progress[Symbol.dispose]();
  if (json) return io.printJson([...open.runs.map(openJson), ...over.map(overJson)]);
  if (wantsOpen) {
    if (open.runs.length === 0) io.print("no run is open");
    else printRows(io, openColumns, open.runs);
    if (open.count > open.runs.length)
      io.print(`${open.count} are open; these have been silent for longest (--limit shows more)`);
  }
  if (wantsOpen && over.length > 0) io.print("");
  if (over.length > 0) printRows(io, overColumns, over);
  else if (!wantsOpen) io.print("no run that fits ended in that time (--since says how far back)");
}

const openJson = (run: OpenRun) => ({ state: "open", ...run });
const overJson = ({
  run_id,
  chapter,
  workload,
  outcome,
  reason,
  ended_at,
  metrics,
  run_url,
}: OutcomeFact) => ({
  ...{ state: "over", run_id, chapter, workload, outcome, reason, ended_at, metrics, run_url },
});

export const openColumns: readonly Column<OpenRun>[] = [
  { title: "RUN", cell: ({ run_id }) => run_id, charsMin: 16 },
  { title: "CHAPTER", cell: ({ chapter }) => String(chapter), from: 100 },
  { title: "WORKLOAD", cell: ({ workload = "" }) => workload, charsMin: 8 },
  { title: "ATTEMPT", cell: attemptOf },
  { title: "LAST SIGN OF LIFE", cell: lifeOf },
  {
    title: "",
    cell: ({ heals }) =>
      heals === 0
        ? ""
        : { text: `healed ${heals} ${heals === 1 ? "time" : "times"}`, tone: "warn" },
  },
];

function attemptOf({ iter_n, attempt, is_submitted }: OpenRun): string {
  if (iter_n !== undefined) return `${iter_n}.${attempt}`;
  return is_submitted === true ? "submitted" : "not submitted";
}

function lifeOf({ heals, silent_seconds }: OpenRun): string {
  return `${heals === 0 ? "" : "over "}${agoOf(silent_seconds)} ago`;
}

export const overColumns: readonly Column<OutcomeFact>[] = [
  { title: "RUN", cell: ({ run_id }) => run_id, charsMin: 16 },
  { title: "WORKLOAD", cell: ({ workload }) => workload, charsMin: 8 },
  { title: "OUTCOME", cell: ({ outcome }) => ({ text: outcome, tone: toneOf(outcome) }) },
  {
    title: "ENDED",
    cell: ({ ended_at }) => `${agoOf(Math.max(0, Date.now() - Date.parse(ended_at)) / 1000)} ago`,
  },
  { title: "REASON", cell: ({ reason }) => reason, charsMin: 12 },
];
