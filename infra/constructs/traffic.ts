// The consumers, senders and announcers, read from the topology.
import { detailTypes } from "../../shared/domain/events.ts";
import { type Queue, type QueueName, type ServiceName, topology } from "../../shared/topology.ts";
import type { Stage } from "../stage.ts";

export const queueNames = Object.keys(topology) as readonly QueueName[];

export const consumedBy = (service: ServiceName): readonly QueueName[] =>
  queueNames.filter((queue) => topology[queue].consumer === service);

export const sentBy = (service: ServiceName): readonly QueueName[] =>
  queueNames.filter((queue) => topology[queue].senders.some((sender) => sender === service));

/** A queue's numbers: the topology's, changed by the stage's. */
export function shapeOf({ limits }: Pick<Stage, "limits">, name: QueueName): Queue {
  const shape: Queue = topology[name];
  const windowSeconds = name === "records" ? limits.ledger_window_seconds : shape.windowSeconds;
  return {
    ...shape,
    windowSeconds,
    // A longer window holds messages back, and they are invisible during that time.
    visibilitySeconds: shape.visibilitySeconds - shape.windowSeconds + windowSeconds,
    concurrencyMax: limits.concurrency[name] ?? shape.concurrencyMax,
  };
}

/** How many instances of a service's function may run at once: a batch of each of its queues. */
export const instancesOf = (stage: Pick<Stage, "limits">, service: ServiceName): number =>
  consumedBy(service).reduce((sum, queue) => sum + shapeOf(stage, queue).concurrencyMax, 0);

/** A function has one timeout, whichever queue starts it. */
export const timeoutSecondsOf = (service: ServiceName): number =>
  Math.max(...consumedBy(service).map((queue) => topology[queue].timeoutSeconds));

/**
 * The event that a service sends to the bus, by its detail-type: a ticket is rejected, or a run is
 * over.
 */
export const announces: Readonly<Record<ServiceName, string | undefined>> = {
  orchestrator: detailTypes.rejected,
  "run-poller": undefined,
  ingester: detailTypes.outcome,
};
