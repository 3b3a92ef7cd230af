// List prices of us-east-1, November 2026, in dollars, without free tiers (README, "What it
// costs"), and the formula over measured counts.
import { awakeHours } from "../../../cli/doctor/warehouse-sleep.ts";
import { topology } from "../../../shared/topology.ts";

const prices = {
  sqsRequest: 0.4e-6,
  lambdaRequest: 0.2e-6,
  /** arm64 */
  lambdaGigabyteSecond: 0.0000133334,
  event: 1e-6,
  logGigabyte: 0.5,
  alarmMonth: 0.1,
  metricMonth: 0.3,
  dashboardMonth: 3,
  /** A serverless 2X-Small SQL warehouse: 4 DBU an hour. */
  warehouseHour: 4 * 0.7,
} as const;

/** Of one thing that is done: how long functions ran for it, and how long times how large. */
export type Spent = { readonly seconds: number; readonly gigabyteSeconds: number };

/** As measured, of one run of one iteration, evenly spread over the day. */
export type Counts = {
  /** Tickets, turns, reports and records; watches are looks. */
  readonly messagesPerRun: number;
  readonly invocationsPerRun: number;
  readonly perRun: Spent;
  readonly perLook: Spent;
  readonly perSweep: Spent;
  /** REST calls beside looks and ledger. */
  readonly callsPerRun: number;
  readonly callsPerLook: number;
  readonly callsPerSweep: number;
  readonly mergesPerRun: number;
  readonly statementsPerMerge: number;
  readonly logBytesPerMessage: number;
};

/**
 * What a stage has whether or not it is used: counted in its template and in the table of metrics.
 */
export type Standing = {
  readonly alarms: number;
  readonly metrics: number;
  readonly mappings: number;
};

/**
 * Each mapping has five pollers with three long polls a minute: a maximum concurrency keeps them
 * from shrinking.
 */
const IDLE_REQUESTS_OF_A_MAPPING = 5 * 3 * 60 * 24;
const SWEEPS_PER_DAY = 288;
const DAYS = 30.4;
/** After the last statement a warehouse stays awake for its auto-stop. */
const AUTO_STOP_MINUTES = 5;
/** A stage's own, where it says nothing else. */
const WINDOW_MINUTES = 15;

type Day = {
  readonly runs: number;
  readonly sqsRequests: number;
  readonly lambdaSeconds: number;
  readonly databricksCalls: number;
  readonly sqlStatements: number;
  readonly warehouseHours: number;
  readonly awsDollars: number;
  readonly watchingDollars: number;
  readonly warehouseDollars: number;
};

/** A day with so many runs, evenly spread. */
function dayOf(runs: number, counts: Counts, standing: Standing, looks: number): Day {
  const messages = runs * (counts.messagesPerRun + looks);
  // Sent, received, deleted; receives and deletes by the batch, which is one message where little
  // comes.
  const batches = runs * (counts.invocationsPerRun + looks);
  const invocations = batches + SWEEPS_PER_DAY;
  const sqsRequests = standing.mappings * IDLE_REQUESTS_OF_A_MAPPING + messages + 2 * batches;
  const total = (of: keyof Spent) =>
    runs * (counts.perRun[of] + looks * counts.perLook[of]) + SWEEPS_PER_DAY * counts.perSweep[of];
  const merges = mergesOf(runs, counts);
  const warehouseHours = awakeHours(runs, WINDOW_MINUTES, AUTO_STOP_MINUTES);
  return {
    runs,
    sqsRequests,
    lambdaSeconds: total("seconds"),
    databricksCalls:
      runs * (counts.callsPerRun + looks * counts.callsPerLook) +
      SWEEPS_PER_DAY * counts.callsPerSweep,
    sqlStatements: merges * counts.statementsPerMerge,
    warehouseHours,
    awsDollars:
      sqsRequests * prices.sqsRequest +
      invocations * prices.lambdaRequest +
      total("gigabyteSeconds") * prices.lambdaGigabyteSecond +
      runs * prices.event +
      ((messages * counts.logBytesPerMessage) / 1e9) * prices.logGigabyte,
    watchingDollars:
      (standing.alarms * prices.alarmMonth +
        standing.metrics * prices.metricMonth +
        prices.dashboardMonth) /
      DAYS,
    warehouseDollars: warehouseHours * prices.warehouseHour,
  };
}

/** One for each window in which something ended, and for each full batch of records. */
function mergesOf(runs: number, { mergesPerRun }: Counts): number {
  const windows = (24 * 60) / WINDOW_MINUTES;
  const used = windows * (1 - Math.exp(-runs / windows));
  return Math.max(used, (runs * mergesPerRun) / topology.records.batchSize);
}

export function rowsOf(counts: Counts, standing: Standing, looks: number): readonly string[] {
  const number = (value: number) => Math.round(value).toLocaleString("en-US");
  const dollars = (value: number) => `$${value.toFixed(2)}`;
  return [
    `| Runs a day | SQS requests | Lambda seconds | Databricks calls | SQL statements | warehouse awake | AWS | alarms, metrics, dashboard | warehouse |`,
    "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...[0, 1_000, 100_000].map((runs) => {
      const day = dayOf(runs, counts, standing, looks);
      return `| ${number(runs)} | ${number(day.sqsRequests)} | ${number(day.lambdaSeconds)} | ${number(day.databricksCalls)} | ${number(day.sqlStatements)} | ${day.warehouseHours.toFixed(1)} h | ${dollars(day.awsDollars)} | ${dollars(day.watchingDollars)} | ${dollars(day.warehouseDollars)} |`;
    }),
  ];
}
