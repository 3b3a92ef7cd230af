// What things are called. The stack's name comes first, so that two stages live side by side in one account; names are part of
// the contract with upstream systems and with the local plane, which calls its queues the same.
import { createHash } from "node:crypto";
import type { QueueName, ServiceName } from "../shared/topology.ts";
import type { StageConfig } from "./stage.ts";

export const queueName = (stack: string, queue: QueueName): string => `${stack}-${queue}`;
export const deadLetterQueueName = (stack: string, of: string): string =>
  `${stack}-${of}-dead-letters`;
export const functionName = (stack: string, service: ServiceName): string => `${stack}-${service}`;
export const logGroupName = (stack: string, service: ServiceName): string =>
  `/aws/lambda/${functionName(stack, service)}`;
export const alarmTopicName = (stack: string): string => `${stack}-alarms`;
export const eventBusName = (stack: string): string => `${stack}-outcomes`;

/** Where facts, results and reviewed code lie in the workspace. */
export function volumePathsOf({ catalog, schema, volumes }: StageConfig["databricks"]) {
  const path = (volume: string) => `/Volumes/${catalog}/${schema}/${volume}`;
  return {
    facts: path(volumes.facts),
    scratchpad: path(volumes.scratchpad),
    codebase: path(volumes.company_codebase),
  } as const;
}

/** Scheduler allows 64 characters: what is longer keeps its beginning, and a digest that tells it from its like. */
export const scheduleName = (stack: string, what: string): string =>
  shortened(`${stack}-${what}`, 64);
/** SQS allows 80 characters. */
export const scheduleDeadLetterQueueName = (stack: string, what: string): string =>
  `${shortened(`${stack}-schedule-${what}`, 80 - "-dead-letters".length)}-dead-letters`;

/** The id of a construct from a name of ours: `run-poller` → `RunPoller`. CloudFormation's logical ids derive from it. */
export const constructId = (name: string): string =>
  name
    .split("-")
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join("");

/** `tickets` → `QUEUE_URL_TICKETS`: how a function is told where to send. */
export const queueUrlVariable = (queue: QueueName): string => `QUEUE_URL_${queue.toUpperCase()}`;
export const deadLetterUrlVariable = (queue: QueueName): string =>
  `DEAD_LETTER_URL_${queue.toUpperCase()}`;

function shortened(name: string, charsMax: number): string {
  if (name.length <= charsMax) return name;
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 8);
  return `${name.slice(0, charsMax - 9)}-${digest}`;
}
