// Common to all commands: what they are given, the errors, the answer.
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import type * as z from "zod";
import { faultsOf } from "../shared/domain/body.ts";
import type { Terminal } from "./terminal.ts";

/** The command line itself is wrong: its message says what to type. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * The exit code of a command.
 * - 0: done; of `submit --wait` and `watch`: the run succeeded
 * - 1: not done, not healthy, or the run ended otherwise
 * - 2: typed wrongly, or a file of the operator's has a fault
 * - 3: nothing matched; of `doctor`: nothing wrong was seen, but not everything was looked at
 * - 4: not over yet when the time to wait was up
 * - 130: ended by Ctrl-C
 */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 130;

export type Io = Terminal & {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The text of standard input, to its end. */
  readonly input: () => Promise<string>;
  /** Hears the first Ctrl-C until it is disposed; the second one ends the process. */
  readonly interrupts: () => Interrupts;
  /** Says how the command ended. */
  readonly exit: (code: ExitCode) => void;
};

export type Interrupts = Disposable & { readonly signal: AbortSignal };

/** One command, ready to be parsed. */
export type CommandOf = (io: Io) => CommandUnknownOpts;

/** The typed value, in the form that its message needs. @throws UsageError */
export function typed<T>(name: string, schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new UsageError(`${name} ${JSON.stringify(value)}: ${faultsOf(parsed.error)}`);
}
