// One call of a port by a handler: the only place where time passes for a handler, where others
// overtake it, where it dies, and where things go wrong before or after the effect, or long after
// the caller has gone.
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import { SECOND, type VirtualClock } from "./clock.ts";
import { type Coverage, type Mishap, type PortMethod, portMethods, systemOf } from "./coverage.ts";
import { die, type Environment, resume } from "./environment.ts";
import type { Random } from "./random.ts";
import type { Stats } from "./stats.ts";
import type { Trace } from "./trace.ts";
import { isWithin, type Weather } from "./weather.ts";

/**
 * On whose behalf an effect happens: an effect that lands late belongs to the invocation that asked
 * for it.
 */
export type Caller = {
  readonly service: string;
  /** What the invocation was for. */
  readonly purpose: string;
  /** When the oldest invocation began whose work it may be. */
  readonly sinceMs: number;
  /** When the call itself was made; its effect may come much later. */
  readonly calledMs: number;
  /** When its environment began. */
  readonly bornMs?: number;
  /** Nobody waits for it any more, and it is older than any call should live. */
  readonly isZombie?: boolean;
};
type Effect<T> = (caller: Caller) => T;
export type Call = <T>(
  env: Environment,
  method: PortMethod,
  effect: Effect<T>,
  about?: () => string,
) => Promise<T>;

type Pending = {
  readonly env: Environment;
  readonly method: PortMethod;
  readonly effect: Effect<unknown>;
  readonly about: (() => string) | undefined;
  readonly caller: Caller;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
};

type Deps = {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly weather: Weather;
  readonly trace: Trace;
  readonly coverage: Coverage;
  readonly stats: Stats;
};

/** Calls in flight when their caller dies: so many of them land. */
const LANDS_ORPHANED = 0.4;
/**
 * No call lives longer than this after its caller has given it up (150 s in all, with the slowest
 * of calls before it).
 */
const LATE_MS_MAX = 80 * SECOND;

export function createCall(deps: Deps): Call {
  const { clock, random } = deps;
  return (env, method, effect, about) => {
    deps.coverage.calls[method]++;
    if (isCounted(env, method)) deps.stats.databricksCalls++;
    env.pending++;
    const { service, purpose, sinceMs, bornMs } = env;
    const caller = { service, purpose, sinceMs, bornMs, calledMs: clock.nowMs() };
    return new Promise((resolve, reject) => {
      const pending = { env, method, effect, about, caller, resolve, reject };
      clock.after(latencyMs(deps), () => arrive(deps, pending));
    });
  };

  function latencyMs({ weather }: Deps): number {
    const isSlow = clock.nowMs() < weather.faultsEndMs && random.chance(weather.slow);
    const slowest = weather.isFaulty ? 30 * SECOND : 5 * SECOND;
    return isSlow ? random.between(SECOND, slowest) : random.between(5, 1_500);
  }
}

/** Its system is down; or what it writes to can only be read. */
const isDown = ({ clock, weather }: Deps, method: PortMethod): boolean =>
  isWithin(weather.outages[systemOf[method]], clock.nowMs()) ||
  (isWithin(weather.outages.writes, clock.nowMs()) && WRITES.has(method)) ||
  (isWithin(weather.outages.reads, clock.nowMs()) && READS.has(method));
const WRITES: ReadonlySet<PortMethod> = new Set([
  "facts.create",
  "facts.remove",
  "facts.removeFolder",
  "markers.write",
  "markers.remove",
]);
const READS: ReadonlySet<PortMethod> = new Set(["facts.read", "markers.read"]);

const isFaulty = ({ clock, weather }: Deps): boolean =>
  weather.isFaulty && clock.nowMs() < weather.faultsEndMs;

/** The call reaches the other system. */
function arrive(deps: Deps, call: Pending): void {
  const { random, trace } = deps;
  const { env, method } = call;
  trace.mix(numberOf[method], env.id);
  if (env.isDead) {
    if (random.chance(LANDS_ORPHANED)) landLate(deps, call, "lands late");
    return;
  }
  if (isDown(deps, method)) {
    trace.say(() => `${lineOf(call)}: ${systemOf[method]} is down`);
    fail(call, trouble(deps, call, `${systemOf[method]}: 503 TEMPORARILY_UNAVAILABLE`));
    return;
  }
  const mishap = isFaulty(deps) ? drawMishap(deps, method) : undefined;
  if (mishap === undefined) {
    trace.say(() => lineOf(call));
    land(call);
  } else goWrong(deps, call, mishap);
}

/** Calls that are made once in a long while, and matter most, go wrong more often. */
const EMPHASIS: Partial<Record<PortMethod, number>> = {
  "jobs.submit": 5,
  "facts.create": 1.5,
  "facts.list": 2,
  "facts.remove": 3,
  "facts.removeFolder": 20,
  "plans.list": 6,
  "plans.remove": 10,
  "plans.removeFolder": 20,
  "jobs.find": 2,
  "identity.own": 2,
};

function drawMishap({ random, weather }: Deps, method: PortMethod): Mishap | undefined {
  let x = random.next() / (EMPHASIS[method] ?? 1) - weather.failsBefore;
  if (x < 0) return "fails before its effect";
  x -= weather.failsAfter;
  if (x < 0) return "fails after its effect";
  x -= weather.landsLate;
  if (x < 0) return "lands late";
  const killed = weather.killed * (KILLED_MORE.has(method) ? 5 : 1);
  x -= killed / 2;
  if (x < 0) return "killed before its effect";
  return x < killed / 2 ? "killed after its effect" : undefined;
}

/** Made so seldom while things go wrong that hardly anybody would die over them. */
const KILLED_MORE: ReadonlySet<PortMethod> = new Set([
  "facts.removeFolder",
  "plans.remove",
  "plans.removeFolder",
]);

function goWrong(deps: Deps, call: Pending, mishap: Mishap): void {
  switch (mishap) {
    case "fails before its effect":
      record(deps, call, mishap);
      fail(call, trouble(deps, call));
      break;
    case "fails after its effect":
      record(deps, call, mishap);
      quietly(call);
      fail(call, trouble(deps, call));
      break;
    case "lands late":
      landLate(deps, call, mishap);
      fail(call, new PlatformTroubleError(`${call.method}: no answer in time`));
      break;
    case "killed before its effect":
      record(deps, call, mishap);
      if (deps.random.chance(0.3)) landLate(deps, call, "lands late");
      die(call.env);
      break;
    case "killed after its effect":
      record(deps, call, mishap);
      quietly(call);
      die(call.env);
      break;
  }
}

function record({ coverage, trace }: Deps, call: Pending, mishap: Mishap): void {
  coverage.fired[call.method][mishap]++;
  trace.mix(numberOf[call.method], mishap.length);
  trace.say(() => `${lineOf(call)}: ${mishap}`);
}

function landLate(deps: Deps, call: Pending, mishap: Mishap): void {
  const { clock, random, trace } = deps;
  record(deps, call, mishap);
  const isVeryLate = random.chance(call.method === "jobs.submit" ? 0.5 : 0.2);
  const lateMs = random.between(0, isVeryLate ? LATE_MS_MAX : 10 * SECOND);
  clock.after(lateMs, () => {
    if (isDown(deps, call.method)) return;
    trace.say(() => `${lineOf(call)}: now it lands`);
    quietly(call);
  });
}

function land(call: Pending): void {
  let value: unknown;
  try {
    value = call.effect(call.caller);
  } catch (error) {
    fail(call, error);
    return;
  }
  resume(call.env, () => {
    call.env.pending--;
    call.resolve(value as never);
  });
}

const fail = (call: Pending, error: unknown): void =>
  resume(call.env, () => {
    call.env.pending--;
    call.reject(error);
  });

/** The effect, with nobody left who could be told of its own refusal (a poisoned fact). */
function quietly(call: Pending): void {
  try {
    call.effect(call.caller);
  } catch {
    // its caller would have heard it
  }
}

class Surprise extends TypeError {}
export const isSurprise = (error: Error): boolean => error instanceof Surprise;

/**
 * What an adapter makes of an answer that waiting may mend; now and then something that no adapter
 * foresaw.
 */
function trouble(
  { random, weather }: Deps,
  { method }: Pending,
  sentence = `${method}: 500 INTERNAL_ERROR`,
): Error {
  if (random.chance(weather.surprise)) return new Surprise(`${method}: nobody foresaw this`);
  if (!random.chance(0.05)) return new PlatformTroubleError(sentence);
  const retryAfterSeconds = random.between(1, 120);
  return new PlatformTroubleError(`${sentence}${retryAfter(retryAfterSeconds)}`, {
    retryAfterSeconds,
  });
}

const retryAfter = (seconds: number): string => `, Retry-After: ${seconds}`;
/** How long the platform wants to be left alone, by what is said of its trouble. */
export const askedToWait = (sentence: string): number =>
  Number(/, Retry-After: (\d+)$/.exec(sentence)?.[1] ?? 0);

/**
 * Databricks calls of an iteration or a run, looks, ledger and schedule apart: what
 * docs/architecture.md#budgets limits.
 */
const isCounted = ({ purpose }: Environment, method: PortMethod): boolean =>
  method !== "jobs.get" &&
  // With a service principal, as in production, nobody is asked.
  method !== "identity.own" &&
  purpose !== "watches" &&
  purpose !== "records" &&
  purpose !== "schedule" &&
  (systemOf[method] === "files" || systemOf[method] === "jobs");

const numberOf = Object.fromEntries(portMethods.map((method, i) => [method, i])) as Record<
  PortMethod,
  number
>;
const lineOf = ({ env, method, about }: Pending): string =>
  `   ${env.name} ${method}${about === undefined ? "" : ` ${about()}`}`;
