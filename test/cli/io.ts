// A command's Io in a test: what would be on the screen, line by line; and how one types.
import { programOf, runTyped } from "../../cli/frame/command-line.ts";
import { type TerminalOptions, terminalOf } from "../../cli/terminal.ts";
import type { CommandOf, ExitCode, Io } from "../../cli/usage.ts";

type Options = TerminalOptions & Partial<Pick<Io, "input" | "interrupts">>;

export const ioTo = (
  lines: string[],
  environment: Io["environment"] = {},
  { input, interrupts, ...terminal }: Options = {},
): Io => ({
  environment,
  input: input ?? (async () => ""),
  interrupts:
    interrupts ?? (() => ({ signal: new AbortController().signal, [Symbol.dispose]: () => {} })),
  exit: () => {},
  ...terminalOf((line) => lines.push(line), terminal),
});

/** Types one command, without its name. @throws what the command throws, UsageError included */
export async function typed(
  command: CommandOf,
  args: readonly string[],
  io: Io,
): Promise<ExitCode> {
  let code: ExitCode = 0;
  const exit = (ended: ExitCode) => {
    code = ended;
  };
  const program = programOf("0.0.0", [command], { ...io, exit });
  await runTyped(program, [command(io).name(), ...args]);
  return code;
}
