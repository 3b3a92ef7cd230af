// The abilities of a process's streams: colours, columns, a line that is overwritten.
import type { WriteStream } from "node:tty";
import { shownLine } from "../terminal.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Colours are for people: not in a pipe, and not where NO_COLOR (no-color.org) says no. */
export function hasColours(
  { isTTY }: Pick<WriteStream, "isTTY">,
  environment: Environment,
): boolean {
  if (environment["NO_COLOR"]) return false;
  if (environment["FORCE_COLOR"]) return environment["FORCE_COLOR"] !== "0";
  return isTTY && environment["TERM"] !== "dumb";
}

/** Writes one line over and over again; nothing, if nobody looks. */
export function stateLine(
  stream: Pick<WriteStream, "isTTY" | "columns" | "write">,
): (line: string | undefined) => void {
  if (!stream.isTTY) return () => {};
  return (line) => {
    const shown = line === undefined ? "" : shownLine(line).slice(0, (stream.columns || 80) - 1);
    stream.write(`\r\u001b[K${shown}`);
  };
}
