// List prices of us-east-1, November 2026, in dollars, without free tiers (README, "What it costs").

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

/** As measured, of one run of one iteration, evenly spread over the day. */
export type Counts = {
  /** Tickets, turns, reports and records; watches are looks. */
  readonly messagesPerRun: number;
  readonly invocationsPerRun: number;
  readonly msPerRun: number;
  readonly msPerLook: number;
  /** REST calls beside looks and ledger. */
  readonly callsPerRun: number;
  readonly thriftCallsPerRun: number;
  readonly mergesPerRun: number;
};

const GIGABYTES = 0.5;
const LOG_BYTES_PER_MESSAGE = 700;
/** Five mappings of five pollers, three long polls a minute each: a maximum concurrency keeps them from shrinking. */
const IDLE_REQUESTS_PER_DAY = 5 * 5 * 3 * 60 * 24;
const SWEEPS_PER_DAY = 288;
const ALARMS = 34;
const METRICS = 24;
const DAYS = 30.4;
/** After the last statement a warehouse stays awake for its auto-stop. */
const AUTO_STOP_MINUTES = 5;
/** The records of a busy plane come in batches: no more merges than this a day, one in two seconds from two pollers. */
const MERGES_PER_DAY_MAX = 86_400;
const STATEMENTS_PER_MERGE = 4;

type Day = {
  readonly runs: number;
  readonly sqsRequests: number;
  readonly lambdaMs: number;
  readonly databricksCalls: number;
  readonly sqlStatements: number;
  readonly warehouseHours: number;
  readonly awsDollars: number;
  readonly watchingDollars: number;
  readonly warehouseDollars: number;
};

/** A day with so many runs, evenly spread. */
function dayOf(runs: number, counts: Counts, looks: number): Day {
  const messages = runs * (counts.messagesPerRun + looks);
  const invocations = runs * (counts.invocationsPerRun + looks) + SWEEPS_PER_DAY;
  // Sent, received, deleted; receives and deletes by the batch, which is one message where little comes.
  const sqsRequests = IDLE_REQUESTS_PER_DAY + messages + 2 * invocations;
  const lambdaMs = runs * (counts.msPerRun + looks * counts.msPerLook) + SWEEPS_PER_DAY * 100;
  const merges = Math.min(runs * counts.mergesPerRun, MERGES_PER_DAY_MAX);
  const warehouseHours = awakeHours(merges);
  return {
    runs,
    sqsRequests,
    lambdaMs,
    databricksCalls: runs * (counts.callsPerRun + looks) + SWEEPS_PER_DAY,
    sqlStatements: merges * STATEMENTS_PER_MERGE,
    warehouseHours,
    awsDollars:
      sqsRequests * prices.sqsRequest +
      invocations * prices.lambdaRequest +
      (lambdaMs / 1000) * GIGABYTES * prices.lambdaGigabyteSecond +
      runs * prices.event +
      ((messages * LOG_BYTES_PER_MESSAGE) / 1e9) * prices.logGigabyte,
    watchingDollars:
      (ALARMS * prices.alarmMonth + METRICS * prices.metricMonth + prices.dashboardMonth) / DAYS,
    warehouseDollars: warehouseHours * prices.warehouseHour,
  };
}

/** Merges that come at random: the warehouse sleeps while none has come for its auto-stop. */
const awakeHours = (mergesPerDay: number): number =>
  24 * (1 - Math.exp((-mergesPerDay / (24 * 60)) * AUTO_STOP_MINUTES));

export function rowsOf(counts: Counts, looks: number): readonly string[] {
  const number = (value: number) => Math.round(value).toLocaleString("en-US");
  const dollars = (value: number) => `$${value.toFixed(2)}`;
  return [
    `| Runs a day | SQS requests | Lambda seconds | Databricks calls | SQL statements | warehouse awake | AWS | alarms, metrics, dashboard | warehouse |`,
    "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...[0, 1_000, 100_000].map((runs) => {
      const day = dayOf(runs, counts, looks);
      return `| ${number(runs)} | ${number(day.sqsRequests)} | ${number(day.lambdaMs / 1000)} | ${number(day.databricksCalls)} | ${number(day.sqlStatements)} | ${day.warehouseHours.toFixed(1)} h | ${dollars(day.awsDollars)} | ${dollars(day.watchingDollars)} | ${dollars(day.warehouseDollars)} |`;
    }),
  ];
}
