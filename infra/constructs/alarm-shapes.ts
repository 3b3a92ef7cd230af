// The alarms that wake people up. Each says what it means for those who wait for runs (impact), and
// which section of the runbook to open.
import { Duration } from "aws-cdk-lib";
import { type IMetric, type Metric, Stats } from "aws-cdk-lib/aws-cloudwatch";
import type { MetricName } from "../../shared/domain/metrics.ts";
import {
  DELAY_SECONDS_MAX,
  type QueueName,
  type ServiceName,
  sweepEverySeconds,
} from "../../shared/topology.ts";
import type { Stage } from "../stage.ts";
import type { Consumer } from "./consumer.ts";
import type { PutAside, QueuePair } from "./loop-queues.ts";
import { functionMetric, queueMetric, schedulerMetric, signalboxMetric } from "./metrics.ts";
import { queueNames } from "./traffic.ts";

export type AlarmShape = {
  /** Unique within the stack; part of the alarm's name. */
  readonly id: string;
  /** One sentence: who notices, and what does not happen. */
  readonly impact: string;
  /** The heading in infra/runbook.md. */
  readonly runbook: string;
  readonly metric: IMetric;
  readonly threshold: number;
  /** True: below the threshold. Default: at or above it. */
  readonly below?: true;
  /** So many of so many periods. Default 1 of 1. */
  readonly of?: readonly [number, number];
  /** Default false: no data, no alarm. SQS and Lambda stop reporting idle things. */
  readonly missingIsBad?: true;
};

export type AlarmsProps = {
  readonly stage: Stage;
  readonly consumers: Readonly<Record<ServiceName, Consumer>>;
  readonly queues: Readonly<Record<QueueName, QueuePair>>;
  /** Dead letters of schedules and of the example rule. */
  readonly putAside: readonly PutAside[];
  readonly scheduleGroup: string;
};

export const alarmShapes = (props: AlarmsProps): readonly AlarmShape[] => [
  ...queueNames.flatMap((queue) => queueAlarms(props, queue)),
  ...props.putAside.map(putAsideAlarm),
  ...Object.values(props.consumers).flatMap(functionAlarms),
  ...scheduleAlarms(props),
  ...loopAlarms(props),
];

/** The work that stops while a queue is stuck. */
const waiting: Readonly<Record<QueueName, string>> = {
  tickets: "Upstream systems send tickets and nothing begins.",
  orders: "Nobody can cancel or reopen a run; notes of what people did are late.",
  turns: "Runs under way do not get their next attempt or iteration.",
  watches: "Databricks runs end and nobody notices; outcomes come late.",
  reports: "Databricks runs that are over are not judged; outcomes come late.",
  records: "The ledger lags behind, and chapters that are over stay open.",
};

function queueAlarms({ stage, queues }: AlarmsProps, queue: QueueName): readonly AlarmShape[] {
  const { source, deadLetters } = queues[queue];
  return [
    {
      id: `dead-letters-${queue}`,
      impact: `A message of ${queue} could not be handled; its run waits for a person.`,
      runbook: "dead-letters",
      metric: queueMetric(deadLetters, "ApproximateNumberOfMessagesVisible", Stats.MAXIMUM),
      threshold: 1,
    },
    {
      id: `age-${queue}`,
      impact: waiting[queue],
      runbook: "queue-age",
      metric: queueMetric(source, "ApproximateAgeOfOldestMessage", Stats.MAXIMUM),
      threshold: stage.limits.queue_age_seconds + meantToWaitSeconds(stage, queue),
      of: [3, 3],
    },
  ];
}

/**
 * How long a message may wait on purpose: a delay counts as age, and one hop delays 15 min at most.
 */
function meantToWaitSeconds({ books }: Stage, queue: QueueName): number {
  if (queue === "watches") return DELAY_SECONDS_MAX;
  if (queue !== "records" || books.window_minutes === "immediately") return 0;
  return Math.min(DELAY_SECONDS_MAX, 60 * books.window_minutes);
}

const putAsideAlarm = ({ of, queue }: PutAside): AlarmShape => ({
  id: `dead-letters-${of}`,
  impact: "A scheduled start or an announcement could not be delivered, and was put aside.",
  runbook: "scheduled-starts",
  metric: queueMetric(queue, "ApproximateNumberOfMessagesVisible", Stats.MAXIMUM),
  threshold: 1,
});

function functionAlarms({
  service,
  function: fn,
  timeoutSeconds,
}: Consumer): readonly AlarmShape[] {
  const lambda = (name: string, statistic: string) => functionMetric(fn, name, statistic);
  return [
    {
      id: `errors-${service}`,
      impact: `The ${service} fails as a whole; its messages come back until they are dead letters.`,
      runbook: "function-errors",
      metric: lambda("Errors", Stats.SUM),
      threshold: 1,
      of: [2, 3],
    },
    {
      id: `throttles-${service}`,
      impact: `The ${service} is not given the concurrency that it needs; everything behind it is late.`,
      runbook: "function-throttles",
      metric: lambda("Throttles", Stats.SUM),
      threshold: 1,
      of: [2, 3],
    },
    {
      id: `duration-${service}`,
      impact: `The ${service} comes near its timeout; messages will be handled twice, or fail.`,
      runbook: "function-duration",
      metric: lambda("Duration", Stats.percentile(99)),
      threshold: timeoutSeconds * 1000 * 0.7,
      of: [3, 3],
    },
    {
      id: `recursion-${service}`,
      impact:
        "Lambda takes the loop for a mistake and drops its messages: runs stop in the middle.",
      runbook: "recursion",
      metric: lambda("RecursiveInvocationsDropped", Stats.SUM),
      threshold: 1,
    },
  ];
}

function scheduleAlarms({ stage, scheduleGroup, consumers }: AlarmsProps): readonly AlarmShape[] {
  const failures = ["TargetErrorCount", "InvocationDroppedCount"] as const;
  return [
    ...failures.map((name) => ({
      id: `scheduler-${name === "TargetErrorCount" ? "errors" : "drops"}`,
      impact: "Scheduled starts do not reach the orchestrator: no sweep, no scheduled tickets.",
      runbook: "scheduler",
      metric: schedulerMetric(scheduleGroup, name),
      threshold: 1,
      of: [2, 3] as const,
    })),
    {
      id: "scheduler-lost",
      impact: "A scheduled start failed, and could not even be put aside: nobody would hear of it.",
      runbook: "scheduler",
      metric: schedulerMetric(scheduleGroup, "InvocationsFailedToBeSentToDeadLetterCount"),
      threshold: 1,
    },
    {
      id: "failed-starts-lost",
      impact: "A start that Lambda had taken failed, and could not even be put aside.",
      runbook: "scheduler",
      metric: functionMetric(
        consumers.orchestrator.function,
        "DestinationDeliveryFailures",
        Stats.SUM,
      ),
      threshold: 1,
    },
    {
      id: "sweep-missing",
      impact: "Nothing heals a run whose messages got lost: it would stand still unnoticed.",
      runbook: "sweep-missing",
      metric: signalboxMetric(
        stage.stack,
        "sweeps",
        Stats.SUM,
        Duration.seconds(sweepEverySeconds),
      ),
      threshold: 1,
      below: true,
      of: [3, 3],
      missingIsBad: true,
    },
  ];
}

function loopAlarms({ stage }: AlarmsProps): readonly AlarmShape[] {
  const count = (name: MetricName, minutes: number): Metric =>
    signalboxMetric(stage.stack, name, Stats.SUM, Duration.minutes(minutes));
  const wakeWindows = Math.max(1, Math.round(stage.limits.warehouse_hours_per_day * 6));
  return [
    {
      id: "silent-markers",
      impact:
        "A run has shown no sign of life for over an hour, although it was healed; its sender waits.",
      runbook: "silent-markers",
      metric: signalboxMetric(stage.stack, "markers_silent", Stats.MAXIMUM),
      threshold: 1,
      // For half an hour after each heal the sweep does not read the marker; nine sweeps cover that
      // time.
      of: [1, 9],
    },
    {
      id: "failed-markers",
      impact:
        "The sweep cannot heal a run that has gone silent, and its own silence raises no other alarm.",
      runbook: "failed-markers",
      metric: count("markers_failed", 5),
      threshold: 1,
      of: [2, 3],
    },
    {
      id: "platform-trouble",
      impact:
        "Databricks has not answered as it should for half an hour; runs wait, and nothing is lost.",
      runbook: "platform-trouble",
      // A single message waits for up to a quarter of an hour at a time, so not every ten minutes
      // contain a wait.
      metric: count("platform_waits", 10),
      threshold: 1,
      of: [3, 5],
    },
    {
      id: "strangers",
      impact:
        "Databricks answered a submission of ours with somebody else's run; its ticket ends as failed, and nothing of that run is believed.",
      runbook: "not_ours",
      metric: count("strangers_refused", 5),
      threshold: 1,
    },
    {
      id: "throttled",
      impact:
        "Databricks answers 429: the workspace's rate limits are spent, and everything in it is slower.",
      runbook: "throttled",
      metric: count("databricks_throttled", 5),
      threshold: 60, // what twenty calls see, each of three tries, before they are given up
      of: [2, 3],
    },
    {
      id: "tokens",
      impact: "Databricks gives the functions no token; all runs wait until it does.",
      runbook: "tokens",
      metric: count("tokens_refused", 5),
      threshold: 1, // on a quiet plane the sweep alone asks for one
      of: [2, 3],
    },
    {
      id: "failed-messages",
      impact:
        "Messages fail for a reason that nobody foresaw; after five tries they are dead letters.",
      runbook: "failed-messages",
      metric: count("messages_failed", 5),
      threshold: 5,
      of: [2, 3],
    },
    {
      id: "warehouse-hours",
      impact:
        "The ledger keeps its warehouse awake for longer than the stage allows a day: that is the larger part of the bill.",
      runbook: "warehouse-hours",
      // A warehouse stays awake for about ten minutes after a statement. So this counts windows of
      // ten minutes with a write, of the 144 of a day.
      metric: count("ledger_merges", 10),
      threshold: 1,
      of: [wakeWindows, 144],
    },
  ];
}
