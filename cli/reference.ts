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

This is what \`signalbox <command> --help\` says, written by \`npm run reference\`; a test fails where the two differ. What
to do with it: [operate.md](operate.md), and at night [the runbook](../infra/runbook.md).

- **Where it acts**: \`--stage\`, otherwise \`SIGNALBOX_STAGE\`, a plane that runs on this machine (\`npm start -- --stay\`),
  or the only stage there is. On a stage it uses your own AWS credentials, and at Databricks \`DATABRICKS_CLIENT_ID\` with
  \`DATABRICKS_CLIENT_SECRET\`, \`DATABRICKS_TOKEN\`, or the stage's principal for on-call.
- **Exit codes**: 0 done · 1 not done, not healthy, or another outcome than \`succeeded\` · 2 typed wrongly, or a fault in
  one of your files · 3 nothing matched; of \`doctor\`, not everything was looked at · 4 not over yet · 130 Ctrl-C.
- **In scripts**: \`--json\` where it is named below. What goes into a pipe has no colours and is not cut; \`NO_COLOR\` is
  heard. Complaints and progress go to standard error.
- **Completion**: \`signalbox completion bash|zsh|fish\`.
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
