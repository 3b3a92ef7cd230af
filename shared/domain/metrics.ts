// The numbers that CloudWatch keeps, made of log lines (embedded metric format). Alarms, dashboard
// and handlers read this one table.

import { PlatformTroubleError } from "./errors.ts";

export const METRICS_NAMESPACE = "Signalbox";

type Fields = Readonly<Record<string, unknown>>;
type MetricShape = {
  /** The log events that are counted. */
  readonly event: string | readonly string[];
  readonly unit: "Count" | "Milliseconds";
  /** The field with the value; a line without it counts nothing. Absent: each line counts one. */
  readonly value?: string;
  /** Selects lines of the event. */
  readonly when?: (fields: Fields) => boolean;
  /**
   * A further dimension, from a closed list: CloudWatch bills every combination as a metric of its
   * own.
   */
  readonly by?: "outcome";
};

export const metrics = {
  runs_accepted: { event: "run.accepted", unit: "Count" },
  attempts_submitted: { event: "attempt.submitted", unit: "Count" },
  attempts_refused: { event: "attempt.refused", unit: "Count" },
  /** Somebody else's run came under our token or name. */
  strangers_refused: { event: "stranger.refused", unit: "Count" },
  looks: { event: "attempt.looked", unit: "Count" },
  /** The time from the end of a Databricks run to the look that saw it. */
  detection_lag: { event: "attempt.looked", unit: "Milliseconds", value: "lag_ms" },
  attempts_decided: { event: "run.decided", unit: "Count" },
  runs_ended: { event: "run.ended", unit: "Count", by: "outcome" },
  ledger_merges: { event: "records.merged", unit: "Count" },
  outcomes_announced: { event: "outcome.announced", unit: "Count" },
  /** Messages and sweeps that found the platform out of order. */
  platform_waits: { event: ["message.waited", "sweep.waited"], unit: "Count" },
  messages_failed: { event: "message.failed", unit: "Count" },
  messages_rejected: { event: "message.rejected", unit: "Count" },
  sweeps: { event: "sweep.finished", unit: "Count" },
  markers_healed: { event: "marker.healed", unit: "Count" },
  /**
   * A gauge, from every sweep: runs that were healed, and still show no sign of life for over an
   * hour.
   */
  markers_silent: { event: "sweep.finished", unit: "Count", value: "silent" },
  /** Counts failures of its own only: the platform's troubles are waited out. */
  markers_failed: {
    event: "marker.failed",
    unit: "Count",
    when: ({ error }) => !(error instanceof PlatformTroubleError),
  },
  /** Exchanges with the workspace. Each try of a call counts. */
  databricks_calls: { event: "platform.asked", unit: "Count", value: "count" },
  /** Exchanges that were answered 429. */
  databricks_throttled: { event: "platform.asked", unit: "Count", value: "throttled" },
  tokens_refused: {
    event: "platform.troubled",
    unit: "Count",
    when: ({ state }) => state === "no-token",
  },
} as const satisfies Readonly<Record<string, MetricShape>>;
export type MetricName = keyof typeof metrics;

const shapes: readonly (readonly [string, MetricShape])[] = Object.entries(metrics);

/**
 * The part of a log line that CloudWatch counts; nothing if no metric counts the event. The only
 * dimensions are the stack and, for one metric, the outcome: never a run, a workload or a message.
 */
export function metricsOf(event: string, fields: Fields, stack: string, nowMs: number): Fields {
  const counted = shapes.flatMap(([name, shape]) => {
    const value = countOf(shape, event, fields);
    return value === undefined ? [] : [{ name, shape, value }];
  });
  if (counted.length === 0) return {};
  return {
    stack,
    ...Object.fromEntries(counted.map(({ name, value }) => [name, value])),
    _aws: {
      Timestamp: nowMs,
      CloudWatchMetrics: counted.map(({ name, shape }) => ({
        Namespace: METRICS_NAMESPACE,
        Dimensions: shape.by === undefined ? [["stack"]] : [["stack"], ["stack", shape.by]],
        Metrics: [{ Name: name, Unit: shape.unit }],
      })),
    },
  };
}

function countOf(shape: MetricShape, event: string, fields: Fields): number | undefined {
  if (![shape.event].flat().includes(event)) return undefined;
  if (shape.when !== undefined && !shape.when(fields)) return undefined;
  if (shape.value === undefined) return 1;
  const value = fields[shape.value];
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}
