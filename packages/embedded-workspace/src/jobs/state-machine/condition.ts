// If/else tasks: what their operators say of two operands
// (docs/facts/databricks.md#conditions-compare-text-or-numbers).
import type { ReferenceScope } from "../../runs/model.ts";
import { resolvedValue, UnresolvedReferenceError } from "../../runs/references.ts";
import type { ConditionTask } from "../../runs/task-schema.ts";

/**
 * The operands as text, and whether the condition holds.
 * @throws UnresolvedReferenceError where an operand cannot be compared
 */
export function decide(condition: ConditionTask, scope: ReferenceScope) {
  const [left, right] = [condition.left, condition.right].map((text) => operandOf(text, scope));
  const operands = { op: condition.op, left: left ?? "", right: right ?? "" };
  return { ...operands, outcome: conditionHolds(operands) };
}

/** A number, a text or a truth value: nothing else can be compared. */
function operandOf(text: string, scope: ReferenceScope): string {
  const value = resolvedValue(text, scope);
  if (["string", "number", "boolean", "bigint"].includes(typeof value)) return String(value);
  const kind = value === null ? "null" : Array.isArray(value) ? "a list" : "an object";
  throw new UnresolvedReferenceError(
    `${text} is ${kind}: a condition compares numbers, strings and booleans.`,
  );
}

/** EQUAL_TO and NOT_EQUAL compare text, also of numbers; the others compare numbers, exactly. */
function conditionHolds({ op, left, right }: ConditionTask): boolean {
  switch (op) {
    case "EQUAL_TO":
      return left === right;
    case "NOT_EQUAL":
      return left !== right;
    case "GREATER_THAN":
      return compared(left, right) > 0;
    case "GREATER_THAN_OR_EQUAL":
      return compared(left, right) >= 0;
    case "LESS_THAN":
      return compared(left, right) < 0;
    case "LESS_THAN_OR_EQUAL":
      return compared(left, right) <= 0;
  }
}

function compared(left: string, right: string): number {
  const [a, b] = [decimalOf(left), decimalOf(right)];
  const scale = Math.max(a.scale, b.scale);
  const [x, y] = [a, b].map(({ digits, scale: own }) => digits * 10n ** BigInt(scale - own));
  if (x === undefined || y === undefined || x === y) return 0;
  return x > y ? 1 : -1;
}

const decimal = /^\s*([+-]?)(?=\.?\d)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?\s*$/;

/** `digits` divided by ten to the `scale`: no digit of an int64 is lost. */
function decimalOf(text: string): { readonly digits: bigint; readonly scale: number } {
  const found = decimal.exec(text);
  if (found === null)
    throw new UnresolvedReferenceError(
      `"${text.slice(0, 100)}" is no number: this operator compares numbers.`,
    );
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = found;
  const digits = BigInt(`${whole}${fraction}`) * (sign === "-" ? -1n : 1n);
  return { digits, scale: fraction.length - Number(exponent) };
}
