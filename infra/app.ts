// The CDK app: one stack for each file in infra/stages. Needs no account and no network. Context, all of it optional:
//   -c stage=dev            this stage alone
//   -c stages=<folder>      your own stages, outside this repository
//   -c workloads=<folder>   your own workloads
//   -c revision=<text>      written into the bundles, such as a commit
import { join } from "node:path";
import { App } from "aws-cdk-lib";
import { buildBundles, WORKLOADS } from "./bundles.ts";
import { ControlPlaneStack } from "./control-plane-stack.ts";
import { executorPath, executorSources } from "./executor.ts";
import { readStages, StageError } from "./stage.ts";
import { scheduledWorkloads } from "./workloads.ts";

try {
  await synthesise();
} catch (error) {
  if (!(error instanceof StageError)) throw error;
  console.error(error.message); // a fault in a file of the operator's: no stack trace of ours
  process.exitCode = 1;
}

async function synthesise(): Promise<void> {
  const app = new App({ analyticsReporting: false });
  const context = (key: string): string | undefined => {
    const value: unknown = app.node.tryGetContext(key);
    return typeof value === "string" ? value : undefined;
  };
  const stages = readStages(
    context("stages") ?? join(import.meta.dirname, "stages"),
    context("stage"),
  );
  const workloads = context("workloads") ?? WORKLOADS;
  const bundles = await buildBundles({
    out: join(import.meta.dirname, "..", "out", "bundles"),
    workloads,
    revision: context("revision") ?? "",
  });
  const scheduled = scheduledWorkloads(workloads);
  const executor = executorSources();
  for (const stage of stages) {
    const { catalog, schema } = stage.databricks;
    new ControlPlaneStack(app, {
      stage,
      scheduled,
      executorPath: executorPath(`/Volumes/${catalog}/${schema}/company_codebase`, executor),
      code: {
        orchestrator: bundles.orchestrator.folder,
        "run-poller": bundles["run-poller"].folder,
        ingester: bundles.ingester.folder,
      },
    });
  }
  app.synth();
}
