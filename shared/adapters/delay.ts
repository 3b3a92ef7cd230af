// SQS refuses longer delays and fractions. Emulators accept them, so we check.
import { DELAY_SECONDS_MAX, type QueueName } from "../topology.ts";

/**
 * @throws RangeError: a caller that asks for such a delay has a defect, which must show on every
 *   queue
 */
export function checkDelay(queue: QueueName, delaySeconds = 0): void {
  if (!Number.isInteger(delaySeconds) || delaySeconds < 0 || delaySeconds > DELAY_SECONDS_MAX)
    throw new RangeError(
      `a message to ${queue} asks for a delay of ${delaySeconds} s; SQS takes whole seconds from 0 to ${DELAY_SECONDS_MAX}`,
    );
}
