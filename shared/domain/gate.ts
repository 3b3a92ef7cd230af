// Checks thresholds on a result's metrics. Fails closed, and says what it read and why it said so.
import type { Gate } from "./contract.ts";
import type { GateAnswer, GateCheck } from "./gate-answer.ts";
import { type Found, type Measured, own, readMetric, untrusted } from "./measures.ts";

type Condition = Gate[number];
type Op = Condition["op"];

/**
 * Whether all conditions hold. A metric that is missing, failed, not finite, or measured on too few
 * samples refuses: a judge that was out of order must never pass (in a public pipeline a missing
 * metric scored 0.0 and a failed judge 0.5, enough for its threshold). An empty gate asks nothing
 * and passes.
 */
export function askGate(gate: Gate, measured: Measured): GateAnswer {
  const answers = gate.map((condition) => ask(condition, measured));
  const refusals = answers.filter(({ check }) => !check.passed);
  return {
    passed: refusals.length === 0,
    reason: (refusals.length > 0 ? refusals : answers).map(({ words }) => words).join("; "),
    checks: answers.map(({ check }) => check),
  };
}

/** A condition for people, such as `rmse < production - 0.1 and < 2.7 of at least 50 samples`. */
export const conditionInWords = (condition: Condition): string =>
  `${namesOf(condition).join(" or ")} ${demandOf(condition)}`;

type Answer = { readonly check: GateCheck; readonly words: string };

/** A baseline as it was found; undefined: the condition has none, or there is none yet. */
type Held = Found | undefined;

function ask(condition: Condition, measured: Measured): Answer {
  const { op, baseline } = condition;
  const found = readMetric(namesOf(condition), measured);
  const held = baselineIn(condition, measured);
  const bound = boundOf(condition, held);
  const isMeasured = [found, held].every((one) => isEnough(condition, one));
  const passed =
    found.value !== null && bound !== null && isMeasured && compare(found.value, op, bound);
  const check: GateCheck = {
    ...{ metric: found.name, value: found.value, op, bound },
    ...(baseline !== undefined && { baseline: { name: baseline, value: held?.value ?? null } }),
    ...(found.samples !== undefined && { samples: found.samples }),
    passed,
  };
  return { check, words: say(condition, found, held, bound) };
}

function baselineIn(condition: Condition, { baselines }: Measured): Held {
  const { baseline } = condition;
  if (baseline === undefined) return undefined;
  const measures = own(baselines, baseline);
  if (measures === null) return undefined;
  const names = namesOf(condition);
  return measures === undefined ? untrusted(names[0], "is missing") : readMetric(names, measures);
}

/**
 * The number that the metric must reach: the harder one of value and baseline; where there is no
 * baseline yet, the value. Null: nothing is good enough, as the baseline cannot be trusted, or
 * neither of them is there.
 */
function boundOf({ op, value, margin = 0 }: Condition, held: Held): number | null {
  if (held === undefined) return value ?? null;
  if (held.value === null || op === "==") return null;
  const ahead = isLowBetter(op) ? held.value - margin : held.value + margin;
  // 0.8 + 0.02 is 0.8200000000000001, which would refuse 0.82. Without a margin nothing is rounded:
  // what is equal must not become better.
  const bound = margin === 0 ? held.value : Number(ahead.toPrecision(15));
  if (!Number.isFinite(bound)) return null;
  if (value === undefined) return bound;
  return isLowBetter(op) ? Math.min(bound, value) : Math.max(bound, value);
}

const isLowBetter = (op: Op): boolean => op === "<=" || op === "<";

/** Whether it was measured on as many samples as the condition asks for. */
const isEnough = ({ samples }: Condition, found: Held): boolean =>
  samples === undefined || found === undefined || (found.samples ?? 0) >= samples;

function compare(found: number, op: Op, bound: number): boolean {
  switch (op) {
    case "<=":
      return found <= bound;
    case "<":
      return found < bound;
    case ">=":
      return found >= bound;
    case ">":
      return found > bound;
    case "==":
      return found === bound;
  }
}

function say(condition: Condition, found: Found, held: Held, bound: number | null): string {
  const { op, baseline } = condition;
  const is =
    found.value === null || bound === null
      ? found.words
      : `is ${shown(found.value, (value) => compare(value, op, bound))}`;
  const beside =
    held === undefined ? "does not exist yet" : `${held.words}${samplesIn(condition, held)}`;
  return [
    `${found.name} ${is}${samplesIn(condition, found)}, must be ${demandOf(condition)}`,
    ...(baseline === undefined ? [] : [` (${baseline} ${beside})`]),
  ].join("");
}

const samplesIn = ({ samples }: Condition, found: Found): string =>
  samples === undefined || found.value === null
    ? ""
    : ` of ${found.samples ?? "an unknown number of"} samples`;

/** The condition as words, without the metric's name. */
function demandOf({ op, value, baseline, margin = 0, samples }: Condition): string {
  const ahead = isLowBetter(op) ? -margin : margin;
  const distance = margin === 0 ? "" : ` ${ahead < 0 ? "-" : "+"} ${Math.abs(ahead)}`;
  const demands = [
    ...(baseline === undefined ? [] : [`${op} ${baseline}${distance}`]),
    ...(value === undefined ? [] : [`${op} ${value}`]),
  ];
  const enough = samples === undefined ? "" : ` of at least ${samples} samples`;
  return `${demands.join(" and ")}${enough}`;
}

/** Six digits read better. But 2.7000001 must not be shown as 2.7 if 2.7 would have passed. */
function shown(value: number, passes: (value: number) => boolean): number {
  const short = Number(value.toPrecision(6));
  return passes(short) === passes(value) ? short : value;
}

function namesOf({ metric }: Condition): readonly [string, ...string[]] {
  if (typeof metric === "string") return [metric];
  const [first = "", ...others] = metric;
  return [first, ...others];
}
