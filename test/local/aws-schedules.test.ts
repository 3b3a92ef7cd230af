import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { lambdaFunction } from "../../local/aws/lambda-function.ts";
import { type ScheduleShape, startScheduler } from "../../local/aws/scheduler.ts";
import { startSqs } from "../../local/aws/sqs-server.ts";
import { clientFor, receiveAll, until } from "./aws-fixture.ts";

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
      timeScale: 0.001,
      deadLetterUrl: server.queueUrl("late"),
    };
    const scheduler = startScheduler([schedule], {
      sqs,
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

  describe("of workloads", () => {
    const at = Date.parse("2026-11-21T06:00:30Z");
    const scheduled = (more: Partial<ScheduleShape> = {}) => {
      const times: string[] = [];
      const handler = (event: unknown) => void times.push((event as { at: string }).at);
      const schedule: ScheduleShape = {
        name: "minutely",
        expression: "rate(1 minute)",
        target: lambdaFunction({ name: "worker", code: handler as never, timeoutSeconds: 5 }),
        input: JSON.stringify({ at: "<aws.scheduler.scheduled-time>" }),
        retriesMax: 0,
        deadLetterUrl: "",
        ...more,
      };
      return { times, schedule };
    };
    const started = (schedules: readonly ScheduleShape[]) =>
      startScheduler(schedules, { sqs: undefined as never });
    const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
    beforeEach(() => void vi.useFakeTimers({ now: at }));
    afterEach(() => void vi.useRealTimers());

    test.each([
      {
        expression: "rate(1 minute)",
        expected: ["2026-11-21T06:00:30Z", "2026-11-21T06:01:30Z", "2026-11-21T06:02:30Z"],
      },
      {
        expression: "cron(* * * * ? *)",
        expected: ["2026-11-21T06:01:00Z", "2026-11-21T06:02:00Z"],
      },
    ])("$expression ticks once at each of its times, by the time of day", async (given) => {
      const { times, schedule } = scheduled({ expression: given.expression });
      const scheduler = started([schedule]);
      await pass(149_000);
      expect(times).toEqual(given.expected);
      await scheduler.stop();
    });

    test("a rate that was made before a restart keeps its times, and says none again", async () => {
      const createdMs = Date.parse("2026-11-21T05:00:10Z");
      const { times, schedule } = scheduled({ createdMs });
      const scheduler = started([schedule]);
      await pass(0);
      expect(times).toEqual([]);
      await pass(61_000);
      expect(times).toEqual(["2026-11-21T06:01:10Z"]);
      await scheduler.stop();
    });

    test("others in their place leave alone what has not changed", async () => {
      const [kept, gone] = [scheduled(), scheduled({ name: "gone" })];
      const fresh = scheduled({ name: "fresh" });
      const scheduler = started([kept.schedule, gone.schedule]);
      await pass(10_000);
      scheduler.replace([kept.schedule, fresh.schedule]);
      await pass(51_000);
      expect(kept.times).toEqual(["2026-11-21T06:00:30Z", "2026-11-21T06:01:30Z"]);
      expect(gone.times).toEqual(["2026-11-21T06:00:30Z"]);
      expect(fresh.times).toEqual(["2026-11-21T06:00:40Z"]);
      const bad = { ...fresh.schedule, expression: "rate(often)" };
      expect(() => scheduler.replace([bad])).toThrow("is no schedule");
      await pass(60_000);
      expect(kept.times).toHaveLength(3);
      await scheduler.stop();
      await pass(600_000);
      expect(kept.times).toHaveLength(3);
    });
  });
});
