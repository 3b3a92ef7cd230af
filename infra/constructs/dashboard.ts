// One page that answers: is work flowing, where does it wait, how late do we notice, what does it
// cost?
import { Duration } from "aws-cdk-lib";
import {
  Dashboard as CloudWatchDashboard,
  GraphWidget,
  type IMetric,
  MathExpression,
  PeriodOverride,
  SingleValueWidget,
  Stats,
} from "aws-cdk-lib/aws-cloudwatch";
import { Construct } from "constructs";
import type { MetricName } from "../../shared/domain/metrics.ts";
import type { QueueName, ServiceName } from "../../shared/topology.ts";
import type { Consumer } from "./consumer.ts";
import type { PutAside, QueuePair } from "./loop-queues.ts";
import { functionMetric, queueMetric, signalboxMetric } from "./metrics.ts";
import { queueNames } from "./traffic.ts";

export type DashboardProps = {
  readonly stack: string;
  readonly consumers: Readonly<Record<ServiceName, Consumer>>;
  readonly queues: Readonly<Record<QueueName, QueuePair>>;
  readonly putAside: readonly PutAside[];
};

export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, props: DashboardProps) {
    super(scope, id);
    new CloudWatchDashboard(this, "Board", {
      dashboardName: props.stack,
      defaultInterval: Duration.hours(12),
      periodOverride: PeriodOverride.INHERIT,
      widgets: [
        [funnel(props), outcomes(props)],
        [ages(props), deadLetters(props)],
        [detectionLag(props), calls(props)],
        [durations(props), warehouse(props)],
      ],
    });
  }
}

const graph = (title: string, left: readonly IMetric[], yLabel: string): GraphWidget =>
  new GraphWidget({
    title,
    width: 12,
    height: 6,
    left: [...left],
    leftYAxis: { label: yLabel, min: 0, showUnits: false },
  });

const sum = ({ stack }: DashboardProps, name: MetricName, label: string) =>
  signalboxMetric(stack, name, Stats.SUM).with({ label });

const funnel = (props: DashboardProps): GraphWidget =>
  graph(
    "Funnel: tickets, submissions, decisions, outcomes",
    [
      sum(props, "runs_accepted", "runs accepted"),
      sum(props, "attempts_submitted", "attempts submitted"),
      sum(props, "attempts_decided", "attempts decided"),
      sum(props, "outcomes_announced", "outcomes announced"),
    ],
    "in 5 minutes",
  );

const outcomes = (props: DashboardProps): GraphWidget =>
  graph(
    "Outcomes, and what went another way",
    [
      ...(["succeeded", "failed", "blocked", "cancelled", "timed_out", "unknown"] as const).map(
        (outcome) =>
          sum(props, "runs_ended", outcome).with({
            dimensionsMap: { stack: props.stack, outcome },
          }),
      ),
      sum(props, "platform_waits", "messages and sweeps that wait for the platform"),
      sum(props, "markers_healed", "markers healed"),
    ],
    "in 5 minutes",
  );

const ages = ({ queues }: DashboardProps): GraphWidget =>
  graph(
    "Age of the oldest message",
    queueNames.map((queue) =>
      queueMetric(queues[queue].source, "ApproximateAgeOfOldestMessage", Stats.MAXIMUM).with({
        label: queue,
      }),
    ),
    "seconds",
  );

const deadLetters = ({ queues, putAside }: DashboardProps): GraphWidget =>
  graph(
    "Dead letters",
    [...queueNames.map((of) => ({ of, queue: queues[of].deadLetters })), ...putAside].map(
      ({ of, queue }) =>
        queueMetric(queue, "ApproximateNumberOfMessagesVisible", Stats.MAXIMUM).with({ label: of }),
    ),
    "letters",
  );

const detectionLag = ({ stack }: DashboardProps): GraphWidget =>
  graph(
    "Detection lag: from the end of a Databricks run to the look that saw it",
    [
      signalboxMetric(stack, "detection_lag", Stats.p(50)).with({ label: "p50" }),
      signalboxMetric(stack, "detection_lag", Stats.p(95)).with({ label: "p95" }),
    ],
    "milliseconds",
  );

const calls = (props: DashboardProps): GraphWidget =>
  graph(
    "Databricks: calls, 429s, refused tokens",
    [
      sum(props, "databricks_calls", "calls"),
      sum(props, "databricks_throttled", "answered 429"),
      sum(props, "tokens_refused", "tokens refused"),
    ],
    "in 5 minutes",
  );

const durations = ({ consumers }: DashboardProps): GraphWidget =>
  graph(
    "Functions: duration p99",
    Object.values(consumers).map(({ service, function: fn }) =>
      functionMetric(fn, "Duration", Stats.p(99)).with({ label: service }),
    ),
    "milliseconds",
  );

/**
 * An estimate: a warehouse that stops after ten idle minutes is awake in every window of ten
 * minutes with a write.
 */
const warehouse = ({ stack }: DashboardProps): SingleValueWidget =>
  new SingleValueWidget({
    title: "Warehouse hours of the last day, at most (windows of ten minutes with a write)",
    width: 12,
    height: 6,
    // The dashboard's own range is shorter.
    start: "-P1D",
    metrics: [
      new MathExpression({
        label: "hours",
        // A sum is one number, and a widget draws only series.
        expression: "TIME_SERIES(SUM(IF(FILL(merges, 0) > 0, 1, 0)) / 6)",
        period: Duration.minutes(10),
        usingMetrics: {
          merges: signalboxMetric(stack, "ledger_merges", Stats.SUM, Duration.minutes(10)),
        },
      }),
    ],
  });
