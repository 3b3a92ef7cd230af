// The faults of a world: drawn from its seed before anything happens, and printed first,
// because an invisible fault makes a failure unreadable. Each knob is off in some worlds (swarm
// testing), so that no fault hides another.
import { CLOCKS_DIFFER_SECONDS } from "../../shared/domain/cadence.ts";
import { DAY, HOUR, MINUTE, SECOND, START } from "./clock.ts";
import type { System } from "./coverage.ts";
import type { Random } from "./random.ts";
import { timeOf } from "./trace.ts";

export type Span = { readonly fromMs: number; readonly toMs: number };

/** It strikes just after the count-th event of its kind, when the next step is still to come. */
type Blackout = {
  /**
   * Everything that runs dies, and nothing starts until it is over (Databricks goes on); or the
   * facts volume can only be read.
   */
  readonly of: "everything" | "writes";
  readonly after: (typeof blackoutMoments)[number];
  readonly count: number;
  readonly lastsMs: number;
};
const blackoutMoments = [
  "marker",
  "retry",
  "manifest",
  "run",
  "submission",
  "decision",
  "outcome",
] as const;

export type Weather = {
  /** False: nothing ever goes wrong, and nobody interferes. */
  readonly isFaulty: boolean;
  /** Of a port call: probabilities. */
  readonly failsBefore: number;
  readonly failsAfter: number;
  readonly landsLate: number;
  readonly killed: number;
  /** Takes up to half a minute. */
  readonly slow: number;
  /** Of the failures, those that no adapter foresaw: a plain error. */
  readonly surprise: number;
  /** Of a message. */
  readonly duplicated: number;
  /**
   * Of a watch whose look touches its marker: a copy at the same moment, where copies hurt most.
   */
  readonly twinned: number;
  readonly lost: number;
  /** Of a scheduled start: it comes twice. */
  readonly startsTwice: number;
  /** Handled, and yet not deleted. */
  readonly undeleted: number;
  readonly delayMsMax: number;
  /** How long pollers may hold messages back, so that batches grow. */
  readonly holdMsMax: number;
  /** How far listings lag behind. */
  readonly lagMsMax: number;
  /** The same for the list of Databricks runs. */
  readonly runsLagMsMax: number;
  /** How far the clocks of functions may be off from each other. */
  readonly skewMsMax: number;
  /** How far Databricks' clock is ahead of everybody's, when it says when a run began. */
  readonly runsSkewMs: number;
  /** How long records are held back beyond that, so that one batch has several of a run. */
  readonly recordsHoldMsMax: number;
  /** How eagerly people and forgers interfere: 0 to 1. */
  readonly meddling: number;
  /**
   * How eagerly other members of the workspace submit runs under our names, and what tokens they
   * can guess: 0 to 1.
   */
  readonly strangers: number;
  /** They know the seeds of our tickets; tokens then count for the whole workspace. */
  readonly isLeaky: boolean;
  /** How eagerly other runs of the executors' principal touch results in the scratchpad: 0 to 1. */
  readonly neighbours: number;
  /** Where results are judged. */
  readonly evidence: "output" | "file";
  /** When outcomes are announced, and how long records gather before they are written. */
  readonly announceAfter: "fact" | "ledger";
  readonly ledgerWindowSeconds: number;
  /** The controllers' principal is replaced: with the former one on the list, or without. */
  readonly replaced: { readonly atMs: number; readonly isListed: boolean } | undefined;
  /** `writes`: the facts volume can only be read. */
  /** `reads`: its listings answer, and its files do not. */
  readonly outages: Partial<Record<System | "writes" | "reads", Span>>;
  readonly blackout: Blackout | undefined;
  /** How long things happen; longer, if a blackout comes. */
  readonly activeMs: number;
  /** After that nothing goes wrong any more; a blackout moves it. */
  faultsEndMs: number;
};

export const CLOCKS_OFF_MS_MAX = 5 * SECOND;
/** What whoever searches by time puts up with, less what our own clocks differ. */
const RUNS_SKEW_MS_MAX = CLOCKS_DIFFER_SECONDS * SECOND - 2 * CLOCKS_OFF_MS_MAX;

export const calm: Weather = {
  isFaulty: false,
  failsBefore: 0,
  failsAfter: 0,
  landsLate: 0,
  killed: 0,
  slow: 0,
  surprise: 0,
  duplicated: 0,
  twinned: 0,
  lost: 0,
  startsTwice: 0,
  undeleted: 0,
  delayMsMax: SECOND,
  holdMsMax: SECOND,
  lagMsMax: 0,
  runsLagMsMax: 0,
  skewMsMax: 0,
  runsSkewMs: 0,
  recordsHoldMsMax: 0,
  meddling: 0,
  strangers: 0,
  isLeaky: false,
  neighbours: 0,
  evidence: "output",
  announceAfter: "fact",
  ledgerWindowSeconds: 0,
  replaced: undefined,
  outages: {},
  blackout: undefined,
  activeMs: 6 * HOUR,
  faultsEndMs: START,
};

/**
 * No faults either, but people send their tickets again, cancel and retry, and some calls take a
 * little longer than others: what then has to be healed was never done.
 */
export const drawPolite = (random: Random): Weather => ({
  ...calm,
  activeMs: 3 * HOUR,
  meddling: 0.5 + random.next() / 2,
  slow: 0.3,
  recordsHoldMsMax: random.pick([0, MINUTE, MINUTE, 3 * MINUTE]),
  announceAfter: random.pick(["fact", "ledger"] as const),
  ledgerWindowSeconds: random.pick([0, 900, 3_600]),
  outages: {},
  faultsEndMs: START + 3 * HOUR,
});

/**
 * A volume that can only be read hurts most just after a marker was written; what outlasts messages
 * and tokens, just after a run was started; everything else, anywhere.
 */
function drawBlackout(random: Random): Blackout {
  const x = random.next();
  if (x < 0.35)
    return {
      of: "writes",
      after: random.chance(0.7) ? "marker" : random.pick(blackoutMoments),
      count: 1 + random.below(5),
      lastsMs: random.between(35 * MINUTE, 2 * HOUR),
    };
  const isLong = x < 0.65;
  return {
    of: "everything",
    after: isLong && random.chance(0.5) ? "run" : random.pick(blackoutMoments),
    count: 1 + random.below(6),
    lastsMs: isLong
      ? 7 * DAY + random.between(3 * HOUR, 60 * HOUR)
      : random.between(MINUTE, 2 * HOUR),
  };
}

const patient = {
  ...calm,
  isFaulty: true,
  failsBefore: 0.04,
  duplicated: 0.02,
  startsTwice: 0.2,
  delayMsMax: 20 * SECOND,
} as const;
/** Whether everything that goes wrong is trouble that says so, and passes. */
export const isPatient = (weather: Weather): boolean =>
  weather.killed + weather.surprise + weather.slow + weather.landsLate + weather.undeleted === 0 &&
  weather.outages.sqs === undefined;

/** Nothing but copies: whatever multiplies, multiplies by them alone. */
const twins = { ...calm, isFaulty: true, twinned: 1 } as const;
export const isTwinned = ({ twinned }: Weather): boolean => twinned > 0;

export function drawWeather(random: Random): Weather {
  const upTo = (most: number, share = 0.8): number =>
    random.chance(share) ? random.next() * most : 0;
  // Mostly as dense as possible, now and then for hours.
  const activeMs = Math.round((1 + 4 * random.next() ** 2) * HOUR);
  const faultsEndMs = START + activeMs;
  if (random.chance(0.03)) return { ...twins, activeMs, faultsEndMs };
  // Nothing but outages and answers such as 503: then waiting must be enough, and no message may
  // die.
  if (random.chance(0.12))
    return {
      ...patient,
      activeMs,
      faultsEndMs,
      meddling: random.next(),
      ...drawOthers(random, activeMs),
      outages: drawOutages(random, activeMs),
    };
  return {
    isFaulty: true,
    failsBefore: upTo(0.04),
    failsAfter: upTo(0.04),
    landsLate: upTo(0.03),
    killed: upTo(0.025),
    slow: upTo(0.05),
    surprise: upTo(0.4),
    duplicated: upTo(0.08),
    twinned: 0,
    lost: upTo(0.03, 0.5),
    startsTwice: random.pick([0, 0.2, 0.2, 0.3, 1]),
    undeleted: upTo(0.03),
    delayMsMax: random.between(1, 120) * SECOND,
    holdMsMax: random.chance(0.3) ? random.between(1, 240) * SECOND : 2 * SECOND,
    lagMsMax: random.between(0, 8 * SECOND),
    runsLagMsMax: random.chance(0.6) ? random.between(8, 140) * SECOND : 8 * SECOND,
    skewMsMax: random.chance(0.5) ? random.between(0, CLOCKS_OFF_MS_MAX) : 0,
    runsSkewMs: drawRunsSkew(random),
    recordsHoldMsMax: random.chance(0.2) ? random.between(0, 4 * MINUTE) : 0,
    meddling: random.chance(0.8) ? random.next() : 0,
    ...drawOthers(random, activeMs),
    outages: drawOutages(random, activeMs),
    blackout: random.chance(0.3) ? drawBlackout(random) : undefined,
    activeMs,
    faultsEndMs,
  };
}

/** Mostly none; otherwise up to what is put up with, and often just that. */
function drawRunsSkew(random: Random): number {
  if (!random.chance(0.3)) return 0;
  if (random.chance(0.6)) return random.pick([-RUNS_SKEW_MS_MAX, RUNS_SKEW_MS_MAX]);
  return random.between(-RUNS_SKEW_MS_MAX, RUNS_SKEW_MS_MAX);
}

/** The others in the workspace, and the fate of our own principal. */
const drawOthers = (random: Random, activeMs: number) => {
  const strangers = random.chance(0.5) ? random.next() : 0;
  const evidence = random.chance(0.07) ? ("file" as const) : ("output" as const);
  return {
    strangers,
    isLeaky: strangers > 0 && random.chance(0.4),
    evidence,
    announceAfter: random.chance(0.7) ? ("fact" as const) : ("ledger" as const),
    ledgerWindowSeconds: random.pick([0, 0, 900, 3_600]),
    // Where files count, neighbours can do whatever they like: nothing is promised there.
    neighbours: evidence === "output" && random.chance(0.5) ? random.next() : 0,
    replaced: random.chance(0.15)
      ? { atMs: START + random.between(0, activeMs), isListed: random.chance(0.7) }
      : undefined,
  };
};

/** How often a system is down for once, and how long at most. */
const outageTable = {
  sql: { share: 0.3, lastsMs: 4 * HOUR },
  bus: { share: 0.2, lastsMs: 4 * HOUR },
  jobs: { share: 0.2, lastsMs: 5.5 * HOUR },
  files: { share: 0.12, lastsMs: HOUR },
  sqs: { share: 0.05, lastsMs: 20 * MINUTE },
} as const satisfies Record<System, unknown>;

function drawOutages(random: Random, activeMs: number): Weather["outages"] {
  const outages: Weather["outages"] = {};
  for (const system of Object.keys(outageTable) as System[]) {
    const { share, lastsMs } = outageTable[system];
    if (!random.chance(share)) continue;
    const fromMs = START + random.between(0, activeMs / 2);
    // Mostly short, now and then hours.
    const toMs = Math.round(fromMs + MINUTE + lastsMs * random.next() ** 3);
    outages[system] = { fromMs, toMs: Math.min(toMs, START + activeMs) };
  }
  if (random.chance(0.05)) {
    const fromMs = START + random.between(0, activeMs / 2);
    outages.reads = { fromMs, toMs: fromMs + random.between(5 * MINUTE, 20 * MINUTE) };
  }
  return outages;
}

export const isWithin = (span: Span | undefined, nowMs: number): boolean =>
  span !== undefined && nowMs >= span.fromMs && nowMs < span.toMs;

const replacedLine = ({ replaced }: Weather): string =>
  replaced === undefined
    ? "stays"
    : `is replaced at ${timeOf(replaced.atMs)}${replaced.isListed ? "" : ", and nobody lists the former one"}`;

/** The weather in one line for each kind of trouble. */
export function weatherLines(weather: Weather): readonly string[] {
  if (!weather.isFaulty)
    return [
      `no faults, and ${weather.meddling > 0 ? "people change their minds" : "nobody interferes"}`,
    ];
  const percent = (p: number): string => `${(100 * p).toFixed(1)} %`;
  const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
  const outages = Object.entries(weather.outages).map(
    ([system, { fromMs, toMs }]) => `${system} down ${timeOf(fromMs)} to ${timeOf(toMs)}`,
  );
  const { blackout } = weather;
  return [
    `calls     fail before ${percent(weather.failsBefore)}, fail after ${percent(weather.failsAfter)}, land late ${percent(weather.landsLate)}, are killed ${percent(weather.killed)}, are slow ${percent(weather.slow)}; ${percent(weather.surprise)} of the failures are surprises`,
    `messages  twice ${percent(weather.duplicated)}, twice when they touch ${percent(weather.twinned)}, lost ${percent(weather.lost)}, handled but not deleted ${percent(weather.undeleted)}, late by up to ${seconds(weather.delayMsMax)}, held back for batches up to ${seconds(weather.holdMsMax)}`,
    `listings  lag up to ${seconds(weather.lagMsMax)}, of runs up to ${seconds(weather.runsLagMsMax)}`,
    `clocks    are off by up to ${seconds(weather.skewMsMax)}, Databricks' own by ${seconds(weather.runsSkewMs)}`,
    `outages   ${outages.length > 0 ? outages.join(", ") : "none"}`,
    `blackout  ${blackout === undefined ? "none" : `of ${blackout.of} after ${blackout.after} ${blackout.count}, for ${(blackout.lastsMs / HOUR).toFixed(1)} h`}`,
    `people    meddle ${percent(weather.meddling)}, strangers ${percent(weather.strangers)}${weather.isLeaky ? " who know our seeds" : ""}, neighbours ${percent(weather.neighbours)}`,
    `books     gather for ${weather.ledgerWindowSeconds} s; outcomes are announced after the ${weather.announceAfter}`,
    `judged    is the ${weather.evidence}; the controllers' principal ${replacedLine(weather)}`,
    `faults end at ${timeOf(weather.faultsEndMs)}`,
  ];
}
