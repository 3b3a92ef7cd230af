// The bus on which outcomes are announced, and an example of an upstream system that listens.
import { Duration } from "aws-cdk-lib";
import { EventBus, Match, Rule } from "aws-cdk-lib/aws-events";
import { SqsQueue } from "aws-cdk-lib/aws-events-targets";
import { Queue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { detailTypes, EVENT_SOURCE } from "../../shared/domain/events.ts";
import { eventBusName } from "../names.ts";
import { deadLetterProps, type PutAside, queueProps } from "./loop-queues.ts";

export class Outcomes extends Construct {
  readonly bus: EventBus;
  /** Holds the events of the example rule for a day. */
  readonly example: Queue;
  /** The events that EventBridge could not deliver to the example. */
  readonly deadLetters: PutAside;

  constructor(scope: Construct, id: string, props: { readonly stack: string }) {
    super(scope, id);
    const name = eventBusName(props.stack);
    this.bus = new EventBus(this, "Bus", {
      eventBusName: name,
      description: `${props.stack}: how runs ended, and which tickets were rejected`,
    });
    const queueName = `${name}-example-dead-letters`;
    const queue = new Queue(this, "ExampleDeadLetters", deadLetterProps(queueName));
    this.deadLetters = { of: "example", queue };
    this.example = new Queue(this, "Example", {
      ...queueProps(`${name}-example`),
      retentionPeriod: Duration.days(1),
      deadLetterQueue: { queue, maxReceiveCount: 5 },
    });
    // To listen to one workload only, add detail: { workload: ["…"] }. An upstream system's own
    // rule looks just like this.
    new Rule(this, "ExampleRule", {
      eventBus: this.bus,
      ruleName: `${name}-example`,
      description:
        "An example of a listener: every outcome and every rejected ticket, kept for a day",
      eventPattern: {
        source: Match.exactString(EVENT_SOURCE),
        detailType: Object.values(detailTypes),
      },
      targets: [new SqsQueue(this.example, { deadLetterQueue: queue, retryAttempts: 10 })],
    });
  }
}
