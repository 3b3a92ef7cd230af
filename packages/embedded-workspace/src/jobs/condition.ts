// The comparison of a condition task.
import type { ConditionTask } from "./task-schema.ts";

/**
 * EQUAL_TO and NOT_EQUAL compare text; the others compare numbers, and false is the answer for what
 * is none.
 */
export function conditionHolds({ op, left, right }: ConditionTask): boolean {
  switch (op) {
    case "EQUAL_TO":
      return left === right;
    case "NOT_EQUAL":
      return left !== right;
    case "GREATER_THAN":
      return Number(left) > Number(right);
    case "GREATER_THAN_OR_EQUAL":
      return Number(left) >= Number(right);
    case "LESS_THAN":
      return Number(left) < Number(right);
    case "LESS_THAN_OR_EQUAL":
      return Number(left) <= Number(right);
  }
}
