// Hands one message to the use case that its type calls for, as the entry points of the three
// services do.
import { judge } from "../../services/ingester/judge.ts";
import { record } from "../../services/ingester/record.ts";
import { acceptRetry, acceptTicket } from "../../services/orchestrator/accept.ts";
import { cancel } from "../../services/orchestrator/cancel.ts";
import { orchestrate } from "../../services/orchestrator/orchestrate.ts";
import { watchRun } from "../../services/run-poller/watch-run.ts";
import type { MessageOf, QueueName } from "../../shared/topology.ts";
import { byAda, byOurs, byUpstream } from "./beside.ts";
import type { Ports } from "./calls.ts";

export type Message = MessageOf<QueueName>;

export async function deliver(
  ports: Ports,
  message: Message,
  traceparent: string | undefined = undefined,
): Promise<void> {
  const beside = { ...senderOf(message), traceparent };
  switch (message.type) {
    case "ticket":
      return await acceptTicket(ports, message, beside);
    case "cancel":
      return await cancel(ports, message, beside);
    case "retry":
      return await acceptRetry(ports, message, beside);
    case "turn":
      return await orchestrate(ports, message);
    case "watch":
      return await watchRun(ports, message, beside);
    case "ended":
      return await judge(ports, message);
    case "record":
    case "audited":
      return await record(ports, [{ ...beside, message }])[0];
  }
}

/** Upstream systems send tickets, Ada orders, and our own functions everything else. */
function senderOf({ type }: Message) {
  if (type === "ticket") return byUpstream;
  return type === "cancel" || type === "retry" ? byAda : byOurs;
}
