// A command's Io in a test: what would be on the screen, line by line.
import { terminalOf } from "../../cli/terminal.ts";
import type { Io } from "../../cli/usage.ts";

export const ioTo = (lines: string[], environment: Io["environment"] = {}): Io => ({
  environment,
  ...terminalOf((line) => lines.push(line)),
});
