// The facts that open and stop chapters of the examples' run: its ticket, a person's retry and
// stop.
import type { RetryFact, StopFact, TicketFact } from "../../shared/domain/facts.ts";
import { Ticket } from "../../shared/domain/messages.ts";
import { at, limits, manifest, recipe } from "../domain/examples.ts";

export const chapter = { run_id: "ORD-1", chapter: 1 } as const;
/** The run's first attempt. */
export const first = { ...chapter, iter_n: 1, attempt: 1 } as const;

export const ticketOf = (more: object = {}): Ticket =>
  Ticket.parse({ ticket_id: "ORD-1", workload: "weather-model", ...more });

export const ticketFact: TicketFact = {
  v: 1,
  run_id: "ORD-1",
  accepted_at: at(0),
  ticket: ticketOf(),
  recipe,
  limits,
  files: manifest.files,
  entry: manifest.entry,
  traceparent: manifest.traceparent,
};

export const stopFact: StopFact = {
  v: 1,
  ...chapter,
  reason: "not needed any more",
  by: "ada",
  stopped_at: at(30),
};

export const retryFact: RetryFact = {
  v: 1,
  run_id: "ORD-1",
  chapter: 2,
  iter_n: 1,
  attempt: 2,
  reason: "the data is there now",
  by: "ada",
  limits,
  capsule: { rounds: 1 },
  opened_at: at(100),
};
