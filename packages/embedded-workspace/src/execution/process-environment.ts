// How a Python process of the workspace begins: its program, and its environment.
import { join } from "node:path";
import type { TaskFolder } from "./task-folder.ts";

/** The folder that PYTHONPATH names: sitecustomize.py and its package. */
const siteFolder = join(import.meta.dirname, "python");

/** DATABRICKS_RUNTIME_VERSION of a cluster. */
export const classicRuntime = "16.4";

/** Python's arguments: the launcher, which reads `spec` from the folder. */
export const launching = (folder: TaskFolder, spec: object): readonly string[] => [
  "-u",
  join(siteFolder, "launcher.py"),
  folder.writeSpec({ ...spec, packages: folder.packages }),
];

/** The host's own variables stay with the host; `chosen` are those of task and compute. */
export function processEnvironment(
  folder: TaskFolder,
  runtime: string,
  chosen: Readonly<Record<string, string>>,
): Record<string, string> {
  const { caFile } = folder;
  return {
    PATH: process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
    LANG: "C.UTF-8",
    HOME: folder.home,
    TMPDIR: folder.temporary,
    DATABRICKS_RUNTIME_VERSION: runtime,
    ...(caFile !== undefined && {
      SSL_CERT_FILE: caFile,
      REQUESTS_CA_BUNDLE: caFile,
      NODE_EXTRA_CA_CERTS: caFile,
    }),
    ...chosen,
    PYTHONPATH: siteFolder,
    WORKSPACE_MOUNTS: folder.mountsFile,
    WORKSPACE_PACKAGES: folder.packages,
  };
}
