// The permissions of a service: the queues that it sends to and consumes by the topology, its way
// to sign in, and nothing else.
import { ArnFormat, Stack, Validations } from "aws-cdk-lib";
import { Effect, PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { LogGroup } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import { EVENT_SOURCE } from "../../shared/domain/events.ts";
import type { QueueName, ServiceName } from "../../shared/topology.ts";
import { functionName } from "../names.ts";
import type { Stage } from "../stage.ts";
import type { QueuePair } from "./loop-queues.ts";
import { announces, consumedBy, sentBy } from "./traffic.ts";

export type RoleProps = {
  readonly stage: Stage;
  readonly service: ServiceName;
  readonly queues: Readonly<Record<QueueName, QueuePair>>;
  readonly eventBus: { readonly name: string; readonly arn: string };
};

export function serviceRole(scope: Construct, props: RoleProps, logGroup: LogGroup): Role {
  const { service, stage, queues, eventBus } = props;
  const { region } = Stack.of(scope);
  const role = new Role(scope, "Role", {
    // A name of its own, because federation policies in Databricks name it, and a stage may be
    // deployed again.
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
  const detailType = announces[service];
  if (detailType !== undefined)
    role.addToPolicy(
      new PolicyStatement({
        sid: "Announce",
        actions: ["events:PutEvents"],
        resources: [eventBus.arn],
        // For every event of the request. No event lacks either of them: PutEvents refuses it.
        conditions: {
          "ForAllValues:StringEquals": {
            "events:source": EVENT_SOURCE,
            "events:detail-type": detailType,
          },
        },
      }),
    );
  for (const statement of identityStatements(scope, stage.databricks)) role.addToPolicy(statement);
  for (const statement of networkStatements(scope, props)) role.addToPolicy(statement);
  acknowledgeWildcards(role, stage);
  return role;
}

/** Gives the reason for each permission that can name no resource. */
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

/** How the function signs in at Databricks: by a token of its role, or by one secret. */
function identityStatements(
  scope: Construct,
  { auth }: Stage["databricks"],
): readonly PolicyStatement[] {
  if (auth.kind !== "federation") return secretStatements(scope, auth);
  return [
    new PolicyStatement({
      sid: "Identify",
      actions: ["sts:GetWebIdentityToken"],
      resources: ["*"], // STS knows no resource for it; the conditions narrow it to one audience
      conditions: {
        "ForAllValues:StringEquals": { "sts:IdentityTokenAudience": auth.audience },
        // A request without a duration gets 300 s, so an absent key is no way round the limit.
        NumericLessThanEqualsIfExists: { "sts:DurationSeconds": 300 },
      },
    }),
  ];
}

type StoredSecret = { readonly secret: string; readonly kms_key_arn?: string | undefined };

/**
 * Lets a service read a stored secret. Secrets Manager's own key opens for every principal that may
 * read; a key of the account opens only for those to whom it is granted.
 */
export function secretStatements(
  scope: Construct,
  { secret, kms_key_arn }: StoredSecret,
): readonly PolicyStatement[] {
  const { region } = Stack.of(scope);
  const read = new PolicyStatement({
    sid: "ReadSecret",
    actions: ["secretsmanager:GetSecretValue"],
    resources: [secretArn(scope, secret)],
  });
  if (kms_key_arn === undefined) return [read];
  return [
    read,
    new PolicyStatement({
      sid: "DecryptSecret",
      actions: ["kms:Decrypt"],
      resources: [kms_key_arn],
      // For Secrets Manager on their behalf, and not for other things that the key has encrypted.
      conditions: { StringEquals: { "kms:ViaService": `secretsmanager.${region}.amazonaws.com` } },
    }),
  ];
}

/** Secrets Manager appends six characters to a secret's name. */
const secretArn = (scope: Construct, secret: string): string =>
  Stack.of(scope).formatArn({
    service: "secretsmanager",
    resource: "secret",
    resourceName: `${secret}-??????`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });

/**
 * Lambda itself needs these to place a function into subnets; EC2 knows no resource for most of
 * them. The function's code does not need them, so they are denied to it, as Lambda's guide says.
 */
function networkStatements(scope: Construct, { stage, service }: RoleProps): PolicyStatement[] {
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
