// Checks what a first deploy gets wrong on the AWS side, and what somebody may have changed since.
// This file asks; the findings judge.
import {
  type EventSourceMappingConfiguration,
  GetAccountSettingsCommand,
  GetFunctionConcurrencyCommand,
  GetFunctionConfigurationCommand,
  GetFunctionRecursionConfigCommand,
  InvokeCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
} from "@aws-sdk/client-lambda";
import { GetScheduleCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { queueNames } from "../../infra/constructs/traffic.ts";
import { executorPath, executorSources } from "../../infra/executor.ts";
import {
  functionName,
  scheduleDeadLetterQueueName,
  scheduleName,
  volumePathsOf,
} from "../../infra/names.ts";
import type { Stage } from "../../infra/stage.ts";
import type { ScheduledWorkload } from "../../infra/workloads.ts";
import { type QueueName, type ServiceName, sweepEverySeconds } from "../../shared/topology.ts";
import { awsOptionsOf, type QueuesAccess } from "../stage-context.ts";
import { alarmsCheck } from "./alarms-check.ts";
import { type Check, type Finding, fail, isDenied, ok, skipped, warn } from "./check.ts";
import {
  concurrencyFinding,
  functionFinding,
  type MappingFacts,
  mappingsFinding,
  type ScheduleFacts,
  schedulesFinding,
  secretFinding,
  services,
  sweepFinding,
  type WantedSchedule,
} from "./function-findings.ts";
import { type Attributes, queueFinding } from "./queue-findings.ts";

export type AwsCheckOptions = {
  readonly stage: Stage;
  readonly queues: QueuesAccess;
  readonly scheduled: readonly ScheduledWorkload[];
};

export function awsChecks({ stage, queues, scheduled }: AwsCheckOptions): readonly Check[] {
  const lambda = new LambdaClient(awsOptionsOf(stage));
  const deploy = `npx cdk deploy ${stage.stack}`;
  const check = (id: string, remedy: string, look: () => Promise<Finding>) => ({
    id,
    remedy,
    look,
  });
  const schedules = stage.limits.workload_schedules ? scheduled : [];
  const account =
    "sign in to AWS (aws sso login, or AWS_PROFILE), name the region (AWS_REGION, or aws.region of the stage), and see that this network reaches AWS";
  const quota = "ask for a higher quota: Service Quotas, Lambda, Concurrent executions";
  return [
    check("aws account", account, () => accountIsRight(stage)),
    ...secretChecks(stage),
    ...queueNames.map((queue) =>
      check(`queue ${queue}`, deploy, () => queueIsAsDeployed(stage, queues, queue)),
    ),
    ...services.map((service) =>
      check(`function ${service}`, deploy, () => functionIsAsDeployed(lambda, stage, service)),
    ),
    check("mappings", deploy, async () => mappingsFinding(stage, await mappingsOf(lambda, stage))),
    check("concurrency", quota, () => concurrencySuffices(lambda, stage)),
    check("schedules", deploy, () => schedulesAreOn(stage, schedules)),
    check("scheduled starts", "see the runbook, Scheduled starts", () =>
      nothingIsPutAside(stage, queues, schedules),
    ),
    alarmsCheck(stage),
    check("sweep", deploy, () => sweeps(lambda, stage)),
  ];
}

async function accountIsRight(stage: Stage): Promise<Finding> {
  const sts = new STSClient(awsOptionsOf(stage));
  const { Account = "", Arn = "" } = await sts.send(new GetCallerIdentityCommand({}));
  return stage.aws.account === undefined || stage.aws.account === Account
    ? ok(`account ${Account}, as ${Arn}`)
    : fail(
        `you are in account ${Account}, and the stage is for ${stage.aws.account}`,
        "take the other account's credentials (AWS_PROFILE)",
      );
}

/** The date of its current version comes with the secret, so nothing more need be granted. */
function secretChecks(stage: Stage): readonly Check[] {
  const { auth } = stage.databricks;
  if (auth.kind === "federation") return [];
  const look = async (): Promise<Finding> => {
    const client = new SecretsManagerClient(awsOptionsOf(stage));
    const reply = await client.send(new GetSecretValueCommand({ SecretId: auth.secret }));
    return secretFinding(auth.secret, reply.CreatedDate?.getTime(), Date.now());
  };
  const remedy = `aws secretsmanager create-secret --name ${auth.secret} … (README, step 3)`;
  return [{ id: "secret", remedy, look }];
}

async function queueIsAsDeployed(
  stage: Stage,
  queues: QueuesAccess,
  queue: QueueName,
): Promise<Finding> {
  const deadLetters = await attributesOf(queues, await queues.deadLetterUrl(queue));
  try {
    const source = await attributesOf(queues, await queues.sourceUrl(queue));
    return queueFinding(stage, queue, source, deadLetters);
  } catch (error) {
    if (!isDenied(error)) throw error;
    // On-call may look at the dead letters, and they are what most pages are about.
    const count = Number(deadLetters["ApproximateNumberOfMessages"] ?? 0);
    return skipped(
      `${count} dead letters; you may not look at the queue itself: ${error.message}`,
      count === 0
        ? "run the doctor as somebody who may read the stack"
        : `npx signalbox dead-letters list --group --queue ${queue} --stage ${stage.name}`,
    );
  }
}

async function attributesOf({ sqs }: QueuesAccess, QueueUrl: string): Promise<Attributes> {
  const reply = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }),
  );
  return reply.Attributes ?? {};
}

async function functionIsAsDeployed(
  lambda: LambdaClient,
  stage: Stage,
  service: ServiceName,
): Promise<Finding> {
  const FunctionName = functionName(stage.stack, service);
  const [recursion, config, concurrency] = await Promise.all([
    lambda.send(new GetFunctionRecursionConfigCommand({ FunctionName })),
    lambda.send(new GetFunctionConfigurationCommand({ FunctionName })),
    lambda.send(new GetFunctionConcurrencyCommand({ FunctionName })),
  ]);
  const facts = {
    recursiveLoop: recursion.RecursiveLoop,
    runtime: config.Runtime,
    handler: config.Handler,
    state: config.State,
    stateReason: config.StateReason,
    modified: config.LastModified,
    executorPath: config.Environment?.Variables?.["SIGNALBOX_EXECUTOR_PATH"],
    reserved: concurrency.ReservedConcurrentExecutions,
  };
  const here = executorPath(volumePathsOf(stage.databricks).codebase, executorSources());
  return functionFinding(stage, service, facts, here);
}

async function mappingsOf(lambda: LambdaClient, stage: Stage): Promise<readonly MappingFacts[]> {
  const listed = await Promise.all(
    services.map((service) =>
      lambda.send(
        new ListEventSourceMappingsCommand({ FunctionName: functionName(stage.stack, service) }),
      ),
    ),
  );
  return listed.flatMap(({ EventSourceMappings = [] }) => EventSourceMappings.map(mappingFacts));
}

const mappingFacts = (mapping: EventSourceMappingConfiguration): MappingFacts => ({
  uuid: mapping.UUID ?? "",
  source: mapping.EventSourceArn ?? "",
  state: mapping.State ?? "unknown",
  batchSize: mapping.BatchSize,
  windowSeconds: mapping.MaximumBatchingWindowInSeconds,
  concurrencyMax: mapping.ScalingConfig?.MaximumConcurrency,
  responses: mapping.FunctionResponseTypes ?? [],
});

async function concurrencySuffices(lambda: LambdaClient, stage: Stage): Promise<Finding> {
  const { AccountLimit } = await lambda.send(new GetAccountSettingsCommand({}));
  return concurrencyFinding(stage, AccountLimit?.UnreservedConcurrentExecutions ?? 0);
}

async function schedulesAreOn(
  stage: Stage,
  scheduled: readonly ScheduledWorkload[],
): Promise<Finding> {
  const scheduler = new SchedulerClient(awsOptionsOf(stage));
  const nameOf = (what: string) => scheduleName(stage.stack, what);
  const wanted: readonly WantedSchedule[] = [
    { name: nameOf("sweep"), expression: `rate(${sweepEverySeconds / 60} minutes)` },
    ...scheduled.map(({ workload, schedule }) => ({
      name: nameOf(`workload-${workload}`),
      expression: schedule,
    })),
  ];
  const found = await Promise.all(wanted.map(({ name }) => scheduleFacts(scheduler, stage, name)));
  return schedulesFinding(stage, wanted, found.flat());
}

async function scheduleFacts(
  scheduler: SchedulerClient,
  { stack }: Stage,
  name: string,
): Promise<readonly ScheduleFacts[]> {
  try {
    const reply = await scheduler.send(new GetScheduleCommand({ GroupName: stack, Name: name }));
    const { State: state, ScheduleExpression: expression, Target } = reply;
    return [{ name, state, expression, target: Target?.Arn }];
  } catch (error) {
    if (error instanceof Error && error.name === "ResourceNotFoundException") return [];
    throw error;
  }
}

async function nothingIsPutAside(
  { stack }: Stage,
  queues: QueuesAccess,
  scheduled: readonly ScheduledWorkload[],
): Promise<Finding> {
  const ofWorkloads = scheduled.length > 0 ? (["workloads"] as const) : [];
  const starts = ["sweep", ...ofWorkloads, "failed-starts"] as const;
  const counts = await Promise.all(
    starts.map(async (start) => {
      const name = scheduleDeadLetterQueueName(stack, start);
      const attributes = await attributesOf(queues, await queues.urlOf(name));
      return { name, count: Number(attributes["ApproximateNumberOfMessages"] ?? 0) };
    }),
  );
  const full = counts.filter(({ count }) => count > 0);
  return full.length === 0
    ? ok("none was put aside")
    : warn(
        full.map(({ name, count }) => `${count} in ${name}`).join(", "),
        "see the runbook, Scheduled starts",
      );
}

/**
 * Asks for a sweep, as the schedule does. One more is harmless, and only the function itself can
 * tell what it is allowed.
 */
async function sweeps(lambda: LambdaClient, stage: Stage): Promise<Finding> {
  const reply = await lambda.send(
    new InvokeCommand({
      FunctionName: functionName(stage.stack, "orchestrator"),
      Payload: JSON.stringify({ schedule: "sweep" }),
    }),
  );
  const text = Buffer.from(reply.Payload ?? []).toString("utf8");
  return sweepFinding(stage, { text, isError: reply.FunctionError !== undefined });
}
