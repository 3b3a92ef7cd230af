// Checks thresholds on a result's metrics. Fails closed, and says why.
import type { Gate } from "./contract.ts";

export type GateAnswer = { readonly passed: boolean; readonly reason: string };

type Condition = Gate[number];

/**
 * Whether all conditions hold. A metric that is missing or not finite fails: a judge that was out
 * of order must never pass (in a public pipeline a missing metric scored 0.0 and a failed judge
 * 0.5, enough for its threshold). An empty gate asks nothing and passes.
 */
export function askGate(gate: Gate, metrics: Readonly<Record<string, number>>): GateAnswer {
  const refusals = gate.filter((condition) => !holds(condition, metrics));
  const shown = (refusals.length > 0 ? refusals : gate).map((condition) => say(condition, metrics));
  return { passed: refusals.length === 0, reason: shown.join("; ") };
}

function holds({ metric, op, value }: Condition, metrics: Readonly<Record<string, number>>) {
  const found = metricOf(metrics, metric);
  if (found === undefined || !Number.isFinite(found)) return false;
  switch (op) {
    case "<=":
      return found <= value;
    case "<":
      return found < value;
    case ">=":
      return found >= value;
    case ">":
      return found > value;
    case "==":
      return found === value;
  }
}

function say(condition: Condition, metrics: Readonly<Record<string, number>>): string {
  const { metric, op, value } = condition;
  const found = metricOf(metrics, metric);
  if (found === undefined) return `${metric} is missing, must be ${op} ${value}`;
  // Six digits read better. But 2.7000001 must not be shown as 2.7 if 2.7 would have passed.
  const short = Number(found.toPrecision(6));
  const isFaithful = holds(condition, { [metric]: short }) === holds(condition, metrics);
  return `${metric} is ${isFaithful ? short : found}, must be ${op} ${value}`;
}

/** Only own keys count: a metric called `constructor` is missing until somebody reports it. */
const metricOf = (metrics: Readonly<Record<string, number>>, name: string): number | undefined =>
  Object.hasOwn(metrics, name) ? metrics[name] : undefined;
