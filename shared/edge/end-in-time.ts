// Ends an invocation before Lambda cuts it off. A record that is unfinished by then fails, and its
// finished neighbours do not.
import type { Context } from "aws-lambda";
import type { ClockPort } from "../ports.ts";
import type { QueueName } from "../topology.ts";
import type { EdgeMiddleware } from "./entry.ts";

/** The time that is kept back for answering. */
const RESERVE_MS = 2_000;

export function endInTime<Q extends QueueName>({ clock }: ClockPort): EdgeMiddleware<Q> {
  const stops = new WeakMap<object, () => void>();
  // It returns nothing: Lambda would get a middleware's return value as the answer.
  const stop = ({ event }: { readonly event: object }): void => {
    stops.get(event)?.();
  };
  return {
    before: ({ event, context }) => {
      const outOfTime = Promise.withResolvers<never>();
      outOfTime.promise.catch(() => {}); // whoever waits hears it; nobody need wait
      stops.set(
        event,
        clock.timer(leftMs(context), () => outOfTime.reject(slow())),
      );
      event.inTime = (promise) => Promise.race([promise, outOfTime.promise]);
    },
    after: stop,
    onError: stop,
  };
}

/** The time until shortly before Lambda would cut the invocation off. */
const leftMs = (context: Pick<Context, "getRemainingTimeInMillis">): number =>
  Math.max(0, context.getRemainingTimeInMillis() - RESERVE_MS);

const slow = (): Error =>
  new Error(
    `not finished ${RESERVE_MS} ms before the function's timeout: something it asked was slow`,
  );
