// How messages of the orchestrator wait for the platform. Each wait sends a message again, and
// sometimes twice. In a long outage messages would multiply, and all would come at once when the
// platform is back. So a message ends after an hour of waiting if the sweep repeats it anyway,
// because the chapter's marker is silent.
import { REQUEUED_TRIES_MAX } from "../../shared/domain/cadence.ts";
import { factRef } from "../../shared/domain/facts.ts";
import type {
  OrdersMessage,
  Retry,
  Ticket,
  TicketsMessage,
  Turn,
} from "../../shared/domain/messages.ts";
import { sameTicket } from "../../shared/domain/ticket.ts";
import { tracedBy } from "../../shared/domain/trace.ts";
import type { RequeueOptions } from "../../shared/edge/requeue-on-trouble.ts";
import type { FactsPort, LogPort, QueuesPort } from "../../shared/ports.ts";

export async function requeueTurn(
  { queues, log }: QueuesPort<"turns"> & LogPort,
  turn: Turn,
  options: RequeueOptions,
): Promise<void> {
  if (turn.tries <= REQUEUED_TRIES_MAX) return await queues.send("turns", turn, options);
  const { run_id, chapter, iter_n, attempt } = turn;
  const trace = tracedBy(options.traceparent);
  log("message.left", { queue: "turns", run_id, chapter, iter_n, attempt, ...trace });
}

/**
 * Tickets and retries do their first turn themselves: once they are accepted, they wait as turns
 * do.
 */
export async function requeueTicket(
  deps: FactsPort & QueuesPort<"tickets" | "orders"> & LogPort,
  message: TicketsMessage,
  options: RequeueOptions,
): Promise<void> {
  if (message.type !== "ticket") return await requeueOrder(deps, message, options);
  if (message.tries <= REQUEUED_TRIES_MAX || !(await goesOnAnyway(deps, message)))
    return await deps.queues.send("tickets", message, options);
  const run_id = message.ticket_id;
  deps.log("message.left", { queue: "tickets", run_id, ...tracedBy(options.traceparent) });
}

export async function requeueOrder(
  deps: FactsPort & QueuesPort<"orders"> & LogPort,
  message: OrdersMessage,
  options: RequeueOptions,
): Promise<void> {
  const isUnderWay =
    message.type === "retry" &&
    message.tries > REQUEUED_TRIES_MAX &&
    (await goesOnAnyway(deps, message));
  if (!isUnderWay) return await deps.queues.send("orders", message, options);
  const { run_id } = message;
  deps.log("message.left", { queue: "orders", run_id, ...tracedBy(options.traceparent) });
}

/**
 * Whether the chapter is open, so that the sweep knows of it. If the facts cannot be read now, the
 * answer is no.
 */
async function goesOnAnyway({ facts }: FactsPort, message: Ticket | Retry): Promise<boolean> {
  try {
    const chapter = message.type === "retry" ? message : { run_id: message.ticket_id, chapter: 1 };
    const isOpened =
      message.type === "retry"
        ? (await facts.read(factRef.retry(message))) !== undefined
        : await isAccepted({ facts }, message);
    return isOpened && (await facts.read(factRef.outcome(chapter))) === undefined;
  } catch {
    return false;
  }
}

/**
 * Whether this ticket was accepted. Another one under the same ticket_id is still to be refused.
 */
async function isAccepted({ facts }: FactsPort, ticket: Ticket): Promise<boolean> {
  const accepted = (await facts.read(factRef.ticket(ticket.ticket_id)))?.fact;
  return accepted !== undefined && sameTicket(accepted.ticket, ticket);
}
