// The client's own rates, in a time that passes only as the test says.
import { describe, expect, test } from "vitest";
import type { Rate } from "../../shared/adapters/rate-lane.ts";
import {
  createRateLimiter,
  createTriggerLimiters,
  instancesOf,
  type Rates,
  shareOf,
  shares,
  type Trigger,
  wholeRates,
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

const steady = (rate: Partial<Rate>): Rate => ({
  ...wholeRates.files,
  ...rate,
  mostPerSecond: rate.mostPerSecond ?? rate.perSecond ?? 100,
  atOnceMost: rate.atOnceMost ?? rate.atOnce ?? 10,
});

function limiterOf(files: Partial<Rate>, rates: Partial<Rates> = {}) {
  const time = virtualClock();
  const limiter = createRateLimiter({ ...wholeRates, ...rates, files: steady(files) }, time);
  return { ...time, limiter };
}

describe("a rate", () => {
  test("an idle instance may do a burst at once, and then as many as its rate", async () => {
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

/** How many calls are made in each second by someone who always has more of them to make. */
async function perSecond(
  { clock, run, limiter }: ReturnType<typeof limiterOf>,
  seconds: number,
  each: (n: number) => void = () => {},
): Promise<readonly number[]> {
  const made = new Array<number>(seconds).fill(0);
  let n = 0;
  const worker = async (): Promise<void> => {
    while (clock.nowMs() < seconds * 1000)
      await limiter.run("files", async () => {
        const second = Math.floor(clock.nowMs() / 1000);
        if (second < seconds) made[second] = (made[second] ?? 0) + 1;
        each(n++);
        await clock.sleep(20);
      });
  };
  const works = Array.from({ length: 20 }, worker);
  await run((seconds + 60) * 1000);
  await Promise.all(works);
  return made;
}

describe("a rate that learns", () => {
  const learns = { perSecond: 5, leastPerSecond: 2, mostPerSecond: 100, burst: 1 } as const;

  test("grows while calls wait for it, and no further than the most", async () => {
    const made = await perSecond(limiterOf({ ...learns, atOnce: 20 }), 12);
    expect(made[0]).toBeLessThan(20);
    expect(made.at(-1)).toBeGreaterThan(90);
    expect(Math.max(...made)).toBeLessThanOrEqual(101);
  });

  test("does not grow while nobody waits for it", async () => {
    const limited = limiterOf({ ...learns, atOnce: 20 });
    const { clock, run, limiter } = limited;
    const calm = (async () => {
      for (let i = 0; i < 20; i++) {
        await limiter.run("files", async () => {});
        await clock.sleep(1_000);
      }
    })();
    await run(30_000);
    await calm;
    const startedMs: number[] = [];
    for (let i = 0; i < 5; i++)
      void limiter.run("files", async () => startedMs.push(clock.nowMs()));
    const fromMs = clock.nowMs();
    await run(fromMs + 5_000);
    expect(startedMs[1]! - startedMs[0]!).toBeGreaterThan(150);
  });

  test.each([
    { keeps: 0.8, from: 70, to: 85 },
    { keeps: 0.5, from: 40, to: 60 },
  ])("a 429 leaves $keeps of it, said once a second", async ({ keeps, from, to }) => {
    const limited = limiterOf({ ...learns, perSecond: 100, keeps, atOnce: 20 });
    const made = await perSecond(limited, 3, (n) => {
      // Many that were under way together are refused together.
      if (n >= 95 && n < 105) limited.limiter.refused("files", undefined);
    });
    expect(made[1]).toBeGreaterThanOrEqual(from);
    expect(made[1]).toBeLessThanOrEqual(to);
  });

  test("never slows down below its least", async () => {
    const limited = limiterOf({ ...learns, perSecond: 10, keeps: 0.5, atOnce: 20 });
    const made = await perSecond(limited, 20, () => limited.limiter.refused("files", undefined));
    expect(Math.min(...made.slice(4))).toBeGreaterThanOrEqual(2);
  });

  test("comes back slowly to what it met, and goes beyond it in the end", async () => {
    const limited = limiterOf({ ...learns, perSecond: 60, atOnce: 20 });
    let refusedAt = -1;
    const made = await perSecond(limited, 40, (n) => {
      if (n < 60 || refusedAt >= 0) return;
      refusedAt = Math.floor(limited.clock.nowMs() / 1000);
      limited.limiter.refused("files", undefined);
    });
    const met = made[refusedAt]!;
    const back = made.findIndex((calls, second) => second > refusedAt + 1 && calls >= met);
    expect(back - refusedAt).toBeGreaterThanOrEqual(3);
    expect(made.at(-1)).toBeGreaterThan(met);
  });

  test("the platform's Retry-After is waited out by all calls of its kind", async () => {
    const { clock, run, limiter } = limiterOf({ ...learns, perSecond: 100, atOnce: 20 });
    limiter.refused("files", 7);
    const startedMs: number[] = [];
    for (let i = 0; i < 3; i++)
      void limiter.run("files", async () => startedMs.push(clock.nowMs()));
    let gotMs = -1;
    void limiter.run("get", async () => (gotMs = clock.nowMs()));
    await run(10_000);
    expect(Math.min(...startedMs)).toBe(7_000);
    expect(gotMs).toBe(0);
  });

  test("so do the calls at once: they begin with two, and grow while nobody complains", async () => {
    const limited = limiterOf({ perSecond: 1_000, atOnce: 2, atOnceMost: 10, burst: 10 });
    const made = await perSecond(limited, 10);
    // 20 ms a call: fifty a second for each of the calls at once.
    expect(made[0]).toBeLessThan(150);
    expect(made.at(-1)).toBeGreaterThan(480);
    expect(Math.max(...made)).toBeLessThanOrEqual(510);
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

describe("the hourly quota of created runs", () => {
  const created = { perSecond: 1, burst: 5, emptyPerSecond: 0.5 };

  test("new runs keep to their part of it, and then slow down for what others were promised", async () => {
    const { clock, run, limiter } = limiterOf({}, { created });
    const createdMs: number[] = [];
    for (let i = 0; i < 9; i++)
      void limiter.run("submit", async () => createdMs.push(clock.nowMs())).catch(() => {});
    await run(30_000);
    expect(createdMs).toEqual([0, 0, 0, 0, 0, 1_000, 3_000, 5_000, 7_000]);
  });

  test("whoever would wait long for it is sent back before its first call", async () => {
    const { run, limiter } = limiterOf({}, { created });
    for (let i = 0; i < 15; i++) void limiter.run("submit", async () => {}).catch(() => {});
    let isCalled = false;
    const late = limiter.run("files", async () => (isCalled = true)).catch((error) => error);
    await run(0);
    expect(await late).toBeInstanceOf(PlatformTroubleError);
    expect(isCalled).toBe(false);
    await run(30_000);
    await limiter.run("files", async () => (isCalled = true));
    expect(isCalled).toBe(true);
  });

  test("where it is spent, tickets are sent back without a call for a minute, and turns look soon", async () => {
    const tickets = limiterOf({}, { created });
    const turns = limiterOf({});
    expect([tickets.limiter.spent(), turns.limiter.spent()]).toEqual([600, 20]);
    const refused = await tickets.limiter.run("files", async () => "x").catch((error) => error);
    expect(refused).toMatchObject({ retryAfterSeconds: 600 });
    expect(await turns.limiter.run("files", async () => "x")).toBe("x");
    void tickets.clock.sleep(60_000);
    await tickets.run(60_000);
    expect(await tickets.limiter.run("files", async () => "x")).toBe("x");
  });
});

describe("a share", () => {
  test.each([
    { service: "orchestrator", instances: 6 },
    { service: "run-poller", instances: 2 },
    { service: "ingester", instances: 4 },
  ] as const)("the $service may run $instances times at once, by topology", (given) => {
    expect(instancesOf(given.service)).toBe(given.instances);
  });

  test("of the quota is divided, too, and is the tickets' alone", () => {
    const { created } = shareOf("orchestrator", 6, "tickets");
    expect(created).toEqual({ perSecond: 1.2, burst: 700, emptyPerSecond: 1.05 });
    // Evenly, an hour's quota goes through; at once, turns keep a tenth of it.
    const [even, backlog] = [2.4 * 3600 + 1_400, 2.1 * 3600 + 1_400];
    expect(even).toBeGreaterThanOrEqual(10_000);
    expect(backlog).toBeLessThanOrEqual(9_000);
    expect(shareOf("orchestrator", 6, "turns").created).toBeUndefined();
  });

  /** What is begun with because less would be nothing. */
  const LEASTS = { submit: 20, get: 20, files: 16 } as const;
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
    "all instances of all triggers together begin with $limit calls of $kind a second, but for their least",
    ({ kind, limit }) => {
      for (const times of [1, 2]) {
        const sum = triggers.reduce((so, trigger) => {
          const service = serviceOf(trigger);
          const rates = shareOf(service, instancesOf(service) * times, trigger);
          const instances = concurrencyOf(trigger) * (trigger === "schedule" ? 1 : times);
          return so + instances * rates[kind].perSecond;
        }, 0);
        expect(sum).toBeGreaterThanOrEqual(limit);
        expect(sum).toBeLessThanOrEqual(limit + LEASTS[kind] * times);
      }
    },
  );

  test("invocations of several triggers in one process keep to the share of their own trigger", async () => {
    const { clock, run } = virtualClock();
    const of = { tickets: 1, schedule: 10 } as const;
    const limiters = createTriggerLimiters(
      (trigger) => {
        const perSecond = trigger === "tickets" || trigger === "schedule" ? of[trigger] : 100;
        return { ...wholeRates, files: steady({ perSecond, burst: 1, atOnce: 1 }) };
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
