// Checks this machine for all that a plane needs, before anything starts.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import type { SourceFile } from "../../infra/executor.ts";
import { messageOf } from "../../shared/domain/body.ts";

export type Python = { readonly executable: string; readonly version: string };

const MINOR_MIN = 10;

/**
 * The folder of the programs of a virtual environment: `.venv` beside the workloads or in the
 * working folder, unless one is active.
 */
export function venvBin(
  workloads: string,
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  if (environment["VIRTUAL_ENV"] !== undefined) return undefined;
  const places = [join(workloads, ".."), process.cwd()];
  return places
    .map((place) => join(resolve(place), ".venv", "bin"))
    .find((bin) => existsSync(join(bin, "python3")));
}

export const withFirst = (bin: string, path: string | undefined): string =>
  [bin, ...(path === undefined || path === "" ? [] : [path])].join(delimiter);

/** The Python that will execute. @throws Error in one sentence if there is none that can */
export function findPython(path: string | undefined): Python {
  const program =
    "import sys; print(sys.executable); print('.'.join(map(str, sys.version_info[:3])))";
  const [executable = "", version = ""] = outputOf(program, path).trim().split("\n");
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major === 3 && minor >= MINOR_MIN) return { executable, version };
  throw new Error(
    `python3 on PATH is ${version || "something that tells no version"}, and runs need 3.${MINOR_MIN} or later: put one first on PATH`,
  );
}

function outputOf(program: string, path: string | undefined): string {
  try {
    return execFileSync("python3", ["-c", program], {
      encoding: "utf8",
      env: { ...process.env, ...(path !== undefined && { PATH: path }) },
      stdio: ["ignore", "pipe", "ignore"],
      timeout: 10_000,
    });
  } catch (error) {
    throw new Error(
      `there is no python3 on PATH that starts: install Python 3.${MINOR_MIN} or later, which executes the runs`,
      { cause: error },
    );
  }
}

/**
 * The files below a folder, for company_codebase/data.
 * @throws Error in one sentence if it is no folder
 */
export function dataIn(folder: string): readonly SourceFile[] {
  try {
    if (!statSync(folder).isDirectory()) throw new Error("it is no folder");
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        const below = path.slice(join(folder, "/").length).replaceAll("\\", "/");
        return { path: `data/${below}`, content: readFileSync(path) };
      });
  } catch (error) {
    throw new Error(`--data ${folder} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
