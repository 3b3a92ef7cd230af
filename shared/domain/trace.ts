// W3C trace context: one trace from a ticket to its outcome. It travels as an attribute of every
// message, in the facts, in the name of the Databricks run and in the result; logs and telemetry
// name it by its id.

/**
 * A traceparent of version 00, sampled. The trace of a run whose ticket brought none is its own
 * digest.
 */
export const traceparentOf = (digest: string): string =>
  `00-${digest.slice(0, 32)}-${digest.slice(32, 48)}-01`;

const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
export const isTraceparent = (text: string | undefined): text is string =>
  text !== undefined && TRACEPARENT.test(text);

/** The id by which a trace is found; null if there is no trace, or no readable one. */
export const traceIdOf = (traceparent: string | undefined): string | null =>
  TRACEPARENT.exec(traceparent ?? "")?.[1] ?? null;

/** The trace as a field of a log line; no field if there is none. */
export function tracedBy(traceparent: string | undefined): { readonly trace_id?: string } {
  const traceId = traceIdOf(traceparent);
  return traceId === null ? {} : { trace_id: traceId };
}

/** An attempt, and the trace of its run. */
export type TracedAttempt = {
  readonly run_id: string;
  readonly chapter: number;
  readonly iter_n: number;
  readonly attempt: number;
  readonly traceparent?: string | undefined;
};

/** The fields of an attempt in every log line: its identity, and its trace. */
export const attemptFields = ({
  run_id,
  chapter,
  iter_n,
  attempt,
  traceparent,
}: TracedAttempt) => ({
  run_id,
  chapter,
  iter_n,
  attempt,
  ...tracedBy(traceparent),
});
