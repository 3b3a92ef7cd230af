// EventBridge Scheduler starts the orchestrator: the sweep, and a ticket for each workload with a schedule.
import { Validations } from "aws-cdk-lib";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { CfnEventInvokeConfig } from "aws-cdk-lib/aws-lambda";
import { CfnSchedule, CfnScheduleGroup } from "aws-cdk-lib/aws-scheduler";
import { Queue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { sweepEverySeconds } from "../../shared/topology.ts";
import { constructId, scheduleDeadLetterQueueName, scheduleName } from "../names.ts";
import type { ScheduledWorkload } from "../workloads.ts";
import type { Consumer } from "./consumer.ts";
import { deadLetterProps } from "./loop-queues.ts";

export type SchedulesProps = {
  readonly stack: string;
  readonly orchestrator: Consumer;
  readonly workloads: readonly ScheduledWorkload[];
};

type ScheduleShape = {
  readonly name: string;
  readonly expression: string;
  readonly input: unknown;
  readonly retriesMax: number;
  /** A start that could not be delivered for so long is a dead letter. */
  readonly ageSecondsMax: number;
};

// The next tick does the same: an old one is worth nothing.
const sweep: ScheduleShape = {
  name: "sweep",
  expression: `rate(${sweepEverySeconds / 60} minutes)`,
  input: { schedule: "sweep" },
  retriesMax: 2,
  ageSecondsMax: sweepEverySeconds,
};

/** Wanted even if it comes an hour late; the ticket's id carries the scheduled time, so a double tick is one run. */
const ticketAt = ({ workload, schedule }: ScheduledWorkload): ScheduleShape => ({
  name: `workload-${workload}`,
  expression: schedule,
  input: { schedule: "workload", workload, scheduled_time: "<aws.scheduler.scheduled-time>" },
  retriesMax: 20,
  ageSecondsMax: 3600,
});

export class Schedules extends Construct {
  /** Of each schedule, and of the starts that Lambda accepted and could not carry through. */
  readonly deadLetters: readonly Queue[];
  /** Metrics of Scheduler are counted by group. */
  readonly groupName: string;

  constructor(scope: Construct, id: string, props: SchedulesProps) {
    super(scope, id);
    this.groupName = props.stack;
    const group = new CfnScheduleGroup(this, "Group", { name: this.groupName });
    const shapes = [sweep, ...props.workloads.map(ticketAt)];
    const queues = shapes.map((shape) => this.queueOf(props.stack, shape.name));
    const role = this.schedulerRole(props, queues);
    shapes.forEach((shape, i) => {
      const schedule = this.scheduleOf(props, shape, role, queues[i]?.queueArn ?? "");
      schedule.addResourceDependency(group);
      schedule.node.addDependency(role);
    });
    this.deadLetters = [...queues, this.catchFailures(props)];
  }

  private queueOf(stack: string, name: string): Queue {
    const queueName = scheduleDeadLetterQueueName(stack, name);
    const id = constructId(`${name}-dead-letters`);
    const queue = new Queue(this, id, deadLetterProps(queueName));
    Validations.of(queue).acknowledge({
      id: "AwsSolutions-SQS3",
      reason:
        "It is a dead-letter queue: Scheduler and Lambda write to it, which the rule does not see",
    });
    return queue;
  }

  /** One role: Scheduler writes dead letters with it, too. */
  private schedulerRole({ stack, orchestrator }: SchedulesProps, queues: readonly Queue[]): Role {
    const role = new Role(this, "Role", {
      description: `${stack}: EventBridge Scheduler starts the orchestrator`,
      assumedBy: new ServicePrincipal("scheduler.amazonaws.com"),
    });
    role.addToPolicy(
      new PolicyStatement({
        sid: "Start",
        actions: ["lambda:InvokeFunction"],
        resources: [orchestrator.function.functionArn],
      }),
    );
    role.addToPolicy(
      new PolicyStatement({
        sid: "PutAside",
        actions: ["sqs:SendMessage"],
        resources: queues.map((queue) => queue.queueArn),
      }),
    );
    return role;
  }

  private scheduleOf(
    { stack, orchestrator }: SchedulesProps,
    shape: ScheduleShape,
    role: Role,
    deadLetterArn: string,
  ): CfnSchedule {
    return new CfnSchedule(this, constructId(shape.name), {
      name: scheduleName(stack, shape.name),
      groupName: this.groupName,
      scheduleExpression: shape.expression,
      scheduleExpressionTimezone: "UTC",
      flexibleTimeWindow: { mode: "OFF" },
      target: {
        arn: orchestrator.function.functionArn,
        roleArn: role.roleArn,
        input: JSON.stringify(shape.input),
        deadLetterConfig: { arn: deadLetterArn },
        retryPolicy: {
          maximumRetryAttempts: shape.retriesMax,
          maximumEventAgeInSeconds: shape.ageSecondsMax,
        },
      },
    });
  }

  /**
   * Scheduler is content once Lambda has taken the start: what fails after that is Lambda's to repeat, and would be dropped in
   * silence after the third try.
   */
  private catchFailures({ stack, orchestrator }: SchedulesProps): Queue {
    const queue = this.queueOf(stack, "failed-starts");
    // By hand: CDK's own destination grants more than Lambda needs.
    orchestrator.role.addToPolicy(
      new PolicyStatement({
        sid: "PutAsideStarts",
        actions: ["sqs:SendMessage"],
        resources: [queue.queueArn],
      }),
    );
    new CfnEventInvokeConfig(this, "FailedStarts", {
      functionName: orchestrator.function.functionName,
      qualifier: "$LATEST",
      maximumEventAgeInSeconds: 3600,
      maximumRetryAttempts: 2,
      destinationConfig: { onFailure: { destination: queue.queueArn } },
    });
    return queue;
  }
}
