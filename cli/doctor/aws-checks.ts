// What a first deploy gets wrong on the AWS side, and what somebody may have changed since.
import {
  GetAccountSettingsCommand,
  GetFunctionConfigurationCommand,
  GetFunctionRecursionConfigCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
} from "@aws-sdk/client-lambda";
import { GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { executorPath, executorSources } from "../../infra/executor.ts";
import { functionName } from "../../infra/names.ts";
import type { Stage } from "../../infra/stage.ts";
import {
  type QueueName,
  retentionSeconds,
  type ServiceName,
  topology,
} from "../../shared/topology.ts";
import { awsOptionsOf, type QueuesAccess, volumesOf } from "../stage-context.ts";
import { type Check, type Finding, fail, ok, warn } from "./check.ts";

const queueNames = Object.keys(topology) as QueueName[];
const services: readonly ServiceName[] = ["orchestrator", "run-poller", "ingester"];

export function awsChecks(stage: Stage, queues: QueuesAccess): readonly Check[] {
  const lambda = new LambdaClient(awsOptionsOf(stage));
  const deploy = `npx cdk deploy ${stage.stack}`;
  return [
    {
      id: "aws account",
      remedy: "sign in to AWS (aws sso login, or AWS_PROFILE)",
      look: () => accountIsRight(stage),
    },
    ...queueNames.map((queue) => ({
      id: `queue ${queue}`,
      remedy: deploy,
      look: () => queueIsAsDeployed(queues, queue, deploy),
    })),
    ...services.map((service) => ({
      id: `function ${service}`,
      remedy: deploy,
      look: () => functionIsAsDeployed(lambda, stage, service, deploy),
    })),
    { id: "mappings", remedy: deploy, look: () => mappingsAreOn(lambda, stage) },
    {
      id: "concurrency",
      remedy: "ask for a higher quota: Service Quotas, Lambda, Concurrent executions",
      look: () => concurrencySuffices(lambda),
    },
  ];
}

async function accountIsRight({ aws }: Stage): Promise<Finding> {
  const sts = new STSClient(awsOptionsOf({ aws } as Stage));
  const { Account = "", Arn = "" } = await sts.send(new GetCallerIdentityCommand({}));
  return aws.account === undefined || aws.account === Account
    ? ok(`account ${Account}, as ${Arn}`)
    : fail(
        `you are in account ${Account}, and the stage is for ${aws.account}`,
        "take the other account's credentials (AWS_PROFILE)",
      );
}

async function queueIsAsDeployed(
  queues: QueuesAccess,
  queue: QueueName,
  deploy: string,
): Promise<Finding> {
  const shape = topology[queue];
  const source = await attributesOf(queues, await queues.sourceUrl(queue));
  const letters = await attributesOf(queues, await queues.deadLetterUrl(queue));
  const redrive = JSON.parse(source["RedrivePolicy"] ?? "{}");
  const faults = [
    differs("visibility", source["VisibilityTimeout"], shape.visibilitySeconds),
    differs("retention", source["MessageRetentionPeriod"], retentionSeconds.source),
    differs("receives", redrive.maxReceiveCount, shape.receivesMax),
    differs("dead letters' queue", redrive.deadLetterTargetArn, letters["QueueArn"]),
    differs(
      "dead letters' retention",
      letters["MessageRetentionPeriod"],
      retentionSeconds.deadLetters,
    ),
    ...[source, letters].map((of) =>
      (of["Policy"] ?? "").includes("aws:SecureTransport")
        ? []
        : ["no policy refuses what comes without TLS"],
    ),
  ].flat();
  if (faults.length > 0) return fail(`${faults.join("; ")}`, `${deploy} restores it`);
  const waiting = Number(letters["ApproximateNumberOfMessages"] ?? 0);
  return waiting > 0
    ? warn(
        `${waiting} dead letters`,
        `npx signalbox dead-letters list --queue ${queue}, and the runbook`,
      )
    : ok("as deployed, and no dead letters");
}

async function attributesOf(
  { sqs }: QueuesAccess,
  QueueUrl: string,
): Promise<Readonly<Record<string, string>>> {
  const reply = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }),
  );
  return reply.Attributes ?? {};
}

const differs = (what: string, found: unknown, wanted: unknown): readonly string[] =>
  String(found) === String(wanted) ? [] : [`${what} is ${found}, and must be ${wanted}`];

async function functionIsAsDeployed(
  lambda: LambdaClient,
  stage: Stage,
  service: ServiceName,
  deploy: string,
): Promise<Finding> {
  const FunctionName = functionName(stage.stack, service);
  const { RecursiveLoop } = await lambda.send(
    new GetFunctionRecursionConfigCommand({ FunctionName }),
  );
  if (RecursiveLoop !== "Allow")
    return fail(
      `Lambda would stop our loop after 16 rounds (RecursiveLoop: ${RecursiveLoop})`,
      `aws lambda put-function-recursion-config --function-name ${FunctionName} --recursive-loop Allow`,
    );
  const { Environment, Runtime, LastModified } = await lambda.send(
    new GetFunctionConfigurationCommand({ FunctionName }),
  );
  const deployed = Environment?.Variables?.["SIGNALBOX_EXECUTOR_PATH"];
  const here = executorPath(`${volumesOf(stage)}/company_codebase`, executorSources());
  return deployed === here
    ? ok(`${Runtime}, deployed ${LastModified}, may loop`)
    : warn(
        `it submits the executor ${deployed}, and this checkout has ${here}`,
        `${deploy}, after npx signalbox bootstrap --stage ${stage.name}; or check out what is deployed`,
      );
}

async function mappingsAreOn(lambda: LambdaClient, stage: Stage): Promise<Finding> {
  const listed = await Promise.all(
    services.map((service) =>
      lambda.send(
        new ListEventSourceMappingsCommand({ FunctionName: functionName(stage.stack, service) }),
      ),
    ),
  );
  const mappings = listed.flatMap(({ EventSourceMappings = [] }) => EventSourceMappings);
  const off = mappings.filter(({ State }) => State !== "Enabled");
  if (mappings.length !== queueNames.length)
    return fail(
      `${mappings.length} of ${queueNames.length} queues start a function`,
      `npx cdk deploy ${stage.stack}`,
    );
  const [first] = off;
  return first === undefined
    ? ok(`all ${mappings.length} queues start their function`)
    : fail(
        `${off.length} mappings are not enabled: ${off.map(({ EventSourceArn }) => EventSourceArn).join(", ")}`,
        `aws lambda update-event-source-mapping --uuid ${first.UUID} --enabled`,
      );
}

/** What all queues together may start at once, and a scheduled start beside them. */
const NEEDED = Object.values(topology).reduce((sum, { concurrencyMax }) => sum + concurrencyMax, 1);

async function concurrencySuffices(lambda: LambdaClient): Promise<Finding> {
  const { AccountLimit } = await lambda.send(new GetAccountSettingsCommand({}));
  const free = AccountLimit?.UnreservedConcurrentExecutions ?? 0;
  return free >= NEEDED
    ? ok(
        `${free} executions at once are free for functions without a reservation; ${NEEDED} are needed`,
      )
    : warn(
        `${free} executions at once are free, and ${NEEDED} may be needed: messages would wait`,
        "ask for a higher quota: Service Quotas, Lambda, Concurrent executions",
      );
}
