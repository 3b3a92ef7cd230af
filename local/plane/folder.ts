// The folder of a local plane. A new plane empties it; at the end it is kept, so that its files can
// be looked at, or the plane can go on.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const PID_FILE = "plane.pid";

export type Claimed = {
  /** Absolute. */
  readonly folder: string;
  /** True if an older plane was removed, with everything that it had. */
  readonly isEmptied: boolean;
};

/**
 * Takes a folder for this process, and empties it, unless the old plane is to be kept.
 * @throws Error if another plane runs in it, if it holds files that no plane made, or if there is
 *   nothing to keep
 */
export function claimFolder(given: string, keeps = false): Claimed {
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
  if (keeps && !names.includes(PID_FILE))
    throw new Error(
      `there is no local plane in ${folder} that could be gone on with: leave --keep away, or name its folder with --folder`,
    );
  const old = keeps ? [] : names.filter((name) => name !== PID_FILE);
  for (const name of old) rmSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, PID_FILE), `${process.pid}\n`);
  return { folder, isEmptied: old.length > 0 };
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
