// The platform's limits hold for a whole workspace and nothing else enforces them: each instance keeps to its share.
import { PlatformTroubleError } from "../domain/errors.ts";
import type { ClockPort } from "../ports.ts";
import { type ServiceName, topology } from "../topology.ts";

export type RateKind = "submit" | "get" | "list" | "files";
export type Rate = {
  readonly perSecond: number;
  /** What an idle instance may do at once, so that one attempt is not slowed down. */
  readonly burst: number;
  readonly atOnce: number;
};
export type Rates = Readonly<Record<RateKind, Rate>>;

/** Of a workspace (databricks-facts §4; runs/list is an assumption, nobody documents it). */
const platform = {
  submit: { perSecond: 35, atOnce: 35 },
  get: { perSecond: 100, atOnce: 100 },
  list: { perSecond: 10, atOnce: 10 },
  files: { perSecond: 100, atOnce: 10 },
} as const;

// The calls of one attempt, with some to spare.
const BURST = 25;

/** The share of one of `instances`. */
export function ratesOf(instances: number): Rates {
  const part = (kind: RateKind, of: number): Rate => ({
    perSecond: platform[kind].perSecond / of,
    burst: Math.min(BURST, platform[kind].perSecond),
    atOnce: Math.max(2, Math.floor(platform[kind].atOnce / of)),
  });
  const share = (kind: RateKind) => part(kind, instances);
  const whole = (kind: RateKind) => part(kind, 1);
  // Listings are rare (a refusal, the sweep's slow part), and a divided share would make one last longer than a handler.
  return { submit: share("submit"), get: share("get"), files: share("files"), list: whole("list") };
}

/** How many instances of a service's function Lambda may run: a batch of each of its queues at a time. */
export const instancesOf = (service: ServiceName): number =>
  Object.values(topology)
    .filter((queue) => queue.consumer === service)
    .reduce((sum, queue) => sum + queue.concurrencyMax, 0);

export type RateLimiter = {
  /** @throws PlatformTroubleError where the wait would be longer than a message should be held. */
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

/** A token bucket, kept as the time at which the next call is due; and a count of the calls under way. */
function createLane({ perSecond, burst, atOnce }: Rate, { clock }: ClockPort) {
  const intervalMs = 1000 / perSecond;
  const waiting: (() => void)[] = [];
  let dueMs = Number.NEGATIVE_INFINITY;
  let underWay = 0;
  return {
    reserve: (): number => {
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
      if (underWay >= atOnce) await new Promise<void>((go) => waiting.push(go));
      else underWay++;
    },
    leave: (): void => {
      // A waiting call takes over the place, so that nobody slips in between.
      const next = waiting.shift();
      if (next === undefined) underWay--;
      else next();
    },
  };
}
