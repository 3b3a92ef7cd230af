// The orchestrator's entry points: tickets, people's orders, turns, and the schedule.
import { faultsOf } from "../../shared/domain/body.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import {
  type OrdersMessage,
  ScheduledStart,
  Ticket,
  type TicketsMessage,
} from "../../shared/domain/messages.ts";
import { scheduledTicketId } from "../../shared/domain/ticket.ts";
import { oneByOne, type Sent } from "../../shared/edge/delivery.ts";
import { queueHandler } from "../../shared/edge/queue-handler.ts";
import type { DeadLettersPort, EventsPort, QueuesPort } from "../../shared/ports.ts";
import { inOwnPlane } from "../../shared/story/own-plane.ts";
import { sweepEverySeconds } from "../../shared/topology.ts";
import { type AcceptDeps, acceptRetry, acceptTicket } from "./accept.ts";
import { cancel } from "./cancel.ts";
import { cancelStrays } from "./cancel-strays.ts";
import { type DeleteExpiredDeps, deleteExpired } from "./delete-expired.ts";
import { orchestrate } from "./orchestrate.ts";
import { requeueOrder, requeueTicket, requeueTurn } from "./requeue.ts";
import { sweep } from "./sweep.ts";

export type OrchestratorDeps = AcceptDeps &
  DeleteExpiredDeps &
  QueuesPort &
  DeadLettersPort &
  EventsPort;

export function createOrchestrator(deps: OrchestratorDeps) {
  return {
    tickets: queueHandler(
      "tickets",
      deps,
      oneByOne(
        inOwnPlane(deps, (message: TicketsMessage, sent: Sent) => takeTicket(deps, message, sent)),
      ),
      (message, options) => requeueTicket(deps, message, options),
    ),
    orders: queueHandler(
      "orders",
      deps,
      oneByOne(
        inOwnPlane(deps, (order: OrdersMessage, sent: Sent) => takeOrder(deps, order, sent)),
      ),
      (order, options) => requeueOrder(deps, order, options),
    ),
    turns: queueHandler(
      "turns",
      deps,
      oneByOne(inOwnPlane(deps, (turn) => orchestrate(deps, turn))),
      (turn, options) => requeueTurn(deps, turn, options),
    ),
    scheduled: scheduled(deps),
  };
}

async function takeTicket(
  deps: OrchestratorDeps,
  message: TicketsMessage,
  sent: Sent,
): Promise<void> {
  if (message.type === "ticket") return await acceptTicket(deps, message, sent);
  return await takeOrder(deps, message, sent);
}

async function takeOrder(deps: OrchestratorDeps, order: OrdersMessage, sent: Sent): Promise<void> {
  switch (order.type) {
    case "cancel":
      return await cancel(deps, order, sent);
    case "retry":
      return await acceptRetry(deps, order, sent);
    case "audited": {
      const { traceparent, by } = sent;
      // The ledger is the ingester's. It believes what one of our functions says about the sender.
      return await deps.queues.send("records", { ...order, by }, { traceparent, by });
    }
  }
}

/**
 * Strays are looked for at every third tick: that listing costs more than the markers', and nothing
 * depends on it.
 */
const CANCEL_STRAYS_EVERY_TICKS = 3;
/** Expired runs are looked for once an hour, and then at every tick until they are gone. */
const DELETE_EXPIRED_EVERY_TICKS = 12;
/**
 * How much of the function's 60 s a tick uses. Strays and expired runs get what the sweep has left
 * of it.
 */
const TICK_MS_MAX = 45_000;

/** A sweep's answer while the platform is out of order. The doctor reads it. */
type Waited = { readonly waited: string };

/**
 * Handles a scheduled start: the sweep, or a ticket for a workload. The ticket's id carries the
 * scheduled time, so a double tick is one run. Sending it asks Databricks nothing: the ticket waits
 * for the platform in its queue, as every other does.
 */
const scheduled = (deps: OrchestratorDeps) => {
  const tick = inOwnPlane(deps, sweepTick(deps));
  return async (input: unknown): Promise<Waited | undefined> => {
    const start = ScheduledStart.safeParse(input);
    if (!start.success)
      throw new Error(`no scheduled start of this function: ${faultsOf(start.error)}`);
    if (start.data.schedule === "sweep") return await patiently(deps, tick);
    const { workload, scheduled_time } = start.data;
    const ticket_id = scheduledTicketId(workload, scheduled_time);
    await deps.queues.send("tickets", Ticket.parse({ ticket_id, workload }));
    deps.log("schedule.fired", { run_id: ticket_id, workload });
    return undefined;
  };
};

/**
 * Logs trouble instead of failing. The next tick does the same work, so a failure would only be
 * three tries and a dead letter for each five minutes of an outage.
 */
async function patiently(
  { log }: OrchestratorDeps,
  tick: () => Promise<void>,
): Promise<Waited | undefined> {
  try {
    await tick();
    return undefined;
  } catch (error) {
    if (!(error instanceof PlatformTroubleError)) throw error;
    log("sweep.waited", { reason: error.message });
    return { waited: error.message };
  }
}

function sweepTick(deps: OrchestratorDeps): () => Promise<void> {
  const tickMs = sweepEverySeconds * deps.settings.timeScale * 1000;
  // A hint that lives as long as this environment. Without it, deleting goes on at the next full
  // hour.
  let hasMoreToDelete = false;
  return async () => {
    const startedMs = deps.clock.nowMs();
    const tick = Math.floor(startedMs / tickMs);
    await sweep(deps);
    const untilMs = startedMs + TICK_MS_MAX;
    if (tick % CANCEL_STRAYS_EVERY_TICKS === 0) await cancelStrays(deps, untilMs);
    if (hasMoreToDelete || tick % DELETE_EXPIRED_EVERY_TICKS === 1)
      hasMoreToDelete = await deleteExpired(deps, untilMs);
  };
}
