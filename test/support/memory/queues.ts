// QueuesPort and DeadLettersPort over memory: what was sent, in order.
import { checkDelay } from "../../../shared/adapters/delay.ts";
import type {
  DeadLetter,
  DeadLettersPort,
  QueuesPort,
  SendOptions,
} from "../../../shared/ports.ts";
import type { QueueName } from "../../../shared/topology.ts";

export type SentMessage = {
  readonly queue: QueueName;
  /** As it travels: JSON text. */
  readonly body: string;
  readonly options: SendOptions;
};

export function createMemoryQueues(): QueuesPort & { readonly sent: SentMessage[] } {
  const sent: SentMessage[] = [];
  return {
    sent,
    queues: {
      send: async (queue, message, options = {}) => {
        checkDelay(queue, options.delaySeconds);
        sent.push({ queue, body: JSON.stringify(message), options });
      },
    },
  };
}

export type SentLetter = DeadLetter & { readonly queue: QueueName };

export function createMemoryDeadLetters(): DeadLettersPort & { readonly letters: SentLetter[] } {
  const letters: SentLetter[] = [];
  return {
    letters,
    deadLetters: {
      send: async (queue, letter) => {
        letters.push({ ...letter, queue });
      },
    },
  };
}
