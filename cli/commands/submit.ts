// `signalbox submit`: sends tickets, as an upstream system does, after judging them by the recipes.
import { Option } from "@commander-js/extra-typings";
import { utf8Bytes } from "../../shared/domain/body.ts";
import { messageLimits } from "../../shared/domain/messages.ts";
import { ticketFaults } from "../check/ticket-faults.ts";
import {
  command,
  duration,
  jsonOption,
  several,
  stageOption,
  stagesOption,
  workloadsOption,
} from "../frame/command.ts";
import { progressOf } from "../frame/progress.ts";
import { BATCH_MAX, sendBatch } from "../messages.ts";
import { exitOf } from "../run/follow.ts";
import { textOfFile, ticketOf, ticketsIn } from "../run/read-tickets.ts";
import { recipesIn } from "../run/recipes.ts";
import { toneOf } from "../run/timeline.ts";
import {
  openFacts,
  openQueues,
  type StageInUse,
  stageOf,
  workloadsFolderOf,
} from "../stage-context.ts";
import { type CommandOf, type ExitCode, type Io, UsageError } from "../usage.ts";
import { watchRun } from "./watch.ts";

export const submit: CommandOf = (io) =>
  command("submit", {
    summary: "sends a ticket, and with --wait follows it and exits with its outcome",
    more: "It is judged by the workload's recipe first; what would be refused is not sent. The same ticket again is the same run.",
    examples: [
      ["submit weather-report -p year=2015 --wait", "by flags"],
      ["submit --file ticket.json", "a ticket, a list, or one a line"],
      ["submit --file - < ticket.json", "from standard input"],
      ["submit weather-report --id ORD-4711 --set limits.attempts=1 --dry-run", "judged, not sent"],
    ],
    exits:
      "1 refused, or with --wait another outcome than succeeded; 4 not over when --timeout was up.",
  })
    .argument("[workload]", "the workload; without it, --file")
    .option("--file <path>", "tickets as JSON; - is standard input")
    .option("-p, --param <name=value>", "a parameter; JSON, or text", several)
    .option("--id <ticket_id>", "the ticket's id; otherwise one is made")
    .option("--set <limit=n>", "a lower limit, such as limits.attempts=1", several)
    .addOption(new Option("--mode <mode>", "what the code is told").choices(["PROD", "DEV"]))
    .option("--wait", "follows the run until it is over")
    .option("--timeout <duration>", "with --wait: for how long, such as 15m", duration)
    .option("--dry-run", "judges, and sends nothing")
    .option("--no-check", "sends what these recipes would refuse: the stage may have others")
    .addOption(jsonOption)
    .addOption(workloadsOption)
    .addOption(stageOption)
    .addOption(stagesOption)
    .action(async (workload, options) => {
      const stage = stageOf(options, io);
      const tickets = await ticketsTyped(workload, options, io);
      const folder = workloadsFolderOf(stage, options);
      if (options.check && !areGood(tickets, folder, io)) return io.exit(1);
      if (options.dryRun) return io.print(`would be accepted by the recipes of ${folder}`);
      await sendAll(stage, tickets, options.json === true, io);
      if (options.wait) io.exit(await waitForAll(stage, tickets, options.timeout, io));
    });

type Typed = Parameters<typeof ticketOf>[1] & { readonly file?: string | undefined };

/** @throws UsageError */
async function ticketsTyped(
  workload: string | undefined,
  { file, ...flags }: Typed,
  io: Io,
): Promise<readonly unknown[]> {
  if ((workload === undefined) === (file === undefined))
    throw new UsageError("name the workload, or a file with tickets (--file)");
  if (workload !== undefined) return [ticketOf(workload, flags)];
  if ([flags.id, flags.param, flags.set, flags.mode].some((each) => each !== undefined))
    throw new UsageError(
      "a ticket of a file is sent as it is: --id, --param, --set and --mode are for a workload that is named",
    );
  const name = file ?? "";
  return ticketsIn(
    name === "-" ? "standard input" : name,
    name === "-" ? await io.input() : textOfFile(name),
  );
}

function areGood(tickets: readonly unknown[], folder: string, io: Io): boolean {
  const recipes = recipesIn(folder);
  const faults = tickets.flatMap((ticket, i) => {
    const bytes = utf8Bytes(JSON.stringify(ticket));
    const size =
      bytes > messageLimits.bodyBytesMax
        ? [
            `it has ${bytes} bytes, at most ${messageLimits.bodyBytesMax} are read: put large data on a Volume and send its path`,
          ]
        : [];
    const which =
      tickets.length === 1 ? "" : `ticket ${i + 1} (${idOf(ticket) ?? "without an id"}): `;
    return [...size, ...ticketFaults(ticket, recipes)].map((fault) => `${which}${fault}`);
  });
  for (const fault of faults) io.complain(fault);
  if (faults.length > 0)
    io.complain(
      `nothing was sent; the recipes of ${folder} would refuse it (--no-check sends it all the same)`,
    );
  return faults.length === 0;
}

function idOf(ticket: unknown): string | undefined {
  return typeof ticket === "object" && ticket !== null && "ticket_id" in ticket
    ? String(ticket.ticket_id)
    : undefined;
}

async function sendAll(
  stage: StageInUse,
  tickets: readonly unknown[],
  asJson: boolean,
  io: Io,
): Promise<void> {
  using queues = openQueues(stage);
  using progress = progressOf(io, "sending");
  for (let at = 0; at < tickets.length; at += BATCH_MAX) {
    const batch = tickets.slice(at, at + BATCH_MAX);
    const answers = await sendBatch(
      queues,
      "tickets",
      batch.map((each) => ({ body: JSON.stringify(each) })),
    );
    const refused = answers.findIndex((answer) => answer !== true);
    if (refused >= 0)
      throw new Error(
        `SQS refused ${idOf(batch[refused]) ?? "a ticket"} (${answers[refused]}): send the same again, what was taken is the same run`,
      );
    progress.at(at + batch.length, tickets.length);
  }
  const ids = tickets.map((ticket) => idOf(ticket) ?? "");
  if (asJson) io.printJson({ stage: stage.name, run_ids: ids });
  else if (ids.length > 3) io.print(`sent ${ids.length} tickets to ${stage.name}`);
  else for (const id of ids) io.print(`sent ${id} to ${stage.name}  (signalbox status ${id})`);
}

async function waitForAll(
  stage: StageInUse,
  tickets: readonly unknown[],
  timeoutSeconds: number | undefined,
  io: Io,
): Promise<ExitCode> {
  await using facts = await openFacts(stage, io);
  const startedMs = Date.now();
  let worst: ExitCode = 0;
  for (const ticket of tickets) {
    const runId = idOf(ticket) ?? "";
    const left =
      timeoutSeconds === undefined
        ? undefined
        : Math.max(0, timeoutSeconds - (Date.now() - startedMs) / 1000);
    const followed = await watchRun({ facts, stage, runId, timeoutSeconds: left }, io);
    const code = exitOf(followed);
    if (code === 130) return code;
    if (tickets.length > 1 && followed.kind === "over")
      io.print([
        runId,
        ": ",
        { text: followed.outcome.outcome, tone: toneOf(followed.outcome.outcome) },
      ]);
    if (code !== 0) worst = worst === 4 ? 4 : code;
  }
  return worst;
}
