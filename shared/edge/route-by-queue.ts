// Routes the events of a function that consumes several queues and may be started by a schedule.
import type { Context, SQSEvent } from "aws-lambda";
import type { QueueHandler } from "./queue-handler.ts";

/**
 * Hands an event to the handler of its queue, or to the schedule's.
 * @param handlers by the URL of their queue
 * @throws Error if the event comes from a queue that is none of the function's
 */
export function routeByQueue(
  handlers: Readonly<Record<string, QueueHandler>>,
  { scheduled, finish }: RouteOptions = {},
) {
  const byName = new Map(
    Object.entries(handlers).map(([url, handler]) => [lastOf(url, "/"), handler]),
  );
  const route = async (event: unknown, context: Context): Promise<unknown> => {
    if (!isSqsEvent(event)) {
      if (scheduled === undefined) throw new Error("this function is started by its queues only");
      return await scheduled(event);
    }
    const name = lastOf(event.Records[0]?.eventSourceARN ?? "", ":");
    const handler = byName.get(name);
    if (handler === undefined)
      throw new Error(
        `no queue of this function is called ${name}: ${[...byName.keys()].join(", ")}`,
      );
    return await handler(event, context);
  };
  return async (event: unknown, context: Context): Promise<unknown> => {
    try {
      return await route(event, context);
    } finally {
      finish?.();
    }
  };
}

type RouteOptions = {
  readonly scheduled?: (input: unknown) => Promise<unknown>;
  /** Called at the end of every invocation; the counts of the invocation are logged there. */
  readonly finish?: () => void;
};
const lastOf = (text: string, separator: string): string => text.split(separator).at(-1) ?? "";

const isSqsEvent = (event: unknown): event is SQSEvent =>
  typeof event === "object" && event !== null && "Records" in event && Array.isArray(event.Records);
