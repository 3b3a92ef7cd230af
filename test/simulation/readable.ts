import { jsonOf } from "../../shared/domain/body.ts";
import { type QueueName, topology } from "../../shared/topology.ts";

/**
 * Whether a body is a message of that queue; what is not can only be redelivered where there is
 * trouble with refusing it.
 */
export function isReadable(queue: QueueName, body: string): boolean {
  try {
    return topology[queue].schema.safeParse(jsonOf(body)).success;
  } catch {
    return false;
  }
}
