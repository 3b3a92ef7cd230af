// The names of everything. The stack's name comes first, so that two stages can live side by side
// in one account. Names are part of the contract with upstream systems and with the local plane,
// which calls its queues the same.
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

/** The volumes of facts, plans, results and reviewed code in the workspace. */
export function volumePathsOf({ catalog, schema, volumes }: StageConfig["databricks"]) {
  const path = (volume: string) => `/Volumes/${catalog}/${schema}/${volume}`;
  return {
    facts: path(volumes.facts),
    plans: path(volumes.plans),
    scratchpad: path(volumes.scratchpad),
    codebase: path(volumes.company_codebase),
  } as const;
}

const SCHEDULE_NAME_CHARS_MAX = 64;
/**
 * Scheduler limits the length of names. A longer one keeps its beginning, and gets a digest that
 * distinguishes it from similar ones.
 */
export function scheduleName(stack: string, what: string): string {
  const name = `${stack}-${what}`;
  if (name.length <= SCHEDULE_NAME_CHARS_MAX) return name;
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 8);
  return `${name.slice(0, SCHEDULE_NAME_CHARS_MAX - 9)}-${digest}`;
}
/**
 * The kinds of failed starts: the sweep's, those of all workloads' schedules, and those that Lambda
 * had taken already.
 */
export type StartDeadLetters = "sweep" | "workloads" | "failed-starts";
export const scheduleDeadLetterQueueName = (stack: string, of: StartDeadLetters): string =>
  deadLetterQueueName(stack, `schedule-${of}`);

/**
 * The id of a construct from a name of ours: `run-poller` → `RunPoller`. CloudFormation's logical
 * ids derive from it. A dash that no letter follows stays, so that two names never share an id:
 * `report-1` → `Report-1`, `report1` → `Report1`.
 */
export const constructId = (name: string): string =>
  name.replaceAll(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** The variable that tells a function where to send: `tickets` → `QUEUE_URL_TICKETS`. */
export const queueUrlVariable = (queue: QueueName): string => `QUEUE_URL_${queue.toUpperCase()}`;
export const deadLetterUrlVariable = (queue: QueueName): string =>
  `DEAD_LETTER_URL_${queue.toUpperCase()}`;
