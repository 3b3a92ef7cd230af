// `signalbox doctor`: checks everything that a first deploy gets wrong, each with a remedy. Exits 0
// if runs would end as they must.
import type { Stage } from "../../infra/stage.ts";
import {
  checkIdentities,
  executorsOf,
  readWorkloads,
  scheduledOf,
  scratchpadsOf,
  usualScratchpad,
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
  healthOf,
  linesOf,
  lookAtAll,
  ok,
  sentenceOf,
  skipped,
  toJson,
  type WorkspaceCheckOptions,
} from "../doctor/check.ts";
import { probe } from "../doctor/probe.ts";
import { probeAnswers } from "../doctor/probe-findings.ts";
import { secretsCheck } from "../doctor/recipe-secrets.ts";
import { workloadChecks } from "../doctor/workload-checks.ts";
import { workspaceChecks, workspaceUnseen } from "../doctor/workspace-checks.ts";
import {
  command,
  jsonOption,
  stageOption,
  stagesOption,
  workloadsOption,
} from "../frame/command.ts";
import {
  executorsLogin,
  lookerOf,
  openQueues,
  type StageInUse,
  stageOf,
  workloadsFolderOf,
} from "../stage-context.ts";
import type { Line } from "../terminal.ts";
import { type CommandOf, type ExitCode, type Io, UsageError } from "../usage.ts";
import { workspaceClient } from "../workspace-client.ts";

export const doctor: CommandOf = (io) =>
  command("doctor", {
    summary: "checks credentials, permissions, volumes, queues, functions; says what to do",
    more: "Exit code 0 means that everything was looked at and runs end as they must. What you may not look at is said, and then the exit code is 3.",
    examples: [
      ["doctor --stage prod", "after a deploy, and whenever an alarm rings"],
      ["doctor --stage prod --no-aws", "the workspace alone, without credentials of AWS"],
      ["doctor --stage prod --probe", "asks the workspace by two tiny runs"],
    ],
    exits: "3 nothing wrong was seen, but not everything was looked at.",
  })
    .addOption(stageOption)
    .addOption(stagesOption)
    .addOption(workloadsOption)
    .addOption(jsonOption)
    .option("--no-aws", "leaves queues, functions and schedules out")
    .option("--no-warehouse", "does not wake the SQL warehouse, which costs money")
    .option("--probe", "submits two tiny runs as production would")
    .option("--workload <name>", "with --probe: on whose compute they run")
    .action(async (options) => {
      const stage = stageOf(options, io);
      const folder = workloadsFolderOf(stage, options);
      if (options.workload !== undefined && !options.probe)
        throw new UsageError("--workload says whose compute is tried: it goes with --probe");
      await using opened = new AsyncDisposableStack();
      // A plane on this machine has no functions and no stack that could be looked at.
      const aws = options.aws && stage.local === undefined;
      io.exit(await examined({ ...options, aws, stage, folder }, opened, io));
    });

type Examined = {
  readonly stage: StageInUse;
  readonly folder: string;
  readonly json?: true | undefined;
  readonly aws: boolean;
  readonly warehouse: boolean;
  readonly probe?: true | undefined;
  readonly workload?: string | undefined;
};

async function examined(
  { stage, folder, json, aws, warehouse, probe: isProbe, workload }: Examined,
  opened: AsyncDisposableStack,
  io: Io,
): Promise<ExitCode> {
  const workloads = readWorkloads(folder);
  if (isProbe) {
    const recipe = recipeOf(workloads, workload);
    const quiet: Io = json ? { ...io, print: () => {} } : io;
    return report(stage, await probed(stage, quiet, opened, recipe), json === true, io);
  }
  const checks = [
    versions,
    identitiesDiffer(stage, workloads, folder),
    ...workloadChecks(stage, workloads),
    ...(await ofWorkspace(stage, io, opened, {
      executors: executorsOf(stage, workloads),
      scratchpads: scratchpadsOf(usualScratchpad(stage), workloads),
      withWarehouse: warehouse,
      withAws: aws,
      workloads,
    })),
    ...(aws
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
    if (!json) for (const line of linesOf(answer)) io.print(toned(answer, line));
  });
  return report(stage, answers, json === true, io);
}

/** The sign in front of an answer, in its colour. */
function toned({ status }: Answer, line: string): Line {
  const tones = { ok: "good", warn: "warn", fail: "bad", skipped: "dim" } as const;
  return /^(ok|WARN|FAIL|skip) /.test(line)
    ? [{ text: line.slice(0, 4), tone: tones[status] }, line.slice(4)]
    : line;
}

function report(stage: Stage, answers: readonly Answer[], asJson: boolean, io: Io): ExitCode {
  const health = healthOf(answers);
  if (asJson)
    io.printJson({
      stage: stage.name,
      healthy: health.kind === "healthy",
      health: health.kind,
      unseen: health.unseen,
      answers: answers.map(toJson),
    });
  else io.print(sentenceOf(health, answers.length));
  return { healthy: 0, unhealthy: 1, unseen: 3 }[health.kind] as ExitCode;
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
  stage: StageInUse,
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
  stage: StageInUse,
  io: Io,
  opened: AsyncDisposableStack,
  {
    withAws,
    workloads,
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
    return [...workspaceChecks({ ...plan, client }), secretsCheck(client.http, stage, workloads)];
  } catch (error) {
    const remedy =
      "sign in to AWS and name the region (AWS_REGION, or aws.region of the stage), or set DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, or DATABRICKS_TOKEN";
    return workspaceUnseen(
      { stage, asControllers: false, ...more },
      fail(messageOf(error), remedy),
    );
  }
}

/** Whether the AWS side is looked at, too, and whose secrets. */
type WithAws = { readonly withAws: boolean; readonly workloads: readonly Workload[] };

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
