// One trace from a ticket to its outcome: every message that a service sends of a run carries the trace of its ticket.
import { factRef } from "../../shared/domain/facts.ts";
import type { LivenessDeps } from "./liveness.ts";

export function watchTraces({ sqs, files, weather, violate }: LivenessDeps): void {
  sqs.onSend.push((queue, body, { caller, traceparent }) => {
    // What waits goes on with what it came with, and people's messages come without.
    if (caller === undefined || !body.endsWith('"tries":0}')) return;
    // So does a forger's watch that has waited: it is not due, and reads no fact.
    if (traceparent === undefined && weather.isFaulty && caller.service === "run-poller") return;
    const runId = /"(?:run_id|ticket_id)":"([^"]+)"/.exec(body)?.[1] ?? "";
    const expected = files.get(factRef.ticket(runId))?.fact.traceparent;
    if (expected !== undefined && traceparent !== expected)
      violate("a message left its trace", `${queue} ${body}: ${traceparent}`);
  });
}
