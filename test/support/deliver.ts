// Hands one message to the use case that its type calls for, as the doors of the three services do.
import { judge } from "../../services/ingester/judge.ts";
import { record } from "../../services/ingester/record.ts";
import { acceptRetry, acceptTicket } from "../../services/orchestrator/accept.ts";
import { cancel } from "../../services/orchestrator/cancel.ts";
import { orchestrate } from "../../services/orchestrator/orchestrate.ts";
import { watchRun } from "../../services/run-poller/watch-run.ts";
import type { MessageOf, QueueName } from "../../shared/topology.ts";
import type { Ports } from "./told.ts";

export type Message = MessageOf<QueueName>;

export async function deliver(
  ports: Ports,
  message: Message,
  traceparent: string | undefined = undefined,
): Promise<void> {
  const beside = { messageId: "m-1", traceparent };
  switch (message.type) {
    case "ticket":
      return await acceptTicket(ports)(message, traceparent);
    case "cancel":
      return await cancel(ports)(message, beside);
    case "retry":
      return await acceptRetry(ports)(message);
    case "turn":
      return await orchestrate(ports)(message);
    case "watch":
      return await watchRun(ports)(message, beside);
    case "ended":
      return await judge(ports)(message);
    case "record":
    case "audited":
      return await record(ports)([{ ...beside, message }])[0];
  }
}
