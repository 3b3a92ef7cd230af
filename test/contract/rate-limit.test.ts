// The client's own rate limits, in a time that passes only as the test says.
import { describe, expect, test } from "vitest";
import {
  createRateLimiter,
  createTriggerLimiters,
  instancesOf,
  type Rate,
  ratesOf,
  shareOf,
  shares,
  type Trigger,
} from "../../shared/adapters/rate-limit.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import { topology } from "../../shared/topology.ts";

/** Time jumps to whoever wakes next, once everybody sleeps or is done. */
function virtualClock() {
  let nowMs = 0;
  const sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];
  const clock = {
    nowMs: () => nowMs,
    sleep: (ms: number) =>
      new Promise<void>((wake) => {
        sleepers.push({ atMs: nowMs + ms, wake });
      }),
    timer: () => () => {},
  };
  const run = async (untilMs: number) => {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const [next] = sleepers.sort((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > untilMs) return;
      sleepers.shift();
      nowMs = next.atMs;
      next.wake();
    }
  };
  return { clock, run };
}

function limiterOf(files: Rate) {
  const time = virtualClock();
  const limiter = createRateLimiter({ ...ratesOf(1), files }, time);
  return { ...time, limiter };
}

describe("a rate", () => {
  test("an idle instance may do a burst at once, and then as many as its share", async () => {
    const { clock, run, limiter } = limiterOf({ perSecond: 10, burst: 5, atOnce: 100 });
    const startedMs: number[] = [];
    for (let i = 0; i < 25; i++)
      void limiter.run("files", async () => startedMs.push(Math.round(clock.nowMs())));
    await run(10_000);
    expect(startedMs.slice(0, 6)).toEqual([0, 0, 0, 0, 0, 100]);
    expect(startedMs.at(-1)).toBe(2_000);
    for (const from of startedMs)
      expect(startedMs.filter((at) => at >= from && at < from + 1000).length).toBeLessThanOrEqual(
        15,
      );
  });

  test("what is left unused is not saved beyond a burst", async () => {
    const { clock, run, limiter } = limiterOf({ perSecond: 10, burst: 5, atOnce: 100 });
    await limiter.run("files", async () => {});
    void clock.sleep(60_000);
    await run(60_000);
    const startedMs: number[] = [];
    for (let i = 0; i < 8; i++)
      void limiter.run("files", async () => startedMs.push(clock.nowMs()));
    await run(70_000);
    expect(startedMs.filter((at) => at === 60_000)).toHaveLength(5);
  });

  test("kinds do not wait for each other", async () => {
    const { clock, run, limiter } = limiterOf({ perSecond: 1, burst: 1, atOnce: 1 });
    for (let i = 0; i < 10; i++) void limiter.run("files", async () => {});
    let gotMs = -1;
    void limiter.run("get", async () => (gotMs = clock.nowMs()));
    await run(0);
    expect(gotMs).toBe(0);
    await run(20_000);
  });

  test("a wait that is longer than a message should be held is trouble at once", async () => {
    const { run, limiter } = limiterOf({ perSecond: 1, burst: 1, atOnce: 100 });
    const settled = Promise.allSettled(
      Array.from({ length: 40 }, () => limiter.run("files", async () => "done")),
    );
    await run(30_000);
    const results = await settled;
    expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(21);
    for (const result of results)
      if (result.status === "rejected") expect(result.reason).toBeInstanceOf(PlatformTroubleError);
  });
});

test("no more calls than allowed are under way at once, and failures free their place", async () => {
  const { clock, run, limiter } = limiterOf({ perSecond: 1000, burst: 100, atOnce: 3 });
  let underWay = 0;
  let most = 0;
  const settled = Promise.allSettled(
    Array.from({ length: 30 }, (_, i) =>
      limiter.run("files", async () => {
        most = Math.max(most, ++underWay);
        await clock.sleep(50);
        underWay--;
        if (i % 3 === 0) throw new Error("failed");
      }),
    ),
  );
  await run(60_000);
  await settled;
  expect(most).toBe(3);
  expect(underWay).toBe(0);
});

describe("a share", () => {
  test.each([
    { service: "orchestrator", instances: 10 },
    { service: "run-poller", instances: 4 },
    { service: "ingester", instances: 6 },
  ] as const)("the $service may run $instances times at once, by topology", (given) => {
    expect(instancesOf(given.service)).toBe(given.instances);
  });

  test("is the platform's limit, divided", () => {
    expect(ratesOf(1)).toMatchObject({
      submit: { perSecond: 35 },
      get: { perSecond: 100 },
      files: { perSecond: 100, atOnce: 10 },
    });
    expect(ratesOf(4).submit.perSecond).toBe(8.75);
    expect(ratesOf(4).get.perSecond).toBe(25);
    expect(ratesOf(8).files).toMatchObject({ perSecond: 12.5, atOnce: 1 });
  });

  const triggers = Object.keys(shares) as Trigger[];
  const serviceOf = (trigger: Trigger) =>
    trigger === "schedule" ? "orchestrator" : topology[trigger].consumer;
  const concurrencyOf = (trigger: Trigger) =>
    trigger === "schedule" ? 1 : topology[trigger].concurrencyMax;

  test.each([
    { kind: "submit", limit: 35 },
    { kind: "get", limit: 100 },
    { kind: "files", limit: 100 },
  ] as const)(
    "all instances of all triggers together stay below $limit calls of $kind a second, and waste none",
    ({ kind, limit }) => {
      for (const times of [1, 5]) {
        const sum = triggers.reduce((so, trigger) => {
          const service = serviceOf(trigger);
          const rates = shareOf(service, instancesOf(service) * times, trigger);
          const instances = concurrencyOf(trigger) * (trigger === "schedule" ? 1 : times);
          return so + instances * rates[kind].perSecond;
        }, 0);
        expect(sum).toBeCloseTo(limit, 9);
      }
    },
  );

  test("a hundred endings of one attempt are read and closed within a function's minute", () => {
    const { files } = shareOf("ingester", instancesOf("ingester"), "records");
    expect((500 - files.burst) / files.perSecond).toBeLessThanOrEqual(30);
    expect((700 - files.burst) / files.perSecond).toBeLessThanOrEqual(45);
  });

  test("invocations of several triggers in one process keep to the share of their own trigger", async () => {
    const { clock, run } = virtualClock();
    const of = { tickets: 1, schedule: 10 } as const;
    const limiters = createTriggerLimiters(
      (trigger) => {
        const perSecond = trigger === "tickets" || trigger === "schedule" ? of[trigger] : 100;
        return { ...ratesOf(1), files: { perSecond, burst: 1, atOnce: 1 } };
      },
      { clock },
    );
    const startedMs: Record<string, number[]> = { tickets: [], schedule: [] };
    const ask = async (trigger: "tickets" | "schedule") => {
      for (let i = 0; i < 3; i++)
        await limiters.run("files", async () => startedMs[trigger]?.push(clock.nowMs()));
    };
    for (const trigger of ["tickets", "schedule"] as const)
      void limiters.through(trigger, () => ask(trigger));
    await run(10_000);
    expect(startedMs).toEqual({ tickets: [0, 1_000, 2_000], schedule: [0, 100, 200] });
  });
});
