// The announcement of an outcome, at least once, always with the same id.
import { outcomeEventOf } from "../domain/events.ts";
import type { OutcomeFact } from "../domain/facts.ts";
import { tracedBy } from "../domain/trace.ts";
import type { EventsPort, LogPort, PlanePort } from "../ports.ts";

/** @param recorded whether the ledger has it */
export async function announce(
  { events, plane, log }: EventsPort & PlanePort & LogPort,
  fact: OutcomeFact,
  recorded: boolean,
): Promise<void> {
  await events.announce(outcomeEventOf(await plane.id(), fact, recorded));
  const { run_id, chapter, outcome, traceparent } = fact;
  log("outcome.announced", { run_id, chapter, outcome, ...tracedBy(traceparent) });
}
