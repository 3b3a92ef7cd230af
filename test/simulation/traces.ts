// One trace from a ticket to its outcome: every message that a service sends of a run carries the
// trace of its ticket; what waits, and what dies, keeps the one with which it came. A schedule's
// ticket begins one, as an upstream system's does.
import { factRef } from "../../shared/domain/facts.ts";
import type { LivenessDeps } from "./liveness-deps.ts";
import { isPatient } from "./weather.ts";

export function watchTraces(deps: LivenessDeps): void {
  const { sqs, files, weather, violate } = deps;
  sqs.onSend.push((queue, body, { caller, traceparent }) => {
    if (caller === undefined) return;
    if (!body.endsWith('"tries":0}')) {
      if (traceparent === undefined && cameWithTrace(deps, queue, body))
        violate("a message lost its trace while it waited", `${queue} ${body}`);
      return;
    }
    // What people want has a trace of its own, or none.
    if (queue === "tickets" || queue === "orders" || body.includes('"type":"audited"')) return;
    // A forger's watch that has waited is not due, and reads no fact.
    if (traceparent === undefined && weather.isFaulty && caller.service === "run-poller") return;
    const runId = /"(?:run_id|ticket_id)":"([^"]+)"/.exec(body)?.[1] ?? "";
    const expected = files.get(factRef.ticket(runId))?.fact.traceparent;
    if (expected !== undefined && traceparent !== expected)
      violate("a message left its trace", `${queue} ${body}: ${traceparent}`);
  });
  sqs.onLetter.push(({ queue, body, traceparent }) => {
    // Who was frozen in between writes of a message that has long gone.
    if (weather.isFaulty && !isPatient(weather)) return;
    if (traceparent === undefined && cameWithTrace(deps, queue, body))
      violate("a dead letter lost its trace", `${queue} ${body}`);
  });
}

/**
 * All that say so have it: what a service sent, or nobody did, is the same text but for its tries,
 * and for a word of the announcement that is not believed of others.
 */
function cameWithTrace({ sqs }: LivenessDeps, queue: string, body: string): boolean {
  const text = whatIsKept(body);
  const same = [...sqs.live].filter(
    (message) => message.queue === queue && whatIsKept(message.body) === text,
  );
  return same.length > 0 && same.every(({ traceparent }) => traceparent !== undefined);
}

const whatIsKept = (body: string): string =>
  body.replace(/"announced":\w+,/, "").replace(/"tries":\d+/, "");
