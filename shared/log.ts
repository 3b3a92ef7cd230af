// The log vocabulary. Events are `noun.pastParticiple`, constant and greppable; keys never change
// their meaning.

export type LogEvent =
  | "message.waited"
  | "message.left"
  | "message.failed"
  | "message.rejected"
  | "run.accepted"
  | "run.repeated"
  | "run.stopped"
  | "run.reopened"
  | "run.decided"
  | "run.ended"
  | "attempt.planned"
  | "attempt.submitted"
  | "attempt.refused"
  | "stranger.refused"
  | "attempt.cancelled"
  | "attempt.looked"
  | "state.unknown"
  | "records.merged"
  | "record.left"
  | "outcome.announced"
  | "marker.healed"
  | "marker.orphaned"
  | "marker.failed"
  | "stray.cancelled"
  | "stray.unsearched"
  | "stray.failed"
  | "facts.retired"
  | "facts.kept"
  | "sweep.finished"
  | "sweep.waited"
  | "schedule.fired"
  | "platform.asked"
  | "platform.troubled";

/**
 * The standard keys, in snake_case as in facts, messages and tables, so that one search finds a run
 * everywhere.
 */
export type LogFields = {
  readonly queue?: string;
  readonly message_id?: string;
  readonly receive_count?: number;
  readonly run_id?: string;
  readonly chapter?: number;
  readonly iter_n?: number;
  readonly attempt?: number;
  readonly databricks_run_id?: string;
  readonly run_url?: string;
  /** The id of the W3C trace that began with the ticket. */
  readonly trace_id?: string;
  readonly duration_ms?: number;
  /** The time from the end of a Databricks run to the look that saw it. */
  readonly lag_ms?: number;
  readonly delay_seconds?: number;
  readonly count?: number;
  /** How many answers of Databricks were 429. */
  readonly throttled?: number;
  /** How many runs showed no sign of life for over an hour. */
  readonly silent?: number;
  readonly reason?: string;
  readonly verdict?: string;
  readonly outcome?: string;
  readonly workload?: string;
  readonly state?: string;
  readonly aws_request_id?: string;
  readonly error?: unknown;
};

/** Further content of a line: the metrics that CloudWatch makes of it. */
export type Extras = (event: LogEvent, fields: LogFields, nowMs: number) => object;

/** Creates a log that writes one JSON object a line. `nowMs` stamps it. */
export const createLog =
  (service: string, nowMs: () => number, write: (line: string) => void, extras: Extras) =>
  (event: LogEvent, fields: LogFields = {}): void => {
    const now = nowMs();
    write(
      JSON.stringify(
        {
          at: new Date(now).toISOString(),
          service,
          event,
          ...fields,
          ...extras(event, fields, now),
        },
        (_key, value: unknown) => (value instanceof Error ? errorFields(value) : clipped(value)),
      ),
    );
  };

const errorFields = ({ name, message, stack, cause }: Error) => ({ name, message, stack, cause });

// The longest text in a line. Tickets, results and foreign error texts are untrusted, so a line has
// a bound, and JSON escapes every character that could forge another line.
const TEXT_CHARS_MAX = 4_000;
const clipped = (value: unknown): unknown =>
  typeof value === "string" && value.length > TEXT_CHARS_MAX
    ? `${value.slice(0, TEXT_CHARS_MAX)}…`
    : value;
