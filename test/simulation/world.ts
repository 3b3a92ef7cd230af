// One world: one process, one virtual clock, one seed. The real wrapped handlers run over ports
// that are memory; their deliveries overlap, and others overtake them at every call that they make.
import { createIngester } from "../../services/ingester/ingester.ts";
import { createOrchestrator } from "../../services/orchestrator/orchestrator.ts";
import { createRunPoller } from "../../services/run-poller/run-poller.ts";
import { isoOf } from "../../shared/domain/time.ts";
import { sweepEverySeconds } from "../../shared/topology.ts";
import { layAncient } from "./ancient.ts";
import { type Dark, strikeBlackout } from "./blackout.ts";
import { createClock, DAY, HOUR, MINUTE, SECOND, START, type VirtualClock } from "./clock.ts";
import { createControllers } from "./controllers.ts";
import { type Coverage, createCoverage } from "./coverage.ts";
import { createDatabricks } from "./databricks.ts";
import { layElders } from "./elders.ts";
import type { Environment, Pulse } from "./environment.ts";
import { createFiles } from "./files.ts";
import { createFleet, type Fleet, type Handlers } from "./fleet.ts";
import { createHints } from "./hints.ts";
import { createJudge } from "./judge.ts";
import { createBus, createLedger } from "./ledger.ts";
import { checkEnd, isAtRest } from "./liveness.ts";
import type { LivenessDeps } from "./liveness-deps.ts";
import { bringNeighbours } from "./neighbours.ts";
import { watchOrders } from "./orders.ts";
import { watchPace } from "./pace.ts";
import { createPeople } from "./people.ts";
import { createCall } from "./port-call.ts";
import { createPorts, type PortDeps } from "./ports.ts";
import { createRandom, type Random } from "./random.ts";
import { watchRetention } from "./retention.ts";
import { watchSafety } from "./safety.ts";
import { createSecrets } from "./secrets.ts";
import { createSqs } from "./sqs.ts";
import { createStats, type Stats } from "./stats.ts";
import { bringStrangers } from "./strangers.ts";
import { createTrace, type Trace } from "./trace.ts";
import { createTroubles } from "./troubles.ts";
import { bringTwin } from "./twin.ts";
import { checkBudgetsWhenCalm, watchWaste } from "./waste.ts";
import { calm, drawPolite, drawWeather, type Weather, weatherLines } from "./weather.ts";
import {
  foreignArtifact,
  maintenanceArtifact,
  reviewedArtifact,
  scheduledWorkload,
} from "./workloads.ts";
import { wakeZombies } from "./zombies.ts";

export type WorldOptions = {
  /** No faults, and nobody interferes. */
  readonly isCalm?: boolean;
  readonly tickets?: number;
  /** Gets the readable trace, line by line. */
  readonly print?: ((line: string) => void) | undefined;
  /** Ends at the first violation. */
  readonly stopsEarly?: boolean;
};

export type Report = {
  readonly seed: number;
  readonly isCalm: boolean;
  /** The violated rules, each with its first time. Empty: all is well. */
  readonly violations: ReadonlyMap<string, string>;
  readonly weather: Weather;
  readonly coverage: Coverage;
  readonly stats: Stats;
  /** Equal for equal histories. */
  readonly hash: () => string;
};

/**
 * Everything ends within this time after the last fault: the longest pause of the sweep, and what
 * then follows.
 */
const SETTLES_WITHIN = 70 * HOUR;
/** No shorter than that, so that whoever comes late is still heard. */
const QUIET_FOR = 20 * MINUTE;

export async function simulate(seed: number, options: WorldOptions = {}): Promise<Report> {
  const world = createWorld(seed, options);
  const { clock, weather, judge, pulse, liveness, fleet } = world;
  const quietMs = weather.isFaulty ? QUIET_FOR : HOUR;
  const isResting = (): boolean =>
    clock.nowMs() > weather.faultsEndMs + quietMs && fleet.running() === 0 && isAtRest(liveness);
  while (clock.step(weather.faultsEndMs + SETTLES_WITHIN)) {
    if (!pulse.hasBeat) continue;
    pulse.hasBeat = false;
    // Ticks run when no microtask is left: by then every promise chain has come to its next call,
    // or to its end. A turn of the event loop would do as well, and cost as much as all the
    // handlers together.
    await new Promise<void>(process.nextTick);
    if (options.stopsEarly && judge.violations.size > 0) break;
    if (isResting()) break;
  }
  if (judge.violations.size === 0) {
    checkEnd(liveness);
    if (!weather.isFaulty && weather.meddling === 0) checkBudgetsWhenCalm(liveness);
  }
  world.stats.databricksRuns = liveness.databricks.runs.length;
  world.stats.chapters = liveness.bus.announced.size;
  return {
    seed,
    isCalm: !weather.isFaulty,
    violations: judge.violations,
    weather,
    coverage: world.coverage,
    stats: world.stats,
    hash: () => world.trace.hash(remainsOf(liveness)),
  };
}

function createWorld(seed: number, { isCalm = false, tickets = 4, print }: WorldOptions) {
  const random = createRandom(seed);
  const clock = createClock();
  const trace = createTrace(clock, print);
  const weather = isCalm ? calmOf(seed, random) : drawWeather(random);
  if (print !== undefined) for (const line of weatherLines(weather)) print(line);
  const judge = createJudge(clock, trace);
  const coverage = createCoverage();
  const stats = createStats();
  const pulse: Pulse = { hasBeat: false };
  const planeId = "6f2d3c1a-0000-4000-8000-000000000001";
  const blackout: Dark = { untilMs: START };
  const common = { clock, random, weather, trace, coverage, stats, planeId, ...judge };
  const secrets = createSecrets(seed, judge.violate);
  const controllers = createControllers(clock, weather);
  const trusted = { secrets, controllers };
  const files = createFiles(common);
  for (const { path, content } of [reviewedArtifact, maintenanceArtifact, foreignArtifact])
    files.volumes.set(path, () => content);
  const databricks = createDatabricks({ ...common, ...trusted, files });
  const ledger = createLedger(trace, judge.violate);
  const bus = createBus(clock, trace);
  const awakeAtMs = (): number => blackout.untilMs;
  const sqs = createSqs({ ...common, fleet: () => fleet, awakeAtMs });
  const call = createCall(common);
  const deployedAtMs = isCalm
    ? Number.POSITIVE_INFINITY
    : START + random.between(0, weather.activeMs);
  const troubles = createTroubles({ ...common, files });
  const hints = createHints(random, weather);
  const ports = {
    ...common,
    ...trusted,
    troubles,
    call,
    files,
    hints,
    databricks,
    sqs,
    ledger,
    bus,
    deployedAtMs,
  };
  const onError = (error: unknown): void =>
    judge.violate("a handler threw", error instanceof Error ? String(error.stack) : String(error));
  const create = (env: Environment): Handlers => handlersOf(ports, env);
  const { skewMsMax } = weather;
  const { isOutdated } = controllers;
  const fleet: Fleet = createFleet({
    clock,
    random,
    trace,
    pulse,
    skewMsMax,
    create,
    onError,
    isOutdated,
  });
  // Nobody can help them, and they come first, because they have been silent for longest, or for
  // the shortest time: the sweep takes old and young ones in turns.
  const isTorn = weather.isFaulty && (random.chance(0.2) || weather.outages.reads !== undefined);
  for (let n = 0; isTorn && n < 4; n++) {
    files.layTorn(`torn-old-${n}`, START - DAY);
    files.layTorn(`torn-young-${n}`, START + random.between(0, 3 * HOUR));
  }
  const ancient = layAncient({ ...common, ...trusted, files, databricks, ledger, bus });
  const elders = layElders({ ...common, files, databricks, sqs });
  const people = createPeople({
    ...common,
    sqs,
    files,
    databricks,
    tickets,
    awakeAtMs,
    ancient,
    elders,
  });
  const liveness: LivenessDeps = {
    ...common,
    ...trusted,
    files,
    databricks,
    ledger,
    bus,
    sqs,
    people,
    ancient,
    atEnd: [],
  };
  watchSafety(liveness);
  watchWaste(liveness);
  watchRetention(liveness);
  watchOrders(liveness);
  watchPace(liveness);
  bringStrangers({ ...common, files, databricks });
  bringNeighbours({ ...common, files, databricks });
  bringTwin(files, databricks, random, weather);
  wakeZombies({ ...common, files, databricks });
  startSweeps(common, fleet, blackout);
  startScheduledRun(common, fleet, people.scheduledAtMs);
  strikeBlackout({ ...common, files, databricks, fleet }, blackout);
  return { clock, trace, weather, judge, coverage, stats, pulse, fleet, liveness };
}

/** In every second calm world nobody interferes at all, so that budgets can be counted. */
const calmOf = (seed: number, random: Random): Weather =>
  seed % 2 === 0 ? drawPolite(random) : { ...calm, outages: {} };

/**
 * The composition roots' counterpart: each environment has its own handlers, over its own ports.
 */
function handlersOf(deps: PortDeps, env: Environment): Handlers {
  const ports = createPorts(deps, env);
  switch (env.service) {
    case "orchestrator":
      return createOrchestrator(ports);
    case "run-poller":
      return createRunPoller(ports);
    case "ingester":
      return createIngester(ports);
  }
}

type Sky = {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly weather: Weather;
  readonly trace: Trace;
};

/** EventBridge Scheduler: at least once, so now and then twice. */
function startSweeps(sky: Sky, fleet: Fleet, blackout: Dark): void {
  const { clock, random, weather } = sky;
  const tick = (): void => {
    clock.after(sweepEverySeconds * SECOND, tick);
    if (clock.nowMs() < blackout.untilMs) return;
    const isTwice = clock.nowMs() < weather.faultsEndMs && random.chance(weather.startsTwice);
    const firstMs = random.between(0, 20 * SECOND);
    // Often just behind the other, so that each comes between the steps of the other.
    const secondMs = random.chance(0.5) ? 5 * SECOND : 20 * SECOND;
    for (let n = isTwice ? 2 : 1; n > 0; n--)
      clock.after(firstMs + (n === 2 ? random.between(0, secondMs) : 0), () => {
        if (clock.nowMs() < blackout.untilMs) return;
        sky.trace.say(() => "→ schedule sweep");
        fleet.schedule({ schedule: "sweep" }, () => {});
      });
  };
  clock.after(random.between(0, sweepEverySeconds * SECOND), tick);
}

/** A workload's own schedule: perhaps ticked twice, and again until the function answers. */
function startScheduledRun(sky: Sky, fleet: Fleet, atMs: number): void {
  const { clock, random } = sky;
  const scheduled_time = isoOf(atMs);
  const tick = (): void =>
    fleet.schedule(
      { schedule: "workload", workload: scheduledWorkload, scheduled_time },
      (ended) => {
        if (ended.kind !== "answered") clock.after(MINUTE, tick);
      },
    );
  clock.at(atMs, tick);
  if (sky.weather.isFaulty && random.chance(0.3)) clock.at(atMs + random.between(0, HOUR), tick);
}

/** The remains of a world, as text. */
function* remainsOf({ files, ledger, bus, sqs }: LivenessDeps): Generator<string> {
  for (const { ref, text } of files.all()) {
    yield ref.path;
    yield text;
  }
  for (const row of ledger.runState.values()) yield JSON.stringify(row);
  for (const key of bus.announced.keys()) yield key;
  for (const { queue, body } of sqs.archive) {
    yield queue;
    yield body;
  }
}
