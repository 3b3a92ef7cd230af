// One kind of call of one instance: how many a second, and how many at once. Both grow while they
// hold calls back and nobody complains, and shrink when the workspace answers 429 (additive
// increase, multiplicative decrease), so that instances that share a limit come to share it evenly.
import { PlatformTroubleError } from "../domain/errors.ts";
import type { ClockPort } from "../ports.ts";

export type Rate = {
  /** The rate at which an instance begins. */
  readonly perSecond: number;
  readonly leastPerSecond: number;
  readonly mostPerSecond: number;
  /** The calls that an idle instance may make at once, so that one attempt is not slowed down. */
  readonly burst: number;
  readonly atOnce: number;
  readonly atOnceMost: number;
  /** The share of rate and calls at once that a 429 leaves. */
  readonly keeps: number;
};

/** A budget that does not learn: what it keeps back is promised to others. */
export type Budget = {
  /** While there is something saved; up to `burst` is saved. */
  readonly perSecond: number;
  readonly burst: number;
  /** While nothing is saved, so that a backlog never takes all. */
  readonly emptyPerSecond: number;
};

export function createBudget({ perSecond, burst, emptyPerSecond }: Budget, { clock }: ClockPort) {
  const intervalMs = 1000 / perSecond;
  let dueMs = Number.NEGATIVE_INFINITY;
  const slotMs = (): number => Math.max(dueMs, clock.nowMs() - (burst - 1) * intervalMs);
  const waitMs = (): number => Math.max(0, slotMs() - clock.nowMs());
  return {
    waitMs,
    /** Takes one, and returns after how long it may be used. */
    take: (): number => {
      const wait = waitMs();
      dueMs = slotMs() + (wait > 0 ? 1000 / emptyPerSecond : intervalMs);
      return wait;
    },
  };
}

export type Lane = {
  /** @throws PlatformTroubleError if the wait would be longer than a message should be held */
  readonly run: <T>(work: () => Promise<T>) => Promise<T>;
  readonly refused: (retryAfterSeconds: number | undefined) => void;
};

const WAIT_MS_MAX = 20_000;
/** Calls that were under way when the first was refused are refused, too: that is said once. */
const REFUSED_ONCE_MS = 1_000;
/** The gain in a second: of the rate, as a share of its most; of the calls at once, in calls. */
const GROWTH = { perSecond: 0.05, atOnce: 0.5 } as const;
/** Until the first 429 so many times as much: nobody knows yet what is free. */
const GROWTH_FIRST = 4;
/** Close to what met the last 429 it grows slowly. */
const CLOSE = { from: 0.85, growth: 1 / 4 } as const;
/** Waiting calls speak for growth of that much time, so that a pause brings no leap. */
const GROWS_FOR_MS_MAX = 250;

type BoundOptions = {
  readonly first: number;
  readonly least: number;
  readonly most: number;
  readonly growthPerSecond: number;
  readonly keeps: number;
};

/** A number that grows while it is what holds calls back, and shrinks at a complaint. */
function createBound(options: BoundOptions, { clock }: ClockPort) {
  const { least, most, growthPerSecond, keeps } = options;
  let value = options.first;
  let met = Number.POSITIVE_INFINITY;
  let grownMs = Number.NEGATIVE_INFINITY;
  let shrunkMs = Number.NEGATIVE_INFINITY;
  return {
    value: (): number => value,
    grow: (): void => {
      const nowMs = clock.nowMs();
      const seconds = Math.min(GROWS_FOR_MS_MAX, nowMs - grownMs) / 1000;
      grownMs = nowMs;
      if (nowMs - shrunkMs < REFUSED_ONCE_MS) return;
      const isNew = met === Number.POSITIVE_INFINITY;
      const pace = isNew ? GROWTH_FIRST : value > CLOSE.from * met ? CLOSE.growth : 1;
      value = Math.min(most, value + growthPerSecond * seconds * pace);
    },
    shrink: (): void => {
      const nowMs = clock.nowMs();
      if (nowMs - shrunkMs < REFUSED_ONCE_MS) return;
      shrunkMs = nowMs;
      met = value;
      value = Math.max(least, value * keeps);
    },
  };
}

export function createLane(rate: Rate, time: ClockPort): Lane {
  const { clock } = time;
  const { keeps } = rate;
  const perSecond = createBound(
    {
      first: rate.perSecond,
      least: rate.leastPerSecond,
      most: rate.mostPerSecond,
      growthPerSecond: GROWTH.perSecond * rate.mostPerSecond,
      keeps,
    },
    time,
  );
  const places = createPlaces(
    createBound(
      {
        first: rate.atOnce,
        least: 1,
        most: rate.atOnceMost,
        growthPerSecond: GROWTH.atOnce,
        keeps,
      },
      time,
    ),
  );
  let dueMs = Number.NEGATIVE_INFINITY;

  /** Takes the next slot, and returns how long it is until then. */
  function reserve(): number {
    const intervalMs = 1000 / perSecond.value();
    const nowMs = clock.nowMs();
    const slotMs = Math.max(dueMs, nowMs - (rate.burst - 1) * intervalMs);
    const waitMs = slotMs - nowMs;
    if (waitMs > WAIT_MS_MAX)
      throw new PlatformTroubleError(
        `this instance's calls (${perSecond.value().toFixed(1)} a second) are spoken for, for ${Math.ceil(waitMs / 1000)} s`,
        { retryAfterSeconds: Math.ceil(waitMs / 1000) },
      );
    dueMs = slotMs + intervalMs;
    if (waitMs > 0) perSecond.grow();
    return waitMs;
  }

  return {
    run: async (work) => {
      const waitMs = reserve();
      if (waitMs > 0) await clock.sleep(waitMs);
      await places.enter();
      try {
        return await work();
      } finally {
        places.leave();
      }
    },
    refused: (retryAfterSeconds) => {
      // The platform's Retry-After holds for all calls of this kind, not for the refused one alone.
      if (retryAfterSeconds !== undefined)
        dueMs = Math.max(dueMs, clock.nowMs() + retryAfterSeconds * 1000);
      perSecond.shrink();
      places.shrink();
    },
  };
}

/** Counts the calls under way. */
function createPlaces(bound: ReturnType<typeof createBound>) {
  const waiting: (() => void)[] = [];
  let taken = 0;
  const isFree = (): boolean => taken < Math.floor(bound.value());
  return {
    shrink: bound.shrink,
    enter: async (): Promise<void> => {
      if (isFree()) {
        taken++;
        return;
      }
      bound.grow();
      await new Promise<void>((go) => waiting.push(go));
    },
    leave: (): void => {
      taken--;
      // The released call takes its place at once, so that no other call can take it in between.
      while (isFree()) {
        const next = waiting.shift();
        if (next === undefined) return;
        taken++;
        next();
      }
    },
  };
}
