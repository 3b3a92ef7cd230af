// The orchestrator's three doors: people's messages, turns, and the schedule.
import * as z from "zod";
import { faultsOf } from "../../shared/domain/body.ts";
import { Instant } from "../../shared/domain/contract.ts";
import { Ticket, type TicketsMessage } from "../../shared/domain/messages.ts";
import { WorkloadName } from "../../shared/domain/recipe.ts";
import { scheduledTicketId } from "../../shared/domain/ticket.ts";
import { type Delivery, oneByOne, queueHandler } from "../../shared/lambda.ts";
import { inOwnPlane } from "../../shared/own-plane.ts";
import type { DeadLettersPort, EventsPort, QueuesPort } from "../../shared/ports.ts";
import { sweepEverySeconds } from "../../shared/topology.ts";
import { type AcceptDeps, acceptRetry, acceptTicket } from "./accept.ts";
import { cancel } from "./cancel.ts";
import { orchestrate } from "./orchestrate.ts";
import { reap } from "./reap.ts";
import { sweep } from "./sweep.ts";

export type OrchestratorDeps = AcceptDeps & QueuesPort & DeadLettersPort & EventsPort;

/** What EventBridge Scheduler sends. `scheduled_time` is `<aws.scheduler.scheduled-time>`. */
const ScheduledStart = z.discriminatedUnion("schedule", [
  z.strictObject({ schedule: z.literal("sweep") }),
  z.strictObject({
    schedule: z.literal("workload"),
    workload: WorkloadName,
    scheduled_time: Instant,
  }),
]);

export function createOrchestrator(deps: OrchestratorDeps) {
  return {
    tickets: queueHandler("tickets", deps, oneByOne(inOwnPlane(deps, ticketsConsumer(deps)))),
    turns: queueHandler(
      "turns",
      deps,
      oneByOne(inOwnPlane(deps, (turn) => orchestrate(deps)(turn))),
    ),
    scheduled: inOwnPlane(deps, scheduled(deps)),
  };
}

function ticketsConsumer(deps: OrchestratorDeps) {
  const accept = acceptTicket(deps);
  const stop = cancel(deps);
  const reopen = acceptRetry(deps);
  return (message: TicketsMessage, { traceparent }: Delivery<TicketsMessage>): Promise<void> => {
    switch (message.type) {
      case "ticket":
        return accept(message, traceparent);
      case "cancel":
        return stop(message);
      case "retry":
        return reopen(message);
    }
  };
}

/** Strays are looked for at every third tick: the listing costs more than the markers', and nothing depends on it. */
const REAP_EVERY_TICKS = 3;

/** A scheduled start: the sweep, or no more than a ticket whose id carries the scheduled time, so that a double tick is one run. */
const scheduled =
  (deps: OrchestratorDeps) =>
  async (input: unknown): Promise<void> => {
    const start = ScheduledStart.safeParse(input);
    if (!start.success)
      throw new Error(`no scheduled start of this function: ${faultsOf(start.error)}`);
    if (start.data.schedule === "workload") {
      const { workload, scheduled_time } = start.data;
      const ticket_id = scheduledTicketId(workload, scheduled_time);
      await deps.queues.send("tickets", Ticket.parse({ ticket_id, workload }));
      return deps.log("schedule.fired", { run_id: ticket_id, workload });
    }
    await sweep(deps)();
    const tickMs = sweepEverySeconds * deps.settings.timeScale * 1000;
    if (Math.floor(deps.clock.nowMs() / tickMs) % REAP_EVERY_TICKS === 0) await reap(deps)();
  };
