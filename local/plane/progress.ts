// Makes the services' log readable: one aligned line for each event that a person would want to
// see. Pure.
import * as z from "zod";
import { shownText } from "../../cli/terminal.ts";

const LogLine = z.object({
  service: z.string(),
  event: z.string(),
  run_id: z.string().optional(),
  iter_n: z.number().optional(),
  attempt: z.number().optional(),
  reason: z.string().optional(),
  verdict: z.string().optional(),
  outcome: z.string().optional(),
  workload: z.string().optional(),
  state: z.string().optional(),
  databricks_run_id: z.string().optional(),
  queue: z.string().optional(),
  delay_seconds: z.number().optional(),
  count: z.number().optional(),
  error: z.object({ message: z.string().default("") }).optional(),
});
export type LogLine = z.infer<typeof LogLine>;

/** A line of the log, or undefined if it is something else. */
export function logLineOf(text: string): LogLine | undefined {
  try {
    return LogLine.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Each event in words; undefined for events that nobody wants to watch. */
const sentences: Readonly<Record<string, (line: LogLine) => string | undefined>> = {
  "run.accepted": ({ workload }) => `ticket accepted: ${workload}`,
  "run.repeated": () => "the same ticket again: the same run",
  "run.stopped": ({ reason }) => `stop asked for: ${reason}`,
  "run.reopened": ({ reason }) => `reopened: ${reason}`,
  "attempt.submitted": ({ databricks_run_id }) =>
    `submitted as Databricks run ${databricks_run_id}`,
  "attempt.refused": ({ reason }) => `Databricks refused it: ${reason}`,
  "attempt.cancelled": ({ reason }) => `Databricks run cancelled: ${reason}`,
  "attempt.looked": ({ state, count }) =>
    state === "over" ? undefined : `${state} (look ${count})`,
  "run.decided": ({ verdict, reason }) => `${verdict}: ${reason}`,
  "run.ended": ({ outcome, reason }) => `outcome ${outcome}: ${reason}`,
  "outcome.announced": ({ outcome }) => `announced${outcome ? `: ${outcome}` : ""}`,
  "outcome.recorded": () => "in the ledger",
  "message.rejected": ({ queue, reason }) => `dead letter of ${queue}: ${reason}`,
  "message.waited": ({ reason, delay_seconds }) => `waits ${delay_seconds} s: ${reason}`,
  "message.failed": ({ queue, error }) => `a message of ${queue} failed: ${error?.message}`,
  "marker.healed": ({ state }) => `the sweep healed it: ${state}`,
  "stray.cancelled": ({ reason }) => `stray Databricks run cancelled: ${reason}`,
  "state.unknown": ({ state }) => `Databricks says a state that nobody knows: ${state}`,
  "sweep.waited": ({ reason }) => `the sweep waits: ${reason}`,
  "schedule.fired": ({ workload }) => `the schedule of ${workload} sent a ticket`,
};

const RUN_WIDTH = 12;

/**
 * One line for the screen, or undefined.
 * @param seconds since the start
 */
export function progressLine(seconds: number, line: LogLine): string | undefined {
  const sentence = sentences[line.event]?.(line);
  if (sentence === undefined) return undefined;
  const attempt = line.iter_n === undefined ? "" : `${line.iter_n}.${line.attempt}`;
  const time = `${seconds.toFixed(1).padStart(5)} s`;
  const run = shownText(line.run_id ?? "").padEnd(RUN_WIDTH);
  return `${time}  ${run} ${attempt.padEnd(5)} ${shownText(sentence, SENTENCE_CHARS_MAX)}`;
}

const SENTENCE_CHARS_MAX = 160;
