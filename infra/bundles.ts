// Builds one bundle for each function. The bundles are deployed, and the budgets are measured on
// them. It needs neither Docker nor a network.
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { build, type Metafile } from "esbuild";
import type { ServiceName } from "../shared/topology.ts";
import { leaveOut } from "./left-out.ts";
import { WORKLOADS } from "./workloads.ts";

type Bundle = {
  /** The folder that becomes the function's code: handler.mjs, its chunks, their source maps. */
  readonly folder: string;
  readonly metafile: Metafile;
};
export type Bundles = Readonly<Record<ServiceName, Bundle>>;

const ROOT = join(import.meta.dirname, "..");

export type BundleOptions = {
  /** The folders below it are emptied and written. */
  readonly out: string;
  /** The workloads, which travel with the orchestrator. Default: the project's. */
  readonly workloads?: string;
  /** Written into each bundle, to name the revision from which it was built. */
  readonly revision?: string;
};

/**
 * Builds all three. The same sources give the same bytes on every machine, so a deploy without
 * changes changes nothing.
 */
export async function buildBundles(options: BundleOptions): Promise<Bundles> {
  const [orchestrator, poller, ingester] = await Promise.all([
    buildBundle("orchestrator", options),
    buildBundle("run-poller", options),
    buildBundle("ingester", options),
  ]);
  cpSync(options.workloads ?? WORKLOADS, join(orchestrator.folder, "workloads"), {
    recursive: true,
    filter: (path) => !path.includes("__pycache__"),
  });
  return { orchestrator, "run-poller": poller, ingester };
}

/** @throws Error if the service has no handler, or it does not compile */
async function buildBundle(
  service: ServiceName,
  { out, revision = "" }: BundleOptions,
): Promise<Bundle> {
  const folder = join(out, service);
  const entry = join(ROOT, "services", service, "handler.ts");
  if (!existsSync(entry)) throw new Error(`${entry} is missing: there is nothing to deploy`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { metafile, outputFiles } = await build({
    entryPoints: [entry],
    // Written elsewhere: source maps name their sources relative to this folder, so the bytes do
    // not depend on the real one.
    outdir: join(ROOT, "out", service),
    write: false,
    absWorkingDir: ROOT,
    bundle: true,
    minify: true,
    metafile: true,
    // Chunks: a dynamic import (the SQL driver) is not even parsed until a record comes.
    splitting: true,
    format: "esm",
    platform: "node",
    // ES modules before CommonJS, so that only the used part of the AWS clients is kept.
    mainFields: ["module", "main"],
    target: "node24",
    outExtension: { ".js": ".mjs" },
    sourcemap: "linked",
    sourcesContent: false,
    // CommonJS packages inside an ES module ask for `require`.
    banner: {
      js: `/* ${revision} */import{createRequire as createRequireOfBundle}from"node:module";const require=createRequireOfBundle(import.meta.url);`,
    },
    plugins: [leaveOut],
    logLevel: "warning",
  });
  for (const { path, contents } of outputFiles)
    writeFileSync(join(folder, basename(path)), contents);
  return { folder, metafile };
}
