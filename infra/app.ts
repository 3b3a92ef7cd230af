// The CDK app: one stack for each file in infra/stages. Needs no account and no network. Context,
// all of it optional:
//   -c stage=dev            this stage alone
//   -c stages=<folder>      your own stages, outside this repository
//   -c workloads=<folder>   your own workloads
//   -c revision=<text>      written into the bundles, such as a commit
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildBundles } from "./bundles.ts";
import { ControlPlaneStack, createApp } from "./control-plane-stack.ts";
import { executorPath, executorSources } from "./executor.ts";
import { volumePathsOf } from "./names.ts";
import { readStages, StageError } from "./stage.ts";
import {
  checkIdentities,
  readWorkloads,
  scheduledOf,
  WORKLOADS,
  WorkloadError,
} from "./workloads.ts";

try {
  await synthesise();
} catch (error) {
  // A fault in one of the operator's files needs no stack trace of ours.
  if (!(error instanceof StageError || error instanceof WorkloadError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

async function synthesise(): Promise<void> {
  const app = createApp();
  const context = (key: string): string | undefined => {
    const value: unknown = app.node.tryGetContext(key);
    return typeof value === "string" ? value : undefined;
  };
  const stages = readStages(
    context("stages") ?? join(import.meta.dirname, "stages"),
    context("stage"),
  );
  const workloads = context("workloads") ?? WORKLOADS;
  const recipes = readWorkloads(workloads);
  for (const stage of stages) checkIdentities(stage, recipes, workloads);
  // CDK copies the files that it deploys, so the folder is needed no longer than this process.
  const out = mkdtempSync(join(tmpdir(), "signalbox-bundles-"));
  process.on("exit", () => rmSync(out, { recursive: true, force: true }));
  const bundles = await buildBundles({ out, workloads, revision: context("revision") ?? "" });
  const executor = executorSources();
  for (const stage of stages)
    new ControlPlaneStack(app, {
      stage,
      scheduled: scheduledOf(recipes),
      executorPath: executorPath(volumePathsOf(stage.databricks).codebase, executor),
      code: {
        orchestrator: bundles.orchestrator.folder,
        "run-poller": bundles["run-poller"].folder,
        ingester: bundles.ingester.folder,
      },
    });
  app.synth();
}
