// Orders that come before their run. Queues keep no order among themselves, so a person's order may
// arrive before the run's ticket. It waits for a quarter of an hour, and then becomes a dead
// letter: it must not lie there and hit another run that uses the id later.
import { scaledSeconds } from "../../shared/domain/cadence.ts";
import { PoisonMessageError } from "../../shared/domain/errors.ts";
import type { Cancellation, Retry } from "../../shared/domain/messages.ts";
import type { Sent } from "../../shared/edge/delivery.ts";
import type { QueuesPort, SettingsPort } from "../../shared/ports.ts";

const WAIT_SECONDS = 300;
const WAITS_MAX = 3;

/**
 * Requeues an order whose subject is not there yet. These waits are counted apart from those for a
 * platform that is out of order, because the ticket waits for the same platform.
 * @throws PoisonMessageError if it has waited for a quarter of an hour
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
