#!/usr/bin/env node
// The signalbox command: what a process has, given to the command that was typed.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { StageError } from "../infra/stage.ts";
import { WorkloadError } from "../infra/workloads.ts";
import { commands } from "./commands.ts";
import { complaintOf, programOf, runTyped } from "./frame/command-line.ts";
import { hasColours, stateLine } from "./frame/screen.ts";
import { terminalOf } from "./terminal.ts";
import type { ExitCode, Interrupts, Io } from "./usage.ts";

// CDK and the aws command line accept either name, AWS's SDK only the first.
const { AWS_DEFAULT_REGION } = process.env;
if (AWS_DEFAULT_REGION !== undefined) process.env["AWS_REGION"] ??= AWS_DEFAULT_REGION;
// The reader may close our output early: `signalbox runs | head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});
process.exitCode = await main(process.argv.slice(2));

async function main(typed: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = 0;
  const { stdout, stderr, env } = process;
  const io: Io = {
    environment: env,
    input: () => text(process.stdin),
    interrupts,
    exit: (ended) => {
      code = ended;
    },
    ...terminalOf((line) => console.log(line), {
      complain: (line) => console.error(line),
      columns: stdout.isTTY ? stdout.columns : undefined,
      hasColours: hasColours(stdout, env),
      showState: stateLine(stderr),
    }),
  };
  const program = programOf(versionOf(), commands, io);
  try {
    await runTyped(program, typed);
    return code;
  } catch (error) {
    if (typed.length === 0)
      for (const line of program.helpInformation().split("\n")) io.complain(line);
    const isOfFile = (each: unknown) => each instanceof StageError || each instanceof WorkloadError;
    return complaintOf(error, typed, program, io, isOfFile);
  }
}

function versionOf(): string {
  const { version } = JSON.parse(
    readFileSync(join(import.meta.dirname, "..", "package.json"), "utf8"),
  ) as { version: string };
  return version;
}

/** The first Ctrl-C asks the command to end well; the second one does not wait for that. */
function interrupts(): Interrupts {
  const controller = new AbortController();
  const hear = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new Error("ended by Ctrl-C"));
  };
  const names = ["SIGINT", "SIGTERM"] as const;
  for (const name of names) process.on(name, hear);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const name of names) process.off(name, hear);
    },
  };
}
