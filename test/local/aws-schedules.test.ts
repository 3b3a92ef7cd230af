import { describe, expect, test } from "vitest";
import { lambdaFunction } from "../../local/aws/lambda-function.ts";
import { scheduleOf } from "../../local/aws/schedule-expression.ts";
import { type ScheduleShape, startScheduler } from "../../local/aws/scheduler.ts";
import { startSqs } from "../../local/aws/sqs-server.ts";
import { clientFor, receiveAll, until } from "./aws-fixture.ts";

const ms = (iso: string): number => Date.parse(iso);

/** The first ticks of an expression after a time, as ISO texts. */
function ticks(expression: string, after: string, count: number): readonly (string | undefined)[] {
  const next = scheduleOf(expression, ms(after));
  const found: (string | undefined)[] = [];
  let at: number | undefined = ms(after);
  for (let i = 0; i < count && at !== undefined; i++) {
    at = next(at);
    found.push(at === undefined ? undefined : new Date(at).toISOString().slice(0, 16));
  }
  return found;
}

describe("expressions", () => {
  test.each([
    {
      expression: "rate(5 minutes)",
      after: "2026-11-21T06:00:00Z",
      expected: ["2026-11-21T06:05", "2026-11-21T06:10"],
    },
    { expression: "rate(1 day)", after: "2026-11-21T06:00:00Z", expected: ["2026-11-22T06:00"] },
    {
      expression: "cron(0 6 * * ? *)",
      after: "2026-11-21T06:00:00Z",
      expected: ["2026-11-22T06:00", "2026-11-23T06:00"],
    },
    {
      expression: "cron(0/20 5,6 * * ? *)",
      after: "2026-11-21T05:30:00Z",
      expected: [
        "2026-11-21T05:40",
        "2026-11-21T06:00",
        "2026-11-21T06:20",
        "2026-11-21T06:40",
        "2026-11-22T05:00",
      ],
    },
    {
      expression: "cron(15 10 ? * MON-FRI *)",
      after: "2026-11-20T12:00:00Z", // a Friday
      expected: ["2026-11-23T10:15"],
    },
    {
      expression: "cron(15 10 ? * 6L *)",
      after: "2026-11-21T00:00:00Z",
      expected: ["2026-11-27T10:15", "2026-12-25T10:15"],
    },
    {
      expression: "cron(0 0 ? * TUE#2 *)",
      after: "2026-11-21T00:00:00Z",
      expected: ["2026-12-08T00:00", "2027-01-12T00:00"],
    },
    {
      expression: "cron(0 8 1 * ? *)",
      after: "2026-11-21T00:00:00Z",
      expected: ["2026-12-01T08:00", "2027-01-01T08:00"],
    },
    {
      expression: "cron(0 8 L FEB ? *)",
      after: "2026-11-21T00:00:00Z",
      expected: ["2027-02-28T08:00", "2028-02-29T08:00"],
    },
    {
      expression: "cron(0 8 1W * ? 2027)",
      after: "2026-12-31T00:00:00Z",
      // The first of May 2027 is a Saturday: the nearest weekday of the same month is Monday the 3rd.
      expected: [
        "2027-01-01T08:00",
        "2027-02-01T08:00",
        "2027-03-01T08:00",
        "2027-04-01T08:00",
        "2027-05-03T08:00",
      ],
    },
    {
      expression: "cron(0 0 29 2 ? *)",
      after: "2096-03-01T00:00:00Z",
      expected: ["2104-02-29T00:00"], // 2100 is no leap year
    },
    { expression: "cron(0 0 31 2 ? *)", after: "2026-11-21T00:00:00Z", expected: [undefined] },
    { expression: "cron(0 0 1 1 ? 2020)", after: "2026-11-21T00:00:00Z", expected: [undefined] },
  ])("$expression after $after", ({ expression, after, expected }) => {
    expect(ticks(expression, after, expected.length)).toEqual(expected);
  });

  test.each([
    { expression: "every 5 minutes", fault: "must be rate(5 minutes) or cron" },
    { expression: "rate(0 minutes)", fault: "a rate is a number from 1" },
    { expression: "rate(5 seconds)", fault: "minutes, hours or days" },
    { expression: "rate(1 minutes)", fault: "write 1 minute" },
    { expression: "rate(2 hour)", fault: "write 2 hours" },
    { expression: "cron(0 6 * * ?)", fault: "cron has six fields" },
    { expression: "cron(0 6 * * * *)", fault: "exactly one of day-of-month and day-of-week" },
    { expression: "cron(0 6 ? * ? *)", fault: "exactly one of day-of-month and day-of-week" },
    { expression: "cron(60 6 * * ? *)", fault: '"60" is no minutes (0 to 59' },
    { expression: "cron(0 6 ? * XYZ *)", fault: '"XYZ" is no day-of-week' },
    { expression: "cron(0 9-5 * * ? *)", fault: '"9-5" is no hours' },
    { expression: "cron(0/0 6 * * ? *)", fault: '"0/0" is no minutes' },
    { expression: "cron(0 6 1, * ? *)", fault: '"" is no day-of-month' },
  ])("$expression is refused", ({ expression, fault }) => {
    expect(() => scheduleOf(expression, 0)).toThrow(fault);
  });
});

describe("the scheduler", () => {
  const rig = async (handler: (event: unknown) => unknown) => {
    const server = await startSqs([{ name: "late", visibilitySeconds: 30, retentionSeconds: 600 }]);
    const sqs = clientFor(server.endpoint);
    const troubles: string[] = [];
    const schedule: ScheduleShape = {
      name: "sweep",
      expression: "rate(5 minutes)",
      target: lambdaFunction({ name: "worker", code: handler as never, timeoutSeconds: 5 }),
      input: JSON.stringify({
        schedule: "sweep",
        at: "<aws.scheduler.scheduled-time>",
        try: "<aws.scheduler.attempt-number>",
      }),
      retriesMax: 1,
      deadLetterUrl: server.queueUrl("late"),
    };
    const scheduler = startScheduler([schedule], {
      sqs,
      timeScale: 0.001,
      onTrouble: (sentence) => troubles.push(sentence),
    });
    return {
      sqs,
      troubles,
      deadLetters: () => receiveAll(sqs, server.queueUrl("late")),
      scheduler,
      [Symbol.asyncDispose]: async () => {
        await scheduler.stop();
        sqs.destroy();
        await server[Symbol.asyncDispose]();
      },
    };
  };

  test("a rate ticks at once and then again, with its input and its time in it", async () => {
    const events: unknown[] = [];
    await using running = await rig((event) => void events.push(event));
    await until("three ticks", () => events.length >= 3);
    expect(events[0]).toEqual({
      schedule: "sweep",
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      try: "1",
    });
    expect(running.troubles).toEqual([]);
  });

  test("a function that fails is tried again, and then its input is a dead letter", async () => {
    const tries: string[] = [];
    await using running = await rig((event) => {
      tries.push((event as { try: string }).try);
      throw new Error("out of luck");
    });
    let letter: Awaited<ReturnType<typeof running.deadLetters>>[number] | undefined;
    await until("a dead letter", async () => {
      letter = (await running.deadLetters())[0];
      return letter !== undefined;
    });
    expect(tries.slice(0, 2)).toEqual(["1", "2"]);
    expect(JSON.parse(letter?.Body ?? "")).toMatchObject({ schedule: "sweep" });
    expect(letter?.MessageAttributes).toMatchObject({
      ERROR_MESSAGE: { StringValue: "out of luck" },
      RETRY_ATTEMPTS: { StringValue: "1" },
      TARGET_ARN: { StringValue: expect.stringMatching(/:function:worker$/) },
    });
  });

  test("stopping waits for what was started", async () => {
    const gate = Promise.withResolvers<void>();
    let ended = false;
    const running = await rig(async () => {
      await gate.promise;
      ended = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    const stopping = running[Symbol.asyncDispose]();
    gate.resolve();
    await stopping;
    expect(ended).toBe(true);
  });
});
