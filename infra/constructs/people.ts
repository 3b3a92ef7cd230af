// The permissions of people and upstream systems. The operator attaches the policies; nothing here
// names a person.
import { Effect, ManagedPolicy, PolicyStatement } from "aws-cdk-lib/aws-iam";
import { Construct } from "constructs";
import { type QueueName, topology } from "../../shared/topology.ts";
import type { Stage } from "../stage.ts";
import type { PutAside, QueuePair } from "./loop-queues.ts";
import { secretStatements } from "./service-role.ts";
import { queueNames } from "./traffic.ts";

export type PeopleProps = {
  readonly stage: Stage;
  readonly queues: Readonly<Record<QueueName, QueuePair>>;
  /** These are looked at and discarded. */
  readonly putAside: readonly PutAside[];
};

export class People extends Construct {
  readonly producers: ManagedPolicy;
  readonly onCall: ManagedPolicy;

  constructor(scope: Construct, id: string, props: PeopleProps) {
    super(scope, id);
    const { stage } = props;
    // To IAM, another description is another policy: principals to whom the old one is attached
    // would keep it, with everything that it allowed.
    this.producers = new ManagedPolicy(this, "Producers", {
      description: `Signalbox ${stage.name}: send tickets, and nothing else`,
      statements: producerStatements(props),
    });
    this.onCall = new ManagedPolicy(this, "OnCall", {
      // The secret is on-call's own, if the stage names one.
      description: `Signalbox ${stage.name}: look at, replay and discard dead letters; read the Databricks secret`,
      statements: onCallStatements(scope, props),
    });
  }
}

const isForAnyone = (queue: QueueName): boolean =>
  topology[queue].senders.some((sender) => sender === "anyone");

/**
 * The denial is for principals with a broader policy beside this one: a ticket's sender must not
 * give orders about other people's runs.
 */
function producerStatements({ queues, putAside }: PeopleProps): PolicyStatement[] {
  const open = queueNames.filter(isForAnyone).map((queue) => queues[queue].source.queueArn);
  const closed = queueNames.flatMap((queue) => {
    const { source, deadLetters } = queues[queue];
    return isForAnyone(queue) ? [deadLetters] : [source, deadLetters];
  });
  return [
    new PolicyStatement({
      sid: "SendTickets",
      actions: ["sqs:SendMessage"],
      resources: open,
    }),
    new PolicyStatement({
      sid: "NothingElse",
      effect: Effect.DENY,
      actions: [
        "sqs:SendMessage",
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:ChangeMessageVisibility",
        "sqs:PurgeQueue",
        "sqs:StartMessageMoveTask",
      ],
      resources: [...closed, ...putAside.map(({ queue }) => queue)].map(({ queueArn }) => queueArn),
    }),
  ];
}

function onCallStatements(scope: Construct, props: PeopleProps): PolicyStatement[] {
  const { stage, queues, putAside } = props;
  const deadLetters = queueNames.map((queue) => queues[queue].deadLetters.queueArn);
  const others = putAside.map(({ queue }) => queue.queueArn);
  return [
    new PolicyStatement({
      sid: "LookAndDiscard",
      actions: [
        "sqs:GetQueueUrl",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
      ],
      resources: [...deadLetters, ...others],
    }),
    new PolicyStatement({
      sid: "MoveBack",
      actions: [
        "sqs:StartMessageMoveTask",
        "sqs:ListMessageMoveTasks",
        "sqs:CancelMessageMoveTask",
      ],
      resources: deadLetters,
    }),
    // Cancellations, retries, and notes of who did what.
    new PolicyStatement({
      sid: "Order",
      actions: ["sqs:GetQueueUrl", "sqs:SendMessage"],
      resources: [queues.orders.source.queueArn],
    }),
    // A replay is a send. Messages of the loop carry keys alone: if one is made up, the facts still
    // decide.
    new PolicyStatement({
      sid: "Replay",
      actions: ["sqs:GetQueueUrl", "sqs:SendMessage"],
      resources: queueNames
        .filter((queue) => queue !== "orders")
        .map((queue) => queues[queue].source.queueArn),
    }),
    ...onCallsOwnSecret(scope, stage),
  ];
}

/**
 * The secret of a principal that only reads. On-call may not have the functions' secret, because
 * its holder can write facts.
 */
function onCallsOwnSecret(
  scope: Construct,
  { databricks: { on_call } }: Stage,
): readonly PolicyStatement[] {
  const { secret, kms_key_arn } = on_call ?? {};
  return secret === undefined ? [] : secretStatements(scope, { secret, kms_key_arn });
}
