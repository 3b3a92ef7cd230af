// The folder of a local plane. It belongs to one process at a time, and is kept at the end, so that
// its files can be looked at, or the plane can go on.
import { mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { messageOf } from "../../shared/domain/body.ts";

const PID_FILE = "plane.pid";
// An open transaction on this file is the claim: it ends with the process, however that ends, and
// no other process can have the number that once was ours.
const LOCK_FILE = "plane.lock";
const OWN_FILES: readonly string[] = [PID_FILE, LOCK_FILE, `${LOCK_FILE}-journal`];

export type Claimed = Disposable & {
  /** Absolute. */
  readonly folder: string;
  /** True if an older plane was removed, with everything that it had. */
  readonly isEmptied: boolean;
};

/**
 * Takes a folder for this process.
 * @param empties removes the plane of before
 * @throws Error in one sentence if another plane runs in it, if it holds files that no plane made,
 *   or if it cannot be written
 */
export function claimFolder(given: string, empties = true): Claimed {
  const folder = resolve(given);
  const names = namesIn(folder);
  if (names.length > 0 && !names.includes(PID_FILE))
    throw new Error(
      `${folder} holds files that no local plane made, and a plane may empty its folder: name another with --folder`,
    );
  const lock = openLock(folder);
  try {
    checkRoom(folder);
    const old = empties ? names.filter((name) => !OWN_FILES.includes(name)) : [];
    for (const name of old) rmSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, PID_FILE), `${process.pid}\n`);
    return { folder, isEmptied: old.length > 0, [Symbol.dispose]: () => lock.close() };
  } catch (error) {
    lock.close();
    throw error;
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return readdirSync(folder);
  } catch (error) {
    throw unusable(folder, error);
  }
}

function openLock(folder: string): DatabaseSync {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(join(folder, LOCK_FILE));
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock?.close();
    if (/locked/.test(messageOf(error)))
      throw new Error(
        `another local plane runs in ${folder} (process ${pidIn(folder)}): end it, or name another folder with --folder`,
        { cause: error },
      );
    throw unusable(folder, error);
  }
}

function pidIn(folder: string): string {
  try {
    return readFileSync(join(folder, PID_FILE), "utf8").trim();
  } catch {
    return "unknown";
  }
}

// A workspace with its tables has a few; less than this is a disk that will be full soon.
const ROOM_MIB_MIN = 64;

function checkRoom(folder: string): void {
  const { bavail, bsize } = statfsSync(folder);
  const mib = Math.floor((bavail * bsize) / 2 ** 20);
  if (mib < ROOM_MIB_MIN)
    throw new Error(
      `the disk of ${folder} is full (${mib} MiB are free, and a plane needs ${ROOM_MIB_MIN}): make room, or name a folder on another disk with --folder`,
    );
  try {
    // statfs may promise space that this user cannot have.
    writeFileSync(join(folder, PID_FILE), `${process.pid}\n`);
  } catch (error) {
    throw unusable(folder, error);
  }
}

const WHY: Readonly<Record<string, string>> = {
  EACCES: "you may not write there",
  EPERM: "you may not write there",
  EROFS: "that disk is read-only",
  ENOSPC: "that disk is full",
  // Node answers ENOENT when it makes a folder and its parents on a read-only disk.
  ENOENT: "it cannot be made there (that disk is read-only, or the path leads nowhere)",
  ENOTDIR: "a part of that path is a file",
  EEXIST: "there is a file of that name",
};

function unusable(folder: string, error: unknown): Error {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const message = messageOf(error);
  const why = WHY[code] ?? (/unable to open|readonly/.test(message) ? WHY["EACCES"] : message);
  return new Error(
    `${folder} cannot be the plane's folder, because ${why}: name another with --folder`,
    { cause: error },
  );
}
