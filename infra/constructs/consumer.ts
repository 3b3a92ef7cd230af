// One service of the loop: its identity, its function, and its triggers.
import { Duration, RemovalPolicy } from "aws-cdk-lib";
import type { Role } from "aws-cdk-lib/aws-iam";
import {
  Architecture,
  CfnFunction,
  Code,
  EventSourceMapping,
  Function as LambdaFunction,
  LoggingFormat,
  RecursiveLoop,
  Runtime,
} from "aws-cdk-lib/aws-lambda";
import { LogGroup, type RetentionDays } from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";
import type { QueueName, ServiceName } from "../../shared/topology.ts";
import { constructId, functionName, logGroupName } from "../names.ts";
import type { Stage } from "../stage.ts";
import { environmentOf } from "./environment.ts";
import type { QueuePair } from "./loop-queues.ts";
import { type RoleProps, serviceRole } from "./service-role.ts";
import {
  announces,
  consumedBy,
  instancesOf,
  sentBy,
  shapeOf,
  timeoutSecondsOf,
} from "./traffic.ts";

/**
 * The identity of a service. All of them exist before the first function, so that each function can
 * know all of them.
 */
export class ServiceIdentity extends Construct {
  readonly role: Role;
  readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, props: RoleProps) {
    super(scope, id);
    const { service, stage } = props;
    this.logGroup = new LogGroup(this, "Logs", {
      logGroupName: logGroupName(stage.stack, service),
      retention: retentionOf(stage),
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = serviceRole(this, props, this.logGroup);
  }
}

export type ConsumerProps = RoleProps & {
  readonly identity: ServiceIdentity;
  /** The ids of all services' roles. */
  readonly ownRoleIds: readonly string[];
  /** The folder with handler.mjs. */
  readonly code: string;
  readonly executorPath: string;
};

/**
 * Memory is also the share of a CPU: the ingester parses a megabyte of SQL driver when the first
 * record comes.
 */
export const memoryMegabytes: Readonly<Record<ServiceName, number>> = {
  orchestrator: 512,
  "run-poller": 512,
  ingester: 1024,
};

export class Consumer extends Construct {
  readonly service: ServiceName;
  readonly function: LambdaFunction;
  readonly role: Role;
  readonly logGroup: LogGroup;
  readonly timeoutSeconds: number;

  constructor(props: ConsumerProps) {
    // CDK leaves "Default" out of the ids below it, so they stay as they were before a role came
    // first.
    super(props.identity, "Default");
    const { service, stage, queues, identity } = props;
    this.service = service;
    this.timeoutSeconds = timeoutSecondsOf(service);
    this.logGroup = identity.logGroup;
    this.role = identity.role;
    this.function = createFunction(this, props);
    for (const queue of consumedBy(service)) map(this, stage, queue, queues[queue]);
  }
}

// The literals of the stage's schema are those of RetentionDays, whose values are days.
const retentionOf = (stage: Stage): RetentionDays => stage.limits.log_retention_days;

function createFunction(scope: Consumer, props: ConsumerProps): LambdaFunction {
  const { service, stage, queues, eventBus, executorPath } = props;
  const lambda = new LambdaFunction(scope, "Function", {
    functionName: functionName(stage.stack, service),
    description: `Signalbox ${stage.name}: the ${service}`,
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    memorySize: memoryMegabytes[service],
    timeout: Duration.seconds(scope.timeoutSeconds),
    code: Code.fromAsset(props.code),
    handler: "handler.handler",
    role: scope.role,
    logGroup: scope.logGroup,
    loggingFormat: LoggingFormat.JSON,
    // A watch that is sent again, and a loop over three functions, look like recursion, which
    // Lambda would stop after 16 rounds.
    recursiveLoop: RecursiveLoop.ALLOW,
    environment: environmentOf({
      stage,
      executorPath,
      ownRoleIds: props.ownRoleIds,
      instances: instancesOf(stage, service),
      eventBusName: announces[service] === undefined ? undefined : eventBus.name,
      carriesWorkloads: service === "orchestrator",
      writesLedger: service === "ingester",
      sends: sentBy(service).map((queue) => [queue, queues[queue].source.queueUrl]),
      rejects: consumedBy(service).map((queue) => [queue, queues[queue].deadLetters.queueUrl]),
    }),
  });
  placeInVpc(lambda, stage);
  return lambda;
}

/** The subnets are given by id: looking them up would need the account at synth. */
function placeInVpc(lambda: LambdaFunction, { aws: { vpc } }: Stage): void {
  if (vpc === undefined) return;
  const { defaultChild } = lambda.node;
  if (!(defaultChild instanceof CfnFunction)) throw new Error("CDK renamed a function's resource");
  defaultChild.vpcConfig = {
    subnetIds: [...vpc.subnet_ids],
    securityGroupIds: [...vpc.security_group_ids],
  };
}

function map(scope: Consumer, stage: Stage, queue: QueueName, { source }: QueuePair): void {
  const { batchSize, windowSeconds, concurrencyMax } = shapeOf(stage, queue);
  new EventSourceMapping(scope, constructId(`${queue}-mapping`), {
    target: scope.function,
    eventSourceArn: source.queueArn,
    batchSize,
    maxBatchingWindow: Duration.seconds(windowSeconds),
    maxConcurrency: concurrencyMax,
    reportBatchItemFailures: true,
  });
}
