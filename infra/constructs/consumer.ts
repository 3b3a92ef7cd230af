// One service of the loop: its function, the role with what the topology says and nothing else, and what starts it.
import { ArnFormat, Duration, RemovalPolicy, Stack, Validations } from "aws-cdk-lib";
import { Effect, PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
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
import { EVENT_SOURCE } from "../../shared/domain/events.ts";
import { type QueueName, type ServiceName, topology } from "../../shared/topology.ts";
import { constructId, functionName, logGroupName } from "../names.ts";
import type { Stage } from "../stage.ts";
import { environmentOf } from "./environment.ts";
import { type QueuePair, queueNames } from "./loop-queues.ts";

export type ConsumerProps = {
  readonly stage: Stage;
  readonly service: ServiceName;
  readonly queues: Readonly<Record<QueueName, QueuePair>>;
  readonly eventBus: { readonly name: string; readonly arn: string };
  /** The folder with handler.mjs. */
  readonly code: string;
  readonly executorPath: string;
};

/** Memory is also the share of a CPU: the ingester parses a megabyte of SQL driver when the first record comes. */
const memoryMegabytes: Readonly<Record<ServiceName, number>> = {
  orchestrator: 512,
  "run-poller": 512,
  ingester: 1024,
};

/** Who announces on the event bus: the orchestrator that a ticket is rejected, the ingester that a run is over. */
const announces: Readonly<Record<ServiceName, boolean>> = {
  orchestrator: true,
  "run-poller": false,
  ingester: true,
};

export class Consumer extends Construct {
  readonly service: ServiceName;
  readonly function: LambdaFunction;
  readonly role: Role;
  readonly logGroup: LogGroup;
  readonly timeoutSeconds: number;

  constructor(scope: Construct, id: string, props: ConsumerProps) {
    super(scope, id);
    const { service, stage, queues } = props;
    this.service = service;
    this.timeoutSeconds = timeoutSecondsOf(service);
    this.logGroup = new LogGroup(this, "Logs", {
      logGroupName: logGroupName(stage.stack, service),
      retention: retentionOf(stage),
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = createRole(this, props, this.logGroup);
    this.function = createFunction(this, props);
    for (const queue of consumedBy(service)) map(this, queue, queues[queue]);
  }
}

const consumedBy = (service: ServiceName): readonly QueueName[] =>
  queueNames.filter((queue) => topology[queue].consumer === service);

const sentBy = (service: ServiceName): readonly QueueName[] =>
  queueNames.filter((queue) => topology[queue].senders.some((sender) => sender === service));

/** A function has one timeout, whichever queue starts it. */
const timeoutSecondsOf = (service: ServiceName): number =>
  Math.max(...consumedBy(service).map((queue) => topology[queue].timeoutSeconds));

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
    // A watch that is sent again, and a loop over three functions, are what Lambda would stop after 16 rounds.
    recursiveLoop: RecursiveLoop.ALLOW,
    environment: environmentOf({
      stage,
      executorPath,
      eventBusName: announces[service] ? eventBus.name : undefined,
      carriesWorkloads: service === "orchestrator",
      writesLedger: service === "ingester",
      sends: sentBy(service).map((queue) => [queue, queues[queue].source.queueUrl]),
      rejects: consumedBy(service).map((queue) => [queue, queues[queue].deadLetters.queueUrl]),
    }),
  });
  placeInVpc(lambda, stage);
  return lambda;
}

function createRole(scope: Construct, props: ConsumerProps, logGroup: LogGroup): Role {
  const { service, stage, queues, eventBus } = props;
  const { region } = Stack.of(scope);
  const role = new Role(scope, "Role", {
    // A name of its own: federation policies in Databricks name it, and a stage may be deployed anew.
    roleName: `${functionName(stage.stack, service)}-${region}`,
    description: `Signalbox ${stage.name}: what the ${service} may do`,
    assumedBy: new ServicePrincipal("lambda.amazonaws.com"),
  });
  const allow = (sid: string, actions: string[], resources: string[]) =>
    role.addToPolicy(new PolicyStatement({ sid, actions, resources }));
  allow("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], [logGroup.logGroupArn]);
  allow(
    "Consume",
    ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
    consumedBy(service).map((queue) => queues[queue].source.queueArn),
  );
  allow(
    "Send",
    ["sqs:SendMessage"],
    [
      ...sentBy(service).map((queue) => queues[queue].source.queueArn),
      ...consumedBy(service).map((queue) => queues[queue].deadLetters.queueArn),
    ],
  );
  if (announces[service])
    role.addToPolicy(
      new PolicyStatement({
        sid: "Announce",
        actions: ["events:PutEvents"],
        resources: [eventBus.arn],
        // Of every event of the request: the key has many values (Service Authorization Reference, EventBridge).
        conditions: { "ForAllValues:StringEquals": { "events:source": EVENT_SOURCE } },
      }),
    );
  role.addToPolicy(identityStatement(scope, stage));
  for (const statement of networkStatements(scope, props)) role.addToPolicy(statement);
  acknowledgeWildcards(role, stage);
  return role;
}

/** Where no resource can be named, the reason is. */
function acknowledgeWildcards(role: Role, { databricks, aws }: Stage): void {
  const reasons = [
    ...(databricks.auth.kind === "federation"
      ? ["sts:GetWebIdentityToken knows no resource; conditions narrow it to one audience"]
      : []),
    ...(aws.vpc === undefined
      ? []
      : ["EC2 knows no resource for placing a function into subnets; denied to the code itself"]),
  ];
  if (reasons.length > 0)
    Validations.of(role).acknowledge({
      id: "AwsSolutions-IAM5[Resource::*]",
      reason: reasons.join(". "),
    });
}

/** How the function proves to Databricks who it is: a token of its role, or one secret. */
function identityStatement(scope: Construct, { databricks }: Stage): PolicyStatement {
  const { auth } = databricks;
  if (auth.kind !== "federation")
    return new PolicyStatement({
      sid: "ReadSecret",
      actions: ["secretsmanager:GetSecretValue"],
      resources: [secretArn(scope, auth.secret)],
    });
  return new PolicyStatement({
    sid: "Identify",
    actions: ["sts:GetWebIdentityToken"],
    resources: ["*"], // STS knows no resource for it; the conditions narrow it to one audience
    conditions: {
      "ForAllValues:StringEquals": { "sts:IdentityTokenAudience": auth.audience },
      NumericLessThanEquals: { "sts:DurationSeconds": 300 },
    },
  });
}

/** Secrets Manager appends six characters to a secret's name. */
export const secretArn = (scope: Construct, secret: string): string =>
  Stack.of(scope).formatArn({
    service: "secretsmanager",
    resource: "secret",
    resourceName: `${secret}-??????`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });

/**
 * Lambda itself needs these to place a function into subnets; EC2 knows no resource for most of them. The code of the function does
 * not: Lambda's guide denies them to it.
 */
function networkStatements(scope: Construct, { stage, service }: ConsumerProps): PolicyStatement[] {
  if (stage.aws.vpc === undefined) return [];
  const actions = [
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
  ];
  const own = Stack.of(scope).formatArn({
    service: "lambda",
    resource: "function",
    resourceName: functionName(stage.stack, service),
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  return [
    new PolicyStatement({ sid: "JoinSubnets", actions, resources: ["*"] }),
    new PolicyStatement({
      sid: "NotFromCode",
      effect: Effect.DENY,
      actions,
      resources: ["*"],
      conditions: { ArnEquals: { "lambda:SourceFunctionArn": own } },
    }),
  ];
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

function map(scope: Consumer, queue: QueueName, { source }: QueuePair): void {
  const { batchSize, windowSeconds, concurrencyMax } = topology[queue];
  new EventSourceMapping(scope, constructId(`${queue}-mapping`), {
    target: scope.function,
    eventSourceArn: source.queueArn,
    batchSize,
    maxBatchingWindow: Duration.seconds(windowSeconds),
    maxConcurrency: concurrencyMax,
    reportBatchItemFailures: true,
  });
}
