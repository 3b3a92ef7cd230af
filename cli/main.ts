#!/usr/bin/env node
// The signalbox command. One file for each command in commands/.
import { StageError } from "../infra/stage.ts";
import { WorkloadError } from "../infra/workloads.ts";
import { messageOf } from "../shared/domain/body.ts";
import { bootstrap } from "./commands/bootstrap.ts";
import { cancel } from "./commands/cancel.ts";
import { deadLetters } from "./commands/dead-letters.ts";
import { doctor } from "./commands/doctor.ts";
import { retry } from "./commands/retry.ts";
import { runs } from "./commands/runs.ts";
import { shownLine, shownText, terminalOf } from "./terminal.ts";
import { type Command, type ExitCode, UsageError } from "./usage.ts";

const commands: Readonly<Record<string, Command>> = {
  bootstrap,
  doctor,
  runs,
  cancel,
  retry,
  "dead-letters": deadLetters,
};

// CDK and the aws command line accept either name, AWS's SDK only the first.
const { AWS_DEFAULT_REGION } = process.env;
if (AWS_DEFAULT_REGION !== undefined) process.env["AWS_REGION"] ??= AWS_DEFAULT_REGION;
process.exitCode = await main(process.argv.slice(2));

async function main([name = "", ...args]: readonly string[]): Promise<ExitCode> {
  if (/^(help|--help|-h)$/.test(name)) return printHelp(allUsages());
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    if (name !== "") console.error(`there is no command "${shownText(name)}"`);
    console.error(allUsages());
    return 2;
  }
  if (args.some((arg) => /^(--help|-h)$/.test(arg)))
    return printHelp(`${command.summary}\n${usageOf(command)}`);
  try {
    return await command.run(args, {
      environment: process.env,
      ...terminalOf((line) => console.log(line)),
    });
  } catch (error) {
    const isTyped = error instanceof UsageError || isParseArgsError(error);
    // One of the operator's files may have several faults, each with its line.
    const isOfFile = error instanceof StageError || error instanceof WorkloadError;
    const message = messageOf(error);
    for (const line of isOfFile ? message.split("\n") : [message]) console.error(shownLine(line));
    if (isTyped) console.error(usageOf(command));
    return isTyped || isOfFile ? 2 : 1;
  }
}

/** Help that was asked for is an answer, not an error. */
function printHelp(text: string): ExitCode {
  console.log(text);
  return 0;
}

function usageOf({ usage }: Command): string {
  return `usage: signalbox ${usage}`;
}

function isParseArgsError(error: unknown): boolean {
  return (
    error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS")
  );
}

function allUsages(): string {
  const width = Math.max(...Object.keys(commands).map((key) => key.length));
  const list = Object.entries(commands).map(
    ([key, { summary, usage }]) =>
      `  ${key.padEnd(width)}  ${summary}\n  ${" ".repeat(width)}  signalbox ${usage}`,
  );
  return ["signalbox <command>", ...list].join("\n");
}
