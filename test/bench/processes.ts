// Fresh processes, timed from outside: from the moment of the spawn, so that whatever a start costs
// is in it.
import { spawn } from "node:child_process";
import { once } from "node:events";

export type Command = {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** All of its environment; without it, this process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
};

export const node = (...args: readonly string[]): Command => ({ file: process.execPath, args });

/** Node, and nothing else: what every start of a program of ours contains. */
export const emptyNode: Command = node("-e", "console.log()");

/**
 * Real milliseconds until the process has said its first word, or until it has ended. It is waited
 * for in either case.
 * @throws Error where it ends with anything but 0, or says nothing that could be waited for
 */
export async function processMs(
  { file, args, ...options }: Command,
  until: "first word" | "end",
): Promise<number> {
  const startMs = performance.now();
  const child = spawn(file, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let wordMs: number | undefined;
  let stderr = "";
  child.stdout.on("data", () => {
    wordMs ??= performance.now() - startMs;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, "close");
  const endMs = performance.now() - startMs;
  const ms = until === "end" ? endMs : wordMs;
  if (code !== 0 || ms === undefined)
    throw new Error(`${file} ${args.join(" ")} ended with ${code}: ${stderr.trim().slice(-2_000)}`);
  return ms;
}

/**
 * Measures each of them once a round, in turns, so that what else the machine does meets all alike.
 * The first round, in which files come from the disk, is not counted.
 */
export async function inTurns<Name extends string>(
  rounds: number,
  measures: Readonly<Record<Name, () => Promise<number>>>,
): Promise<Readonly<Record<Name, readonly number[]>>> {
  const names = Object.keys(measures) as Name[];
  const measured = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<
    Name,
    number[]
  >;
  for (let round = 0; round <= rounds; round++)
    for (const name of names) {
      const value = await measures[name]();
      if (round > 0) measured[name].push(value);
    }
  return measured;
}
