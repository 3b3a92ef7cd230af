// `signalbox doctor`: checks everything that a first deploy gets wrong, each with a remedy. Exits 0
// if runs would end as they must.
import { parseArgs } from "node:util";
import type { Stage } from "../../infra/stage.ts";
import {
  checkIdentities,
  executorsOf,
  readWorkloads,
  scheduledOf,
  scratchpadsOf,
  usualScratchpad,
  WORKLOADS,
  type Workload,
} from "../../infra/workloads.ts";
import { systemClock } from "../../shared/adapters/system.ts";
import { messageOf } from "../../shared/domain/body.ts";
import type { Recipe } from "../../shared/domain/recipe.ts";
import { awsChecks } from "../doctor/aws-checks.ts";
import {
  type Answer,
  afterTheFirst,
  type Check,
  type Finding,
  fail,
  isHealthy,
  linesOf,
  lookAtAll,
  ok,
  skipped,
  toJson,
} from "../doctor/check.ts";
import { probe } from "../doctor/probe.ts";
import { probeAnswers } from "../doctor/probe-findings.ts";
import { workloadChecks } from "../doctor/workload-checks.ts";
import type { WorkspaceCheckOptions } from "../doctor/workspace-check-options.ts";
import { workspaceChecks, workspaceUnseen } from "../doctor/workspace-checks.ts";
import { executorsLogin, lookerOf, openQueues, stageOf, stageOptions } from "../stage-context.ts";
import { type Command, type ExitCode, type Io, UsageError } from "../usage.ts";
import { workspaceClient } from "../workspace-client.ts";

export const doctor: Command = {
  usage:
    "doctor --stage <stage> [--json] [--no-aws] [--no-warehouse] [--probe [--workload <name>]] [--stages <folder>] [--workloads <folder>]",
  summary:
    "checks credentials, permissions, volumes, queues, functions; says what to do. --probe: asks the workspace by two tiny runs",
  run: async (args, io) => {
    const { values } = parseArgs({
      args: [...args],
      allowNegative: true,
      options: {
        ...stageOptions,
        workloads: { type: "string", default: WORKLOADS },
        json: { type: "boolean", default: false },
        aws: { type: "boolean", default: true },
        warehouse: { type: "boolean", default: true },
        probe: { type: "boolean", default: false },
        workload: { type: "string" },
      },
    });
    const stage = stageOf(values);
    const workloads = readWorkloads(values.workloads);
    await using opened = new AsyncDisposableStack();
    if (values.workload !== undefined && !values.probe)
      throw new UsageError("--workload says whose compute is tried: it goes with --probe");
    if (values.probe) {
      const recipe = recipeOf(workloads, values.workload);
      const quiet: Io = values.json ? { ...io, print: () => {} } : io;
      return report(stage, await probed(stage, quiet, opened, recipe), values.json, io);
    }
    const checks = [
      versions,
      identitiesDiffer(stage, workloads, values.workloads),
      ...workloadChecks(stage, workloads),
      ...(await ofWorkspace(stage, io, opened, {
        executors: executorsOf(stage, workloads),
        scratchpads: scratchpadsOf(usualScratchpad(stage), workloads),
        withWarehouse: values.warehouse,
        withAws: values.aws,
      })),
      ...(values.aws
        ? afterTheFirst(
            awsChecks({
              stage,
              queues: opened.use(openQueues(stage)),
              scheduled: scheduledOf(workloads),
            }),
          )
        : []),
    ];
    const answers = await lookAtAll(checks, (answer) => {
      if (!values.json) for (const line of linesOf(answer)) io.print(line);
    });
    return report(stage, answers, values.json, io);
  },
};

function report(stage: Stage, answers: readonly Answer[], asJson: boolean, io: Io): ExitCode {
  const healthy = isHealthy(answers);
  if (asJson) io.printJson({ stage: stage.name, healthy, answers: answers.map(toJson) });
  else io.print(healthy ? "healthy" : "NOT healthy: runs would not end as they must");
  return healthy ? 0 : 1;
}

/** @throws UsageError */
function recipeOf(workloads: readonly Workload[], name: string | undefined): Recipe | undefined {
  if (name === undefined) return undefined;
  const found = workloads.find(({ workload }) => workload === name);
  if (found !== undefined) return found.recipe;
  throw new UsageError(
    `--workload ${name}: there are ${workloads.map(({ workload }) => workload).join(", ")}`,
  );
}

/** Makes two runs as production would submit them. */
async function probed(
  stage: Stage,
  io: Io,
  opened: AsyncDisposableStack,
  recipe: Recipe | undefined,
): Promise<readonly Answer[]> {
  const looker = await lookerOf(stage, io);
  if (looker.as === "nobody")
    throw new Error(
      `${looker.why}: set DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET of the controllers, or DATABRICKS_TOKEN, of somebody who may write the volume plans`,
    );
  const executors = executorsLogin(stage, io);
  const seen = await probe({
    ...systemClock,
    ...{ stage, recipe, say: io.print },
    client: opened.use(workspaceClient(looker.login)),
    executors: executors && opened.use(workspaceClient(executors)),
  });
  const answers = probeAnswers(seen);
  for (const answer of answers) for (const line of linesOf(answer)) io.print(line);
  return answers;
}

const NODE_MAJOR = 24;

const versions: Check = {
  id: "versions",
  remedy: "npm ci installs the Node that this project pins",
  look: async () =>
    Number(process.versions.node.split(".")[0]) >= NODE_MAJOR
      ? ok(`Node ${process.versions.node}`)
      : fail(
          `Node ${process.versions.node}; the functions run on ${NODE_MAJOR}`,
          "npm ci, and start it with npx",
        ),
};

/** Synthesis refuses this as well, but a plane may have been deployed before. */
const identitiesDiffer = (stage: Stage, workloads: readonly Workload[], folder: string): Check => ({
  id: "identities",
  remedy: `name another service principal in the recipe, and npx cdk deploy ${stage.stack}`,
  look: async () => {
    checkIdentities(stage, workloads, folder);
    return ok("no recipe runs as the controllers");
  },
});

/** If nobody can sign in, the check of the credentials says why, and the others are left out. */
async function ofWorkspace(
  stage: Stage,
  io: Io,
  opened: AsyncDisposableStack,
  {
    withAws,
    ...more
  }: Pick<WorkspaceCheckOptions, "executors" | "scratchpads" | "withWarehouse"> & WithAws,
): Promise<readonly Check[]> {
  try {
    const looker = await lookerOf(stage, io);
    const plan = {
      stage,
      asControllers: looker.as === "controllers",
      asOnCall: looker.as === "on-call",
      ...more,
    };
    if (looker.as === "nobody") return workspaceUnseen(plan, unseen(looker.why, withAws));
    const client = opened.use(workspaceClient(looker.login));
    return workspaceChecks({ ...plan, client });
  } catch (error) {
    const remedy =
      "sign in to AWS and name the region (AWS_REGION, or aws.region of the stage), or set DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, or DATABRICKS_TOKEN";
    return workspaceUnseen(
      { stage, asControllers: false, ...more },
      fail(messageOf(error), remedy),
    );
  }
}

/** Whether the AWS side is looked at, too. */
type WithAws = { readonly withAws: boolean };

/**
 * If AWS is looked at, the check sweep is the functions' own word. Without it nobody has looked at
 * the workspace at all.
 */
function unseen(why: string, withAws: boolean): Finding {
  const remedy =
    "to look at the workspace as well, set DATABRICKS_TOKEN of somebody who may read its volumes";
  return withAws
    ? skipped(`${why}: the check sweep is their own word`, remedy)
    : fail(`${why}, and nobody else looks`, remedy);
}
