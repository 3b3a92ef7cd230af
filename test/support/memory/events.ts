// EventsPort over memory: what was announced and rejected, in order.
import type { OutcomeEvent, RejectedEvent } from "../../../shared/domain/events.ts";
import type { EventsPort } from "../../../shared/ports.ts";

export function createMemoryEvents(): EventsPort & {
  readonly announced: OutcomeEvent[];
  readonly rejected: RejectedEvent[];
} {
  const announced: OutcomeEvent[] = [];
  const rejected: RejectedEvent[] = [];
  return {
    announced,
    rejected,
    events: {
      announce: async (event) => {
        announced.push(event);
      },
      reject: async (event) => {
        rejected.push(event);
      },
    },
  };
}
