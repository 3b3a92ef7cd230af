// EventBridge Scheduler's expressions: what is none is said in a sentence. What they mean,
// test/local/aws-schedule-ticks.test.ts says.
import { expect, test } from "vitest";
import { parseSchedule } from "../../shared/domain/schedule-expression.ts";

test.each([
  { expression: "every 5 minutes", fault: "write rate(5 minutes) or cron" },
  { expression: "rate(0 minutes)", fault: "a rate is a number from 1" },
  { expression: "rate(5 seconds)", fault: "minutes, hours or days" },
  { expression: "rate(1 minutes)", fault: "write 1 minute" },
  { expression: "rate(2 hour)", fault: "write 2 hours" },
  { expression: "cron(0 6 * * *)", fault: "cron has six fields" },
  { expression: "cron(x)", fault: "not 1" },
  { expression: "cron(0 6 * * * *)", fault: "exactly one of day-of-month and day-of-week" },
  { expression: "cron(0 6 ? * ? *)", fault: "exactly one of day-of-month and day-of-week" },
  { expression: "cron(60 6 * * ? *)", fault: '"60" is no minutes (0 to 59' },
  { expression: "cron(0 6 ? * XYZ *)", fault: '"XYZ" is no day-of-week' },
  { expression: "cron(0 9-5 * * ? *)", fault: '"9-5" is no hours' },
  { expression: "cron(0/0 6 * * ? *)", fault: '"0/0" is no minutes' },
  { expression: "cron(0 6 1, * ? *)", fault: '"" is no day-of-month' },
])("$expression is refused", ({ expression, fault }) => {
  expect(() => parseSchedule(expression)).toThrow(fault);
});
