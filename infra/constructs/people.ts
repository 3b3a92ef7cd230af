// What people and upstream systems may do. The policies are attached to whom the operator chooses; nothing here names a person.
import { ManagedPolicy, PolicyStatement } from "aws-cdk-lib/aws-iam";
import { Construct } from "constructs";
import { type QueueName, topology } from "../../shared/topology.ts";
import type { Stage } from "../stage.ts";
import type { PutAside, QueuePair } from "./loop-queues.ts";
import { secretStatements } from "./service-role.ts";
import { queueNames } from "./traffic.ts";

export type PeopleProps = {
  readonly stage: Stage;
  readonly queues: Readonly<Record<QueueName, QueuePair>>;
  /** They are looked at and discarded. */
  readonly putAside: readonly PutAside[];
};

export class People extends Construct {
  readonly producers: ManagedPolicy;
  readonly onCall: ManagedPolicy;

  constructor(scope: Construct, id: string, props: PeopleProps) {
    super(scope, id);
    const { stage, queues } = props;
    this.producers = new ManagedPolicy(this, "Producers", {
      description: `Signalbox ${stage.name}: send tickets, and nothing else`,
      statements: [
        new PolicyStatement({
          sid: "SendTickets",
          actions: ["sqs:SendMessage"],
          resources: queueNames
            .filter((queue) => topology[queue].senders.some((sender) => sender === "anyone"))
            .map((queue) => queues[queue].source.queueArn),
        }),
      ],
    });
    this.onCall = new ManagedPolicy(this, "OnCall", {
      description: `Signalbox ${stage.name}: look at, replay and discard dead letters; read the Databricks secret`,
      statements: onCallStatements(scope, props),
    });
  }
}

function onCallStatements(scope: Construct, props: PeopleProps): PolicyStatement[] {
  const { stage, queues, putAside } = props;
  const letters = queueNames.map((queue) => queues[queue].deadLetters.queueArn);
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
      resources: [...letters, ...others],
    }),
    new PolicyStatement({
      sid: "MoveBack",
      actions: [
        "sqs:StartMessageMoveTask",
        "sqs:ListMessageMoveTasks",
        "sqs:CancelMessageMoveTask",
      ],
      resources: letters,
    }),
    // A replay is a send; so are a cancellation, a retry, and the note of who did it.
    new PolicyStatement({
      sid: "Replay",
      actions: ["sqs:GetQueueUrl", "sqs:SendMessage"],
      resources: queueNames.map((queue) => queues[queue].source.queueArn),
    }),
    ...secretStatements(scope, stage),
  ];
}
