// EventBridge Scheduler starts the orchestrator: for the sweep, and for a ticket of each workload
// with a schedule.
import { Stack, Validations } from "aws-cdk-lib";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { CfnEventInvokeConfig } from "aws-cdk-lib/aws-lambda";
import { CfnSchedule, CfnScheduleGroup } from "aws-cdk-lib/aws-scheduler";
import { Queue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { sweepEverySeconds } from "../../shared/topology.ts";
import {
  constructId,
  type StartDeadLetters,
  scheduleDeadLetterQueueName,
  scheduleName,
} from "../names.ts";
import { type ScheduledWorkload, WorkloadError } from "../workloads.ts";
import type { Consumer } from "./consumer.ts";
import { deadLetterProps, type PutAside } from "./loop-queues.ts";

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
  /** A start that could not be delivered for so long becomes a dead letter. */
  readonly ageSecondsMax: number;
};

// The next tick does the same work, so an old one is worth nothing.
const sweep: ScheduleShape = {
  name: "sweep",
  expression: `rate(${sweepEverySeconds / 60} minutes)`,
  input: { schedule: "sweep" },
  retriesMax: 2,
  ageSecondsMax: sweepEverySeconds,
};

/**
 * A start is wanted even if it comes an hour late. The ticket's id carries the scheduled time, so a
 * double tick is one run.
 */
const ticketAt = ({ workload, schedule }: ScheduledWorkload): ScheduleShape => ({
  name: `workload-${workload}`,
  expression: schedule,
  input: { schedule: "workload", workload, scheduled_time: "<aws.scheduler.scheduled-time>" },
  retriesMax: 20,
  ageSecondsMax: 3600,
});

/**
 * The 500-resource limit of a CloudFormation stack, minus about 200 for the loop, its alarms and
 * later additions.
 */
export const SCHEDULED_WORKLOADS_MAX = 300;

export class Schedules extends Construct {
  /**
   * Dead letters of the sweep, of all workloads' schedules, and of starts that Lambda accepted and
   * could not complete.
   */
  readonly putAside: readonly PutAside[];
  /** Scheduler's metrics are counted by group. */
  readonly groupName: string;

  constructor(scope: Construct, id: string, props: SchedulesProps) {
    super(scope, id);
    const { stack, workloads } = props;
    if (workloads.length > SCHEDULED_WORKLOADS_MAX)
      throw new WorkloadError(
        `${workloads.length} workloads have a schedule, and a stack can hold ${SCHEDULED_WORKLOADS_MAX}: give ${stack} fewer (-c workloads=<folder>), or let another scheduler send their tickets`,
      );
    this.groupName = stack;
    const group = new CfnScheduleGroup(this, "Group", { name: this.groupName });
    const ofSweep = this.queueOf(stack, "sweep");
    const ofWorkloads = workloads.length === 0 ? [] : [this.queueOf(stack, "workloads")];
    const role = this.schedulerRole(props, [ofSweep, ...ofWorkloads]);
    const create = (shape: ScheduleShape, { queue }: PutAside): void => {
      const schedule = this.scheduleOf(props, shape, role, queue.queueArn);
      schedule.addResourceDependency(group);
      schedule.node.addDependency(role);
    };
    create(sweep, ofSweep);
    for (const deadLetters of ofWorkloads)
      for (const workload of workloads) create(ticketAt(workload), deadLetters);
    this.putAside = [ofSweep, ...ofWorkloads, this.catchFailures(props)];
  }

  private queueOf(stack: string, of: StartDeadLetters): PutAside {
    const queueName = scheduleDeadLetterQueueName(stack, of);
    const queue = new Queue(this, constructId(`${of}-dead-letters`), deadLetterProps(queueName));
    Validations.of(queue).acknowledge({
      id: "AwsSolutions-SQS3",
      reason:
        "It is a dead-letter queue: Scheduler and Lambda write to it, which the rule does not see",
    });
    return { of, queue };
  }

  /** Creates one role, with which Scheduler also writes dead letters. */
  private schedulerRole(
    { stack, orchestrator }: SchedulesProps,
    deadLetters: readonly PutAside[],
  ): Role {
    const { account } = Stack.of(this);
    const group = Stack.of(this).formatArn({
      service: "scheduler",
      resource: "schedule-group",
      resourceName: this.groupName,
    });
    const role = new Role(this, "Role", {
      description: `${stack}: EventBridge Scheduler starts the orchestrator`,
      // For schedules of this group only, and not for other schedules in the account.
      assumedBy: new ServicePrincipal("scheduler.amazonaws.com", {
        conditions: { StringEquals: { "aws:SourceAccount": account, "aws:SourceArn": group } },
      }),
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
        resources: deadLetters.map(({ queue }) => queue.queueArn),
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
   * Scheduler is content once Lambda has taken the start. Lambda repeats what fails after that, and
   * would drop it in silence after the third try.
   */
  private catchFailures({ stack, orchestrator }: SchedulesProps): PutAside {
    const deadLetters = this.queueOf(stack, "failed-starts");
    const { queueArn } = deadLetters.queue;
    // By hand, because CDK's own destination grants more than Lambda needs.
    orchestrator.role.addToPolicy(
      new PolicyStatement({
        sid: "PutAsideStarts",
        actions: ["sqs:SendMessage"],
        resources: [queueArn],
      }),
    );
    new CfnEventInvokeConfig(this, "FailedStarts", {
      functionName: orchestrator.function.functionName,
      qualifier: "$LATEST",
      maximumEventAgeInSeconds: 3600,
      maximumRetryAttempts: 2,
      destinationConfig: { onFailure: { destination: queueArn } },
    });
    return deadLetters;
  }
}
