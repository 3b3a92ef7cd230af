// Who consumes, sends and announces, read from the topology.
import { type QueueName, type ServiceName, topology } from "../../shared/topology.ts";

export const queueNames = Object.keys(topology) as readonly QueueName[];

export const consumedBy = (service: ServiceName): readonly QueueName[] =>
  queueNames.filter((queue) => topology[queue].consumer === service);

export const sentBy = (service: ServiceName): readonly QueueName[] =>
  queueNames.filter((queue) => topology[queue].senders.some((sender) => sender === service));

/** A function has one timeout, whichever queue starts it. */
export const timeoutSecondsOf = (service: ServiceName): number =>
  Math.max(...consumedBy(service).map((queue) => topology[queue].timeoutSeconds));

/** On the event bus: the orchestrator that a ticket is rejected, the ingester that a run is over. */
export const announces: Readonly<Record<ServiceName, boolean>> = {
  orchestrator: true,
  "run-poller": false,
  ingester: true,
};
