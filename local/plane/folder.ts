// The folder of a local plane: emptied when one starts, kept when it ends, so that its files can be looked at.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const PID_FILE = "plane.pid";

/**
 * Takes a folder for this process, and empties it.
 * @returns its absolute path
 * @throws Error where another plane runs in it, or where it holds what no plane made
 */
export function claimFolder(given: string): string {
  const folder = resolve(given);
  mkdirSync(folder, { recursive: true });
  const names = readdirSync(folder);
  if (names.length > 0 && !names.includes(PID_FILE))
    throw new Error(
      `${folder} holds files that no local plane made, and a plane empties its folder: name another with --folder`,
    );
  const pid = pidIn(folder);
  if (pid !== undefined && pid !== process.pid && isAlive(pid))
    throw new Error(
      `another local plane runs in ${folder} (process ${pid}): end it, or name another folder with --folder`,
    );
  for (const name of names) if (name !== PID_FILE) rmSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, PID_FILE), `${process.pid}\n`);
  return folder;
}

/** The folder stays, and the next plane may have it. */
export const releaseFolder = (folder: string): void =>
  writeFileSync(join(folder, PID_FILE), "ended\n");

function pidIn(folder: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(folder, PID_FILE), "utf8"));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
