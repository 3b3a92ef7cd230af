// Common to all commands: the stage, the errors, the answer.
import type * as z from "zod";
import { faultsOf } from "../shared/domain/body.ts";
import type { Terminal } from "./terminal.ts";

/** The command line itself is wrong: its message says what to type. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The exit code of a command: 0 done, 1 not done (or not healthy), 2 typed wrongly. */
export type ExitCode = 0 | 1 | 2;

export type Command = {
  /** The words after `signalbox`. */
  readonly usage: string;
  /** One line. */
  readonly summary: string;
  readonly run: (args: readonly string[], io: Io) => Promise<ExitCode>;
};

export type Io = Terminal & {
  readonly environment: Readonly<Record<string, string | undefined>>;
};

/** @throws UsageError if it is missing */
export function required(name: string, value: string | undefined): string {
  if (value === undefined || value === "") throw new UsageError(`${name} is missing`);
  return value;
}

/** The one word that a command takes besides its options. @throws UsageError */
export function theOne(name: string, [first, ...more]: readonly string[]): string {
  if (more.length > 0)
    throw new UsageError(`"${more.join(" ")}" is too much: only ${name} is wanted there`);
  return required(name, first);
}

/** The typed value, in the form that its message needs. @throws UsageError */
export function typed<T>(name: string, schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new UsageError(`${name} ${JSON.stringify(value)}: ${faultsOf(parsed.error)}`);
}
