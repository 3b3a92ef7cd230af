// The stage `local`: a plane on this machine says where it is in a small file of its folder. The
// plane writes it when it is ready, and removes it at its end; the command line reads it.
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import * as z from "zod";
import { faultsOf, jsonOrNothing } from "../shared/domain/body.ts";
import { Instant } from "../shared/domain/contract.ts";
import { type Stage, StageError } from "./stage.ts";
import { StageFile } from "./stage-schema.ts";

/** The name by which people choose it, and the one of its stack. */
export const LOCAL = "local";
const LOCAL_STACK = "signalbox-local";
/** The name of the file in a plane's folder. It holds keys, so it is its owner's alone (0600). */
const LOCAL_STAGE_FILE = "stage.json";
/** The folders of a plane below a project's: that of `npm run dev`, and that of `npm start`. */
const PLANE_FOLDERS = ["plane", "demo"].map((name) => join(".local", name));

const LocalStageFile = z.strictObject({
  v: z.literal(1),
  /** The process of the plane. If it is gone, so is the plane. */
  pid: z.int().min(1),
  started_at: Instant,
  /** The absolute path of its workloads. */
  workloads: z.string().min(1),
  /** The content of a stage file. */
  stage: StageFile,
  /**
   * The variables that the tools of AWS and Databricks read: AWS_ENDPOINT_URL_SQS (or
   * AWS_ENDPOINT_URL), AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, DATABRICKS_CLIENT_ID,
   * DATABRICKS_CLIENT_SECRET, SIGNALBOX_CA_FILE, …
   */
  environment: z.record(z.string(), z.string()),
});

/** A plane's description of itself, before it is checked. */
export type LocalStageGiven = z.input<typeof LocalStageFile>;

/**
 * Says that a plane runs in this folder; the last thing at its start. Written whole, and readable
 * for its owner alone, because it holds keys.
 * @throws ZodError if the command line could not use it
 */
export function writeLocalStage(folder: string, given: LocalStageGiven): void {
  LocalStageFile.parse(given);
  const path = join(folder, LOCAL_STAGE_FILE);
  writeFileSync(`${path}.new`, `${JSON.stringify(given, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Says that no plane runs there any more; the first thing at its end. */
export const removeLocalStage = (folder: string): void =>
  rmSync(join(folder, LOCAL_STAGE_FILE), { force: true });

export type LocalStage = Stage & {
  readonly local: {
    /** The folder of the plane. */
    readonly folder: string;
    readonly workloads: string;
    readonly environment: Readonly<Record<string, string>>;
  };
};

/**
 * The plane that runs on this machine: in the named folder, or in `.local/plane` or `.local/demo`
 * of the working folder, of a folder above it, or of this project. Undefined if none runs.
 * @throws StageError if its file cannot be used
 */
export function findLocalStage(from: {
  /** The value of SIGNALBOX_LOCAL: a plane's folder. */
  readonly named: string | undefined;
  readonly workingFolder: string;
}): LocalStage | undefined {
  const folders =
    from.named === undefined
      ? [...above(from.workingFolder), join(import.meta.dirname, "..")].flatMap((folder) =>
          PLANE_FOLDERS.map((below) => join(folder, below)),
        )
      : [resolve(from.named)];
  for (const folder of folders) {
    const stage = existsSync(join(folder, LOCAL_STAGE_FILE)) ? readLocalStage(folder) : undefined;
    if (stage !== undefined) return stage;
  }
  return undefined;
}

function above(folder: string): readonly string[] {
  const parent = dirname(folder);
  return parent === folder ? [folder] : [folder, ...above(parent)];
}

function readLocalStage(folder: string): LocalStage | undefined {
  const path = join(folder, LOCAL_STAGE_FILE);
  checkOwner(path);
  const parsed = LocalStageFile.safeParse(jsonOrNothing(readFileSync(path, "utf8")));
  if (!parsed.success)
    throw new StageError(
      `${path} is not what a local plane writes (${faultsOf(parsed.error)}): start the plane again with this version`,
    );
  const { pid, stage, workloads, environment } = parsed.data;
  if (!isAlive(pid)) return undefined;
  return {
    ...stage,
    ...{ name: LOCAL, stack: LOCAL_STACK },
    local: { folder, workloads, environment },
  };
}

/**
 * In a folder above, anybody may have left such a file: tickets would go to their plane. A plane
 * writes its file for its owner alone, so another's is refused, and never passed over: a command
 * that fell back to a deployed stage would surprise as well.
 */
function checkOwner(path: string): void {
  const own = process.getuid?.();
  if (own === undefined) return; // a system without owners in this sense
  const { uid, mode } = statSync(path);
  if (uid === own && (mode & 0o077) === 0) return;
  throw new StageError(
    `${path} ${uid === own ? "is open to others" : "is another user's"}, so it is no file of a plane of yours: remove it, start the plane again, or name another stage by --stage`,
  );
}

/** A process of somebody else is alive, too. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
