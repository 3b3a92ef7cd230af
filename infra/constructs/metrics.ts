// Metrics as alarms and dashboard need them, each in one place: namespace, dimensions, period.
import { Duration } from "aws-cdk-lib";
import { Metric } from "aws-cdk-lib/aws-cloudwatch";
import type { IFunction } from "aws-cdk-lib/aws-lambda";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import { METRICS_NAMESPACE, type MetricName } from "../../shared/domain/metrics.ts";

const MINUTE = Duration.minutes(1);
const FIVE_MINUTES = Duration.minutes(5);

/** The metrics that the handlers count themselves (shared/domain/metrics.ts). */
export const signalboxMetric = (
  stack: string,
  metricName: MetricName,
  statistic: string,
  period = FIVE_MINUTES,
): Metric =>
  new Metric({
    namespace: METRICS_NAMESPACE,
    metricName,
    dimensionsMap: { stack },
    statistic,
    period,
  });

export const queueMetric = (queue: IQueue, metricName: string, statistic: string): Metric =>
  queue.metric(metricName, { statistic, period: MINUTE });

export const functionMetric = (fn: IFunction, metricName: string, statistic: string): Metric =>
  fn.metric(metricName, { statistic, period: FIVE_MINUTES });

/** Scheduler counts by schedule group. */
export const schedulerMetric = (scheduleGroup: string, metricName: string): Metric =>
  new Metric({
    namespace: "AWS/Scheduler",
    metricName,
    dimensionsMap: { ScheduleGroup: scheduleGroup },
    statistic: "Sum",
    period: FIVE_MINUTES,
  });
