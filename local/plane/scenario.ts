// The messages that `npm start` sends, and their expected results. Data, and a pure check of the
// actual results against it.
import type { OutcomeEvent } from "../../shared/domain/events.ts";

export type ExpectedRun = {
  readonly run_id: string;
  readonly outcome: OutcomeEvent["outcome"];
  /** The least number of iterations; each is one attempt and one Databricks run. */
  readonly iterationsMin: number;
  readonly iterationsMax: number;
  /** A pattern for its reason. */
  readonly reason: RegExp;
};

export type ExpectedLetter = { readonly body: string; readonly reason: RegExp };

/** Sent in this order, at once. */
export const tickets: readonly (object | string)[] = [
  { ticket_id: "MODEL-1", workload: "weather-model" },
  {
    ticket_id: "REPORT-2015",
    workload: "weather-report",
    parameters: { city: "Seattle", year: 2015 },
  },
  // The same ticket again is the same run.
  {
    ticket_id: "REPORT-2015",
    workload: "weather-report",
    parameters: { city: "Seattle", year: 2015 },
  },
  // Its artifact raises: the data has no such year.
  {
    ticket_id: "REPORT-1999",
    workload: "weather-report",
    parameters: { city: "Seattle", year: 1999 },
  },
  // Long enough to be cancelled while it runs.
  { ticket_id: "CANCEL-ME", workload: "weather-report", parameters: { pause_seconds: 300 } },
  "this is not JSON",
  { ticket_id: "LOST-1", workload: "weather-forcast" },
];

/** Sent when this run is seen running. */
export const cancellation = {
  type: "cancel",
  run_id: "CANCEL-ME",
  reason: "it is not needed any more",
} as const;

export const expectedRuns: readonly ExpectedRun[] = [
  {
    run_id: "MODEL-1",
    outcome: "succeeded",
    iterationsMin: 3,
    iterationsMax: 8,
    reason: /rmse/,
  },
  {
    run_id: "REPORT-2015",
    outcome: "succeeded",
    iterationsMin: 1,
    iterationsMax: 1,
    reason: /./,
  },
  {
    run_id: "REPORT-1999",
    outcome: "failed",
    iterationsMin: 1,
    iterationsMax: 1,
    reason: /no rows for year 1999/,
  },
  {
    run_id: "CANCEL-ME",
    outcome: "cancelled",
    iterationsMin: 1,
    iterationsMax: 1,
    reason: /not needed any more|cancel/i,
  },
];

export const expectedDeadLetters: readonly ExpectedLetter[] = [
  { body: "this is not JSON", reason: /not JSON/ },
  {
    body: JSON.stringify({ ticket_id: "LOST-1", workload: "weather-forcast" }),
    reason: /no workload "weather-forcast".*weather-model/,
  },
];

export type Seen = {
  readonly announced: readonly OutcomeEvent[];
  /** How many tickets were announced as rejected. */
  readonly rejected: number;
  readonly runState: readonly Readonly<Record<string, unknown>>[];
  readonly results: readonly Readonly<Record<string, unknown>>[];
  readonly letters: readonly { readonly body: string; readonly reason: string }[];
  /** The names of all Databricks runs of the plane: `…/<run_id>/<iteration>.<attempt> …`. */
  readonly databricksRuns: readonly string[];
  /** Markers of chapters that are still open. */
  readonly open: readonly string[];
};

/** Every difference from the expected results, a sentence each. None means that all is well. */
export function faultsIn(seen: Seen): readonly string[] {
  return [
    ...expectedRuns.flatMap((run) => faultsOfRun(run, seen)),
    ...faultsOfLetters(seen),
    ...unexpected(
      "run_state",
      seen.runState.map((row) => String(row["run_id"])),
    ),
    ...seen.open.map((name) => `the marker ${name} is still there`),
  ];
}

function faultsOfRun(expected: ExpectedRun, seen: Seen): readonly string[] {
  const { run_id: id, iterationsMin: min, iterationsMax: max } = expected;
  const events = seen.announced.filter((event) => event.run_id === id);
  const [event] = events;
  if (event === undefined) return [`${id} was never announced`];
  const rows = seen.runState.filter((row) => row["run_id"] === id);
  const [row] = rows;
  const results = seen.results.filter((each) => each["run_id"] === id);
  const runs = seen.databricksRuns.filter((name) => name.includes(`/${id}/`));
  const ids = new Set(events.map((each) => each.id));
  const checks: readonly (readonly [boolean, string])[] = [
    [event.outcome === expected.outcome, `ended ${event.outcome}, not ${expected.outcome}`],
    [expected.reason.test(event.reason), `gives the reason "${event.reason}"`],
    [event.iter_n >= min && event.iter_n <= max, `took ${event.iter_n} iterations`],
    [ids.size === 1, `was announced under ${ids.size} ids`],
    [rows.length === 1, `has ${rows.length} rows in run_state`],
    [row?.["outcome"] === event.outcome, `is ${row?.["outcome"]} in run_state`],
    [row?.["fsm_state"] === "over", `is ${row?.["fsm_state"]} in run_state, not over`],
    [results.length === event.iter_n, `has ${results.length} rows in execution_results`],
    [new Set(runs).size === runs.length, "has two Databricks runs for one attempt"],
    [runs.length === event.iter_n, `has ${runs.length} Databricks runs`],
  ];
  return checks.filter(([holds]) => !holds).map(([, fault]) => `${id} ${fault}`);
}

function faultsOfLetters({ letters, rejected }: Seen): readonly string[] {
  const missing = expectedDeadLetters.filter(
    ({ body, reason }) =>
      !letters.some((letter) => letter.body === body && reason.test(letter.reason)),
  );
  return [
    ...missing.map(({ body }) => `no dead letter with its reason for ${body}`),
    ...(letters.length === expectedDeadLetters.length
      ? []
      : [`there are ${letters.length} dead letters`]),
    ...(rejected === expectedDeadLetters.length
      ? []
      : [`${rejected} rejected tickets were announced`]),
  ];
}

const unexpected = (where: string, ids: readonly string[]): readonly string[] =>
  ids
    .filter((id) => !expectedRuns.some((run) => run.run_id === id) && !isScheduled(id))
    .map((id) => `nobody asked for the run ${id} in ${where}`);

/** A workload with a schedule makes runs of its own: `<workload>-20261121T0600Z`. */
const isScheduled = (id: string): boolean => /-\d{8}T\d{4}Z$/.test(id);
