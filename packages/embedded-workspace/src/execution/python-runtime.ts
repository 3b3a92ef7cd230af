// The Python that runs tasks: the `python3` of PATH, looked for once.
import { execFile } from "node:child_process";
import { promisify } from "node:util";

export type PythonRuntime = { readonly executable: string; readonly version: string };

/** The shim uses what 3.10 has. */
const minorMin = 10;
const run = promisify(execFile);
let found: Promise<PythonRuntime> | undefined;

/**
 * Resolves shims such as pyenv's to the interpreter itself, which starts three times as fast.
 * @throws Error with what to do, when there is no python3 of 3.10 or later
 */
export function findPython(): Promise<PythonRuntime> {
  found ??= look().catch((error: unknown) => {
    found = undefined; // somebody may install one while the workspace runs
    throw error;
  });
  return found;
}

async function look(): Promise<PythonRuntime> {
  const program =
    "import sys; print(sys.executable); print('.'.join(map(str, sys.version_info[:3])))";
  const { stdout } = await run("python3", ["-c", program]).catch((error: unknown) => {
    throw new Error("There is no python3 on PATH: install Python 3.10 or later to execute tasks.", {
      cause: error,
    });
  });
  const [executable = "", version = ""] = stdout.trim().split("\n");
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major !== 3 || minor < minorMin)
    throw new Error(
      `python3 on PATH is ${version}: put Python 3.${minorMin} or later first on PATH to execute tasks.`,
    );
  return { executable, version };
}
