// Writes docs/cli.md, the reference of the command line, from the help itself. `npm run reference`
// runs it.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { commands } from "./commands.ts";
import { programOf } from "./frame/command-line.ts";
import { terminalOf } from "./terminal.ts";
import type { Io } from "./usage.ts";

export const REFERENCE = join(import.meta.dirname, "..", "docs", "cli.md");

const HEAD = `# The command line

This is what \`signalbox <command> --help\` says, written by \`npm run reference\`; a test fails where the two differ.
[operate.md](operate.md) says what to do with it, [where it acts](operate.md#where-a-command-acts) and [what the exit
codes mean](operate.md#in-a-script); at night there is [the runbook](../infra/runbook.md).
`;

/** The whole document. */
export function referenceOf(): string {
  const lines: string[] = [];
  const program = programOf("0.0.0", commands, silent(lines));
  const pages = leavesOf(program).map((command) => {
    const from = lines.length;
    command.outputHelp();
    return `## ${pathOf(command)}\n\n\`\`\`text\n${lines.slice(from).join("\n").trim()}\n\`\`\`\n`;
  });
  return [HEAD, ...pages].join("\n");
}

const leavesOf = (command: CommandUnknownOpts): readonly CommandUnknownOpts[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .filter((each) => each.name() !== "help")
    .flatMap((each) => [each, ...leavesOf(each)]);

const pathOf = (command: CommandUnknownOpts): string =>
  command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;

const silent = (lines: string[]): Io => ({
  environment: {},
  input: async () => "",
  interrupts: () => ({ signal: new AbortController().signal, [Symbol.dispose]: () => {} }),
  exit: () => {},
  ...terminalOf((line) => lines.push(line), { columns: 80 }),
});

if (import.meta.main) writeFileSync(REFERENCE, referenceOf());
