// `signalbox workloads`: what there is to run, and how it went lately.
import { readWorkloads, type Workload } from "../../infra/workloads.ts";
import type { OutcomeFact } from "../../shared/domain/facts.ts";
import { scheduledTicketId } from "../../shared/domain/ticket.ts";
import { type Column, printRows } from "../frame/columns.ts";
import {
  command,
  jsonOption,
  stageOption,
  stagesOption,
  workloadsOption,
} from "../frame/command.ts";
import { lengthOf } from "../frame/words.ts";
import { audit, send } from "../messages.ts";
import { overRuns } from "../run/select-runs.ts";
import { toneOf } from "../run/timeline.ts";
import {
  openFacts,
  openQueues,
  type StageInUse,
  stageOf,
  workloadsFolderOf,
} from "../stage-context.ts";
import { type Line, shownText } from "../terminal.ts";
import { type CommandOf, type Io, UsageError } from "../usage.ts";

/** So many outcomes of the last day are counted. */
const OUTCOMES_MAX = 200;

export const workloads: CommandOf = (io) =>
  command("workloads", {
    summary: "what there is to run: parameters, limits, schedule, last outcomes",
    examples: [
      ["workloads", "all of them"],
      ["workloads weather-report", "one: its parameters, limits, gate, and how to run it"],
      ["workloads nightly --start", "what its schedule would start, now"],
    ],
    exits: "3 there is no such workload.",
  })
    .argument("[name]", "one workload")
    .option("--start", "sends the ticket that its schedule would send at this minute")
    .option("--no-outcomes", "does not look at how it went lately")
    .addOption(jsonOption)
    .addOption(workloadsOption)
    .addOption(stageOption)
    .addOption(stagesOption)
    .action(async (name, options) => {
      const stage = stageOf(options, io);
      const folder = workloadsFolderOf(stage, options);
      const all = readWorkloads(folder);
      if (options.start && name === undefined) throw new UsageError("--start: name the workload");
      const wanted = all.filter(({ workload }) => name === undefined || workload === name);
      const [one] = wanted;
      if (one === undefined) {
        io.complain(
          `there is no workload "${name}" in ${folder}; there are: ${all.map(({ workload }) => workload).join(", ")}`,
        );
        return io.exit(3);
      }
      if (options.start) return await start(stage, one, io);
      const ended = options.outcomes ? await lately(stage, name, io) : undefined;
      if (options.json)
        io.printJson(
          wanted.map((each) => ({ ...each, outcomes: counts(each, ended) })),
          2,
        );
      else if (name === undefined) printRows(io, columnsWith(ended), wanted);
      else describe(one, ended, io);
    });

/** Undefined if this person may not read the facts: the recipes alone are worth something. */
async function lately(
  stage: StageInUse,
  workload: string | undefined,
  io: Io,
): Promise<readonly OutcomeFact[] | undefined> {
  try {
    await using facts = await openFacts(stage, io);
    return await overRuns(facts, { workload }, { limit: OUTCOMES_MAX, onRead: () => {} });
  } catch {
    io.complain(
      "how they went lately cannot be read with these credentials (--no-outcomes leaves it out)",
    );
    return undefined;
  }
}

function counts(
  { workload }: Workload,
  ended: readonly OutcomeFact[] | undefined,
): Readonly<Record<string, number>> | null {
  if (ended === undefined) return null;
  const own = ended.filter((each) => each.workload === workload);
  return Object.fromEntries(
    Object.entries(Object.groupBy(own, ({ outcome }) => outcome)).map(([outcome, { length }]) => [
      outcome,
      length,
    ]),
  );
}

const columnsWith = (ended: readonly OutcomeFact[] | undefined): readonly Column<Workload>[] => [
  { title: "WORKLOAD", cell: ({ workload }) => workload, charsMin: 12 },
  { title: "SCHEDULE", cell: ({ recipe }) => recipe.schedule ?? "-", charsMin: 8 },
  { title: "AT MOST", cell: limitsIn, charsMin: 10 },
  {
    title: "PARAMETERS",
    cell: ({ recipe }) => Object.keys(recipe.parameters).join(", ") || "-",
    charsMin: 10,
  },
  {
    title: "IN THE LAST DAY",
    charsMin: 12,
    cell: (each) =>
      Object.entries(counts(each, ended) ?? {})
        .map(([outcome, n]) => `${n} ${outcome}`)
        .join(", ") || (ended === undefined ? "?" : "-"),
  },
];

const limitsIn = ({ recipe: { limits } }: Workload): string =>
  `${limits.iterations} × ${limits.attempts} × ${lengthOf(limits.timeout_seconds)}`;

function describe(workload: Workload, ended: readonly OutcomeFact[] | undefined, io: Io): void {
  const { recipe } = workload;
  const say = (label: string, text: string) =>
    io.print([{ text: label.padEnd(12), tone: "dim" }, shownText(text)]);
  io.print([{ text: workload.workload, tone: "strong" }]);
  say("runs", [recipe.planner.artifact, ...recipe.planner.files].join(", "));
  say("compute", JSON.stringify(recipe.task.compute));
  if (recipe.run_as !== undefined) say("as", recipe.run_as);
  say(
    "at most",
    `${recipe.limits.iterations} iterations of ${recipe.limits.attempts} attempts, ${lengthOf(recipe.limits.timeout_seconds)} each, and ${lengthOf(recipe.limits.queue_seconds)} of waiting for compute`,
  );
  say("schedule", recipe.schedule ?? "none: tickets alone start it");
  for (const { metric, op, value } of recipe.gate) say("gate", `${metric} ${op} ${value}`);
  io.print([{ text: "parameters, with what holds where a ticket says nothing:", tone: "dim" }]);
  for (const [name, value] of Object.entries(recipe.parameters))
    io.print(`  ${name} = ${JSON.stringify(value)}`);
  for (const { run_id, outcome, reason } of ended?.slice(0, 5) ?? []) {
    const line: Line = [
      "  ",
      run_id,
      "  ",
      { text: outcome, tone: toneOf(outcome) },
      `  ${shownText(reason, 60)}`,
    ];
    io.print(line);
  }
  const [first] = Object.entries(recipe.parameters);
  const example = first === undefined ? "" : ` -p ${first[0]}='${JSON.stringify(first[1])}'`;
  io.print([
    { text: "run it", tone: "dim" },
    `      signalbox submit ${workload.workload}${example} --wait`,
  ]);
}

/** The same id as the schedule's own ticket of this minute, so that both are one run. */
async function start(stage: StageInUse, { workload, recipe }: Workload, io: Io): Promise<void> {
  if (recipe.schedule === undefined)
    throw new UsageError(`${workload} has no schedule: signalbox submit ${workload}`);
  const minute = new Date(Math.floor(Date.now() / 60_000) * 60_000).toISOString();
  const ticket_id = scheduledTicketId(workload, minute);
  using queues = openQueues(stage);
  await send(queues, "tickets", JSON.stringify({ ticket_id, workload }));
  await audit(queues, { action: "schedule start", run_id: ticket_id, detail: { workload } });
  io.print(`sent ${ticket_id} to ${stage.name}  (signalbox watch ${ticket_id})`);
}
