// The command line as a whole: finds the command, has it parsed and run, and turns what it throws
// into a sentence and an exit code.
import { Command, CommanderError, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { messageOf } from "../../shared/domain/body.ts";
import { shownLine } from "../terminal.ts";
import { type CommandOf, type ExitCode, type Io, UsageError } from "../usage.ts";
import { completionCommands } from "./completion.ts";

const COLUMNS = 80;

/** The whole tree of commands. Nothing is run before it is parsed. */
export function programOf(
  version: string,
  commands: readonly CommandOf[],
  io: Io,
): CommandUnknownOpts {
  const program = new Command("signalbox")
    .description("Sends, watches and mends runs of Signalbox, on a stage or on this machine.")
    .usage("<command> [options]")
    .helpOption("-h, --help", "shows this, or with a command: how to use it")
    .version(version, "-V, --version", "the version")
    .helpCommand("help [command]", "shows how to use a command")
    .configureHelp({ subcommandTerm: (each) => each.name() })
    .showSuggestionAfterError(true);
  for (const command of commands) program.addCommand(command(io));
  for (const command of completionCommands(program, io))
    program.addCommand(command, { hidden: command.name() === "complete" });
  withManners(program, io);
  return program;
}

/** Nothing ends the process by itself, and everything is printed by the one way to the screen. */
function withManners(command: CommandUnknownOpts, io: Io): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => {
      for (const line of lines(text)) io.print(line);
    },
    writeErr: (text) => {
      for (const line of lines(text)) io.complain(line);
    },
    getOutHelpWidth: () => io.columns ?? COLUMNS,
    getErrHelpWidth: () => io.columns ?? COLUMNS,
    // It is thrown, and printed where everything that is thrown is.
    outputError: () => {},
  });
  for (const each of command.commands) withManners(each, io);
}

const lines = (text: string): readonly string[] => text.replace(/\n$/, "").split("\n");

/**
 * Runs what was typed after `signalbox`.
 * @throws UsageError if it was typed wrongly, and whatever the command throws
 */
export async function runTyped(
  program: CommandUnknownOpts,
  typed: readonly string[],
): Promise<void> {
  try {
    await program.parseAsync([...typed], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0 || error.code === "commander.help") {
      if (typed.length === 0) throw new UsageError("", { cause: error });
      return;
    }
    throw new UsageError(error.message.replace(/^error: /, "").replaceAll("\n", " "), {
      cause: error,
    });
  }
}

/** Errors whose sentences are about the operator's files: each line is a fault of its own. */
export type IsOfFile = (error: unknown) => boolean;

/** Says what went wrong, and with which exit code that ends. */
export function complaintOf(
  error: unknown,
  typed: readonly string[],
  program: CommandUnknownOpts,
  io: Io,
  isOfFile: IsOfFile,
): ExitCode {
  const isTyped = error instanceof UsageError;
  const message = messageOf(error);
  if (message !== "")
    for (const line of isOfFile(error) ? message.split("\n") : [message]) io.complain(line);
  if (isTyped && message !== "") io.complain(`usage: ${usageOf(program, typed)}`);
  return isTyped || isOfFile(error) ? 2 : 1;
}

/** The usage of the command that was meant, and where its help is. */
function usageOf(program: CommandUnknownOpts, typed: readonly string[]): string {
  const words = ["signalbox"];
  let command = program;
  for (const word of typed) {
    const next = command.commands.find((each) => each.name() === word);
    if (next === undefined) break;
    command = next;
    words.push(word);
  }
  return shownLine(`${words.join(" ")} ${command.usage()} (${words.join(" ")} --help says more)`);
}
