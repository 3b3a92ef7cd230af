// Keeps each instance to its share of the platform's limits. They hold for a whole workspace, and
// nothing else enforces them.
import { AsyncLocalStorage } from "node:async_hooks";
import { PlatformTroubleError } from "../domain/errors.ts";
import type { ClockPort } from "../ports.ts";
import { type QueueName, type ServiceName, topology } from "../topology.ts";

export type RateKind = "submit" | "get" | "list" | "files";
export type Rate = {
  readonly perSecond: number;
  /** The calls that an idle instance may make at once, so that one attempt is not slowed down. */
  readonly burst: number;
  readonly atOnce: number;
};
export type Rates = Readonly<Record<RateKind, Rate>>;

/**
 * The limits of a workspace (docs/facts/databricks.md#request-rates; the one of runs/list is an
 * assumption, nobody documents it).
 */
const platform = {
  submit: { perSecond: 35, atOnce: 35 },
  get: { perSecond: 100, atOnce: 100 },
  list: { perSecond: 10, atOnce: 10 },
  files: { perSecond: 100, atOnce: 10 },
} as const;

type DividedKind = Exclude<RateKind, "list">;
/**
 * The start of an invocation: a batch of a queue, or the schedule. An instance handles one at a
 * time.
 */
export type Trigger = QueueName | "schedule";

/**
 * The share of each trigger in a workspace's limits, for all of its instances; together they are
 * all of it. The work decides: tickets and turns submit, watches look, orders are rare. The report
 * of an end asks Databricks twice and reads a few facts. A batch of a hundred records reads five
 * facts for each, and writes the ledger once for all of them if it is done in time. The schedule
 * sweeps and deletes, alone.
 */
export const shares = {
  tickets: { submit: 0.46, get: 0.05, files: 0.15 },
  orders: { submit: 0.04, get: 0.03, files: 0.03 },
  turns: { submit: 0.46, get: 0.05, files: 0.15 },
  watches: { submit: 0.01, get: 0.55, files: 0.12 },
  reports: { submit: 0.01, get: 0.24, files: 0.13 },
  records: { submit: 0.01, get: 0.04, files: 0.33 },
  schedule: { submit: 0.01, get: 0.04, files: 0.09 },
} as const satisfies Readonly<Record<Trigger, Readonly<Record<DividedKind, number>>>>;

// The calls of one attempt, and a few more.
const BURST = 25;

/**
 * The share of one of `instances` of a trigger. Without a trigger, the share of a person's command
 * line, of which there is one, and which soon ends.
 *
 * Calls at once cannot be divided below one, so all instances together may have more under way than
 * the Files API's ten. At its hundred calls a second of about 50 ms, five are under way on average;
 * calls beyond ten are answered 429, and waited out.
 */
export function ratesOf(instances: number, trigger?: Trigger): Rates {
  const part = (kind: RateKind, of: number): Rate => ({
    perSecond: platform[kind].perSecond * of,
    burst: Math.min(BURST, platform[kind].perSecond),
    atOnce: Math.max(1, Math.round(platform[kind].atOnce * of)),
  });
  const share = (kind: DividedKind) =>
    part(kind, (trigger === undefined ? 1 : shares[trigger][kind]) / instances);
  // Listings are rare (a refusal, the sweep's slow part), and with a divided share one would last
  // longer than a handler.
  return {
    submit: share("submit"),
    get: share("get"),
    files: share("files"),
    list: part("list", 1),
  };
}

/**
 * The share of one instance that `trigger` starts, if the function may have `instances` for all its
 * triggers together.
 */
export function shareOf(service: ServiceName, instances: number, trigger: Trigger): Rates {
  const usual = trigger === "schedule" ? 1 : topology[trigger].concurrencyMax;
  return ratesOf(trigger === "schedule" ? 1 : (usual * instances) / instancesOf(service), trigger);
}

/**
 * How many instances of a service's function Lambda may run: a batch of each of its queues at a
 * time.
 */
export const instancesOf = (service: ServiceName): number =>
  Object.values(topology)
    .filter((queue) => queue.consumer === service)
    .reduce((sum, queue) => sum + queue.concurrencyMax, 0);

export type RateLimiter = {
  /** @throws PlatformTroubleError if the wait would be longer than a message should be held */
  readonly run: <T>(kind: RateKind, work: () => Promise<T>) => Promise<T>;
};

const WAIT_MS_MAX = 20_000;

export function createRateLimiter(rates: Rates, { clock }: ClockPort): RateLimiter {
  const lanes = {
    submit: createLane(rates.submit, { clock }),
    get: createLane(rates.get, { clock }),
    list: createLane(rates.list, { clock }),
    files: createLane(rates.files, { clock }),
  };
  return {
    run: async (kind, work) => {
      const lane = lanes[kind];
      const waitMs = lane.reserve();
      if (waitMs > 0) await clock.sleep(waitMs);
      await lane.enter();
      try {
        return await work();
      } finally {
        lane.leave();
      }
    },
  };
}

/**
 * Creates a limiter for each trigger, because an invocation keeps to the share of its own trigger.
 * If invocations of several triggers overlap in one process (on one machine they do, in Lambda
 * not), none of them spends or slows down another's share.
 * @param ratesOfTrigger its share; asked once
 */
export function createTriggerLimiters(
  ratesOfTrigger: (trigger?: Trigger) => Rates,
  clock: ClockPort,
): TriggerLimiters {
  const current = new AsyncLocalStorage<RateLimiter>();
  const outside = createRateLimiter(ratesOfTrigger(), clock);
  const byTrigger = new Map<Trigger, RateLimiter>();
  return {
    run: (kind, work) => (current.getStore() ?? outside).run(kind, work),
    through: (trigger, work) => {
      const limiter = byTrigger.get(trigger) ?? createRateLimiter(ratesOfTrigger(trigger), clock);
      byTrigger.set(trigger, limiter);
      return current.run(limiter, work);
    },
  };
}

export type TriggerLimiters = RateLimiter & {
  /** Every call that `work` makes, however deep, counts for the trigger. */
  readonly through: <T>(trigger: Trigger, work: () => T) => T;
};

/**
 * A token bucket, kept as the time at which the next call is due; and a count of the calls under
 * way.
 */
function createLane(rate: Rate, { clock }: ClockPort) {
  const waiting: (() => void)[] = [];
  let dueMs = Number.NEGATIVE_INFINITY;
  let underWay = 0;
  return {
    reserve: (): number => {
      const { perSecond, burst } = rate;
      const intervalMs = 1000 / perSecond;
      const nowMs = clock.nowMs();
      const slotMs = Math.max(dueMs, nowMs - (burst - 1) * intervalMs);
      const waitMs = slotMs - nowMs;
      if (waitMs > WAIT_MS_MAX)
        throw new PlatformTroubleError(
          `this instance's share of Databricks' rate limit (${perSecond.toFixed(1)} calls/s) is taken for ${Math.ceil(waitMs / 1000)} s`,
        );
      dueMs = slotMs + intervalMs;
      return waitMs;
    },
    enter: async (): Promise<void> => {
      if (underWay >= rate.atOnce) await new Promise<void>((go) => waiting.push(go));
      else underWay++;
    },
    leave: (): void => {
      // A waiting call takes over the place, so that no other call can take it in between.
      const next = waiting.shift();
      if (next === undefined) underWay--;
      else next();
    },
  };
}
