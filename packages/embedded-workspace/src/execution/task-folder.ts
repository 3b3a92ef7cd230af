// The folder of one attempt on this machine: its working folder, temporary files, unpacked wheels,
// and what it may see.
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WorkspaceContext } from "../context.ts";
import type { Principal } from "../route.ts";

export type TaskFolder = {
  readonly path: string;
  readonly working: string;
  readonly home: string;
  readonly temporary: string;
  readonly packages: string;
  /** Certificate authorities for what the task calls. */
  readonly caFile: string | undefined;
  /**
   * The file that the shim reads (python/_workspace/mounts.py); it follows new volumes and changed
   * grants.
   */
  readonly mountsFile: string;
  readonly writeSpec: (spec: unknown) => string;
  readonly remove: () => void;
};

/** How soon a running task sees a new volume or grant. */
const refreshMs = 250;

/** Made before a process starts, removed after it. */
export function createTaskFolder(
  context: WorkspaceContext,
  principal: Principal,
  attemptId: string,
): TaskFolder {
  const path = taskFolderPath(context, attemptId);
  const inside = (name: string): string => join(path, name);
  rmSync(path, { recursive: true, force: true });
  for (const name of ["work", "home", "tmp", "mnt"])
    mkdirSync(inside(name), { recursive: true, mode: 0o700 });
  // On the disk of the volumes: a finished upload gets there by renaming.
  const staging = join(realpathSync(context.folder), "staging", attemptId);
  mkdirSync(staging, { recursive: true });
  // Shell commands get this path in the middle of their text, where a space would divide it.
  const plain = /^[\w./-]+$/.test(path);
  const alias = plain ? inside("mnt") : mkdtempSync(join(tmpdir(), "volumes-"));
  const mountsFile = inside("mounts.json");
  let written = "";
  const writeMounts = (): void => {
    const mounts = mountsOf(context, principal);
    const text = JSON.stringify({ alias, staging, own: path, closed: closedTo(context), mounts });
    if (text === written) return;
    written = text;
    writeFileSync(`${mountsFile}.new`, text);
    renameSync(`${mountsFile}.new`, mountsFile);
  };
  writeMounts();
  const refreshing = setInterval(writeMounts, refreshMs).unref();
  return {
    path,
    working: inside("work"),
    home: inside("home"),
    temporary: inside("tmp"),
    packages: inside("packages"),
    caFile: copyOf(context.caFile, inside("ca-bundle.pem")),
    mountsFile,
    writeSpec: (spec) => {
      const file = inside("spec.json");
      writeFileSync(file, JSON.stringify(spec));
      return file;
    },
    remove: () => {
      clearInterval(refreshing);
      for (const folder of [alias, path, staging]) removeFolder(folder);
    },
  };
}

function copyOf(file: string | undefined, to: string): string | undefined {
  if (file === undefined) return undefined;
  copyFileSync(file, to);
  return to;
}

/** One for each attempt on this machine: two workspaces never share it. */
export const taskFolderPath = (context: WorkspaceContext, attemptId: string): string =>
  join(context.tasksFolder, attemptId);

/**
 * The folders that are closed to a task: all that the workspace keeps, and those of other tasks.
 */
const closedTo = ({ folder, tasksFolder }: WorkspaceContext): readonly string[] => [
  ...new Set([realpathSync(folder), folder, tasksFolder]),
];

/** Read-only copies of volumes are in the way of who is not root. */
export function removeFolder(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    makeWritable(path);
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  }
}

function makeWritable(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) makeWritable(join(folder, entry.name));
}

/** Every volume, also those that may not be read: a path into one is refused, not missing. */
function mountsOf(context: WorkspaceContext, principal: Principal) {
  const volumes = context.volumes.visibleTo(principal).map((each) => ({
    path: `/Volumes/${each.volume.catalog}/${each.volume.schema}/${each.volume.name}`,
    folder: realpathSync(each.realRoot),
    read: each.read,
    write: each.write,
    volume: true,
  }));
  const files = {
    path: "/Workspace",
    folder: realpathSync(context.workspaceFiles.root),
    read: true,
    write: principal.admin,
    volume: false,
  };
  return [...volumes, files];
}
