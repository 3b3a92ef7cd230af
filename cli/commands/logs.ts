// `signalbox logs`: what the executed code of a run printed; its error and traceback first.
import { command, count, jsonOption, stageOption, stagesOption } from "../frame/command.ts";
import { runIdArgument } from "../run/arguments.ts";
import { exitOf, follow } from "../run/follow.ts";
import { type AttemptLogs, readLogs, type Stream } from "../run/read-logs.ts";
import {
  type AttemptStory,
  type RunStory,
  readRun,
  scratchpadOf,
  stateOf,
} from "../run/read-run.ts";
import { toneOf } from "../run/timeline.ts";
import { type FactsAccess, openFacts, type StageInUse, stageOf } from "../stage-context.ts";
import { type CommandOf, type ExitCode, type Io, UsageError } from "../usage.ts";

const LINES = 200;

export const logs: CommandOf = (io) =>
  command("logs", {
    summary: "what a run's code printed: error and traceback first, then stderr and stdout",
    more: `Without --iteration it is the last attempt that left something. Of each stream the last ${LINES} lines are shown, unless --all.`,
    examples: [
      ["logs ORD-4711", "of its last attempt"],
      ["logs ORD-4711 --iteration 2 --all", "of an earlier iteration, whole"],
      ["logs ORD-4711 --follow", "as it comes, until the run is over"],
    ],
    exits: "3 no such run, or nothing was printed; of --follow: those of watch.",
  })
    .addArgument(runIdArgument())
    .option("--iteration <n>", "the iteration", count)
    .option("--attempt <n>", "the attempt of that iteration; the last one without", count)
    .option("-f, --follow", "goes on until the run is over")
    .option("--all", "all lines")
    .addOption(jsonOption)
    .addOption(stageOption)
    .addOption(stagesOption)
    .action(async (runId, options) => {
      if (options.attempt !== undefined && options.iteration === undefined)
        throw new UsageError("--attempt is the number within an iteration: say --iteration, too");
      const stage = stageOf(options, io);
      await using facts = await openFacts(stage, io);
      if (options.follow) return io.exit(await followLogs(facts, stage, runId, io));
      const story = await readRun(facts, runId);
      if (story === undefined) {
        io.complain(`there is no run ${runId} on ${stage.name}`);
        return io.exit(3);
      }
      const found = await findLogs(facts, story, options);
      if (found === undefined) {
        io.complain(nothingIn(story, options));
        return io.exit(3);
      }
      const { iter_n, attempt, logs: read } = found;
      if (options.json) io.printJson({ run_id: runId, iter_n, attempt, ...read }, 2);
      else printLogs(found, options.all ? Infinity : LINES, io);
    });

type Wanted = { readonly iteration?: number | undefined; readonly attempt?: number | undefined };
type Found = AttemptStory & { readonly logs: AttemptLogs };

const isThere = ({ stdout, stderr, result }: AttemptLogs): boolean =>
  stdout !== undefined || stderr !== undefined || result !== undefined;

/** The wanted attempt, or the last one that left something. */
async function findLogs(
  { client }: Pick<FactsAccess, "client">,
  { attempts }: RunStory,
  { iteration, attempt }: Wanted,
): Promise<Found | undefined> {
  const wanted = attempts.filter(
    (each) =>
      (iteration === undefined || each.iter_n === iteration) &&
      (attempt === undefined || each.attempt === attempt),
  );
  for (const each of wanted.toReversed()) {
    const folder = scratchpadOf(each);
    const read = folder === undefined ? undefined : await readLogs(client.files, folder);
    if (read !== undefined && isThere(read)) return { ...each, logs: read };
  }
  return undefined;
}

function nothingIn(story: RunStory, { iteration, attempt }: Wanted): string {
  const { run_id, attempts } = story;
  if (iteration !== undefined && !attempts.some((each) => each.iter_n === iteration))
    return `${run_id} has no iteration ${iteration}; there are ${attempts.length === 0 ? "none" : [...new Set(attempts.map((each) => each.iter_n))].join(", ")}`;
  const where =
    iteration === undefined
      ? ""
      : ` iteration ${iteration}${attempt === undefined ? "" : `, attempt ${attempt}`}`;
  return `${run_id}${where} has left no logs: it is ${stateOf(story)} (signalbox status ${run_id}; logs are there when an attempt is over)`;
}

function printLogs(
  { iter_n, attempt, logs: read, decision }: Found,
  linesMax: number,
  io: Io,
): void {
  const { error } = read.result ?? {};
  io.print([
    { text: `iteration ${iter_n}, attempt ${attempt}`, tone: "strong" },
    ...(decision === undefined
      ? []
      : [": ", { text: decision.verdict, tone: toneOf(decision.verdict) } as const]),
  ]);
  if (error) {
    io.print([{ text: `${error.type}: `, tone: "bad" }, error.summary]);
    if (error.trace !== "") printText(error.trace, Infinity, io);
  }
  for (const stream of ["stderr", "stdout"] as const)
    printStream(stream, read[stream], linesMax, io);
}

function printStream(stream: Stream, text: string | undefined, linesMax: number, io: Io): void {
  if (!text) return;
  io.print([{ text: `── ${stream} ──`, tone: "dim" }]);
  printText(text, linesMax, io);
}

function printText(text: string, linesMax: number, io: Io): void {
  const lines = text.replace(/\n$/, "").split("\n");
  const left = lines.length - linesMax;
  if (left > 0) io.print([{ text: `(${left} lines before: --all shows them)`, tone: "dim" }]);
  for (const line of lines.slice(-linesMax)) io.print(line);
}

/** Prints what is new in the streams of each attempt, look by look. */
async function followLogs(
  facts: FactsAccess,
  stage: StageInUse,
  runId: string,
  io: Io,
): Promise<ExitCode> {
  using interrupts = io.interrupts();
  const shown = new Map<string, number>();
  let done = 0;
  const showNew = async (story: RunStory | undefined) => {
    for (const attempt of story?.attempts.slice(done) ?? []) {
      await showNewOf(attempt);
      // The next attempt begins when this one is decided, and then its logs are whole.
      if (attempt.decision !== undefined) done++;
    }
    io.showState(story === undefined ? "no such run yet" : stateOf(story));
  };
  const showNewOf = async (attempt: AttemptStory) => {
    const folder = scratchpadOf(attempt);
    if (folder === undefined) return;
    const read = await readLogs(facts.client.files, folder);
    for (const stream of ["stderr", "stdout"] as const) {
      const text = read[stream] ?? "";
      const key = `${attempt.iter_n}.${attempt.attempt} ${stream}`;
      const fresh = text.slice(shown.get(key) ?? 0);
      // Half a line waits for its other half, unless nothing more will come.
      const end = attempt.decision === undefined ? fresh.lastIndexOf("\n") + 1 : fresh.length;
      if (end === 0) continue;
      shown.set(key, (shown.get(key) ?? 0) + end);
      io.showState(undefined);
      for (const line of fresh.slice(0, end).replace(/\n$/, "").split("\n"))
        io.print([{ text: key, tone: "dim" }, ` ${line}`]);
    }
    const { error } = read.result ?? {};
    const key = `${attempt.iter_n}.${attempt.attempt} error`;
    if (!error || shown.has(key)) return;
    shown.set(key, 1);
    io.print([{ text: key, tone: "bad" }, ` ${error.type}: ${error.summary}`]);
  };
  const { signal } = interrupts;
  const followed = await follow({ reader: facts, stage, runId, signal, onLook: showNew });
  io.showState(undefined);
  if (followed.kind === "over") {
    const { outcome, reason } = followed.outcome;
    io.print([{ text: outcome, tone: toneOf(outcome) }, `: ${reason}`]);
  }
  return exitOf(followed);
}
