// Keeps each instance to a rate of calls that the workspace bears. Its limits hold for all clients
// together and nobody says how much of them is free, so each instance finds out: it grows while its
// calls wait for the limiter, and slows down when it is answered 429.
import { AsyncLocalStorage } from "node:async_hooks";
import { PlatformTroubleError } from "../domain/errors.ts";
import type { ClockPort } from "../ports.ts";
import { type QueueName, type ServiceName, topology } from "../topology.ts";
import { type Budget, createBudget, createLane, type Rate } from "./rate-lane.ts";

export type RateKind = "submit" | "get" | "list" | "files";
export type Rates = Readonly<Record<RateKind, Rate>> & {
  /** Runs that new tickets may create; absent: as many as the rate of submissions allows. */
  readonly created?: Budget | undefined;
};

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
 * The share of each trigger in a workspace's limits with which its instances begin; together they
 * are all of it. The work decides: tickets and turns submit, watches look, orders are rare. The
 * report of an end asks Databricks twice and writes a few facts. A batch of a hundred records reads
 * a fact for each, and closes each with two calls. The schedule sweeps and deletes, alone.
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

/** The calls of one attempt to one API, and a few more. */
const BURST = 10;
/** The share of the rate that a 429 leaves. New work gives way to work that has begun. */
const KEEPS = { tickets: 0.5, others: 0.8 } as const;
const LEAST_PER_SECOND = { tickets: 0.5, others: 2 } as const;
/** The calls with which an instance begins to find out how many at once the workspace bears. */
const AT_ONCE_FIRST = 2;

/**
 * The runs a second for new tickets, of the 10,000 that a workspace creates within an hour
 * (docs/facts/databricks.md#limits-of-jobs): so many a second are used up in none, and 10,000 that
 * come evenly in one hour go through. The rest is there for turns, which must not wait behind them.
 */
const CREATED_BY_TICKETS: Budget = { perSecond: 2.4, burst: 1_400, emptyPerSecond: 2.1 };

/** All that a workspace bears, for a person's command line: there is one, and it soon ends. */
export const wholeRates: Rates = {
  submit: whole("submit"),
  get: whole("get"),
  files: whole("files"),
  // Listings are rare (a refusal, the sweep's slow part), and with a divided share one would last
  // longer than a handler.
  list: whole("list"),
};

function whole(kind: RateKind): Rate {
  const { perSecond, atOnce } = platform[kind];
  return {
    perSecond,
    leastPerSecond: LEAST_PER_SECOND.others,
    mostPerSecond: perSecond,
    burst: BURST,
    atOnce,
    atOnceMost: atOnce,
    keeps: KEEPS.others,
  };
}

/**
 * The rate at which an instance that `trigger` starts begins, if the function may have `instances`
 * for all its triggers together. It never goes beyond what the whole workspace bears.
 */
export function shareOf(service: ServiceName, instances: number, trigger: Trigger): Rates {
  const usual = trigger === "schedule" ? 1 : topology[trigger].concurrencyMax;
  // On one machine one instance does all of a service's work.
  const mine = trigger === "schedule" ? 1 : Math.max(1, (usual * instances) / instancesOf(service));
  const who = trigger === "tickets" ? "tickets" : "others";
  const begun = (kind: DividedKind): Rate => ({
    ...wholeRates[kind],
    perSecond: Math.min(
      platform[kind].perSecond,
      Math.max(LEAST_PER_SECOND[who], (platform[kind].perSecond * shares[trigger][kind]) / mine),
    ),
    leastPerSecond: LEAST_PER_SECOND[who],
    atOnce: Math.min(AT_ONCE_FIRST, platform[kind].atOnce),
    keeps: KEEPS[who],
  });
  return {
    submit: begun("submit"),
    get: begun("get"),
    files: begun("files"),
    list: wholeRates.list,
    ...(trigger === "tickets" && {
      created: {
        perSecond: CREATED_BY_TICKETS.perSecond / mine,
        burst: CREATED_BY_TICKETS.burst / mine,
        emptyPerSecond: CREATED_BY_TICKETS.emptyPerSecond / mine,
      },
    }),
  };
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
  /** The workspace answered 429. @param retryAfterSeconds what it asked for */
  readonly refused: (kind: RateKind, retryAfterSeconds: number | undefined) => void;
  /**
   * The workspace has created as many runs as it may within an hour. Returns how many seconds
   * whoever wanted one more should wait.
   */
  readonly spent: () => number;
};

/** Turns look soon whether the quota is free again, tickets late. */
const QUOTA_WAIT_SECONDS = { tickets: 600, others: 20 } as const;
/** For so long tickets are sent back without a call, and what is freed is there for turns. */
const CLOSED_MS = 60_000;
/** A message that would wait longer to create a run is sent back before its first call. */
const DOOR_WAIT_MS_MAX = 10_000;

export function createRateLimiter(rates: Rates, { clock }: ClockPort): RateLimiter {
  const lanes = {
    submit: createLane(rates.submit, { clock }),
    get: createLane(rates.get, { clock }),
    list: createLane(rates.list, { clock }),
    files: createLane(rates.files, { clock }),
  };
  const created = rates.created && createBudget(rates.created, { clock });
  let closedUntilMs = Number.NEGATIVE_INFINITY;

  function refuseAtTheDoor(): void {
    if (created === undefined) return;
    const isClosed = clock.nowMs() < closedUntilMs;
    if (!isClosed && created.waitMs() <= DOOR_WAIT_MS_MAX) return;
    const retryAfterSeconds = isClosed ? QUOTA_WAIT_SECONDS.tickets : 0;
    throw new PlatformTroubleError(
      "new runs wait: the workspace creates no more within an hour, and runs under way come first",
      { retryAfterSeconds },
    );
  }

  return {
    run: async (kind, work) => {
      refuseAtTheDoor();
      if (kind === "submit" && created !== undefined) await clock.sleep(created.take());
      return await lanes[kind].run(work);
    },
    refused: (kind, retryAfterSeconds) => lanes[kind].refused(retryAfterSeconds),
    spent: () => {
      if (created === undefined) return QUOTA_WAIT_SECONDS.others;
      closedUntilMs = clock.nowMs() + CLOSED_MS;
      return QUOTA_WAIT_SECONDS.tickets;
    },
  };
}

/**
 * Creates a limiter for each trigger, which an environment keeps from one invocation to the next.
 * If invocations of several triggers overlap in one process (on one machine they do, in Lambda
 * not), none of them spends or slows down another's share.
 * @param ratesOfTrigger what it begins with; asked once
 */
export function createTriggerLimiters(
  ratesOfTrigger: (trigger?: Trigger) => Rates,
  clock: ClockPort,
): TriggerLimiters {
  const current = new AsyncLocalStorage<RateLimiter>();
  const outside = createRateLimiter(ratesOfTrigger(), clock);
  const byTrigger = new Map<Trigger, RateLimiter>();
  const mine = (): RateLimiter => current.getStore() ?? outside;
  return {
    run: (kind, work) => mine().run(kind, work),
    refused: (kind, retryAfterSeconds) => mine().refused(kind, retryAfterSeconds),
    spent: () => mine().spent(),
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
