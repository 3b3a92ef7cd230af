// Runs a program of the project as a person does, and hears all that it prints.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");

/**
 * @param program its path within the project
 * @param env the whole environment
 */
export function runProgram(
  program: string,
  argv: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
) {
  const child = spawn(process.execPath, [join(root, program), ...argv], { env });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  return { child, output: () => output, ended: endOf(child) };
}

/** The exit code. */
const endOf = async (child: ChildProcess): Promise<number> =>
  Number((await once(child, "close"))[0]);
