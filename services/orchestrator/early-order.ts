// Queues keep no order among themselves: what a person wants of a run may arrive before the run's ticket. It waits a quarter of an hour,
// and is then a dead letter: an order for what does not exist must not lie in wait for whoever uses the id some day.
import { scaledSeconds } from "../../shared/domain/cadence.ts";
import { PoisonMessageError } from "../../shared/domain/errors.ts";
import type { Cancellation, Retry } from "../../shared/domain/messages.ts";
import type { Sent } from "../../shared/edge/delivery.ts";
import type { QueuesPort, SettingsPort } from "../../shared/ports.ts";

const WAIT_SECONDS = 300;
const WAITS_MAX = 3;

/**
 * Sends an order again whose subject is not there yet. Counted apart from the waits for a platform that is out of order, because the
 * ticket waits out the same outage.
 * @throws PoisonMessageError where it has waited for a quarter of an hour
 */
export async function waitForSubject(
  { queues, settings }: QueuesPort<"orders"> & SettingsPort,
  order: Cancellation | Retry,
  sent: Sent,
): Promise<undefined> {
  if (order.early >= WAITS_MAX)
    throw new PoisonMessageError(
      `there is no chapter ${order.chapter} of run ${order.run_id} to ${order.type}: it was waited for for a quarter of an hour; look at the id, and send it again when there is one`,
    );
  await queues.send(
    "orders",
    { ...order, early: order.early + 1, tries: 0 },
    {
      delaySeconds: scaledSeconds(WAIT_SECONDS, settings.timeScale),
      traceparent: sent.traceparent,
      by: sent.by,
    },
  );
  return undefined;
}
