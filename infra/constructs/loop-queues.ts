// The queues of the loop, each with its dead letters.
import { Duration, Stack } from "aws-cdk-lib";
import { Queue, QueueEncryption, type QueueProps, RedrivePermission } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { type QueueName, retentionSeconds } from "../../shared/topology.ts";
import { constructId, deadLetterQueueName, queueName } from "../names.ts";
import type { Stage } from "../stage.ts";
import { shapeOf } from "./traffic.ts";

export type QueuePair = { readonly source: Queue; readonly deadLetters: Queue };
/**
 * Dead letters that go back to no queue of the loop. `of` is their origin, and part of their
 * alarm's name.
 */
export type PutAside = { readonly of: string; readonly queue: Queue };

export class LoopQueues extends Construct {
  readonly pairs: Readonly<Record<QueueName, QueuePair>>;

  constructor(scope: Construct, id: string, stage: Stage) {
    super(scope, id);
    const pairOf = (name: QueueName) => queuePair(this, stage, name);
    this.pairs = {
      tickets: pairOf("tickets"),
      orders: pairOf("orders"),
      turns: pairOf("turns"),
      watches: pairOf("watches"),
      reports: pairOf("reports"),
      records: pairOf("records"),
    };
  }
}

function queuePair(scope: Construct, stage: Stage, name: QueueName): QueuePair {
  const { stack } = stage;
  const { visibilitySeconds, receivesMax } = shapeOf(stage, name);
  // By name, not by reference: the two queues name each other, and CloudFormation allows no circle.
  const source = Stack.of(scope).formatArn({ service: "sqs", resource: queueName(stack, name) });
  const deadLetters = new Queue(scope, constructId(`${name}-dead-letters`), {
    ...deadLetterProps(deadLetterQueueName(stack, name)),
    redriveAllowPolicy: {
      redrivePermission: RedrivePermission.BY_QUEUE,
      sourceQueues: [Queue.fromQueueArn(scope, constructId(`${name}-arn`), source)],
    },
  });
  return {
    deadLetters,
    source: new Queue(scope, constructId(name), {
      ...queueProps(queueName(stack, name)),
      visibilityTimeout: Duration.seconds(visibilitySeconds),
      retentionPeriod: Duration.seconds(retentionSeconds.source),
      deadLetterQueue: { queue: deadLetters, maxReceiveCount: receivesMax },
    }),
  };
}

/** Encrypted with SQS's own keys, and reached over TLS only. */
export const queueProps = (name: string): QueueProps => ({
  queueName: name,
  encryption: QueueEncryption.SQS_MANAGED,
  enforceSSL: true,
});

/**
 * A queue for people. A received dead letter is hidden for half a minute, and kept for fourteen
 * days: it keeps the time of its first send, and the sources keep messages for four days.
 */
export const deadLetterProps = (name: string): QueueProps => ({
  ...queueProps(name),
  visibilityTimeout: Duration.seconds(30),
  retentionPeriod: Duration.seconds(retentionSeconds.deadLetters),
});
